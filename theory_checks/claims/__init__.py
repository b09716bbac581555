"""The registry of claims: one module for each numbered statement."""

from collections.abc import Iterable

import theory_checks.claims.lemma_c_2 as lemma_c_2
import theory_checks.claims.lemma_c_3 as lemma_c_3
import theory_checks.claims.lemma_d_1 as lemma_d_1
import theory_checks.claims.proposition_a_1 as proposition_a_1
import theory_checks.claims.section_2_compressibility as section_2_compressibility
import theory_checks.claims.section_4_moment as section_4_moment
import theory_checks.claims.theorem_3_1 as theorem_3_1
import theory_checks.claims.theorem_4_1 as theorem_4_1
import theory_checks.claims.theorem_4_2 as theorem_4_2
import theory_checks.claims.theorem_4_3 as theorem_4_3
from theory_checks.claim import Claim, find_claims

__all__ = ["CLAIMS", "find"]

MODULES = (
    theorem_3_1,
    theorem_4_1,
    theorem_4_2,
    theorem_4_3,
    proposition_a_1,
    lemma_c_2,
    lemma_c_3,
    lemma_d_1,
    section_2_compressibility,
    section_4_moment,
)

CLAIMS: dict[str, Claim] = {module.CLAIM.id: module.CLAIM for module in MODULES}


def find(names: Iterable[str]) -> list[Claim]:
    """
    Return the claims of the given names, each once, or all of them when there is no name.

    Raises
    ------
    ValueError
        If a name is not known; the nearest known one is suggested.

    Examples
    --------
    >>> find(["theorem-4.2"])[0].id
    'theorem-4.2'
    """
    return find_claims(names, CLAIMS)
