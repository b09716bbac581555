"""The elementary functions in single precision: relative error at most 2.4e-7, four roundings.

Against double precision on one float32 in 512, and on all of them with ``--extended``.
"""

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, expit
from vmath_loops import DOUBLE_ONLY, LOOPS, NAMES, values

from sde import vmath

BOUND = 2.4e-7
TINY, LARGEST = 2.0**-126, float(np.finfo(np.float32).max)
INF, NAN = math.inf, math.nan

SINGLE = [name for name in NAMES if name not in DOUBLE_ONLY]

#: The function in double precision, and the interval in which its error is bounded.
EXACT: dict[str, tuple[Any, tuple[float, float]]] = {
    "exp": (np.exp, (-87.33654, 88.72283)),
    "exp_unchecked": (np.exp, (-87.0, 88.0)),
    "sin": (np.sin, (-vmath.TRIG_LIMIT_SINGLE, vmath.TRIG_LIMIT_SINGLE)),
    "cos": (np.cos, (-vmath.TRIG_LIMIT_SINGLE, vmath.TRIG_LIMIT_SINGLE)),
    "tanh": (np.tanh, (-LARGEST, LARGEST)),
    "tanh2": (lambda x: np.tanh(math.log(2) / 2 * x), (-LARGEST, LARGEST)),
    "sigmoid": (expit, (-87.33654, LARGEST)),
    "erf": (erf, (-LARGEST, LARGEST)),
}


def single(name: str, x: Any) -> Any:
    """Return the values of a function at float32 numbers."""
    return values(name, x, np.float32)


def test_every_function_is_tested() -> None:
    assert set(EXACT) == set(SINGLE)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SINGLE)
def test_accuracy_over_the_whole_range(name: str, extended: bool) -> None:
    exact, (low, high) = EXACT[name]
    step = 1 if extended else 512
    worst, where, seen = 0.0, 0.0, 0
    for sign in (0, 2**31):
        for start in range(SINGLE.index(name), 2**31, step * 2**20):  # not always the same ones
            bits = np.arange(start, min(start + step * 2**20, 2**31), step, dtype=np.int64) + sign
            x = bits.astype(np.uint32).view(np.float32)
            with np.errstate(invalid="ignore"):
                x = x[(x >= low) & (x <= high)]
            expected = exact(x.astype(np.float64))
            found = single(name, x)
            assert found.dtype == np.float32
            normal = np.abs(expected) >= TINY
            error = np.abs(found[normal].astype(np.float64) / expected[normal] - 1)
            seen += x.size
            if error.size and error.max() > worst:
                worst, where = float(error.max()), float(x[normal][error.argmax()])
    print(f"{name}: {seen} points, largest error {worst:.3e} at {where!r}")
    assert seen > 2**21 / step * 512 // 8
    assert worst <= BOUND, f"{name}({where!r}): relative error {worst:.2e}"


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", [0, 89, -88, 1e30, -1e30, INF, -INF], [1, INF, 0, INF, 0, INF, 0]),
        ("exp", [88.72284, -87.33655], [INF, 0]),  # just outside
        ("sin", [0, 2.0**21, -1e30, INF, -INF], [0, 0, 0, NAN, NAN]),
        ("cos", [0, 2.0**21, -1e30, INF, -INF], [1, 1, 1, NAN, NAN]),
        ("tanh", [0, 10, -10, 1e30, INF, -INF], [0, 1, -1, 1, 1, -1]),
        ("sigmoid", [0, 20, 1e30, INF, -88, -1e30, -INF], [0.5, 1, 1, 1, 0, 0, 0]),
        ("erf", [0, 4, -4, 1e30, INF, -INF], [0, 1, -1, 1, 1, -1]),
    ],
)
def test_special_values(name: str, x: list[float], expected: list[float]) -> None:
    padded = np.array([*x, NAN] * 8)  # long enough for the vector part of the loop
    np.testing.assert_array_equal(single(name, padded), np.array([*expected, NAN] * 8))
    np.testing.assert_array_equal(single(name, padded[: len(x)]), expected)  # and the scalar part


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_odd_functions_are_exactly_odd_and_never_above_one(name: str) -> None:
    x = np.concatenate([[0.0], np.linspace(1e-3, 12, 2_000_001)])
    up, down = single(name, x), single(name, -x)
    np.testing.assert_array_equal(up, -down)
    assert up[0] == 0  # tanh does not keep the sign of zero
    assert up.max() == 1.0
    assert np.all(up[x >= 9.7] == 1.0)


def test_double_results_do_not_come_from_the_single_form() -> None:
    x = np.linspace(-3, 3, 1001)
    for name in SINGLE:
        assert (values(name, x) != single(name, x)).mean() > 0.9


@pytest.mark.parametrize("name", SINGLE)
def test_loops_are_vectorised_and_compute_in_single_precision(name: str) -> None:
    single(name, np.full(4, 0.3))
    loop = LOOPS[name]
    (assembly,) = (text for key, text in loop.inspect_asm().items() if "float32" in str(key))
    packed = re.findall(r"^\s+(v?\w+ps|fml[as]\s+v\d+\.4s)\b.*", assembly, re.MULTILINE)
    assert len(packed) >= 8
    assert not re.findall(r"^\s+(?:v?\w+pd|v?cvt\w+)\b.*", assembly, re.MULTILINE)
    libm = r"\b(exp|expm1|log|sin|cos|tanh|erf|fma|rint|floor|ldexp|copysign)f?\b"
    assert not re.findall(rf"^.*(?:call|jmp|movabs|\bbl\b).*{libm}.*$", assembly, re.MULTILINE)
