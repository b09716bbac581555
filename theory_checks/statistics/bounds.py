"""Whether means stay bounded along a sequence, or grow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory_checks.statistics.intervals import Interval
from theory_checks.statistics.order import Order
from theory_checks.statistics.replicates import Statistic, samples_by_value
from theory_checks.statistics.slopes import Limit, convergence_order
from theory_checks.validation import real, vector

__all__ = ["Boundedness", "is_bounded"]

Decision = Literal["bounded", "unbounded", "undecided"]


@dataclass(frozen=True)
class Boundedness:
    """
    Whether means stay below a multiple of a bound; true in a condition only when that was shown.

    Parameters
    ----------
    verdict : {"bounded", "unbounded", "undecided"}
        What the interval of the growth says.
    growth : Interval
        Exponent with which the means, over the bound, grow towards the limit.
    slack : float
        The largest growth that counts as none.
    largest : Interval
        The largest of the means over the bound: what the constant must be at least.
    order : Order
        The fit from which the growth is read.

    Examples
    --------
    >>> errors = np.random.default_rng(0).gamma(4.0, size=(256, 4))
    >>> found = is_bounded([16, 64, 256, 1024], errors)
    >>> found.verdict, bool(found)
    ('bounded', True)
    """

    verdict: Decision
    growth: Interval
    slack: float
    largest: Interval
    order: Order

    def __bool__(self) -> bool:
        """Return whether boundedness was shown."""
        return self.verdict == "bounded"


def is_bounded(
    values: ArrayLike,
    errors: NDArray[np.floating] | Sequence[ArrayLike],
    *,
    bound: ArrayLike = 1.0,
    slack: float = 0.05,
    limit: Limit = "infinity",
    statistic: Statistic = "mean",
    level: float = 0.99,
    resamples: int = 2000,
    seed: int = 0,
) -> Boundedness:
    r"""
    Decide whether mean (or median) errors are O(bound) as the values go to their limit.

    Parameters
    ----------
    values, errors, statistic, level, resamples, seed
        As for `convergence_order`, at three values or more.
    bound : float or array_like, shape (L,)
        Positive bound at each value, up to a constant: ``n**-0.5`` for errors that should be
        :math:`O(n^{-1/2})`.
    slack : float
        The largest growth exponent that counts as none, positive. The decision is "bounded" when
        the interval of the exponent ends below it, and "unbounded" when it starts above.
    limit : {"infinity", "zero"}
        Where the values go: numbers of particles grow, step sizes vanish.

    Returns
    -------
    Boundedness
        The decision and what it rests on; true in a condition only if it is "bounded".

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range.

    Notes
    -----
    No finite computation shows that a sequence is bounded. What is decided is whether its growth
    over the values given is slower than :math:`n^{slack}`: a logarithm has the local exponent
    :math:`1 / \log n`, so it passes for bounded beyond :math:`n = e^{1/slack}`. Values far from the
    limit are dropped by the rule "drift" of `convergence_order`, so that a sequence which is still
    approaching its bound is judged by its end.

    Examples
    --------
    >>> import numpy as np
    >>> n = np.array([16, 64, 256, 1024])
    >>> errors = np.random.default_rng(0).gamma(4.0, size=(200, 4)) * n**-0.4
    >>> is_bounded(n, errors).verdict
    'bounded'
    >>> is_bounded(n, errors, bound=n**-0.5).verdict
    'unbounded'
    """
    slack = real("slack", slack, above=0)
    x = vector("values", values, at_least=3)
    bounds = vector("bound", np.atleast_1d(np.asarray(bound, dtype=np.float64)))
    if bounds.size not in (1, x.size) or bounds.min() <= 0:
        raise ValueError(f"need one bound > 0, or {x.size} of them, got {bounds.tolist()}")
    samples, paired = samples_by_value(errors, x.size)
    scaled = [column / b for column, b in zip(samples, np.resize(bounds, x.size), strict=True)]
    order = convergence_order(
        x,
        np.stack(scaled, axis=1) if paired else scaled,
        statistic=statistic,
        level=level,
        resamples=resamples,
        seed=seed,
        drop="drift",
        limit=limit,
    )
    return _decide(order, slack, -1.0 if limit == "zero" else 1.0)


def _decide(order: Order, slack: float, sign: float) -> Boundedness:
    """Return the decision for errors over their bound; growth is `sign` times the order."""
    low, high = sorted((sign * order.low, sign * order.high))
    growth = Interval(sign * order.estimate, low, high, order.level)
    largest = max(order.statistics, key=lambda interval: interval.estimate)
    verdict: Decision = "undecided"
    if high <= slack:
        verdict = "bounded"
    elif low > slack:
        verdict = "unbounded"
    return Boundedness(verdict, growth, slack, largest, order)
