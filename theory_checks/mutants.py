"""
Deliberate mistakes, each of which a check must notice.

A mutant alters what is simulated, or what a law predicts, at one seam of the simulator, for as long
as its context is open. The claims that it names must then find another verdict than the one on
record; `theory-checks calibrate` counts how often they do.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sde
from sde.sampling import Draws
from theory_checks.validation import nearest

__all__ = ["MUTANTS", "Mutant", "find_mutants"]

#: What makes a wrong function from the right one.
Alteration = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Mutant:
    """
    One mistake, and the claims that must notice it.

    Parameters
    ----------
    name : str
        Name on the command line.
    description : str
        What is wrong, in a line.
    claims : tuple of str
        Ids of the claims that it touches.
    alterations : tuple of (object, str, callable)
        Owner and name of each function that is replaced, and what makes the wrong one.

    Examples
    --------
    >>> noise = sde.StableNoise(1.5, "I")
    >>> with MUTANTS["noise-scale"].active():
    ...     noise.step_scale(0.25)
    0.5
    >>> round(noise.step_scale(0.25), 6)
    0.39685
    """

    name: str
    description: str
    claims: tuple[str, ...]
    alterations: tuple[tuple[object, str, Alteration], ...]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the mistake while the context is open."""
        right = [(owner, name, getattr(owner, name)) for owner, name, _ in self.alterations]
        try:
            for (owner, name, function), (_, _, alter) in zip(right, self.alterations, strict=True):
                setattr(owner, name, alter(function))
            yield
        finally:
            for owner, name, function in right:
                setattr(owner, name, function)


def _times(factor: float) -> Alteration:
    """Multiply what a function returns."""
    return lambda right: lambda *args, **options: factor * right(*args, **options)


def _plus(error: float) -> Alteration:
    """Add an error to what a function returns."""
    return lambda right: lambda *args, **options: right(*args, **options) + error


def _slower(right: Callable[..., Any]) -> Callable[..., Any]:
    def chaos_gap(*args: Any, n: int, **options: Any) -> NDArray[np.float64]:
        return np.asarray(n**0.1 * right(*args, n=n, **options))

    return chaos_gap


def _drawn_as(other: Callable[[sde.StableNoise], sde.StableNoise]) -> Alteration:
    """Draw the noise of another law than the one that was asked for."""

    def alter(right: Callable[..., Any]) -> Callable[..., Any]:
        def draws(noise: sde.StableNoise, *args: Any, **options: Any) -> Draws:
            wrong: Draws = right(other(noise), *args, **options)
            return wrong

        return draws

    return alter


def _with_index(shift: float) -> Alteration:
    """Shift the stability index; Gaussian noise stays as it is."""
    return _drawn_as(
        lambda noise: noise if noise.alpha == 2 else replace(noise, alpha=noise.alpha + shift)
    )


def _without_root_two(noise: sde.StableNoise) -> sde.StableNoise:
    return replace(noise, sigma=noise.sigma / math.sqrt(2)) if noise.kind == "III" else noise


def _square_root_scale(_right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda noise, dt: float(noise.sigma * math.sqrt(dt))


def _flow_without_sigma(right: Callable[..., Any]) -> Callable[..., Any]:
    def mean_field_flow(system: sde.System, noise: sde.StableNoise, **options: Any) -> sde.Flow:
        flow: sde.Flow = right(system, replace(noise, sigma=1.0), **options)
        return replace(flow, noise=noise)  # labelled as asked for, so that it is used

    return mean_field_flow


def _copies_without_sigma(right: Callable[..., Any]) -> Callable[..., Any]:
    def simulate_limit(
        system: sde.System, noise: sde.StableNoise, flow: sde.Flow, **options: Any
    ) -> sde.Solution:
        unit = replace(noise, sigma=1.0)
        found: sde.Solution = right(system, unit, replace(flow, noise=unit), **options)
        return found

    return simulate_limit


_OF_THE_TAIL = (
    "lemma-D.1",
    "lemma-C.3",
    "section-2-compressibility",
    "section-4-moment",
    "theorem-4.3",
    "theorem-3.1",
    "equation-14",
)


def _bound_off(right: Any) -> Any:
    return property(lambda network: 4 * right.__get__(network))


#: The claims that notice a mistake, each with near certainty; the cheapest comes first.
_ALL = (
    Mutant(
        "rate",
        "the chaos gap falls like n^(-0.4) instead of n^(-0.5)",
        ("theorem-4.2",),
        ((sde, "chaos_gap", _slower),),
    ),
    Mutant(
        "tail-index-low",
        "the noise is drawn with α - 0.1 in place of α",
        _OF_THE_TAIL,
        ((sde.StableNoise, "draws", _with_index(-0.1)),),
    ),
    Mutant(
        "tail-index-high",
        "the noise is drawn with α + 0.1 in place of α",
        _OF_THE_TAIL,
        ((sde.StableNoise, "draws", _with_index(0.1)),),
    ),
    Mutant(
        "tail-constant-high",
        "the predicted tail constant C(p) is 10 % too large",
        ("lemma-D.1", "section-4-moment", "theorem-4.3"),
        ((sde.StableNoise, "tail_constant", _times(1.1)),),
    ),
    Mutant(
        "tail-constant-low",
        "the predicted tail constant C(p) is 10 % too small",
        ("lemma-D.1", "section-4-moment", "theorem-4.3"),
        ((sde.StableNoise, "tail_constant", _times(0.9)),),
    ),
    Mutant(
        "root-two",
        "noise of Type III lacks the factor sqrt(2)",
        ("lemma-D.1", "lemma-C.3", "lemma-C.2", "section-4-moment", "theorem-4.3", "theorem-3.1"),
        ((sde.StableNoise, "draws", _drawn_as(_without_root_two)),),
    ),
    Mutant(
        "noise-scale",
        "the noise of a step is scaled by dt^(1/2) instead of dt^(1/α)",
        ("section-4-moment", "lemma-C.2", "theorem-4.3", "equation-14", "theorem-4.1"),
        ((sde.StableNoise, "step_scale", _square_root_scale),),
    ),
    Mutant(
        "sigma",
        "the limit (5) lacks σ, as it is printed",
        ("proposition-A.1", "theorem-4.2"),
        (
            (sde, "mean_field_flow", _flow_without_sigma),
            (sde, "simulate_limit", _copies_without_sigma),
        ),
    ),
    Mutant(
        "compression-law",
        "the law of the compression error predicts medians 40 % too large",
        ("theorem-3.1",),
        ((sde.CompressionLaw, "median", _times(1.4)),),
    ),
    Mutant(
        "euler-error",
        "the Euler error does not vanish with the step",
        ("equation-14", "theorem-4.1"),
        ((sde, "euler_error", _plus(1.0)),),
    ),
    Mutant(
        "bound",
        "the bound B of Assumption 1 is four times too large",
        ("lemma-C.1", "proposition-B.1", "equation-14"),
        ((sde.MeanFieldNetwork, "bound", _bound_off),),
    ),
)

#: Every mutant, by its name.
MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in _ALL}


def find_mutants(names: Iterable[str]) -> list[Mutant]:
    """
    Return the mutants of the given names, each once; none when there is no name.

    Raises
    ------
    ValueError
        If a name is not known; the nearest known one is suggested.

    Examples
    --------
    >>> find_mutants(["sigm"])
    Traceback (most recent call last):
    ...
    ValueError: need a known mutant, got 'sigm'; did you mean sigma? Known: rate, tail-index-low, \
tail-index-high, tail-constant-high, tail-constant-low, root-two, noise-scale, sigma, \
compression-law, euler-error, bound
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in MUTANTS:
            hint = nearest(name, MUTANTS) or "."
            raise ValueError(f"need a known mutant, got {name!r}{hint} Known: {', '.join(MUTANTS)}")
    return [MUTANTS[name] for name in wanted]
