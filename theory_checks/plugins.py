"""
Claims of other installed packages.

A package registers its claims as an entry point of the group `theory_checks.claims`, whose value is
a `Claim` or a list or tuple of them::

    [project.entry-points."theory_checks.claims"]
    my-theorems = "my_package.checks:CLAIMS"
"""

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points

from theory_checks.claim import Claim

__all__ = ["GROUP", "PluginError", "installed_claims"]

GROUP = "theory_checks.claims"


class PluginError(RuntimeError):
    """Claims of an installed package that cannot be used; names its distribution."""


def installed_claims(taken: Collection[str] = ()) -> dict[str, Claim]:
    """
    Return the claims that installed packages register, by their id.

    Parameters
    ----------
    taken : collection of str
        Ids that are in use already.

    Raises
    ------
    PluginError
        If an entry point cannot be loaded, holds anything but claims, or an id is taken.

    Examples
    --------
    >>> isinstance(installed_claims(), dict)
    True
    """
    owners = dict.fromkeys(taken, "levychaos")
    found: dict[str, Claim] = {}
    for entry in sorted(entry_points(group=GROUP), key=_source):
        for claim in _load(entry):
            if claim.id in owners:
                raise PluginError(
                    f"need claims of different ids, got {claim.id!r} from {_source(entry)} and "
                    f"from {owners[claim.id]}: rename one, or uninstall its distribution"
                )
            owners[claim.id] = _source(entry)
            found[claim.id] = claim
    return found


def _load(entry: EntryPoint) -> list[Claim]:
    """Return the claims of one entry point."""
    remedy = "mend or uninstall that distribution"
    try:
        loaded = entry.load()
    except Exception as error:
        raise PluginError(
            f"need claims that can be imported, got {type(error).__name__}: {error} from "
            f"{_source(entry)}: {remedy}"
        ) from error
    claims = list(loaded) if isinstance(loaded, (list, tuple)) else [loaded]
    for claim in claims:
        if not isinstance(claim, Claim):
            raise PluginError(
                f"need a Claim or a list of them, got {claim!r} from {_source(entry)}: {remedy}"
            )
    return claims


def _source(entry: EntryPoint) -> str:
    """Return where an entry point comes from, in words."""
    owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
    return f"{owner} (entry point {entry.name} = {entry.value})"
