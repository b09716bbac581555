r"""Sums of nonnegative i.i.d. variables of infinite mean: laws of X, and what its sums do.

P[(X_1 + ... + X_n)/n <= C] is an integral of the Laplace transform, and at most exp(-n I(C))
(`Decay`); for X of regularly varying tail the sum itself is stable in the limit (`sum_cdf`).
"""

import cmath
import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize_scalar
from scipy.special import erfc, exp1

import sde
from sde.positive_stable import log_positive_stable_quantile, positive_stable_cdf

__all__ = ["DIM", "Decay", "Variable", "sum_cdf"]

#: Dimension of the stable vectors whose squared norms are summed.
DIM = 2


class Variable(NamedTuple):
    """A law of X, and the C at which the probability is measured against n."""

    name: str
    beta: float
    bound: float  # C
    noise: sde.StableNoise | None = None  # of θ, X = ‖θ‖²; none for Pareto's law

    def draw(self, rows: int, columns: int, seed: int, replicate: int) -> NDArray[np.float64]:
        """Return independent draws."""
        if self.noise is None:
            rng = np.random.default_rng([seed, replicate])
            return np.asarray((1.0 - rng.random((rows, columns))) ** (-1 / self.beta))
        theta = self.noise.increments(columns, DIM, 1.0, rows, seed=seed, replicate=replicate)
        return np.asarray(np.einsum("rij,rij->ri", theta, theta))

    @property
    def tail_constant(self) -> float:
        """The constant c of P(X > x) ~ c x^{-β}."""
        return 1.0 if self.noise is None else self.noise.tail_constant(DIM)

    def laplace(self) -> Callable[[complex], complex]:
        """Return s -> E e^{-sX}, for s of positive real part."""
        if self.noise is None:
            return _pareto_laplace(self.beta)
        return _square_laplace(self.noise)


class Decay(NamedTuple):
    """The probability that a mean of n terms is at most C, and its rate I(C)."""

    laplace: Callable[[complex], complex]
    bound: float
    point: float  # the maximizer a
    rate: float

    @classmethod
    @cache  # no seed changes it
    def of(cls, variable: Variable) -> "Decay":
        """Maximize -sC - log L(s)."""
        laplace, bound = variable.laplace(), variable.bound
        found = minimize_scalar(
            lambda x: math.exp(x) * bound + math.log(laplace(math.exp(x)).real),
            bounds=(-12.0, 4.0),
            method="bounded",
        )
        return cls(laplace, bound, math.exp(float(found.x)), -float(found.fun))

    def chernoff(self, n: float) -> float:
        """Return the bound exp(-n I(C))."""
        return math.exp(-n * self.rate)

    def probability(self, n: int) -> float:
        """Return the exact probability, by inversion."""
        return _probability(self, n)


@cache
def _probability(decay: Decay, n: int) -> float:
    """Return P[mean <= C], by integration along the line through the maximizer."""
    peak = decay.chernoff(n)

    def integrand(t: float) -> float:
        s = decay.point * (1 + 1j * t)
        relative = (cmath.exp(s * decay.bound) * decay.laplace(s)) ** n / peak
        return (relative / (1 + 1j * t)).real

    # t is ω over the distance of the line from the pole at 0
    value, _ = quad(integrand, 0.0, np.inf, limit=400, epsrel=1e-4, epsabs=1e-6)
    return peak * float(value) / math.pi


def _pareto_laplace(beta: float) -> Callable[[complex], complex]:
    """Return E e^{-sX} for P(X > x) = x^{-β}: e^{-s} - s^β Γ(1 - β, s), at β = 1/2 and 1."""
    if beta == 1:
        return lambda s: cmath.exp(-s) - s * complex(exp1(s))
    return lambda s: cmath.exp(-s) - cmath.sqrt(math.pi * s) * complex(erfc(cmath.sqrt(s)))


def _square_laplace(noise: sde.StableNoise) -> Callable[[complex], complex]:
    """Return E e^{-s‖θ‖²}, by quadrature over G in polar coordinates (p = 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    radius = 4.5 * (nodes + 1)  # beyond 9 the normal law has nothing left
    weights = 4.5 * weights * radius * np.exp(-(radius**2) / 2)
    angle = (np.arange(128) + 0.5) * np.pi / 128
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # the exponent of the characteristic function is homogeneous of degree α
    exponents = -np.log(noise.characteristic_function(circle))
    powers = radius[:, None] ** noise.alpha * exponents

    def laplace(s: complex) -> complex:
        values = np.exp(-((2 * s) ** (noise.alpha / 2)) * powers)
        return complex(weights @ values.mean(axis=1))

    return laplace


@cache
def _log_cdf(beta: float) -> tuple[float, float, PchipInterpolator]:
    """Return the distribution function of log S between two quantiles, by interpolation."""
    # 97 values and a monotone interpolation between them: errors below 1e-4
    low, high = log_positive_stable_quantile(beta, [1e-5, 1 - 1e-5])
    grid = np.linspace(low, high, 97)
    return low, high, PchipInterpolator(grid, positive_stable_cdf(beta, np.exp(grid)))


def sum_cdf(variable: Variable, n: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the distribution function of the stable law that the sum of n terms has for large n.

    Examples
    --------
    >>> half = sum_cdf(Variable("Pareto", 0.5, 1.0), 1)  # a Lévy law of scale π/2
    >>> round(float(half(np.array([np.pi / 2 / 0.454936]))[0]), 4)
    0.5
    """
    beta = variable.beta
    low, high, log_cdf = _log_cdf(beta)
    shift = (math.log(n * variable.tail_constant) + math.lgamma(1 - beta)) / beta
    return lambda x: np.asarray(log_cdf(np.clip(np.log(x) - shift, low, high)))
