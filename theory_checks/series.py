"""Series of a figure from what `theory_checks.statistics` returns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from theory_checks.figures import Emphasis, Series
from theory_checks.statistics import Interval, Order

__all__ = ["order_points", "points", "power_law"]


def points(
    label: str, x: ArrayLike, intervals: Sequence[Interval], *, control: bool = False
) -> Series:
    """Return points with their intervals as bars.

    Parameters
    ----------
    label : str
        Text of the legend.
    x : array_like, shape (k,)
        Abscissae.
    intervals : sequence of Interval, length k
        Ordinates.
    control : bool
        Whether a hypothesis is broken there.

    Examples
    --------
    >>> points("measured", [1.0], [Interval(2.0, 1.5, 2.5, 0.99)]).low
    (1.5,)
    """
    return Series(
        label,
        x,
        [interval.estimate for interval in intervals],
        low=[interval.low for interval in intervals],
        high=[interval.high for interval in intervals],
        emphasis="control" if control else "data",
    )


def order_points(label: str, order: Order, *, control: bool = False) -> Series:
    """Return the means or medians to which a convergence order was fitted, with their intervals.

    Examples
    --------
    >>> mean = Interval(2.0, 1.5, 2.5, 0.99)
    >>> order = Order(1.0, 1.0, 1.0, 0.99, 0.0, (4.0,), (mean,), (True,), (), 0.0)
    >>> order_points("measured", order).x
    (4.0,)
    """
    return points(label, order.values, order.statistics, control=control)


def power_law(label: str, order: Order, slope: float, emphasis: Emphasis) -> Series:
    """Return the line of a given slope, on logarithmic axes, through the first point of a fit.

    The band about it is the interval of that first point.

    Examples
    --------
    >>> mean = Interval(2.0, 1.5, 2.5, 0.99)
    >>> order = Order(1, 1, 1, 0.99, 0.0, (1.0, 4.0), (mean, mean), (True, True), (), 0.0)
    >>> power_law("rate", order, -0.5, "law").y
    (2.0, 1.0)
    """
    values = np.array(order.values)
    first, growth = order.statistics[0], (values / values[0]) ** slope
    y, low, high = (end * growth for end in (first.estimate, first.low, first.high))
    return Series(label, values, y, low, high, "line", emphasis)
