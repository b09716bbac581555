"""The registry of claims: one module for each numbered statement."""

from collections.abc import Iterable

import theory_checks.claims.equation_14 as equation_14
import theory_checks.claims.lemma_c_1 as lemma_c_1
import theory_checks.claims.lemma_c_2 as lemma_c_2
import theory_checks.claims.lemma_c_3 as lemma_c_3
import theory_checks.claims.lemma_d_1 as lemma_d_1
import theory_checks.claims.proposition_a_1 as proposition_a_1
import theory_checks.claims.proposition_b_1 as proposition_b_1
import theory_checks.claims.section_2_compressibility as section_2_compressibility
import theory_checks.claims.section_4_moment as section_4_moment
import theory_checks.claims.theorem_3_1 as theorem_3_1
import theory_checks.claims.theorem_4_1 as theorem_4_1
import theory_checks.claims.theorem_4_2 as theorem_4_2
import theory_checks.claims.theorem_4_3 as theorem_4_3
from theory_checks.claim import Claim, find_claims
from theory_checks.plugins import installed_claims

__all__ = ["CLAIMS", "find"]

MODULES = (
    theorem_3_1,
    theorem_4_1,
    theorem_4_2,
    theorem_4_3,
    proposition_a_1,
    proposition_b_1,
    lemma_c_1,
    lemma_c_2,
    lemma_c_3,
    lemma_d_1,
    equation_14,
    section_2_compressibility,
    section_4_moment,
)

CLAIMS: dict[str, Claim] = {module.CLAIM.id: module.CLAIM for module in MODULES}


def find(names: Iterable[str]) -> list[Claim]:
    """
    Return the claims of the given names, each once, or all of them when there is no name.

    Claims of installed packages (see `theory_checks.plugins`) come after those of the paper; the
    packages are imported only when a name is not one of the paper's, or there is none.

    Raises
    ------
    ValueError
        If a name is not known; the nearest known one is suggested.
    PluginError
        If the claims of an installed package cannot be used.

    Examples
    --------
    >>> find(["theorem-4.2"])[0].id
    'theorem-4.2'
    """
    wanted = list(names)
    if wanted and CLAIMS.keys() >= set(wanted):
        return find_claims(wanted, CLAIMS)
    return find_claims(wanted, {**CLAIMS, **installed_claims(taken=CLAIMS)})
