"""The elementary functions: special values, symmetry, saturation, vectorisation."""

import importlib.util
import math
import re
from typing import Any

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError
from vmath_loops import LOOPS, NAMES, values

from sde import vmath


def test_every_function_is_tested() -> None:
    assert {*NAMES, "TANH2_SCALE", "TRIG_LIMIT", "TRIG_LIMIT_SINGLE"} == set(vmath.__all__)


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", [0, 710, -709, 1e300, -1e300, INF, -INF], [1, INF, 0, INF, 0, INF, 0]),
        ("exp", [709.7827128933841, -708.3964185322642], [INF, 0]),  # just outside
        ("log", [1, 0, -0.0, INF, -5e-324, -1, -INF], [0, -INF, -INF, INF, NAN, NAN, NAN]),
        ("sin", [0, 2.0**49, -1e300, INF, -INF], [0, 0, 0, NAN, NAN]),
        ("cos", [0, 2.0**49, -1e300, INF, -INF], [1, 1, 1, NAN, NAN]),
        ("sinpi_half", [0], [0]),
        ("tanh", [0, 20, -20, 1e300, INF, -INF], [0, 1, -1, 1, 1, -1]),
        ("tanh2", [0, 58, -58, 1e300, INF, -INF], [0, 1, -1, 1, 1, -1]),
        ("sigmoid", [0, 40, 1e300, INF, -709, -1e300, -INF], [0.5, 1, 1, 1, 0, 0, 0]),
        ("erf", [0, 6, -6, 1e300, INF, -INF], [0, 1, -1, 1, 1, -1]),
    ],
)
def test_special_values(name: str, x: list[float], expected: list[float]) -> None:
    padded = np.array([*x, NAN] * 8)  # long enough for the vector part of the loop
    np.testing.assert_array_equal(values(name, padded), np.array([*expected, NAN] * 8))
    np.testing.assert_array_equal(values(name, padded[: len(x)]), expected)  # and the scalar part


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("log")])
def test_an_integer_is_refused_by_its_type(name: str) -> None:
    function = getattr(vmath, name)
    with pytest.raises(TypingError, match="need a float64 or a float32, got int64"):
        function(1)
    assert function(0.25) == values(name, np.full(16, 0.25))[0]


@pytest.mark.parametrize(("name", "scale"), [("tanh", 1), ("tanh2", 2.9), ("erf", 1)])
def test_odd_functions_are_exactly_odd_and_never_above_one(name: str, scale: float) -> None:
    x = scale * np.concatenate([[0.0], np.linspace(3, 25, 200_001)])
    up, down = values(name, x), values(name, -x)
    np.testing.assert_array_equal(up, -down)
    assert np.signbit(down[0])
    assert up.max() == 1.0
    assert np.all(up[x >= 20 * scale] == 1.0)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("tanh", 15, 25), ("tanh2", 40, 70), ("erf", 4, 8)]
)
def test_saturation_is_monotone_up_to_rounding(name: str, low: float, high: float) -> None:
    y = values(name, np.linspace(low, high, 100_001))
    assert np.diff(y).min() >= -(2.0**-52)
    assert y[-1] == 1.0


def test_sigmoid_saturates() -> None:
    y = values("sigmoid", np.linspace(-760, 60, 400_001))
    assert y[0] == 0.0
    assert y[-1] == 1.0
    assert y.max() == 1.0
    assert np.all(np.diff(y) >= -4e-16 * y[1:])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_exceed_one_by_a_rounding_at_most(name: str) -> None:
    powers = 2.0 ** np.random.default_rng(1).uniform(0, 1023, 200_000)
    x = np.concatenate([powers, -powers, np.arange(-9999, 9999) * np.pi / 2])
    assert np.abs(values(name, x)).max() <= 1.0 + 2.0**-52


@pytest.mark.parametrize("name", NAMES)
def test_loops_are_vectorised_and_call_no_library(name: str) -> None:
    values(name, np.full(4, 0.3))
    loop = LOOPS[name]
    assembly = loop.inspect_asm((types.float64[::1], types.float64[::1]))
    packed = re.findall(r"^\s+(v?\w+pd|fml[as]\s+v\d+\.2d)\b.*", assembly, re.MULTILINE)
    # Enough of them that the polynomial, not just a copy, must be packed.
    assert len(packed) >= 8
    libm = r"\b(exp|expm1|log|sin|cos|tanh|erf|fma|rint|floor|ldexp|copysign)f?\b"
    calls = re.findall(rf"^.*(?:call|jmp|movabs|\bbl\b).*{libm}.*$", assembly, re.MULTILINE)
    assert not calls


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_with_fastmath_changes_nothing(name: str) -> None:
    # A fresh copy of the module: its functions are compiled first for this very caller.
    assert vmath.__file__ is not None
    spec = importlib.util.spec_from_file_location("fresh_vmath", vmath.__file__)
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    function = getattr(fresh, name)

    @njit(fastmath=True, error_model="numpy")
    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    x = np.linspace(0.001, 0.5, 1001)
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_array_equal(out, values(name, x))
