"""Who takes part: this library and its peers, each in the variants that may be its fastest."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from .work import Prepare

__all__ = ["OURS", "REMEDY", "Contestant", "peer"]

OURS = "sde"

#: Where a peer comes from, for those who lack it.
REMEDY = 'install it with pip install "levychaos[bench]"'


@dataclass(frozen=True)
class Contestant:
    """A library, and the ways of doing the work with it that are tried; the fastest takes part.

    Parameters
    ----------
    name : str
        Name in tables, and key of targets.
    requires : tuple of str
        Packages that must be installed.
    variants : callable
        Returns the variants, by name. Called when the packages are there.
    simulates : bool
        Whether it does the work, and is checked; not so for a part of it (matrix products), or for
        as much work on fewer particles.
    """

    name: str
    requires: tuple[str, ...]
    variants: Callable[[], dict[str, Prepare]]
    simulates: bool = True

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [package for package in self.requires if find_spec(package) is None]


def peer(name: str, requires: tuple[str, ...], module: str, function: str) -> Contestant:
    """Return a contestant whose variants are made by a function of a module of this package.

    The module is imported, and its library with it, when the contestant is called to start.
    """

    def variants() -> dict[str, Prepare]:
        made: Any = getattr(importlib.import_module(f".{module}", __package__), function)()
        return dict(made)

    whole = not function.endswith(("products", "in_cache"))
    return Contestant(name, requires, variants, simulates=whole)
