r"""The positive stable law :math:`E e^{-sA} = e^{-s^\beta}`, 0 < β < 1: distribution and quantiles.

Zolotarev's integral, from Kanter's (1975) representation of A. With
:math:`a(u) = \sin(\beta u)^{\beta/(1-\beta)} \sin((1-\beta)u) \sin(u)^{-1/(1-\beta)}`, which
increases in u, and :math:`t = -\frac{\beta}{1-\beta} \log x`,

.. math:: P(A \le x) = \frac1\pi \int_0^\pi e^{-f(u)}\,du, \qquad f(u) = e^t a(u).

Where :math:`P(A \le x)` is small, f is large, and what matters is where it has not risen far above
f(0). Where :math:`P(A > x)` is small, f is small but near :math:`u = \pi`: there the integral of
:math:`1 - e^{-f}` is taken over :math:`\log v`, :math:`v = \pi - u`. Pieces end where f has given
values, so that in each the integrand is smooth, of one sign, and no steeper for β near 1: Gauss's
rule gives either probability with a relative error of 1e-12 or less.
"""

import functools
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

__all__ = ["log_positive_stable_quantile", "positive_stable_cdf", "positive_stable_quantile"]

Floats = NDArray[np.float64]

#: Nodes and weights of Gauss's rule on (0, 1), for a piece.
_NODES, _WEIGHTS = (part / 2 for part in np.polynomial.legendre.leggauss(48))
_NODES = _NODES + 0.5

#: What f has risen by at the ends of the pieces of the integral over u; exp(-42) is nil.
RISES = (1.0, 42.0)

#: Values of log f at the ends of pieces of the integral over log v: before the first e^{-f} is nil,
#: and behind the last f is nearly a power.
LEVELS = (4.0, 1.0, -3.0)

#: Largest t, and log f: P(A <= x) and e^{-f} are nil from there on, and f does not overflow.
MAX_T = 600.0

#: An angle at which a(u) is a(0), and not 0 / 0.
LEAST_ANGLE = 1e-16

#: Most steps of Newton's method, which doubles the digits: four or five are enough.
STEPS = 30


def positive_stable_cdf(beta: float, x: ArrayLike, *, above: bool = False) -> Floats:
    r"""Return P(A <= x), or P(A > x) if `above`, for :math:`E e^{-sA} = e^{-s^\beta}`, 0 < β < 1.

    Either has a small relative error, however small it is.

    Examples
    --------
    >>> from scipy.stats import levy  # β = 1/2 is the Lévy law with scale 1/2
    >>> bool(abs(positive_stable_cdf(0.5, 1.0) - levy.cdf(1.0, scale=0.5)) < 1e-14)
    True
    """
    points = np.asarray(x, np.float64)
    with np.errstate(divide="ignore"):
        t = -beta / (1 - beta) * np.log(np.maximum(points.ravel(), 0.0))
    t = np.clip(t, _places(beta)[0][0], MAX_T)  # where the one or the other is nil
    lower, _slope = _lower(beta, t)
    upper, _slope = _upper(beta, t)
    if above:
        found = np.where(lower < 0.5, 1.0 - lower, upper)
    else:
        found = np.where(lower < 0.5, lower, 1.0 - upper)
    return found.reshape(points.shape)


def log_positive_stable_quantile(beta: float, q: ArrayLike, *, above: bool = False) -> Floats:
    """Return the logarithm of the x with P(A <= x) = q or, if `above`, P(A > x) = q.

    Examples
    --------
    >>> log_quantile = log_positive_stable_quantile(0.6, 0.3)
    >>> bool(abs(positive_stable_cdf(0.6, np.exp(log_quantile)) - 0.3) < 1e-13)
    True
    """
    share = np.asarray(q, np.float64)
    flat = share.ravel()
    upper = (flat <= 0.5) == above  # of the two probabilities the one that is at most 1/2
    small = np.where(flat <= 0.5, flat, 1.0 - flat)
    t = np.empty_like(small)
    t[upper], t[~upper] = _solve_upper(beta, small[upper]), _solve_lower(beta, small[~upper])
    return (-(1 - beta) / beta * t).reshape(share.shape)


def positive_stable_quantile(beta: float, q: ArrayLike, *, above: bool = False) -> Floats:
    """Return the x with P(A <= x) = q or, if `above`, P(A > x) = q.

    Examples
    --------
    >>> bool(abs(positive_stable_quantile(0.5, 0.4) - 0.70589) < 1e-5)
    True
    """
    return np.exp(log_positive_stable_quantile(beta, q, above=above))


def _log_kernel(beta: float, u: Any, v: Any) -> Any:
    """Return log a(u), u + v = π; the smaller of the two should have a small relative error."""
    rest, near = 1 - beta, np.minimum(u, v)
    turned, half = np.sin(rest * u), np.sin(rest * u / 2)
    # sin(βu) / sin(u) is cos((1 - β)u) + cot(v) sin((1 - β)u), near 1 if β is
    log_ratio = np.log1p(np.copysign(turned / np.tan(near), u - v) - 2 * half * half)
    return beta / rest * log_ratio + np.log(turned / np.sin(near))


def _log_slope(beta: float, u: Any, v: Any) -> Any:
    """Return the derivative of log a by log v."""
    rest = 1 - beta
    # cot(βu) and -cot(u), by the angle or by what it lacks of π
    scaled = np.where(u < v, 1 / np.tan(beta * u), -1 / np.tan(v + rest * u))
    whole = np.copysign(1 / np.tan(np.minimum(u, v)), u - v)
    return -v * (beta**2 * scaled + rest**2 / np.tan(rest * u) + whole) / rest


def _complement(angle: Any) -> Any:
    """Return the angle that makes π with another."""
    return np.maximum(math.pi - angle, LEAST_ANGLE)


def _log_least(beta: float) -> float:
    """Return log a(0)."""
    return beta / (1 - beta) * math.log(beta) + math.log1p(-beta)


@functools.lru_cache(maxsize=8)
def _places(beta: float) -> tuple[Floats, Floats]:
    """Return values of -log a(π - v) and of log v, both increasing, to interpolate between."""
    logit = np.concatenate([np.arange(-700, -60, 0.1), np.arange(-60, 15, 0.02)])
    v = math.pi / (1 + np.exp(-logit))
    log_kernel = _log_kernel(beta, _complement(v), v)
    return np.append(-log_kernel, -_log_least(beta)), np.log(np.append(v, math.pi))


def _log_place(beta: float, log_kernel: Floats) -> Floats:
    """Return the log v at which log a(π - v) has these values; log π if they are too low."""
    place = np.interp(-log_kernel, *_places(beta))
    inside = place < math.log(math.pi) - 1e-3
    for _ in range(2):  # Newton's method, for β near 1, where a is steep
        v = np.exp(place[inside])
        u = _complement(v)
        place[inside] -= (_log_kernel(beta, u, v) - log_kernel[inside]) / _log_slope(beta, u, v)
    return np.minimum(place, math.log(math.pi))


def _exponent(beta: float, u: Floats, v: Floats, t: Floats) -> Floats:
    """Return f(u), a row of angles for each t, cut where e^{-f} is nil."""
    log_f: Floats = _log_kernel(beta, u, v) + t[:, None]
    return np.exp(np.minimum(log_f, MAX_T))


def _lower(beta: float, t: Floats) -> tuple[Floats, Floats]:
    """Return P(A <= x) and its derivative in t."""
    least = np.exp(t + _log_least(beta))
    total, slope, first = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    for rise in RISES:
        last = math.pi - np.exp(_log_place(beta, np.log(least + rise) - t))
        u = np.maximum(first[:, None] + np.multiply.outer(last - first, _NODES), LEAST_ANGLE)
        f = _exponent(beta, u, _complement(u), t)
        shares = np.exp(-f) * _WEIGHTS * (last - first)[:, None]
        total += shares.sum(axis=1)
        slope -= (f * shares).sum(axis=1)
        first = last
    return total / math.pi, slope / math.pi


def _upper(beta: float, t: Floats) -> tuple[Floats, Floats]:
    """Return P(A > x) and its derivative in t."""
    # the last piece ends where f and what it multiplies have lost a factor of e^{-40}
    ends = [_log_place(beta, level - t) for level in (*LEVELS, -40 / beta)]
    total, slope = np.exp(ends[0]), np.zeros_like(t)
    for first, last in itertools.pairwise(ends):
        v = np.exp(first[:, None] + np.multiply.outer(last - first, _NODES))
        f = _exponent(beta, _complement(v), v, t)
        shares = v * _WEIGHTS * (last - first)[:, None]
        total -= (np.expm1(-f) * shares).sum(axis=1)
        slope += (f * np.exp(-f) * shares).sum(axis=1)
    return total / math.pi, slope / math.pi


def _solve_lower(beta: float, p: Floats) -> Floats:
    """Return the t with P(A <= x) = p, p <= 1/2.

    Newton's method for log P as a function of f(0), which is nearly linear: P is about e^{-f(0)}.
    """
    least = -np.log(p)
    for _ in range(STEPS):
        found, slope = _lower(beta, np.log(least) - _log_least(beta))
        step = np.log(found / p) * found * least / slope
        least = np.maximum(least - step, least / 4)
        if np.all(np.abs(step) <= 1e-7 * least):
            break
    return np.log(least) - _log_least(beta)


def _solve_upper(beta: float, p: Floats) -> Floats:
    """Return the t with P(A > x) = p, p <= 1/2.

    Newton's method for log P as a function of log v where f = 1: far out P is Γ(β) v / π.
    """
    top = math.log(math.pi) - 1e-9
    place = np.minimum(np.log(math.pi * p) - gammaln(beta), top)
    for _ in range(STEPS):
        v = np.exp(place)
        u = _complement(v)
        found, slope = _upper(beta, -_log_kernel(beta, u, v))
        step = np.log(found / p) * found / (-slope * _log_slope(beta, u, v))
        place = np.minimum(place - np.clip(step, -2.0, 2.0), top)
        if np.all(np.abs(step) <= 1e-7):
            break
    v = np.exp(place)
    return np.asarray(-_log_kernel(beta, _complement(v), v))
