"""Errors at several values, by replicate: their statistics and bootstrap resamples."""

from collections.abc import Sequence
from math import isqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory_checks.statistics.intervals import Interval, mean_interval, median_interval
from theory_checks.validation import finite, sample

__all__ = ["Statistic", "intervals_by_value", "resample", "samples_by_value", "statistics_by_value"]

Array = NDArray[np.float64]
Statistic = Literal["mean", "median"]

MIN_REPLICATES = 8  # the t factor at 99 % is still moderate (3.5); below, the interval says little
CHUNK = 4_000_000  # counts held at once: 32 MB


def samples_by_value(
    errors: NDArray[np.floating] | Sequence[ArrayLike], levels: int
) -> tuple[list[Array], bool]:
    """Return the errors at each value, and whether they are paired."""
    paired = isinstance(errors, np.ndarray)
    if isinstance(errors, np.ndarray):
        if errors.ndim != 2 or errors.shape[1] != levels:
            raise ValueError(
                f"need errors of shape (replicates, {levels}), got {errors.shape}: one column for "
                "each value, or a list of samples when they are independent"
            )
        finite("errors", errors)
    elif not isinstance(errors, (list, tuple)) or len(errors) != levels:
        raise TypeError(
            f"need errors as an array of shape (replicates, {levels}) or a list of {levels} "
            f"samples, got {type(errors).__name__}"
            + (f" of {len(errors)}" if hasattr(errors, "__len__") else "")
        )
    columns = errors.T if isinstance(errors, np.ndarray) else errors
    samples = []
    for index, column in enumerate(columns):
        name = f"errors[{index}]"
        samples.append(sample(column, at_least=MIN_REPLICATES, name=name))
        if samples[-1].min() < 0:
            raise ValueError(f"need errors >= 0, got {samples[-1].min()} in {name}")
    return samples, paired


def statistics_by_value(samples: list[Array], statistic: Statistic) -> Array:
    """Return the mean or median of each sample, refusing one that is not positive."""
    summary = np.mean if statistic == "mean" else np.median
    found = np.array([float(summary(column)) for column in samples])
    if np.any(found <= 0):
        index = int(np.argmin(found))
        raise ValueError(
            f"need a positive {statistic} error at every value, got {found[index]} at index "
            f"{index} (0-based): the errors vanish there, drop that value"
        )
    return found


def intervals_by_value(
    samples: list[Array], statistic: Statistic, level: float
) -> tuple[Interval, ...]:
    """Return the interval of the mean or median at each value."""
    interval = mean_interval if statistic == "mean" else median_interval
    return tuple(interval(column, level) for column in samples)


def resample(
    samples: list[Array],
    paired: bool,
    statistic: Statistic,
    resamples: int,
    rng: np.random.Generator,
) -> Array:
    """Return the statistics of bootstrap resamples, shape (resamples, L)."""
    if paired:
        return _resample_rows(np.stack(samples, axis=1), statistic, resamples, rng)
    columns = [_resample_rows(s[:, None], statistic, resamples, rng) for s in samples]
    return np.concatenate(columns, axis=1)


def _resample_rows(
    rows: Array, statistic: Statistic, resamples: int, rng: np.random.Generator
) -> Array:
    """Return the column statistics of resampled rows; a zero one counts as the least error.

    A resample is known by how often it holds each row: the statistics are found from these counts,
    without a copy of the rows.
    """
    count, statistics = rows.shape[0], _means if statistic == "mean" else _medians
    out = np.empty((resamples, rows.shape[1]))
    step = max(1, CHUNK // count)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        chosen = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        counts = np.bincount(chosen.ravel(), minlength=size * count).reshape(size, count)
        out[start : start + size] = statistics(rows, counts.astype(np.float64))
    least = np.array([column[column > 0].min() for column in rows.T])
    return np.asarray(np.maximum(out, least / count))


def _means(rows: Array, counts: Array) -> Array:
    """Return the means of the columns, one row a resample."""
    return np.asarray(counts @ rows / len(rows))


def _medians(rows: Array, counts: Array) -> Array:
    """Return the medians of the columns, one row a resample.

    Half of a resample lies below the median: the row whose rank that is, among all R in order, is
    within 4 sqrt(R), 8 standard deviations of a binomial number, of R / 2.
    """
    size = len(rows)
    low, high = max(0, size // 2 - 4 * isqrt(size) - 4), size // 2 + 4 * isqrt(size) + 4
    order = np.argsort(rows, axis=0)
    found = np.empty((len(counts), rows.shape[1]))
    for k, ranks in enumerate(order.T):
        below = counts @ np.isin(np.arange(size), ranks[:low])
        inner = below[:, None] + counts[:, ranks[low:high]].cumsum(axis=1)
        # of an even number, the mean of the two in the middle
        middle = [low + (inner <= rank).sum(axis=1) for rank in ((size - 1) // 2, size // 2)]
        found[:, k] = rows[ranks[middle], k].mean(axis=0)
    return found
