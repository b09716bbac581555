"""What is measured without a peer: a number, its unit, and the limit it has to keep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .measure import Settings

__all__ = ["Measurement", "Study"]

Relation = Literal["at most", "at least", "inside", "reported"]


@dataclass(frozen=True)
class Measurement:
    """A measured number with its interval or range, and its target.

    Parameters
    ----------
    name : str
        What was measured.
    value, low, high : float
        The number, and the interval or the range of rounds behind it.
    unit : str
        Its unit.
    relation : {"at most", "at least", "inside", "reported"}
        What the target asks of the value; "inside": of the whole interval.
    target : tuple of float
        The limit, or the two ends of the region.
    note : str
        How it was measured, where the name does not say it.

    Examples
    --------
    >>> Measurement("memory", 1.2, 1.2, 1.2, "states", "at most", (1.3,)).met
    True
    >>> Measurement("exponent", 1.0, 0.9, 1.1, "", "inside", (0.97, 1.03)).met
    False
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    relation: Relation = "reported"
    target: tuple[float, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.relation == "at most":
            return self.value <= self.target[0]
        if self.relation == "at least":
            return self.value >= self.target[0]
        if self.relation == "inside":
            return self.target[0] <= self.low and self.high <= self.target[1]
        return None


@dataclass(frozen=True)
class Study:
    """A named set of measurements."""

    name: str
    title: str
    measure: Callable[[Settings], list[Measurement]]
