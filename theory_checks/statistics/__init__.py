"""
Intervals, convergence orders and tail estimators: everything that a verdict rests on.

For a theorem of your own: `convergence_order` for a rate, `is_bounded` for a bound, `tail_index`
and `tail_constant` for a power tail, and the intervals for everything else. All of them take plain
arrays of independent replicates, and return an `Interval`, or more.
"""

from theory_checks.statistics.bounds import Boundedness, is_bounded
from theory_checks.statistics.intervals import (
    Interval,
    mean_interval,
    median_interval,
    proportion_interval,
    quantile_interval,
    ratio_interval,
)
from theory_checks.statistics.order import Order
from theory_checks.statistics.slopes import Drop, Limit, convergence_order
from theory_checks.statistics.tails import hill_index, tail_constant, tail_index

__all__ = [
    "Boundedness",
    "Drop",
    "Interval",
    "Limit",
    "Order",
    "convergence_order",
    "hill_index",
    "is_bounded",
    "mean_interval",
    "median_interval",
    "proportion_interval",
    "quantile_interval",
    "ratio_interval",
    "tail_constant",
    "tail_index",
]
