"""Numbers and regions as short text, for the table and the report."""

from math import inf

from theory_checks.verdict import Quantity

__all__ = ["expected_text", "interval_text", "number_text"]


def number_text(value: float) -> str:
    """
    Return a number with four significant digits.

    Examples
    --------
    >>> number_text(0.123456), number_text(-2e-7), number_text(float("inf")), number_text(12345.6)
    ('0.1235', '−2e-07', '∞', '1.235e+04')
    """
    sign = "−" if value < 0 else ""
    return sign + ("∞" if abs(value) == inf else f"{abs(value):.4g}")


def interval_text(quantity: Quantity) -> str:
    """
    Return the interval of a quantity.

    Examples
    --------
    >>> interval_text(Quantity("slope", 1.0, 0.9, float("inf"), None, "reported"))
    '[0.9, ∞]'
    >>> interval_text(Quantity("width", 7.0, 7.0, 7.0, None, "reported"))
    '–'
    """
    if quantity.low == quantity.high:  # computed, not measured
        return "–"
    return f"[{number_text(quantity.low)}, {number_text(quantity.high)}]"


def expected_text(quantity: Quantity) -> str:
    """
    Return the claimed region of a quantity.

    Examples
    --------
    >>> expected_text(Quantity("slope", 1.0, 0.9, 1.1, 1.0, "=", tolerance=0.2))
    '1 ± 0.2'
    >>> expected_text(Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">="))
    '≥ 0.5'
    >>> expected_text(Quantity("slope", 1.0, 0.9, 1.1, None, "reported"))
    'reported only'
    """
    if quantity.expected is None:
        return "reported only"
    value = number_text(quantity.expected)
    if quantity.relation == "=":
        return f"{value} ± {number_text(quantity.tolerance)}"
    if quantity.relation == "reported":
        return f"{value}, reported only"
    return f"{'≤' if quantity.relation == '<=' else '≥'} {value}"
