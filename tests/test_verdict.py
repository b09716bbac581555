"""The logic of quantities and verdicts."""

import json
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory_checks.figures import Figure, Panel, Series
from theory_checks.statistics import Interval
from theory_checks.verdict import Evidence, Quantity, decide

STATUSES = ["inside", "outside", "undecided"]
numbers = st.floats(-1e6, 1e6)


def quantity(status, role="law"):
    """Return a quantity, claimed to be at most 0, of the given status."""
    low, high = {"inside": (-2, -1), "outside": (1, 2), "undecided": (-1, 1), "reported": (0, 1)}[
        status
    ]
    relation, expected = ("reported", None) if status == "reported" else ("<=", 0.0)
    return Quantity(status, (low + high) / 2, low, high, expected, relation, role=role)


def verdict(printed=(), corrected=(), sharpness=(), law=(), controls=("inside",)):
    roles = {"printed": printed, "corrected": corrected, "sharpness": sharpness, "law": law}
    quantities = [quantity(s, role) for role, statuses in roles.items() for s in statuses]
    return decide(Evidence(tuple(quantities), tuple(quantity(s) for s in controls)))


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("holds", {"printed": ["inside"]}),
        ("holds", {"printed": ["inside", "inside"], "sharpness": ["inside"]}),
        ("holds", {"printed": ["inside"], "law": ["inside", "reported"]}),
        ("holds", {"printed": ["inside", "reported"], "controls": ["inside", "reported"]}),
        ("holds, not sharp", {"printed": ["inside"], "sharpness": ["inside", "outside"]}),
        ("inconclusive", {"printed": ["inside"], "sharpness": ["outside", "undecided"]}),
        ("fails as printed", {"printed": ["inside", "outside"], "corrected": ["inside"]}),
        ("fails as printed", {"printed": ["undecided", "outside"], "corrected": ["inside"]}),
        ("inconclusive", {"printed": ["outside"]}),
        ("inconclusive", {"printed": ["outside"], "corrected": ["inside", "undecided"]}),
        ("inconclusive", {"printed": ["outside"], "corrected": ["reported"]}),
        ("inconclusive", {"printed": ["undecided"], "corrected": ["inside"]}),
        ("inconclusive", {"printed": ["inside"], "law": ["undecided"]}),
        ("inconclusive", {"printed": ["inside"], "controls": []}),
        ("inconclusive", {"printed": ["inside"], "controls": ["reported"]}),
    ],
)
def test_decide_follows_the_rules(expected, found):
    assert verdict(**found) == expected


@given(
    st.lists(st.sampled_from(STATUSES), min_size=1, max_size=4),
    *[st.lists(st.sampled_from([*STATUSES, "reported"]), max_size=3) for _ in range(4)],
)
def test_a_verdict_needs_every_control_and_law_inside(printed, corrected, sharpness, law, controls):
    found = verdict(printed, corrected, sharpness, law, controls)
    tested = [s for s in controls if s != "reported"]
    lawful = all(s in ("inside", "reported") for s in law)
    if not tested or any(s != "inside" for s in tested) or not lawful:
        assert found == "inconclusive"
    if found.startswith("holds"):
        assert set(printed) == {"inside"}
    if found == "fails as printed":
        assert "outside" in printed
        assert "inside" in corrected


@pytest.mark.parametrize("printed", [(), ("reported",)])
def test_decide_refuses_evidence_that_tests_nothing_printed(printed):
    with pytest.raises(ValueError, match="role 'printed'"):
        verdict(printed, law=("inside",))


@given(st.tuples(numbers, numbers, numbers).map(sorted), numbers, st.floats(1e-3, 1e6))
def test_status_says_where_the_whole_interval_lies(ends, expected, tolerance):
    low, estimate, high = ends
    near = Quantity("x", estimate, low, high, expected, "=", tolerance)
    left, right = near.region
    assert (near.status == "inside") == (left <= low and high <= right)
    assert (near.status == "outside") == (high < left or low > right)
    below = Quantity("x", estimate, low, high, expected, "<=")
    above = Quantity("x", -estimate, -high, -low, -expected, ">=")
    assert below.status == above.status


@given(
    st.tuples(numbers, numbers, numbers).map(sorted),
    st.sampled_from(["<=", ">=", "=", "reported"]),
    st.sampled_from(["printed", "corrected", "sharpness", "law"]),
    st.booleans(),
)
def test_a_quantity_survives_json(ends, relation, role, infinite):
    low, estimate, high = ends
    if infinite:
        low, high = -inf, inf
    tolerance = 1.0 if relation == "=" else 0.0
    before = Quantity("x", estimate, low, high, 1.0, relation, tolerance, role, 0.95)
    text = json.dumps(before.to_dict(), allow_nan=False)
    assert Quantity.from_dict(json.loads(text)) == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"low": 2.0}, ValueError, "need low <= estimate <= high"),
        ({"high": 0.0}, ValueError, "need low <= estimate <= high"),
        ({"estimate": nan}, ValueError, "got NaN"),
        ({"estimate": inf, "high": inf}, ValueError, "need a finite estimate"),
        ({"low": nan}, ValueError, "got NaN"),
        ({"low": "0"}, TypeError, "need a real number"),
        ({"estimate": True}, TypeError, "need a real number"),
        ({"relation": "<"}, ValueError, "need relation to be one of"),
        ({"role": "print"}, ValueError, "did you mean printed"),
        ({"expected": None}, ValueError, "need an expected value"),
        ({"expected": nan}, ValueError, "got NaN"),
        ({"relation": "="}, ValueError, "need tolerance > 0"),
        ({"relation": "=", "tolerance": -1.0}, ValueError, "need tolerance > 0"),
        ({"tolerance": 0.1}, ValueError, "put the slack into the expected value"),
        ({"level": 99}, ValueError, "need level of 'x' < 1"),
        ({"name": ""}, TypeError, "need a non-empty name"),
    ],
)
def test_quantity_refuses_what_makes_no_sense(changes, error, message):
    fields = {"name": "x", "estimate": 1.0, "low": 0.5, "high": 1.5, "expected": 1.0}
    with pytest.raises(error, match=message):
        Quantity(**{**fields, "relation": "<=", **changes})


def test_a_quantity_takes_the_level_of_its_interval():
    made = Quantity.of("x", Interval(1.0, 0.5, 1.5, 0.9), 1.0, "=", tolerance=1.0, role="printed")
    assert (made.level, made.status, made.role) == (0.9, "inside", "printed")


def test_evidence_refuses_other_objects_and_equal_names():
    panel = Panel("p", "x", "y", (Series("s", [1], [1]),))
    with pytest.raises(ValueError, match="different names, got f, f"):
        Evidence((), (), (Figure("f", "one", (panel,)), Figure("f", "two", (panel,))))
    with pytest.raises(TypeError, match="need Quantity objects in controls"):
        Evidence((), ("slope",))
