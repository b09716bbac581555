"""The version of the code that a check runs: a digest of its sources and of the simulator's."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sde import study

__all__ = ["check_modules", "digest"]

PACKAGES = ("sde", "theory_checks")


def digest(*modules: str) -> str:
    """
    Return a digest of the sources of imported modules, and of all they import from our packages.

    Examples
    --------
    >>> import theory_checks.verdict
    >>> digest("theory_checks.verdict") == digest("theory_checks.verdict")
    True
    """
    return study.digest(*modules, packages=PACKAGES)


def check_modules(check: Callable[..., Any]) -> tuple[str, ...]:
    """
    Return the modules that what a check finds, and its verdict, depend on.

    Examples
    --------
    >>> check_modules(partial(digest, "theory_checks.verdict"))
    ('theory_checks.sources', 'theory_checks.verdict')
    """
    while isinstance(check, partial):
        check = check.func
    return check.__module__, "theory_checks.verdict"
