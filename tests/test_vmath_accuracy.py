"""The elementary functions: relative error at most 1e-15 over the whole range of each.

Against NumPy's extended precision on 10^6 points a function, on 10^7 with ``--extended`` (and
``-rP`` shows the largest errors); against mpmath on points that are chosen to be hard.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import mpmath  # type: ignore[import-untyped]  # it has no stubs
import numpy as np
import oracles
import pytest
from scipy.special import erfcinv
from vmath_loops import NAMES, values

from sde import vmath

BOUND = 1e-15
TINY = 2.0**-1022
SMALLEST, LARGEST = 2.0**-1074, float(np.finfo(float).max)
LN2 = math.log(2)

#: Points are drawn and judged in chunks, so that the extended run needs no more memory.
CHUNK = 2**16


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    """Compute with 100 digits: 50 are left where a multiple of pi near 2^48 cancels."""
    with mpmath.workdps(100):
        yield


# --- where the functions are hard -----------------------------------------------------------------

#: Intervals of the arguments; beyond, `test_special_values` states what is returned.
DOMAINS = {
    "exp": (-708.3964185322641, 709.782712893384),
    "exp_unchecked": (-708.0, 709.0),
    "log": (SMALLEST, LARGEST),
    "log_unchecked": (TINY, LARGEST),
    "sin": (-vmath.TRIG_LIMIT, vmath.TRIG_LIMIT),
    "cos": (-vmath.TRIG_LIMIT, vmath.TRIG_LIMIT),
    "sinpi_half": (0.0, 0.5),
    "tanh": (-LARGEST, LARGEST),
    "tanh2": (-LARGEST, LARGEST),
    "sigmoid": (-708.3964185322641, LARGEST),
    "erf": (-LARGEST, LARGEST),
}

#: Intervals where most arguments fall in use.
BULKS = {
    "exp": DOMAINS["exp"],
    "exp_unchecked": (-708.0, 709.0),
    "log": (0.0, 4.0),
    "log_unchecked": (0.0, 4.0),
    "sin": (-100.0, 100.0),
    "cos": (-100.0, 100.0),
    "sinpi_half": (0.0, 0.5),
    "tanh": (-22.0, 22.0),
    "tanh2": (-62.0, 62.0),
    "sigmoid": (-708.3, 45.0),
    "erf": (-6.2, 6.2),
}


def half_pi_multiples() -> Any:
    """Return the doubles nearest to k pi / 2: zeros, and where the reduction changes k."""
    powers = 2 ** np.arange(47, dtype=object)
    small, odd = np.arange(1, 5000, dtype=object), 3 * powers[:-1]
    whole = np.concatenate([small, powers, powers + 1, powers - 1, odd]).astype(np.longdouble)
    return (whole * oracles.PI / 2).astype(np.float64)


def centres(name: str) -> Any:
    """Return zeros, edges, and arguments at which the method changes its integer or polynomial."""
    steps = np.arange(-2045, 2049) + 0.5
    if name in ("sin", "cos"):
        multiples = half_pi_multiples()
        return np.concatenate([multiples, -multiples])
    if name in ("log", "log_unchecked"):
        return np.concatenate([np.ones(1000), 2.0 ** (np.arange(-1074, 1024.0) + 0.5)])
    if name == "erf":
        edges = erfcinv(2.0 ** -np.abs(steps[np.abs(steps) < 56])) * np.sign(steps[:1])
        return np.concatenate([edges, -edges, [5.9, -5.9, 6.0, -6.0]])
    return {
        "exp": steps * LN2,
        "exp_unchecked": steps * LN2,  # k + 1/2 times ln 2
        "sinpi_half": np.array([0.25, 0.5]),
        "tanh": np.concatenate([steps[np.abs(steps) < 56] * LN2 / 2, [27.5 * LN2, -27.5 * LN2]]),
        "tanh2": np.concatenate([steps[np.abs(steps) < 58], [55.0, -55.0, 58.0, -58.0]]),
        "sigmoid": np.concatenate([steps * LN2, [40.0, 36.7]]),
    }[name]


def inside(name: str, x: Any) -> Any:
    low, high = DOMAINS[name]
    return x[(x >= low) & (x <= high)]


def magnitudes(rng: np.random.Generator, low: float, high: float, n: int) -> Any:
    """Return numbers of either sign, uniform in their logarithm between powers of two."""
    split = rng.uniform(low, high, n)  # in two factors, for the smallest would underflow
    return rng.choice([-1.0, 1.0], n) * 2.0 ** (split / 2) * 2.0 ** (split / 2)


def away(x: Any, ulps: Any) -> Any:
    """Return the doubles that are so many units in the last place farther away from zero."""
    x = np.asarray(x, dtype=np.float64)
    bits = np.maximum(np.abs(x).view(np.int64) + ulps, 0)
    return np.copysign(bits.view(np.float64), x)


def beside(rng: np.random.Generator, places: Any, n: int) -> Any:
    """Return numbers beside places: half within 3 units in the last place, half at any distance.

    The latter's relative distance is from 2^-53 to 1/2, uniform in its logarithm.
    """
    place = rng.choice(places, n)
    near = rng.random(n) < 0.5
    with np.errstate(over="ignore"):  # to infinity, which is outside
        far = place * (1 + magnitudes(rng, -53, -1, n))
    return np.where(near, away(place, rng.integers(-3, 4, n)), far)


def points(name: str, rng: np.random.Generator) -> Any:
    """Return a chunk of arguments: bulk, every magnitude, beside hard places, beside the edges."""
    quarter = CHUNK // 4
    low, high = DOMAINS[name]
    largest = math.log2(max(-low, high))
    wide = magnitudes(rng, -1074, min(largest, 1023.99), quarter)
    narrow = magnitudes(rng, -60, min(largest, 8), quarter)
    if low >= 0:
        wide, narrow = np.abs(wide), np.abs(narrow)
    hard = [beside(rng, centres(name), quarter), beside(rng, [low, high], quarter // 8)]
    x = np.concatenate([rng.uniform(*BULKS[name], quarter), wide, narrow, *hard])
    return np.sort(inside(name, x))


# --- against extended precision -------------------------------------------------------------------


def errors(name: str, x: Any) -> tuple[Any, Any]:
    """Return relative errors, and errors in units in the last place, where values are normal.

    An exact value of zero must be met; a subnormal one may not be.
    """
    exact = oracles.ELEMENTARY[name](x)
    value = values(name, x)
    assert np.all(value[exact == 0] == 0)
    assert np.all(np.isfinite(value))
    normal = np.abs(exact) >= TINY
    absolute = np.where(normal, np.abs(value.astype(oracles.Long) - exact), 0)
    scale = np.where(normal, np.abs(exact), 1)
    return absolute / scale, absolute / np.spacing(scale.astype(np.float64))


def test_extended_precision_is_extended() -> None:
    assert np.finfo(oracles.Long).eps < 2e-19


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_accuracy_over_the_whole_range(name: str, extended: bool) -> None:
    seen, worst, where, ulps = 0, 0.0, 0.0, 0.0
    rng = np.random.default_rng(NAMES.index(name))
    while seen < (10_000_000 if extended else 1_000_000):
        x = points(name, rng)
        relative, units = errors(name, x)
        seen, ulps = seen + x.size, max(ulps, float(units.max()))
        place = int(np.argmax(relative))
        if relative[place] > worst:
            worst, where = float(relative[place]), float(x[place])
    print(f"{name}: {seen} points, largest error {worst:.3e} at {where!r}, {ulps:.2f} ulp")
    assert worst <= BOUND, f"{name}({where!r}): relative error {worst:.2e}"


# --- against mpmath -------------------------------------------------------------------------------

EXACT: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp,
    "exp_unchecked": mpmath.exp,
    "log": mpmath.log,
    "log_unchecked": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sinpi_half": mpmath.sinpi,
    "tanh": mpmath.tanh,
    "tanh2": lambda x: mpmath.tanh(x * mpmath.log(2) / 2),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "erf": mpmath.erf,
}


def neighbours(x: Any, ulps: int = 3) -> Any:
    """Return the doubles within `ulps` units in the last place of every x."""
    return np.concatenate([away(np.atleast_1d(x), k) for k in range(-ulps, ulps + 1)])


def continued_fraction(ratio: Any, largest: int) -> list[tuple[int, int]]:
    """Return the convergents p / q of a ratio with q below `largest`."""
    found, (p0, q0), (p1, q1) = [], (0, 1), (1, 0)
    while q1 < largest:
        whole = int(mpmath.floor(ratio))
        p0, q0, p1, q1 = p1, q1, whole * p1 + p0, whole * q1 + q0
        found.append((p1, q1))
        ratio = 1 / (ratio - whole)
    return found[:-1]


def closest_to_multiples_of_half_pi() -> Any:
    """Return the doubles below TRIG_LIMIT that come closest to multiples of pi / 2.

    For every binade, a convergent p / q of ulp * 2 / pi makes q ulp a near multiple p of pi / 2;
    so does the last intermediate fraction, the next best, whose q has 53 bits.
    """
    found = []
    for exponent in range(round(math.log2(vmath.TRIG_LIMIT))):
        ulp = mpmath.mpf(2) ** (exponent - 52)
        fractions = continued_fraction(2 * ulp / mpmath.pi, 2**53)
        (_, before), (_, last) = fractions[-2:]
        intermediate = before + (2**53 - before) // last * last
        found += [float(q * ulp) for q in (*(q for _, q in fractions), intermediate)]
    return np.unique(found)


def hard_points(name: str) -> Any:
    """Return edges and breakpoints with their neighbours, and the closest approaches to zeros."""
    places = centres(name)
    some = places[:: max(1, len(places) // 100)]
    edges = [each for each in DOMAINS[name] if each != 0]
    x = [neighbours(np.concatenate([some, edges])), SMALLEST * np.array([1, 2, 3, 2.0**51])]
    x.append(TINY * np.array([0.9, 1, 1.1, 2.0**40]))
    x.append(2.0 ** -np.arange(1, 1000, 7.0))
    x.append(np.linspace(*BULKS[name], 401))
    if name in ("log", "log_unchecked"):
        x += [neighbours(1.0, 9), 1 + 2.0 ** -np.arange(1, 53.0), 1 - 2.0 ** -np.arange(1, 53.0)]
    if name in ("sin", "cos"):
        closest = closest_to_multiples_of_half_pi()
        x += [closest, -closest, neighbours(np.arange(1, 9) * math.pi / 2)]
    points = np.concatenate(x)
    return inside(name, points[points > 0] if DOMAINS[name][0] >= 0 else points)


def test_the_closest_doubles_are_close_to_zeros() -> None:
    x = closest_to_multiples_of_half_pi()
    distance = [abs(float(mpmath.sin(2 * mpmath.mpf(each)))) / 2 for each in x]
    # A double in 2^52 of a binade is expected within 2^-53 pi / 2 of a multiple.
    assert (np.array(distance) < 2.0**-50).sum() > 100
    near = x[np.array(distance) < 2.0**-46]
    assert set(np.floor(np.log2(near))) >= set(range(1, 48))


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_at_hard_points_of_function_and_reference(name: str) -> None:
    x = hard_points(name)
    assert x.size > 500
    references = oracles.ELEMENTARY[name](x)
    for argument, value, extended in zip(x, values(name, x), references, strict=True):
        exact = EXACT[name](mpmath.mpf(float(argument)))
        if abs(exact) < TINY:
            assert exact != 0 or value == 0
            continue
        error = abs(mpmath.mpf(float(value)) / exact - 1)
        assert error <= BOUND, f"{name}({argument!r}) = {value!r}: error {float(error):.2e}"
        mantissa, exponent = np.frexp(extended)  # mpmath does not read extended numbers
        reference = mpmath.ldexp(int(mantissa * oracles.Long(2) ** 64), int(exponent) - 64)
        assert abs(reference / exact - 1) < 1e-17
