"""The table of quantiles against the law that is inverted independently, tail and bulk."""

import math

import numba
import numpy as np
import oracles
import pytest
from scipy import stats

from sde import StableNoise, random
from sde.lookup import FIRST_CELL, TERMS
from sde.positive_stable import positive_stable_quantile
from sde.quantiles import quantile_table, root_table, upper_quantile, upper_tail
from sde.scalar_draws import PARAMETERS, ROWS, scalar_parameters, table_entry

ALPHAS = (0.7, 1.0, 1.2, 1.5, 1.75, 1.95)


@numba.njit
def entries(bits):
    rows, places, tails = np.empty(len(bits), np.int64), np.empty(len(bits)), np.empty(len(bits))
    for i in range(len(bits)):
        start, places[i] = table_entry(bits[i])
        rows[i] = start // np.uint64(8 * TERMS) - np.uint64(2 * FIRST_CELL)
        tails[i] = random.half_unit(bits[i])
    return rows, places, tails


def draws_of(alpha, bits):
    """Return what words become: the value of the cell's polynomial, and the exact tail beyond."""
    rows, places, tails = entries(bits)
    terms = quantile_table(alpha)[rows // 2]
    values = sum(terms[:, k] * places**k for k in range(terms.shape[1]))
    return np.where(rows % 2 == 0, values, -values), tails


@pytest.mark.parametrize("alpha", ALPHAS)
def test_draws_have_the_tail_probability_of_their_words(alpha):
    rng = np.random.default_rng(int(100 * alpha))
    shift = rng.integers(0, 62, 4000).astype(np.uint64)  # leading zeros: far out
    bits = rng.integers(0, 2**64, 4000, dtype=np.uint64) >> shift
    x, u = draws_of(alpha, bits)
    far = np.abs(x) > 40
    tail = np.empty(len(x))
    tail[far] = oracles.stable_tail(alpha, np.abs(x[far])) / 2
    tail[~far] = oracles.stable_cdf(alpha, -np.abs(x[~far]))
    print(alpha, far.sum(), "far", np.abs(tail / u - 1)[far].max(), "abs", np.abs(tail - u).max())
    assert np.abs(tail - u).max() < 1e-10
    assert np.abs(tail / u - 1)[far].max() < 1e-9
    assert (np.sign(x) == 1 - 2 * (bits & np.uint64(1)).astype(int)).all()


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_smallest_word_gives_the_quantile_of_its_probability(alpha):
    x, u = draws_of(alpha, np.zeros(1, np.uint64))
    limit = StableNoise(alpha, "II").tail_constant(1) / (2 * u[0])
    print(alpha, f"largest 2^({math.log2(x[0]) * alpha:.2f}/alpha)")
    assert u[0] == 2.0**-65
    assert x[0] ** alpha == pytest.approx(limit, rel=1e-9)
    assert math.log2(x[0]) * alpha > 52


@pytest.mark.parametrize("word", [2**64 - 1, 2**64 - 2])
def test_the_largest_words_give_the_median(word):
    x, u = draws_of(1.5, np.array([word], np.uint64))
    assert u[0] == 0.5
    assert abs(x[0]) < 1e-14
    table = root_table(1.5, above=word % 2 == 0)
    assert table[-1, 0] ** 2 / 2 == pytest.approx(positive_stable_quantile(0.75, 0.5), rel=1e-14)
    assert not table[-1, 1:].any()


@pytest.mark.parametrize("radial", [False, True])
def test_numbers_too_large_for_the_scale_are_infinite(radial):
    parameters = scalar_parameters(0.7, 1e295, radial=radial)
    first = PARAMETERS + (2 * ROWS * TERMS if radial else 0)
    table = parameters[first : first + 2 * ROWS * TERMS].reshape(ROWS, 2, TERMS)[:, 0]
    unscaled = root_table(0.7, above=True) / math.sqrt(2) if radial else quantile_table(0.7)
    far = np.abs(unscaled).max(axis=1) > np.finfo(float).max / 1e295
    assert 0 < far.sum() < ROWS
    # the polynomial of these terms is an infinity at any place, without a NaN
    assert (table[far] == [math.inf, *[0.0] * (TERMS - 1)]).all()
    assert table[~far] == pytest.approx(1e295 * unscaled[~far], rel=1e-15)


@pytest.mark.parametrize("alpha", [2 - 1e-5, 2 - 1e-7, 2 - 1e-14, 2.0])
def test_quantiles_near_the_normal_law(alpha):
    # first order in 2 - alpha: P(S > x) = P(N > x) + (2 - alpha) x^-2 / 2 far out
    u = 2.0 ** -np.arange(1, 65)
    x = upper_quantile(alpha, u)
    assert (np.diff(x) > 0).all()
    normal = stats.norm(scale=math.sqrt(2))
    assert x[:8] == pytest.approx(normal.isf(u[:8]), abs=30 * (2 - alpha) + 1e-9)
    far = x > 30
    assert x[far] ** 2 == pytest.approx((2 - alpha) / (2 * u[far]), rel=0.02)
    tail, density = upper_tail(alpha, x)
    assert tail == pytest.approx(u, rel=1e-6, abs=1e-12)
    step = 1e-4
    slope = (upper_tail(alpha, x + step)[0] - upper_tail(alpha, x)[0]) / step
    assert density == pytest.approx(-slope, rel=2e-3, abs=1e-9)


def test_closed_forms():
    u = np.concatenate([2.0 ** -np.arange(1, 65), np.linspace(0.01, 0.49, 49)])
    assert upper_quantile(1.0, u) == pytest.approx(1 / np.tan(np.pi * u), rel=1e-10, abs=1e-12)
    assert upper_quantile(2.0, u) == pytest.approx(stats.norm.isf(u) * math.sqrt(2), abs=1e-12)
