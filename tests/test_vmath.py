"""The elementary functions: accuracy over the whole range, special values, vectorisation."""

import importlib.util
import math
import re
from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]  # it has no stubs
import numpy as np
import pytest
from numba import njit

from sde import vmath

# The references are computed in numpy's extended precision, then in mpmath for hard points.
Long = np.longdouble
PI = Long("3.14159265358979323846264338327950288")
BOUND = 1e-15
POINTS = 1_000_000
TINY = 2.0**-1022

# The functions return doubles, mpmath 40 digits.
mpmath.mp.dps = 40


def compiled(function: Any) -> Any:
    """Return a compiled loop over one argument array."""

    @njit
    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


@njit
def pair_loop(u: Any, c: Any, s: Any) -> None:
    for i in range(u.size):
        c[i], s[i] = vmath.cos_sin_2pi(u[i])


UNARY = ["exp", "log", "sin", "cos", "sinpi_half", "tanh", "sigmoid", "erf"]
LOOPS = {name: compiled(getattr(vmath, name)) for name in UNARY}


def values(name: str, x: Any) -> Any:
    x = np.ascontiguousarray(x, dtype=np.float64)
    if name in UNARY:
        out = np.empty_like(x)
        LOOPS[name](x, out)
        return out
    c, s = np.empty_like(x), np.empty_like(x)
    pair_loop(x, c, s)
    return c if name == "cos_2pi" else s


def reference_erf(x: Any) -> Any:
    """Return erf by its series of positive terms, which loses nothing to cancellation."""
    x = np.clip(x, -7, 7).astype(Long)  # 1 - erf(7) is 4e-23
    square = x * x
    term = 2 * x / np.sqrt(PI) * np.exp(-square)
    total = term.copy()
    for n in range(1, 160):
        term *= 2 * square / (2 * n + 1)
        total += term
    return total


def reference_sin_2pi(u: Any) -> Any:
    turns = u - np.round(2 * u) / 2  # exact
    sign = np.where(np.round(2 * u) % 2 == 0, 1, -1)
    return sign * np.sin(2 * PI * turns.astype(Long))


def reference_cos_2pi(u: Any) -> Any:
    distance = 0.25 - np.abs((u - np.round(u)).astype(Long))  # from a zero, in turns
    return np.sin(2 * PI * distance)


REFERENCES: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: np.exp(x.astype(Long)),
    "log": lambda x: np.log(x.astype(Long)),
    "sin": lambda x: np.sin(x.astype(Long)),
    "cos": lambda x: np.cos(x.astype(Long)),
    "sinpi_half": lambda x: np.sin(PI * x.astype(Long)),
    "tanh": lambda x: np.tanh(x.astype(Long)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x.astype(Long))),
    "erf": reference_erf,
    "cos_2pi": reference_cos_2pi,
    "sin_2pi": reference_sin_2pi,
}


def signed_powers(rng: Any, low: float, high: float, n: int) -> Any:
    return rng.choice([-1.0, 1.0], n) * rng.uniform(1, 2, n) * 2.0 ** rng.uniform(low, high, n)


def neighbours(x: Any, ulps: int = 3) -> Any:
    """Return the doubles within `ulps` of every x."""
    x = np.atleast_1d(np.asarray(x, dtype=np.float64))
    return np.concatenate([x + k * np.spacing(x) for k in range(-ulps, ulps + 1)])


def points(name: str) -> Any:
    """Return about a million arguments over the whole domain, zeros and edges crowded."""
    rng = np.random.default_rng(20240611)
    half = POINTS // 2
    ln2 = math.log(2)
    if name == "exp":
        steps = neighbours((np.arange(-2043, 2047) + 0.5) * ln2 / 2)
        x = [rng.uniform(-708.39, 709.78, half), signed_powers(rng, -60, 8, half), steps]
    elif name == "log":
        exponents = 2.0 ** rng.integers(-1022, 1024, half)
        near = 1 + signed_powers(rng, -52, -1, half)
        x = [rng.uniform(1, 2, half) * exponents, near[near > 0], rng.uniform(0.3, 3, half // 2)]
        x.append(neighbours(np.sqrt(0.5) * 2.0 ** np.arange(-1020, 1024)))
    elif name in ("sin", "cos"):
        zeros = neighbours(np.concatenate([np.arange(1, 40_000), 2.0 ** np.arange(47)]) * np.pi / 2)
        powers = signed_powers(rng, -1000, 47, half)
        x = [rng.uniform(-100, 100, half), powers, signed_powers(rng, 20, 47, half), zeros]
    elif name == "sinpi_half":
        x = [rng.uniform(0, 0.5, half), np.abs(signed_powers(rng, -1000, -2, half)), [0.5, 0.25]]
    elif name in ("cos_2pi", "sin_2pi"):
        near = np.arange(0, 1.125, 0.125) + 2.0 ** -rng.uniform(4, 53, (half // 8, 1))
        grid = neighbours(np.arange(1, 8) / 8)
        x = [rng.uniform(0, 1, half), near.ravel(), 0.5 * rng.uniform(size=half) ** 8, grid]
        x = [part[(part >= 0) & (part < 1)] for part in x]
    elif name == "sigmoid":
        x = [rng.uniform(-708.39, 40, half), rng.uniform(-4, 4, half)]
        x += [signed_powers(rng, -60, 5, half), neighbours((np.arange(-2043, 80) + 0.5) * ln2 / 2)]
    else:
        top = 21.0 if name == "tanh" else 6.2
        x = [rng.uniform(-top, top, half), signed_powers(rng, -1000, 4, half // 2)]
        x += [signed_powers(rng, -8, 2, half // 2), neighbours(np.linspace(0.01, top, 2000))]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in x])


def relative_error(value: Any, exact: Any) -> Any:
    """Return the relative error; where the exact value is zero the value must be so too."""
    zero = exact == 0
    assert np.all(value[zero] == 0)
    return np.abs((value.astype(Long) - exact) / np.where(zero, 1, exact))


def test_the_reference_is_more_precise_than_a_double() -> None:
    assert np.finfo(Long).eps < 2e-19


@pytest.mark.parametrize("name", list(REFERENCES))
def test_accuracy_over_the_whole_range(name: str) -> None:
    x = points(name)
    assert x.size >= 0.9 * POINTS
    exact = REFERENCES[name](x)
    normal = (np.abs(exact) >= TINY) | (exact == 0)
    errors = np.where(normal, relative_error(values(name, x), exact), 0)
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUND, f"{name}({x[worst]!r}): relative error {errors[worst]:.2e}"


def check_against_mpmath(name: str, exact: Callable[[Any], Any], x: Any) -> None:
    x = np.asarray(x, dtype=np.float64)
    for argument, value in zip(x, values(name, x), strict=True):
        truth = exact(mpmath.mpf(float(argument)))
        error = abs((mpmath.mpf(float(value)) - truth) / truth)
        assert error <= BOUND, f"{name}({argument!r}) = {value!r}: error {float(error):.2e}"


def closest_to_zeros(odd: bool) -> list[float]:
    """Return, for every binade up to TRIG_LIMIT, doubles very near multiples of pi / 2."""
    found = []
    quotient = mpmath.mpf(2) / mpmath.pi
    for exponent in range(0, int(math.log2(vmath.TRIG_LIMIT))):
        # Convergents p / q of ulp * 2 / pi make x = q ulp a near multiple p of pi / 2.
        ulp = mpmath.mpf(2) ** (exponent - 52)
        p0, q0, p1, q1, rest = 0, 1, 1, 0, ulp * quotient
        while q1 < 2**53:
            whole = int(mpmath.floor(rest))
            p0, q0, p1, q1 = p1, q1, whole * p1 + p0, whole * q1 + q0
            if 2**52 <= q1 < 2**53 and p1 % 2 == odd:
                found.append(float(q1 * ulp))
            if 0 < q1 < 2**53 and p1 % 2 == odd and p1 > 0:
                found.append(float(q1 * ulp))
            rest = 1 / (rest - whole)
    return found


def test_hard_points_of_sine_and_cosine() -> None:
    even, odd = closest_to_zeros(odd=False), closest_to_zeros(odd=True)
    assert min(len(even), len(odd)) > 100
    edge = neighbours(vmath.TRIG_LIMIT)
    edge = edge[edge <= vmath.TRIG_LIMIT]
    hard = [*even, *odd, *edge, *-edge, 5e-300, -1e-20, math.pi, math.pi / 2, 3e13]
    check_against_mpmath("sin", mpmath.sin, hard)
    check_against_mpmath("cos", mpmath.cos, hard)


def test_hard_points_of_the_others() -> None:
    near_one = np.concatenate([neighbours(1.0, 6), 1 + 2.0 ** -np.arange(1, 53.0)])
    check_against_mpmath("log", mpmath.log, near_one[near_one != 1])
    check_against_mpmath("log", mpmath.log, [TINY, 1.7e308, 5e-300, np.sqrt(0.5), np.sqrt(2.0)])
    edges = neighbours([709.7827128933, -708.3964185322], 9)
    check_against_mpmath("exp", mpmath.exp, [*edges, 1e-300, -1e-20, 709.782712893384])
    sizes = [*2.0 ** -np.arange(0, 1000, 7.0), 0.17, 0.34, 0.35, 5.8, 5.89, 5.91]
    check_against_mpmath("tanh", mpmath.tanh, [*sizes, 18.9, 19.05, 19.1, 1e300])
    check_against_mpmath("erf", mpmath.erf, [*sizes, *np.linspace(0.05, 5.95, 300), 1e300])
    lower = [-708.396, -708.0, -300.25, -40.0, -1e-20, 1e-20, 36.0, 37.0, 1e300]
    check_against_mpmath("sigmoid", lambda x: 1 / (1 + mpmath.exp(-x)), lower)
    turns = [2.0**-60, 0.125, 0.2499999999999999, 0.3, 0.5000000000000001, 0.7500000000000001]
    check_against_mpmath("cos_2pi", lambda u: mpmath.cospi(2 * u), [*turns, 1 - 2.0**-53])
    check_against_mpmath("sin_2pi", lambda u: mpmath.sinpi(2 * u), [*turns, 1 - 2.0**-53])
    check_against_mpmath("sinpi_half", mpmath.sinpi, [2.0**-60, 1e-300, 0.25, 0.5])


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", [0, 710, -709, 1e300, -1e300, INF, -INF], [1, INF, 0, INF, 0, INF, 0]),
        ("log", [1, 0, 5e-324, INF, -1, -INF], [0, -INF, -INF, INF, NAN, NAN]),
        ("sin", [0, 2.0**49, -1e300, INF, -INF], [0, 0, 0, NAN, NAN]),
        ("cos", [0, 2.0**49, -1e300, INF, -INF], [1, 1, 1, NAN, NAN]),
        ("sinpi_half", [0], [0]),
        ("tanh", [0, 20, -20, 1e300, INF, -INF], [0, 1, -1, 1, 1, -1]),
        ("sigmoid", [0, 40, 1e300, INF, -709, -1e300, -INF], [0.5, 1, 1, 1, 0, 0, 0]),
        ("erf", [0, 6, -6, 1e300, INF, -INF], [0, 1, -1, 1, 1, -1]),
        ("cos_2pi", [0, 0.25, 0.5, 0.75], [1, 0, -1, 0]),
        ("sin_2pi", [0, 0.25, 0.5, 0.75], [0, 1, 0, -1]),
    ],
)
def test_special_values(name: str, x: list[float], expected: list[float]) -> None:
    padded = np.array([*x, NAN] * 8)  # long enough for the vector part of the loop
    np.testing.assert_array_equal(values(name, padded), np.array([*expected, NAN] * 8))
    np.testing.assert_array_equal(values(name, padded[: len(x)]), expected)  # and the scalar part


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_odd_functions_are_exactly_odd_and_never_above_one(name: str) -> None:
    x = np.concatenate([[0.0], np.linspace(3, 25, 200_001)])
    up, down = values(name, x), values(name, -x)
    np.testing.assert_array_equal(up, -down)
    assert np.signbit(down[0])
    assert up.max() == 1.0
    assert np.all(up[x >= 20] == 1.0)


@pytest.mark.parametrize(("name", "low", "high"), [("tanh", 15, 25), ("erf", 4, 8)])
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
    rng = np.random.default_rng(1)
    x = np.concatenate([signed_powers(rng, 0, 1023, 200_000), np.arange(-9999, 9999) * np.pi / 2])
    assert np.abs(values(name, x)).max() <= 1.0 + 2.0**-52


@pytest.mark.parametrize("name", [*UNARY, "cos_sin_2pi"])
def test_loops_are_vectorised_and_call_no_library(name: str) -> None:
    values("sin_2pi" if name == "cos_sin_2pi" else name, np.full(4, 0.3))
    loop = pair_loop if name == "cos_sin_2pi" else LOOPS[name]
    (assembly,) = loop.inspect_asm().values()
    packed = re.findall(r"^\s+(v?\w+pd|fml[as]\s+v\d+\.2d)\b.*", assembly, re.MULTILINE)
    # Enough of them that the polynomial, not just a copy, must be packed.
    assert len(packed) >= 8
    libm = r"\b(exp|expm1|log|sin|cos|tanh|erf|fma|rint|floor|ldexp|copysign)f?\b"
    calls = re.findall(rf"^.*(?:call|jmp|movabs|\bbl\b).*{libm}.*$", assembly, re.MULTILINE)
    assert not calls


@pytest.mark.parametrize("name", UNARY)
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
