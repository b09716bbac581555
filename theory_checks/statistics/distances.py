"""Distance of a sample from a law."""

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory_checks.statistics.intervals import Interval
from theory_checks.validation import real, sample

__all__ = ["ks_distance"]


def ks_distance(
    samples: ArrayLike,
    cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    level: float = 0.99,
) -> Interval:
    r"""
    Return the Kolmogorov-Smirnov distance of a sample from a continuous law.

    Parameters
    ----------
    samples : array_like, shape (k,)
        Independent draws of any law; no moment is needed.
    cdf : callable
        Distribution function of the law, of an ascending array.
    level : float
        Confidence level.

    Notes
    -----
    With F the law of the samples, its distance to the law differs from that of the empirical
    distribution by at most the distance of the latter to F, which exceeds
    :math:`\sqrt{\log(2/(1 - level)) / (2k)}` with probability at most 1 - level (Dvoretzky, Kiefer
    and Wolfowitz, with Massart's constant). So the interval is valid for every k, and wide: the
    estimate itself is about :math:`0.87/\sqrt k` when the law is right.

    Examples
    --------
    >>> interval = ks_distance((np.arange(1000) + 0.5) / 1000, lambda x: x)
    >>> round(interval.estimate, 6), round(interval.high, 4)
    (0.0005, 0.052)
    """
    values = np.sort(sample(samples, at_least=1))
    level = real("level", level, above=0, below=1)
    ranks, law = np.arange(values.size + 1) / values.size, np.asarray(cdf(values))
    distance = float(max((ranks[1:] - law).max(), (law - ranks[:-1]).max()))
    half = sqrt(log(2 / (1 - level)) / (2 * values.size))
    return Interval(distance, max(0.0, distance - half), min(1.0, distance + half), level)
