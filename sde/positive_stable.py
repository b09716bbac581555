r"""The positive stable law :math:`E e^{-sA} = e^{-s^\beta}`, 0 < β < 1: its distribution function.

Zolotarev's integral, from Kanter's (1975) representation of A: with
:math:`f(u) = x^{-\beta/(1-\beta)} \sin(\beta u)^{\beta/(1-\beta)} \sin((1-\beta)u)
\sin(u)^{-1/(1-\beta)}`, increasing in u,

.. math:: P(A \le x) = \frac1\pi \int_0^\pi e^{-f(u)}\,du.

In the upper tail all that matters happens near :math:`u = \pi`. So the integral is taken over s,
:math:`\pi - u = \pi e^{-s}`, and split where f = 1.
"""

import functools
import math

from scipy.integrate import quad
from scipy.optimize import brentq

__all__ = ["log_positive_stable_quantile", "positive_stable_cdf", "positive_stable_quantile"]

#: Beyond the split the integrand falls at least like e^{-s}, so by e^{-40} over this length.
REACH = 40.0


def positive_stable_cdf(beta: float, x: float) -> float:
    r"""Return P(A <= x) for A positive stable with :math:`E e^{-sA} = e^{-s^\beta}`, 0 < β < 1.

    Examples
    --------
    >>> from scipy.stats import levy  # β = 1/2 is the Lévy law with scale 1/2
    >>> bool(abs(positive_stable_cdf(0.5, 1.0) - levy.cdf(1.0, scale=0.5)) < 1e-12)
    True
    """
    if x <= 0:
        return 0.0
    below = _probability(beta, math.log(x), above=False)
    return below if below < 0.5 else 1.0 - _probability(beta, math.log(x), above=True)


@functools.cache
def log_positive_stable_quantile(beta: float, q: float) -> float:
    """Return the logarithm of the q-quantile of the law of `positive_stable_cdf`.

    Examples
    --------
    >>> log_quantile = log_positive_stable_quantile(0.6, 0.3)
    >>> bool(abs(positive_stable_cdf(0.6, math.exp(log_quantile)) - 0.3) < 1e-9)
    True
    """
    above = q > 0.5
    share = 1.0 - q if above else q

    def excess(log_x: float) -> float:
        probability = _probability(beta, log_x, above=above)
        difference = math.log(max(probability, 1e-300)) - math.log(share)
        return -difference if above else difference

    low, high = -5.0, 5.0
    while excess(low) > 0:
        low *= 1.5
    while excess(high) < 0:
        high *= 1.5
    return float(brentq(excess, low, high, xtol=1e-12))


def positive_stable_quantile(beta: float, q: float) -> float:
    """Return the q-quantile of the law of `positive_stable_cdf`.

    Examples
    --------
    >>> bool(abs(positive_stable_quantile(0.5, 0.4) - 0.70589) < 1e-5)
    True
    """
    return math.exp(log_positive_stable_quantile(beta, q))


def _log_exponent(beta: float, log_x: float, s: float) -> float:
    """Return log f(u) at π - u = π e^{-s}; sines from the nearer end, logarithms of the powers."""
    u, rest = -math.pi * math.expm1(-s), math.pi * math.exp(-s)
    near_zero = u < rest
    scaled = beta * u if near_zero else (1 - beta) * math.pi + beta * rest
    power = beta / (1 - beta)
    return (
        power * (math.log(math.sin(scaled)) - log_x)
        + math.log(math.sin((1 - beta) * u))
        - math.log(math.sin(u if near_zero else rest)) / (1 - beta)
    )


def _probability(beta: float, log_x: float, *, above: bool) -> float:
    """Return P(log A > log_x) if `above`, else P(log A <= log_x)."""

    def integrand(s: float) -> float:
        exponent = math.exp(min(_log_exponent(beta, log_x, s), 6.6))  # exp(-exp(6.6)) is nil
        return (-math.expm1(-exponent) if above else math.exp(-exponent)) * math.exp(-s)

    # f increases with s
    first, last = 1e-9, 2 * REACH + abs(log_x)
    split = first
    if _log_exponent(beta, log_x, first) < 0:
        split = brentq(lambda s: _log_exponent(beta, log_x, s), first, last)
    pieces = ((0.0, split), (split, split + 1 - beta), (split + 1 - beta, split + REACH))
    return math.fsum(
        quad(integrand, a, b, epsabs=1e-300, epsrel=1e-10, limit=500)[0] for a, b in pieces
    )
