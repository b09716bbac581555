"""The registry of claims: one module for each numbered statement."""

from collections.abc import Iterable

from theory_checks.claim import Claim, find_claims
from theory_checks.claims import (
    proposition_a_1,
    theorem_3_1,
    theorem_4_1,
    theorem_4_2,
    theorem_4_3,
)

__all__ = ["CLAIMS", "find"]

MODULES = (theorem_3_1, theorem_4_1, theorem_4_2, theorem_4_3, proposition_a_1)

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
