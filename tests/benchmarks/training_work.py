"""Training: gradient steps of a network with one hidden layer and noise of the paper's types."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

import sde

from .checks import check_drift, check_law
from .work import Prepare

__all__ = ["TrainingWork"]

Array = NDArray[Any]

#: Rounding of an argument in float32, many times over: sums of some hundred products of order 0.1.
KINK = 1e-5


@dataclass(frozen=True)
class TrainingWork:
    """Full-batch steps with relu and cross-entropy, all in float32; noise on the first layer.

    A contestant gives the first layer after them, (n, d).
    """

    x: Array
    y: Array
    hidden: Array
    readout: Array
    alpha: float
    kind: str
    sigma: float
    rate: float
    steps: int
    threads: int

    @classmethod
    def random(
        cls,
        *,
        m: int,
        d: int,
        n: int,
        classes: int,
        kind: str,
        rate: float,
        steps: int,
        threads: int,
    ) -> Self:
        """Return a work on random data, from weights uniform on ±1/√inputs."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((m, d)).astype(np.float32)
        y = rng.integers(0, classes, m)
        y[:classes] = np.arange(classes)
        hidden = (rng.uniform(-1, 1, (n, d)) / np.sqrt(d)).astype(np.float32)
        readout = (rng.uniform(-1, 1, (classes, n)) / np.sqrt(n)).astype(np.float32)
        return cls(x, y, hidden, readout, 1.75, kind, 0.5, rate, steps, threads)

    @property
    def unit(self) -> str:
        """One step of the whole batch."""
        return "step"

    @property
    def units(self) -> int:
        """All steps."""
        return self.steps

    @property
    def scale(self) -> float:
        """Scale of the noise of a step."""
        return float(self.sigma * self.rate ** (1 / self.alpha))

    def one_step(self, sigma: float) -> Self:
        """Return one step of size 1, of which rounding leaves the gradient, with other noise."""
        return replace(self, rate=1.0, sigma=sigma, steps=1)

    def reference(self) -> tuple[Array, Array]:
        """Return the gradient in the first layer from the formula, in float64, and where it is.

        Where an argument is so close to relu's kink that float32 may see it on the other side, the
        gradient of that hidden unit is not known; it is False there.
        """
        hidden, readout = self.hidden.astype(np.float64), self.readout.astype(np.float64)
        arguments = self.x.astype(np.float64) @ hidden.T
        outputs = np.maximum(arguments, 0) @ readout.T
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(self.y)), self.y] -= 1
        above = (shares @ readout) * (arguments > 0) / len(self.y)
        return np.asarray(above.T @ self.x), np.abs(arguments).min(axis=0) > KINK

    def check(self, prepare: Prepare) -> None:
        """Take one step of size 1: the gradient, and what noise adds to it has its law."""
        quiet = prepare(self.one_step(0.0)).result().astype(np.float64)
        noisy = prepare(self.one_step(1.0)).result().astype(np.float64)
        gradient, known = self.reference()
        check_drift((self.hidden - quiet)[known], gradient[known], 1e-4)
        check_law(noisy - quiet, sde.StableNoise(self.alpha, self.kind))
