r"""What has to be computed, and how it is known that a contestant computes it.

Every work has `units` (how many `unit`s one call is worth) and `check`, which raises
`Disagreement` if a contestant computes something else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

import sde

from .checks import check_drift, check_law

__all__ = ["DrawWork", "NetworkWork", "PullWork", "Run", "Work"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Run:
    """A prepared call, and how its value is read as an (n, dim) array."""

    call: Callable[[], Any]
    read: Callable[[Any], ArrayLike] = np.asarray

    def result(self) -> Array:
        """Call, and return the (n, dim) array."""
        return np.asarray(self.read(self.call()))


Prepare = Callable[[Any], Run]


class Work(Protocol):
    """What a case times."""

    @property
    def unit(self) -> str:
        """What is counted: a draw, a vector, a particle-step."""

    @property
    def units(self) -> int:
        """How many of them one call is worth."""

    def check(self, prepare: Prepare) -> None:
        """Raise `Disagreement` unless a contestant computes this work."""


@dataclass(frozen=True)
class DrawWork:
    """Draw n vectors of stable noise of scale 1; the contestants choose their generator."""

    alpha: float
    kind: str
    n: int
    dim: int
    threads: int = 1

    @property
    def unit(self) -> str:
        """A number or a vector."""
        return "draw" if self.dim == 1 else "vector"

    @property
    def units(self) -> int:
        """Every vector counts."""
        return self.n

    def check(self, prepare: Prepare) -> None:
        """Compare the draws with the law."""
        check_law(prepare(self).result(), sde.StableNoise(self.alpha, self.kind))


@dataclass(frozen=True)
class _StepWork:
    """Euler steps of n particles from a given state, with noise of Type II."""

    theta: Array
    alpha: float
    dt: float
    scale: float  # of the noise of a step
    steps: int
    threads: int

    @property
    def unit(self) -> str:
        """One particle, one step."""
        return "particle-step"

    @property
    def units(self) -> int:
        """All particles, all steps."""
        return len(self.theta) * self.steps

    @property
    def dtype(self) -> np.dtype[Any]:
        """The contestants' precision."""
        return self.theta.dtype

    def reference_drift(self) -> Array:
        """Return the drift from the formula, in float64."""
        raise NotImplementedError

    def one_step(self, scale: float) -> Self:
        """Return one step of size 1 with noise of the given scale."""
        return replace(self, dt=1.0, scale=scale, steps=1)

    def check(self, prepare: Prepare) -> None:
        """Take one step of size 1: without noise it is the drift, what noise adds has its law."""
        quiet = prepare(self.one_step(0.0)).result().astype(np.float64)
        noisy = prepare(self.one_step(1.0)).result().astype(np.float64)
        tolerance = 1e-10 if self.dtype == np.float64 else 1e-4
        check_drift(quiet - self.theta, self.reference_drift(), tolerance)
        check_law(noisy - quiet, sde.StableNoise(self.alpha, "II"))


@dataclass(frozen=True)
class NetworkWork(_StepWork):
    """Noisy gradient descent of the mean-field tanh network with the logistic loss."""

    x: Array
    y: Array

    @classmethod
    def random(
        cls, *, p: int, m: int, n: int, steps: int, threads: int, dtype: str = "float64"
    ) -> Self:
        """Return a work on random data: inputs of norm about 1, labels ±1, a normal state."""
        rng, dt, alpha = np.random.default_rng(0), 1 / 32, 1.5
        theta = rng.standard_normal((n, p)).astype(dtype)
        x = rng.standard_normal((m, p)) / np.sqrt(p)
        y = np.where(rng.random(m) < 0.5, -1.0, 1.0)
        return cls(theta, alpha, dt, dt ** (1 / alpha), steps, threads, x, y)

    def reference_drift(self) -> Array:
        """Return the drift from the formula, in float64."""
        h = np.tanh(self.theta.astype(np.float64) @ self.x.T)
        slope = -self.y / (1 + np.exp(self.y * h.mean(axis=0)))
        return np.asarray(-((1 - h * h) * slope) @ self.x / len(self.x))


@dataclass(frozen=True)
class PullWork(_StepWork):
    """The mean-field Ornstein-Uhlenbeck system: every particle is pulled to the mean of all."""

    @classmethod
    def random(cls, *, p: int, n: int, steps: int, threads: int) -> Self:
        """Return a work that starts from a normal state."""
        theta = np.random.default_rng(0).standard_normal((n, p))
        dt, alpha = 1 / 32, 1.5
        return cls(theta, alpha, dt, dt ** (1 / alpha), steps, threads)

    def reference_drift(self) -> Array:
        """Return the drift from the formula."""
        return np.asarray(self.theta.mean(axis=0) - self.theta)
