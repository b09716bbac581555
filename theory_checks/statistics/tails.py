"""Index and constant of a power tail P(X > x) ~ c / x^alpha."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from theory_checks.statistics.intervals import Interval, proportion_interval
from theory_checks.validation import real, sample, whole

__all__ = ["hill_index", "tail_constant", "tail_index"]


def tail_index(samples: ArrayLike, threshold: float, level: float = 0.99) -> Interval:
    r"""
    Return the maximum-likelihood index of a Pareto tail beyond a fixed threshold.

    Parameters
    ----------
    samples : array_like, shape (k,)
        Independent draws, of which those above the threshold are used: at least 2.
    threshold : float
        Fixed before looking at the samples, positive.
    level : float
        Confidence level.

    Notes
    -----
    With N samples :math:`x_i` above the threshold u and :math:`s = \sum \log(x_i / u)`, the
    estimate is N / s. For an exact Pareto tail beyond u, :math:`2 \alpha s` is chi-square with 2 N
    degrees of freedom given N, so the interval is exact. The interval does not cover the bias of a
    tail that is only asymptotically Pareto: choose u from the known expansion of the tail.

    Examples
    --------
    >>> import numpy as np
    >>> x = 1 + np.random.default_rng(0).pareto(1.5, size=10_000)
    >>> interval = tail_index(x, threshold=2.0)
    >>> interval.low < 1.5 < interval.high
    True
    """
    threshold = real("threshold", threshold, above=0)
    values = sample(samples, at_least=1)
    beyond = values[values > threshold]
    if beyond.size < 2:
        raise ValueError(
            f"need at least 2 samples above the threshold {threshold}, got {beyond.size} of "
            f"{values.size}: lower the threshold or draw more samples"
        )
    return _pareto_interval(np.log(beyond / threshold), level)


def hill_index(samples: ArrayLike, k: int, level: float = 0.99) -> Interval:
    """
    Return Hill's estimate of the tail index from the `k` largest samples.

    Parameters
    ----------
    samples : array_like, shape (m,)
        Independent draws, of which the k + 1 largest must be positive.
    k : int
        Number of largest samples used, 2 <= k < m.
    level : float
        Confidence level.

    Notes
    -----
    For reports only. The interval is exact for Pareto samples and ignores the bias, which is large
    for stable samples with alpha above 1.7 or so. Rest a verdict on `tail_index` and
    `tail_constant`.

    Examples
    --------
    >>> import numpy as np
    >>> x = 1 + np.random.default_rng(0).pareto(1.5, size=10_000)
    >>> interval = hill_index(x, k=500)
    >>> interval.low < 1.5 < interval.high
    True
    """
    k = whole("k", k, at_least=2)
    values = sample(samples, at_least=1)
    if k >= values.size:
        raise ValueError(f"need k < number of samples, got k={k} of {values.size} samples")
    largest = np.partition(values, values.size - k - 1)[-k - 1 :]
    if largest[0] <= 0:
        raise ValueError(f"need the {k + 1} largest samples positive, got {largest[0]}: reduce k")
    return _pareto_interval(np.log(largest[1:] / largest[0]), level)


def _pareto_interval(logs: NDArray[np.float64], level: float) -> Interval:
    """Return 1 / mean(logs) with the exact interval for independent exponential logs."""
    level = real("level", level, above=0, below=1)
    count, total = logs.size, float(logs.sum())
    if total <= 0:
        raise ValueError(f"need samples that differ in the tail, got {count} equal")
    low, high = stats.chi2.ppf([(1 - level) / 2, (1 + level) / 2], 2 * count) / (2 * total)
    return Interval(count / total, float(low), float(high), level)


def tail_constant(
    samples: ArrayLike, alpha: float, threshold: float, level: float = 0.99
) -> Interval:
    """
    Return x^alpha P(X > x) at x = threshold, whose limit is the constant of the tail.

    Parameters
    ----------
    samples : array_like, shape (k,)
        Independent draws.
    alpha : float
        Known index of the tail, positive.
    threshold : float
        Fixed before looking at the samples, positive.
    level : float
        The coverage of x^alpha P(X > x) is at least this; its distance to the limit is not covered.

    Examples
    --------
    >>> import numpy as np
    >>> x = 1 + np.random.default_rng(0).pareto(1.5, size=10_000)
    >>> interval = tail_constant(x, alpha=1.5, threshold=4.0)
    >>> interval.low < 1.0 < interval.high
    True
    """
    alpha = real("alpha", alpha, above=0)
    threshold = real("threshold", threshold, above=0)
    values = sample(samples, at_least=1)
    beyond = int(np.count_nonzero(values > threshold))
    return proportion_interval(beyond, values.size, level).times(threshold**alpha)
