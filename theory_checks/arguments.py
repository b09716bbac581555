"""What arguments on the command line stand for."""

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from theory_checks.claim import Claim

__all__ = ["Profile", "checked_seed", "find_claims"]


class Profile(StrEnum):
    """How much to simulate."""

    quick = "quick"
    standard = "standard"
    deep = "deep"


def find_claims(names: list[str]) -> "list[Claim]":
    """
    Return the claims of the given names, all for none, or stop with a usage error.

    Examples
    --------
    >>> [claim.id for claim in find_claims(["lemma-C.2"])]
    ['lemma-C.2']
    """
    from theory_checks.claims import find
    from theory_checks.plugins import PluginError

    try:
        return find(names)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="CLAIM") from error
    except PluginError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


def checked_seed(seed: int) -> int:
    """
    Return the seed, or stop with a usage error.

    Examples
    --------
    >>> checked_seed(3)
    3
    """
    if not 0 <= seed < 2**64:
        raise typer.BadParameter(f"need 0 <= seed < 2**64, got seed={seed}", param_hint="--seed")
    return seed
