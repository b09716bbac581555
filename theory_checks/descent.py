"""Descent with stable noise: the squared gradient, and the bounds of Proposition B.1 for it."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sde
from sde import vmath
from theory_checks.moments import norm_moment
from theory_checks.networks import circle_network

__all__ = [
    "FEW",
    "Descent",
    "counterexample",
    "descent_system",
    "gradient_squares",
    "small_noise",
    "small_noise_squares",
    "squares",
]

Array = NDArray[np.float64]

#: The counterexample: amplitude, α, η, γ and K.
AMPLITUDE, ALPHA, DT, GAMMA, STEPS = 0.3, 1.5, 0.5, 0.1, 2000
#: Small noise: σ is this much beyond the hypothesis; η, K, the number of particles, and how often
#: the gradient is looked at.
BEYOND, SMALL_DT, SMALL_STEPS, FEW, EVERY = 1.05, 2.0**-10, 2048, 32, 32


class Descent(NamedTuple):
    """A descent, as far as the bounds of Proposition B.1 depend on it.

    Parameters
    ----------
    bound : float
        B of Assumption 1.
    noise : StableNoise
        With 1 < alpha < 2.
    dim : int
        Dimension p of a particle.
    dt, steps : float, int
        Step η and number K of steps.
    gamma : float
        Between 0 and alpha - 1.
    drop : float
        R(Θ_0) - R*.

    Examples
    --------
    >>> descent = Descent(1.0, sde.StableNoise(1.5, "I"), 1, 0.5, 100, 0.1, 1.0)
    >>> descent.printed(10_000) < descent.corrected(10_000)
    True
    """

    bound: float
    noise: sde.StableNoise
    dim: int
    dt: float
    steps: int
    gamma: float
    drop: float

    def first(self, n: int) -> float:
        """Return the first term."""
        return self.drop / (self.steps * n * self.dt)

    def power(self) -> float:
        """Return the power of η in the second term."""
        return float(self.dt ** ((1 + self.gamma - self.noise.alpha) / self.noise.alpha))

    def printed(self, n: int) -> float:
        """Return the printed bound."""
        scale = (2 * self.bound) ** (2 + self.gamma) * self.noise.sigma ** (1 + self.gamma)
        return float(self.first(n) + scale * self.power() / ((1 + self.gamma) * n**2))

    def corrected(self, n: int) -> float:
        """Return the corrected bound."""
        order, b = 1 + self.gamma, self.bound
        moments = (b * self.noise.sigma) ** order + norm_moment(self.noise, self.dim, order)
        return float(self.first(n) + b * (2 + b) * moments * self.power() / (order * n))


@cache
def descent_system() -> sde.McKeanVlasov:
    """Return the network 0.3 sin, one datum, logistic loss, with (0.3 cos)² as an observable too.

    The mean fields then give ‖∇R‖² at every step, at no cost: see `gradient_squares`.

    Examples
    --------
    >>> descent_system().n_observables
    2
    """
    c = AMPLITUDE

    def observable(theta: Array, out: Array) -> None:
        cosine = vmath.cos(theta[0])
        out[0] = c * vmath.sin(theta[0])
        out[1] = (c * cosine) * (c * cosine)

    def drift(theta: Array, mean_field: Array, out: Array) -> None:
        out[0] = c * vmath.cos(theta[0]) / (1.0 + vmath.exp(mean_field[0]))

    return sde.McKeanVlasov(1, 2, observable, drift)


def gradient_squares(mean_field: Array, n: int) -> Array:
    """Return ‖∇R‖² = n^{-2} Σ ‖b_i‖² from the mean fields of `descent_system`.

    Examples
    --------
    >>> gradient_squares(np.array([[0.0, 0.04]]), 10).round(9).tolist()  # ℓ' = -1/2 at 0
    [0.001]
    """
    outputs, slopes = mean_field.T
    return np.asarray(slopes / (1 + np.exp(outputs)) ** 2 / n)


def counterexample(sigma: float = 1.0, dt: float = DT) -> Descent:
    """Return the counterexample h = c sin, one datum, logistic loss, whose f is 0 first.

    Examples
    --------
    >>> descent = counterexample()
    >>> round(descent.bound, 2), round(1e4 * descent.printed(100), 1)
    (1.44, 10.1)
    """
    network = sde.MeanFieldNetwork([[1.0]], [1.0], "sine", amplitude=AMPLITUDE)
    drop = math.log(2) - math.log1p(math.exp(-AMPLITUDE))
    return Descent(network.bound, sde.StableNoise(ALPHA, "I", sigma), 1, dt, STEPS, GAMMA, drop)


def squares(descent: Descent, n: int, replicates: int, seed: int) -> Array:
    """Return ‖∇R‖² of the counterexample, one row a replicate and one column a k.

    Examples
    --------
    >>> squares(counterexample(), n=4, replicates=2, seed=0).shape
    (2, 2000)
    """
    rows = []
    for replicate in range(replicates):
        solution = sde.simulate(
            descent_system(),
            descent.noise,
            n=n,
            t1=descent.steps * descent.dt,
            dt=descent.dt,
            initial=sde.Point(0.0),
            seed=seed,
            replicate=replicate,
        )
        rows.append(gradient_squares(solution.mean_field[:-1], n))
    return np.array(rows)


def small_noise(alpha: float, kind: str) -> Descent:
    """Return a descent of the tanh network with noise hardly beyond the hypothesis.

    R* is replaced by the risk after a descent without noise, which can only lower the bounds.

    Examples
    --------
    >>> small_noise(1.5, "II").noise.sigma < 0.2
    True
    """
    network, sigma = circle_network(), BEYOND * SMALL_DT ** (1 - 1 / alpha)
    calm, start = sde.StableNoise(alpha, kind, 0.0), np.zeros((FEW, network.dim))
    end = sde.simulate(network, calm, n=FEW, t1=64.0, dt=0.25, initial=start).theta
    drop, gamma = network.risk(start) - network.risk(end), 0.75 * (alpha - 1)
    noise = sde.StableNoise(alpha, kind, sigma)
    return Descent(network.bound, noise, network.dim, SMALL_DT, SMALL_STEPS, gamma, drop)


def small_noise_squares(descent: Descent, replicates: int, seed: int) -> Array:
    """Return ‖∇R‖² of that descent at every 32nd k, one row a replicate.

    A minimum over these k is at least that over all.

    Examples
    --------
    >>> small_noise_squares(small_noise(1.5, "II"), 1, seed=0).shape
    (1, 64)
    """
    network, rows = circle_network(), []
    for replicate in range(replicates):
        saved = sde.simulate(
            network,
            descent.noise,
            n=FEW,
            t1=descent.dt * descent.steps,
            dt=descent.dt,
            initial=sde.Point(0.0),
            seed=seed,
            replicate=replicate,
            save_at=descent.dt * np.arange(0, descent.steps, EVERY),
        ).saved
        rows.append([(network.drift(theta) ** 2).sum() / FEW**2 for theta in saved])
    return np.array(rows)
