"""Confidence intervals for means, quantiles and proportions."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from theory_checks.validation import real, sample, whole

__all__ = [
    "Interval",
    "mean_interval",
    "median_interval",
    "proportion_interval",
    "quantile_interval",
    "quotient_interval",
    "ratio_interval",
]


@dataclass(frozen=True)
class Interval:
    """
    A point estimate with a confidence interval; its ends may be infinite.

    Parameters
    ----------
    estimate, low, high : float
        Point estimate and the ends of the interval.
    level : float
        Confidence level, in (0, 1).

    Examples
    --------
    >>> Interval(1.0, 0.9, 1.2, 0.99).times(2)
    Interval(estimate=2.0, low=1.8, high=2.4, level=0.99)
    """

    estimate: float
    low: float
    high: float
    level: float

    def __post_init__(self) -> None:
        """Check the numbers and store them as plain floats."""
        for field in ("estimate", "low", "high"):
            number = real(field, getattr(self, field), infinite=field != "estimate")
            object.__setattr__(self, field, number)
        object.__setattr__(self, "level", real("level", self.level, above=0, below=1))
        if not self.low <= self.estimate <= self.high:
            raise ValueError(
                f"need low <= estimate <= high, got low={self.low}, estimate={self.estimate}, "
                f"high={self.high}"
            )

    def times(self, factor: float) -> "Interval":
        """
        Return the interval for the quantity multiplied by a known positive factor.

        Examples
        --------
        >>> Interval(1.0, 0.5, 1.5, 0.99).times(-1)
        Traceback (most recent call last):
        ...
        ValueError: need factor > 0, got factor=-1.0
        """
        known = real("factor", factor, above=0)
        return Interval(self.estimate * known, self.low * known, self.high * known, self.level)


def mean_interval(samples: ArrayLike, level: float = 0.99) -> Interval:
    """
    Return the mean of independent samples with a Student t interval.

    Parameters
    ----------
    samples : array_like, shape (k,)
        At least 2 independent draws.
    level : float
        Confidence level.

    Notes
    -----
    Exact for Gaussian samples, asymptotically valid for a finite variance, and approximate for
    skewed samples of moderate size. Not valid for an infinite variance: there, use
    `median_interval`.

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0], level=0.95)
    >>> round(interval.low, 3), interval.estimate, round(interval.high, 3)
    (-0.484, 2.0, 4.484)
    """
    values = sample(samples, at_least=2)
    level = real("level", level, above=0, below=1)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / sqrt(values.size)
    half = error * float(stats.t.ppf((1 + level) / 2, values.size - 1))
    return Interval(mean, mean - half, mean + half, level)


def quantile_interval(samples: ArrayLike, q: float, level: float = 0.99) -> Interval:
    r"""
    Return the empirical `q`-quantile with an interval between two order statistics.

    Parameters
    ----------
    samples : array_like, shape (k,)
        Independent draws of any law; no moment is needed.
    q : float
        Probability of the quantile, in (0, 1).
    level : float
        The coverage is at least this, for every continuous law.

    Notes
    -----
    The number of samples below the quantile is binomial, :math:`B \sim \mathrm{Bin}(k, q)`: the
    ends are the order statistics of rank :math:`l` and :math:`u` with
    :math:`P(B < l) \le (1 - level)/2` and :math:`P(B \ge u) \le (1 - level)/2`. An end is infinite
    when the sample is too small to bound the quantile on that side.

    Examples
    --------
    >>> quantile_interval(range(1, 1001), 0.9)
    Interval(estimate=900.1, low=875.0, high=925.0, level=0.99)
    >>> quantile_interval([1, 2, 3], 0.5).high
    inf
    """
    values = np.sort(sample(samples, at_least=1))
    q = real("q", q, above=0, below=1)
    level = real("level", level, above=0, below=1)
    tail = (1 - level) / 2
    rank_low = int(stats.binom.ppf(tail, values.size, q))
    rank_high = int(stats.binom.ppf(1 - tail, values.size, q)) + 1
    low = float(values[rank_low - 1]) if rank_low >= 1 else -inf
    high = float(values[rank_high - 1]) if rank_high <= values.size else inf
    estimate = min(max(float(np.quantile(values, q)), low), high)
    return Interval(estimate, low, high, level)


def median_interval(samples: ArrayLike, level: float = 0.99) -> Interval:
    """
    Return the median with its exact interval between two order statistics.

    See Also
    --------
    quantile_interval : The same for any quantile, with the derivation.

    Examples
    --------
    >>> median_interval(range(1, 102))
    Interval(estimate=51.0, low=38.0, high=64.0, level=0.99)
    """
    return quantile_interval(samples, 0.5, level)


def proportion_interval(successes: int, trials: int, level: float = 0.99) -> Interval:
    """
    Return a proportion with its Clopper-Pearson interval.

    Parameters
    ----------
    successes, trials : int
        Number of successes among independent trials.
    level : float
        The coverage is at least this, for every probability.

    Examples
    --------
    >>> proportion_interval(0, 100).low
    0.0
    >>> round(proportion_interval(0, 100).high, 4)
    0.0516
    """
    trials = whole("trials", trials, at_least=1)
    successes = whole("successes", successes, at_least=0)
    level = real("level", level, above=0, below=1)
    if successes > trials:
        raise ValueError(
            f"need successes <= trials, got successes={successes}, trials={trials}: swap them?"
        )
    tail, failures = (1 - level) / 2, trials - successes
    low = float(stats.beta.ppf(tail, successes, failures + 1)) if successes else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, failures)) if failures else 1.0
    return Interval(successes / trials, low, high, level)


def ratio_interval(samples: ArrayLike, bound: float, level: float = 0.99) -> Interval:
    """
    Return the mean over a known bound: a claim E[error] <= bound says that it is at most 1.

    Parameters
    ----------
    samples : array_like, shape (k,)
        Independent errors of finite variance (see `mean_interval`).
    bound : float
        The guaranteed bound, positive and known exactly.
    level : float
        Confidence level.

    Examples
    --------
    >>> ratio_interval([1.0, 2.0, 3.0], bound=4.0).estimate
    0.5
    """
    return mean_interval(samples, level).times(1 / real("bound", bound, above=0))


def quotient_interval(top: Interval, bottom: Interval) -> Interval:
    """
    Return the quotient of two independent positive estimates, with the errors of both.

    Parameters
    ----------
    top, bottom : Interval
        Of the same level, symmetric and with half-widths well below their estimates.

    Notes
    -----
    The relative half-widths add in squares (the delta method for Gaussian errors).

    Examples
    --------
    >>> found = quotient_interval(Interval(3.0, 2.91, 3.09, 0.99), Interval(2.0, 1.92, 2.08, 0.99))
    >>> found.estimate, round(found.low, 3), round(found.high, 3)
    (1.5, 1.425, 1.575)
    """
    if top.level != bottom.level:
        raise ValueError(f"need intervals of one level, got {top.level} and {bottom.level}")
    for name, interval in (("top", top), ("bottom", bottom)):
        real(f"low end of {name}", interval.low, above=0)
    relative = sqrt(sum(((i.high - i.low) / 2 / i.estimate) ** 2 for i in (top, bottom)))
    quotient = top.estimate / bottom.estimate
    return Interval(quotient, quotient * (1 - relative), quotient * (1 + relative), top.level)
