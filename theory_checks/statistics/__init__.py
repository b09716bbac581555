"""Intervals, convergence orders and tail estimators: everything that a verdict rests on."""

from theory_checks.statistics.distances import ks_distance
from theory_checks.statistics.intervals import (
    Interval,
    mean_interval,
    median_interval,
    proportion_interval,
    quantile_interval,
    ratio_interval,
)
from theory_checks.statistics.slopes import Order, convergence_order
from theory_checks.statistics.tails import hill_index, tail_constant, tail_index

__all__ = [
    "Interval",
    "Order",
    "convergence_order",
    "hill_index",
    "ks_distance",
    "mean_interval",
    "median_interval",
    "proportion_interval",
    "quantile_interval",
    "ratio_interval",
    "tail_constant",
    "tail_index",
]
