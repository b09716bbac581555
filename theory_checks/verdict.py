"""Quantities measured by a check, and the verdict that they imply."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isinf
from typing import Any, Literal, Protocol, get_args

from theory_checks.figures import Figure
from theory_checks.validation import one_of, real

__all__ = ["Evidence", "Quantity", "Relation", "Role", "Status", "Verdict", "decide"]

Relation = Literal["=", "<=", ">=", "reported"]
Role = Literal["printed", "corrected", "sharpness", "law"]
Status = Literal["inside", "outside", "undecided", "reported"]
Verdict = Literal["holds", "holds, not sharp", "fails as printed", "inconclusive"]


class HasInterval(Protocol):
    """Anything with an estimate, the ends of its interval and the level of that interval."""

    @property
    def estimate(self) -> float:
        """Point estimate."""

    @property
    def low(self) -> float:
        """Low end of the interval."""

    @property
    def high(self) -> float:
        """High end of the interval."""

    @property
    def level(self) -> float:
        """Confidence level of the interval."""


@dataclass(frozen=True)
class Quantity:
    """
    One measured number with its interval, and the region in which a claim puts it.

    Parameters
    ----------
    name : str
        What is measured, in words.
    estimate, low, high : float
        Point estimate and the ends of its interval; the ends may be infinite.
    expected : float or None
        The claimed value or bound; may be None for a quantity that is only reported.
    relation : {"=", "<=", ">=", "reported"}
        How the quantity is claimed to relate to `expected`.
    tolerance : float
        Half-width of the claimed region for "=", which must be positive; zero for the others.
    role : {"printed", "corrected", "sharpness", "law"}
        What the quantity tests: the statement as printed, its corrected form, whether the printed
        guarantee is attained, or a sharper law that the check relies on.
    level : float
        Confidence level of the interval.

    Raises
    ------
    TypeError, ValueError
        If a number is NaN, the interval does not contain the estimate, a name is unknown, or the
        region is not defined.

    Examples
    --------
    >>> slope = Quantity("slope in n", -0.49, -0.53, -0.45, -0.4, "<=", role="printed")
    >>> slope.region
    (-inf, -0.4)
    >>> slope.status
    'inside'
    >>> Quantity("slope in n", -0.49, -0.53, -0.45, -0.5, "=", tolerance=0.04).status
    'undecided'
    """

    name: str
    estimate: float
    low: float
    high: float
    expected: float | None
    relation: Relation
    tolerance: float = 0.0
    role: Role = "law"
    level: float = 0.99

    def __post_init__(self) -> None:
        """Check every field, and store the numbers as plain floats."""
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"need a non-empty name for the quantity, got {self.name!r}")
        one_of("relation", self.relation, get_args(Relation))
        one_of("role", self.role, get_args(Role))
        for field in ("estimate", "low", "high", "tolerance", "level"):
            infinite = field in ("low", "high")
            number = real(f"{field} of {self.name!r}", getattr(self, field), infinite=infinite)
            object.__setattr__(self, field, number)
        real(f"level of {self.name!r}", self.level, above=0, below=1)
        if not self.low <= self.estimate <= self.high:
            raise ValueError(
                f"need low <= estimate <= high in {self.name!r}, got low={self.low}, "
                f"estimate={self.estimate}, high={self.high}: give an interval about the estimate"
            )
        self._check_region()

    def _check_region(self) -> None:
        """Refuse an expected value or tolerance that does not fit the relation."""
        if self.expected is not None:
            expected = real(f"expected value of {self.name!r}", self.expected)
            object.__setattr__(self, "expected", expected)
        elif self.relation != "reported":
            raise ValueError(
                f"need an expected value for relation {self.relation!r} of {self.name!r}, got "
                "None: give one, or use the relation 'reported'"
            )
        if self.relation == "=" and self.tolerance <= 0:
            raise ValueError(
                f"need tolerance > 0 for relation '=' of {self.name!r}, got {self.tolerance}: "
                "give the half-width of the claimed region"
            )
        if self.relation != "=" and self.tolerance != 0:
            raise ValueError(
                f"need tolerance = 0 for relation {self.relation!r} of {self.name!r}, got "
                f"{self.tolerance}: put the slack into the expected value"
            )

    @classmethod
    def of(
        cls,
        name: str,
        interval: HasInterval,
        expected: float | None,
        relation: Relation,
        *,
        tolerance: float = 0.0,
        role: Role = "law",
    ) -> "Quantity":
        """
        Make a quantity from an interval of `theory_checks.statistics`.

        Examples
        --------
        >>> from theory_checks.statistics import Interval
        >>> Quantity.of("tail index", Interval(1.5, 1.4, 1.6, 0.99), 1.5, "=", tolerance=0.2).status
        'inside'
        """
        ends = (interval.estimate, interval.low, interval.high)
        return cls(name, *ends, expected, relation, tolerance, role, interval.level)

    @property
    def region(self) -> tuple[float, float]:
        """
        Ends of the claimed region; the whole line for a quantity that is only reported.

        Examples
        --------
        >>> Quantity("slope", 1.0, 0.9, 1.1, 1.0, "=", tolerance=0.25).region
        (0.75, 1.25)
        """
        if self.expected is None or self.relation == "reported":
            return -inf, inf
        if self.relation == "=":
            return self.expected - self.tolerance, self.expected + self.tolerance
        return (-inf, self.expected) if self.relation == "<=" else (self.expected, inf)

    @property
    def status(self) -> Status:
        """
        Where the whole interval lies with respect to the region.

        Examples
        --------
        >>> Quantity("slope", 1.0, 0.9, 1.1, 1.5, ">=").status
        'outside'
        """
        if self.relation == "reported":
            return "reported"
        low, high = self.region
        if low <= self.low and self.high <= high:
            return "inside"
        return "outside" if self.high < low or high < self.low else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """
        Return the quantity as plain JSON values; an infinite end becomes None.

        Examples
        --------
        >>> Quantity("width", 2.0, 1.0, float("inf"), None, "reported").to_dict()["high"] is None
        True
        """
        return {
            "name": self.name,
            "estimate": self.estimate,
            "low": None if isinf(self.low) else self.low,
            "high": None if isinf(self.high) else self.high,
            "level": self.level,
            "expected": self.expected,
            "relation": self.relation,
            "tolerance": self.tolerance,
            "role": self.role,
            "status": self.status,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Quantity":
        """
        Make the quantity that `to_dict` described; the status is worked out again.

        Examples
        --------
        >>> slope = Quantity("slope", 1.0, 0.9, 1.1, 1.5, ">=")
        >>> Quantity.from_dict(slope.to_dict()) == slope
        True
        """
        fields = {key: data[key] for key in cls.__dataclass_fields__}
        fields["low"] = -inf if fields["low"] is None else fields["low"]
        fields["high"] = inf if fields["high"] is None else fields["high"]
        return cls(**fields)


@dataclass(frozen=True)
class Evidence:
    """
    What a check of one claim found.

    Parameters
    ----------
    quantities : tuple of Quantity
        What was measured where the hypotheses of the claim hold.
    controls : tuple of Quantity
        What was measured where a hypothesis is broken. The region of a control describes the
        expected failure of the conclusion.
    figures : tuple of Figure
        What to draw.

    Examples
    --------
    >>> Evidence((Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">=", role="printed"),)).controls
    ()
    """

    quantities: tuple[Quantity, ...]
    controls: tuple[Quantity, ...] = ()
    figures: tuple[Figure, ...] = ()

    def __post_init__(self) -> None:
        """Store the collections as tuples, and check what they hold."""
        kinds = (("quantities", Quantity), ("controls", Quantity), ("figures", Figure))
        for field, kind in kinds:
            items = tuple(getattr(self, field))
            object.__setattr__(self, field, items)
            for item in items:
                if not isinstance(item, kind):
                    raise TypeError(f"need {kind.__name__} objects in {field}, got {item!r}")
        names = [figure.name for figure in self.figures]
        if len(set(names)) < len(names):
            raise ValueError(f"need figures of different names, got {', '.join(names)}")


def decide(evidence: Evidence) -> Verdict:
    """
    Return the verdict that the evidence implies.

    A check that cannot fail shows nothing, so a verdict other than "inconclusive" needs at least
    one control, and every control inside its region: there the conclusion was seen to fail. A
    quantity or control that is only "reported" decides nothing. Then

    - a law that is not inside its region makes the check inconclusive;
    - every printed quantity inside: "holds", or "holds, not sharp" when a sharpness quantity is
      outside; a sharpness quantity that is undecided makes the check inconclusive;
    - a printed quantity outside, and at least one corrected quantity, all of them inside: "fails as
      printed";
    - everything else is "inconclusive".

    Raises
    ------
    ValueError
        If no quantity tests the printed statement.

    Examples
    --------
    >>> printed = Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">=", role="printed")
    >>> control = Quantity("slope, independent noise", 0.0, -0.1, 0.1, 0.2, "<=")
    >>> decide(Evidence((printed,), (control,)))
    'holds'
    >>> decide(Evidence((printed,)))
    'inconclusive'
    """
    found = {role: _statuses(evidence.quantities, role) for role in get_args(Role)}
    if not found["printed"]:
        raise ValueError(
            "need at least one quantity with role 'printed' that is not only reported, got none: "
            "a verdict is about the printed statement"
        )
    controls = _statuses(evidence.controls, None)
    if not controls or not _all_inside(controls) or not _all_inside(found["law"]):
        return "inconclusive"
    if _all_inside(found["printed"]):
        return _sharpness(found["sharpness"])
    if "outside" in found["printed"] and found["corrected"] and _all_inside(found["corrected"]):
        return "fails as printed"
    return "inconclusive"


def _statuses(quantities: tuple[Quantity, ...], role: Role | None) -> list[Status]:
    """Return the statuses of the quantities of one role (or all) that are tested."""
    chosen = [q for q in quantities if role is None or q.role == role]
    return [q.status for q in chosen if q.status != "reported"]


def _all_inside(statuses: list[Status]) -> bool:
    """Return whether every status is "inside"; true for none."""
    return all(status == "inside" for status in statuses)


def _sharpness(statuses: list[Status]) -> Verdict:
    """Return the verdict on a printed statement that holds."""
    if "undecided" in statuses:
        return "inconclusive"
    return "holds, not sharp" if "outside" in statuses else "holds"
