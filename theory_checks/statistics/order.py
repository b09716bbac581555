"""What a fit of a convergence order found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory_checks.statistics.intervals import Interval
from theory_checks.validation import vector

__all__ = ["Order"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Order(Interval):
    """
    Slope of log error against log value, with what is needed to draw the fit.

    Parameters
    ----------
    estimate, low, high, level : float
        Slope and its interval, which includes the floor bias.
    intercept : float
        Fitted log error where the value is 1.
    values : tuple of float
        The values, in the order given.
    statistics : tuple of Interval
        Mean or median error at each value, with its own interval.
    kept : tuple of bool
        Which values entered the fit.
    local_slopes : tuple of float
        Slopes between consecutive values, in increasing order of the values.
    floor_bias : float
        By how much the noise floor of the reference widens each side of the interval.
    floor_share : float
        The largest share that the noise floor has in an error that entered the fit.
    drift : Interval or None
        Slope between the two kept values farthest from the limit, minus that of the fit without the
        farthest; None for two kept values. An interval that excludes zero says that the fit is
        still bent there.

    Examples
    --------
    >>> import numpy as np
    >>> from theory_checks.statistics import convergence_order
    >>> errors = np.random.default_rng(0).gamma(4.0, size=(64, 1)) * np.array([4.0, 2.0, 1.0])
    >>> order = convergence_order([0.4, 0.2, 0.1], errors)
    >>> order.line([1.0])[0] == np.exp(order.intercept)
    np.True_
    """

    intercept: float
    values: tuple[float, ...]
    statistics: tuple[Interval, ...]
    kept: tuple[bool, ...]
    local_slopes: tuple[float, ...]
    floor_bias: float
    floor_share: float = 0.0
    drift: Interval | None = None

    @property
    def dropped(self) -> tuple[float, ...]:
        """
        The values that did not enter the fit, in the order given.

        Examples
        --------
        >>> Order(1, 1, 1, 0.99, 0.0, (1.0, 2.0, 4.0), (), (False, True, True), (), 0.0).dropped
        (1.0,)
        """
        return tuple(x for x, kept in zip(self.values, self.kept, strict=True) if not kept)

    def diagnosis(self) -> str:
        """
        Return what a reader should know before trusting the fit, a line for each diagnostic.

        Examples
        --------
        >>> from theory_checks.statistics import convergence_order
        >>> errors = np.random.default_rng(0).gamma(4.0, size=(64, 4)) * np.array([8, 4, 2, 1])
        >>> print(convergence_order([0.8, 0.4, 0.2, 0.1], errors, floor=0.02).diagnosis())
        order 0.974, 99 % interval 0.859 to 1.09, from 4 of 4 values
        local slopes 0.839 to 1.04
        drift at the far end 0.0729 (-0.404 to 0.55): none seen
        noise floor: at most 0.474 % of an error, widens each side by 0.0029
        """
        return "\n".join([self._of_fit(), self._of_slopes(), *self._of_drift(), *self._of_floor()])

    def _of_fit(self) -> str:
        """Return slope, interval and the values that were dropped."""
        kept, ends = sum(self.kept), f"{self.low:.3g} to {self.high:.3g}"
        left = ", ".join(f"{x:g}" for x in self.dropped)
        text = f"order {self.estimate:.3g}, {100 * self.level:g} % interval {ends}, from {kept} of "
        return text + f"{len(self.values)} values" + (f" (dropped: {left})" if left else "")

    def _of_slopes(self) -> str:
        """Return the range of the local slopes."""
        return f"local slopes {min(self.local_slopes):.3g} to {max(self.local_slopes):.3g}"

    def _of_drift(self) -> list[str]:
        """Return the drift that is left, if it was measured."""
        if self.drift is None:
            return []
        low, high = self.drift.low, self.drift.high
        found = "none seen" if low <= 0 <= high else "the fit is still bent"
        return [
            f"drift at the far end {self.drift.estimate:.3g} ({low:.3g} to {high:.3g}): {found}"
        ]

    def _of_floor(self) -> list[str]:
        """Return what the noise floor does, if one was given."""
        if self.floor_share == 0:
            return []
        share, bias = 100 * self.floor_share, self.floor_bias
        return [f"noise floor: at most {share:.3g} % of an error, widens each side by {bias:.3g}"]

    def line(self, values: ArrayLike) -> Array:
        """
        Return the fitted error at each of the values.

        Examples
        --------
        >>> order = Order(1.0, 1.0, 1.0, 0.99, 0.0, (1.0,), (), (True,), (), 0.0)
        >>> order.line([2.0, 4.0]).round(12).tolist()
        [2.0, 4.0]
        """
        return np.exp(self.intercept + self.estimate * np.log(vector("values", values)))
