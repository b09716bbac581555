r"""Quantiles of stable laws, to draw from them by inversion.

Of the symmetric number S and of :math:`\sqrt A`, A positive (`sde.positive_stable`).

The upper tail :math:`\bar F(x) = P(S > x)` is an integral of the characteristic function along a
ray that is turned by an angle :math:`\varphi` with :math:`\alpha\varphi < \pi/2`,

.. math:: \bar F(x) = \frac12 - \frac{\varphi}{\pi}
    - \frac1\pi \Im \int_{-\infty}^{\infty} e^{i\omega x - \omega^\alpha}\,dt,
    \qquad \omega = e^{t + i\varphi},

where the trapezoidal rule converges exponentially. Far out it is the series of Bergström (1952),

.. math:: \bar F(x) = \frac1\pi \sum_{k \ge 1} (-1)^{k+1} \frac{\Gamma(\alpha k)}{k!}
    \sin\Bigl(\frac{\pi\alpha k}{2}\Bigr) x^{-\alpha k},

convergent for :math:`\alpha \le 1`, asymptotic above.

A table holds the quantile :math:`Q(u)`, :math:`\bar F(Q(u)) = u`, as polynomials on cells of
:math:`0 < u < 1/2` that shrink with u: the tails are as exact as the middle. For :math:`\sqrt A`
another one holds the quantiles below the median.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.special import gammaln, ndtr, ndtri

from sde.lookup import CELLS, OCTAVES, TERMS
from sde.positive_stable import log_positive_stable_quantile

__all__ = ["LEAST_ALPHA", "quantile_table", "root_table", "upper_quantile", "upper_tail"]

#: Below this index the density's peak at zero is too sharp for the cells next to u = 1/2: the error
#: in probability is 4e-11 here, and 2e-9 at 1/2.
LEAST_ALPHA = 0.6

#: From here on the series is used: its smallest term is below 1e-16 of the sum for every alpha.
FAR = 14.0
SERIES_TERMS = 40

#: Closer to alpha = 2 than this the law is expanded: the second order is of its square.
NEARLY_GAUSSIAN = 1e-6

#: Nearer to 1 than this an index of A can't be told apart in probability.
NEAREST_TO_ONE = 1e-13

#: Points between 0 and `FAR` from which Newton's method starts.
GRID = 120

#: Chebyshev nodes an octave. Q is analytic but for u = 0, so they leave an error of 6^-20.
NODES = 20

Floats = NDArray[np.float64]


def upper_tail(alpha: float, x: Floats) -> tuple[Floats, Floats]:
    """Return P(S > x) and the density at x, to 1e-13, for x >= 0 and 0.6 <= alpha <= 2.

    Examples
    --------
    >>> tail, density = upper_tail(1.0, np.array([0.0, 1.0]))  # Cauchy
    >>> tail.round(12).tolist(), (math.pi * density).round(12).tolist()
    ([0.5, 0.25], [1.0, 0.5])
    """
    if 2 - alpha < NEARLY_GAUSSIAN:
        return _nearly_gaussian(alpha, x)
    tail, density = np.empty_like(x), np.empty_like(x)
    near = x < FAR
    tail[near], density[near] = _contour(alpha, x[near])
    tail[~near], density[~near] = _series(alpha, x[~near])
    return tail, density


def _ray(alpha: float) -> tuple[NDArray[np.complex128], float]:
    """Return the frequencies of the trapezoidal rule on the ray, and its step."""
    angle = math.pi / 4 * min(1.0, 1.0 / alpha)
    # turning the ray by ±angle keeps the integrand bounded: the rule's error is e^{-2π angle / h}
    step = 2 * math.pi * angle / 37
    reach = math.log(40 / math.cos(alpha * angle)) / alpha
    return np.exp(np.arange(-43 / min(1.0, alpha), reach, step) + 1j * angle), step


def _contour(alpha: float, x: Floats) -> tuple[Floats, Floats]:
    frequency, step = _ray(alpha)
    wave = np.exp(1j * np.multiply.outer(x, frequency) - frequency**alpha)
    turn = np.angle(frequency[0]) / math.pi
    tail = 0.5 - turn - step / math.pi * wave.imag.sum(axis=1)
    return tail, step / math.pi * (wave @ frequency).real


def _series(alpha: float, x: Floats) -> tuple[Floats, Floats]:
    k = np.arange(1, SERIES_TERMS + 1)
    size = np.exp(gammaln(alpha * k) - gammaln(k + 1)) / math.pi
    sign = np.where(k % 2 == 1, 1.0, -1.0) * np.sin(math.pi * (alpha * k / 2 % 2))
    powers = np.exp(-np.multiply.outer(np.log(x), alpha * k))
    return powers @ (size * sign), powers @ (alpha * k * size * sign) / x


def _nearly_gaussian(alpha: float, x: Floats) -> tuple[Floats, Floats]:
    """Expand in 2 - alpha to first order: far out the tail is below the rounding of `_contour`."""
    tail, density = ndtr(-x / math.sqrt(2)), np.exp(-(x**2) / 4) / math.sqrt(4 * math.pi)
    near = x < FAR
    frequency, step = _ray(2.0)
    # the derivative of exp(-ω^alpha) in 2 - alpha
    kernel = frequency**2 * np.log(frequency) * np.exp(-(frequency**2))
    wave = np.exp(1j * np.multiply.outer(x[near], frequency)) * kernel
    tail[near] -= (2 - alpha) * step / math.pi * wave.imag.sum(axis=1)
    density[near] += (2 - alpha) * step / math.pi * (wave @ frequency).real
    k = np.arange(1, SERIES_TERMS + 1)
    terms = np.exp(gammaln(2 * k) - gammaln(k) - 2 * np.multiply.outer(np.log(x[~near]), k))
    tail[~near] += (2 - alpha) * terms.sum(axis=1) / 2
    density[~near] += (2 - alpha) * (terms @ k) / x[~near]
    return tail, density


def upper_quantile(alpha: float, u: Floats) -> Floats:
    """Return the x with P(S > x) = u, for 2^-65 <= u <= 1/2 and 0.6 <= alpha <= 2.

    Examples
    --------
    >>> upper_quantile(1.0, np.array([0.25, 0.5])).round(12).tolist()  # Cauchy
    [1.0, 0.0]
    """
    if alpha == 2:
        return np.asarray(-math.sqrt(2) * ndtri(u))
    # a start by inverse Hermite interpolation, far out by the leading power; then Newton's method,
    # on logarithms of probabilities
    grid = FAR * np.linspace(0, 1, GRID) ** 2
    tail, density = upper_tail(alpha, grid)
    inverse = CubicHermiteSpline(np.log(tail[::-1]), grid[::-1], -(tail / density)[::-1])
    far = FAR * (u / tail[-1]) ** (-1 / alpha)
    x: Floats = np.where(u > tail[-1], inverse(np.log(np.maximum(u, tail[-1]))), far)
    for _ in range(3):
        x = np.maximum(x, 0.0)
        tail, density = upper_tail(alpha, x)
        x += tail * np.log(tail / u) / density
    return x


def _cell_maps() -> tuple[Floats, Floats]:
    """Return the nodes in an octave [1, 2), and the map from values there to coefficients.

    The coefficients, lowest power first, are of polynomials in the distance from a cell's centre.
    """
    nodes = 1.5 + 0.5 * np.cos(math.pi * (np.arange(NODES) + 0.5) / NODES)
    centres = 1 + (np.arange(CELLS) + 0.5) / CELLS
    inside = 0.5 / CELLS * np.cos(math.pi * (np.arange(TERMS) + 0.5) / TERMS)
    points = (centres[:, None] + inside).ravel()
    chebyshev = np.polynomial.chebyshev.chebvander
    interpolate = chebyshev(2 * points - 3, NODES - 1) @ np.linalg.inv(
        chebyshev(2 * nodes - 3, NODES - 1)
    )
    scaled = np.linalg.inv(np.vander(inside * 2 * CELLS, increasing=True))
    fit = scaled * (2.0 * CELLS) ** np.arange(TERMS)[:, None]
    return nodes, np.einsum("kj,cjn->ckn", fit, interpolate.reshape(CELLS, TERMS, NODES))


def _tabulate(quantile: Callable[[Floats], Floats]) -> Floats:
    """Return a table of a function of tail probabilities, a cell a row; the last is for 1/2."""
    nodes, fit = _cell_maps()
    scale = 2.0 ** np.arange(-OCTAVES - 1, -1)
    values = quantile(np.multiply.outer(scale, nodes).ravel()).reshape(OCTAVES, NODES)
    cells = np.einsum("ckn,on->ock", fit, values).reshape(-1, TERMS)
    half = np.append(quantile(np.array([0.5])), np.zeros(TERMS - 1))
    table: Floats = np.concatenate([cells, half[None]])
    table.flags.writeable = False
    return table


@functools.lru_cache(maxsize=64)
def quantile_table(alpha: float) -> Floats:
    """Return the table of Q that `sde.lookup` reads, for 0.6 <= alpha <= 2.

    Returns
    -------
    (OCTAVES * CELLS + 1, TERMS) float64 array
        A cell a row.

    Examples
    --------
    >>> quantile_table(1.5).shape
    (2049, 6)
    """
    return _tabulate(lambda u: upper_quantile(alpha, u))


@functools.lru_cache(maxsize=64)
def root_table(alpha: float, *, above: bool) -> Floats:
    """Return such a table for sqrt(A), E exp(-sA) = exp(-(2s)^(alpha/2)), for 0.6 <= alpha < 2.

    It holds the x with P(sqrt(A) > x) = u or, if not `above`, P(sqrt(A) <= x) = u.

    Examples
    --------
    >>> root_table(1.5, above=True).shape
    (2049, 6)
    """
    beta = min(alpha / 2, 1 - NEAREST_TO_ONE)

    def root(u: Floats) -> Floats:
        log_quantile = log_positive_stable_quantile(beta, u, above=above)
        return np.asarray(math.sqrt(2) * np.exp(log_quantile / 2))

    return _tabulate(root)
