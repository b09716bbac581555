r"""The law of |S|, S symmetric stable with E e^{iuS} = e^{-|u|^α}: probabilities and moments.

Exact numbers for a check to compare with. All come from the characteristic function, by quadrature:

    P(|S| <= x) = (2/π) ∫ sin(ux)/u e^{-u^α} du,
    E[|S|; |S| <= x] = (2/π) ∫ (x sin(ux)/u - (1 - cos(ux))/u²) e^{-u^α} du.
"""

import math
from collections.abc import Callable

from scipy.integrate import quad
from scipy.optimize import brentq

__all__ = ["absolute_cdf", "absolute_moment", "absolute_quantile", "truncated_mean"]

#: The integrand beyond is below e^{-40}.
CUT = 40.0


def absolute_cdf(alpha: float, x: float) -> float:
    """Return P(|S| <= x), for x up to 100 or so and α >= 0.7.

    Examples
    --------
    >>> round(absolute_cdf(1.0, 1.0), 10)  # Cauchy
    0.5
    """
    return 2 / math.pi * _integral(lambda u: x * _sinc(u * x), alpha)


def absolute_quantile(alpha: float, q: float) -> float:
    """Return the q-quantile of |S|, for q up to 0.95 or so and α >= 0.7.

    Examples
    --------
    >>> round(absolute_quantile(2.0, 0.5), 4)  # normal with variance 2
    0.9539
    """
    return float(brentq(lambda x: absolute_cdf(alpha, x) - q, 1e-6, 100.0, xtol=1e-10))


def absolute_moment(alpha: float, r: float) -> float:
    r"""Return E|S|^r = (2/π) Γ(r) sin(πr/2) Γ(1 - r/α), for 0 < r < min(α, 2).

    Raises
    ------
    ValueError
        If the moment is infinite.

    Examples
    --------
    >>> round(absolute_moment(2.0, 1.0) / (2 / math.sqrt(math.pi)), 12)
    1.0
    """
    if not 0 < r < alpha:
        raise ValueError(f"need 0 < r < alpha, got r={r}, alpha={alpha}: the moment is infinite")
    return 2 / math.pi * math.gamma(r) * math.sin(math.pi * r / 2) * math.gamma(1 - r / alpha)


def truncated_mean(alpha: float, x: float) -> float:
    """Return E[|S|; |S| <= x], for x up to 100 or so and α >= 0.7.

    Examples
    --------
    >>> round(truncated_mean(1.0, 2.0) - math.log(5) / math.pi, 10)  # Cauchy: log(1 + x²)/π
    0.0
    """

    def kernel(u: float) -> float:
        # 1 - cos(ux) as a square, which does not cancel
        return x * x * (_sinc(u * x) - _sinc(u * x / 2) ** 2 / 2)

    return 2 / math.pi * _integral(kernel, alpha)


def _integral(kernel: Callable[[float], float], alpha: float) -> float:
    """Return ∫ kernel(u) e^{-u^α} du; u = v³ smooths the cusp at zero."""
    end = CUT ** (1 / (3 * alpha))
    return float(
        quad(
            lambda v: 3 * v * v * kernel(v**3) * math.exp(-(v ** (3 * alpha))),
            0.0,
            end,
            limit=1000,
            epsabs=1e-11,
        )[0]
    )


def _sinc(x: float) -> float:
    return math.sin(x) / x if x != 0 else 1.0
