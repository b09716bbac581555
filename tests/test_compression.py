"""Pruning and the sharp law of its error."""

import math
from fractions import Fraction

import numpy as np
import oracles
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

import sde
from sde.compression import row_norms
from sde.stable import StableNoise

shapes = st.tuples(st.integers(1, 12), st.integers(1, 3))
moderate = st.one_of(st.just(0.0), st.floats(1e-3, 1e3), st.floats(-1e3, -1e-3))
states = shapes.flatmap(lambda shape: arrays(float, shape, elements=moderate))
shares = st.fractions(0, 1, max_denominator=50)


def relative_error(pruned, theta):
    return np.linalg.norm(pruned - theta) / np.linalg.norm(theta)


@given(states, shares)
def test_prune_is_its_oracle(theta, keep):
    norms = np.linalg.norm(theta, axis=1)
    distinct = np.unique(np.round(norms / max(norms.max(), 1e-300), 12))
    assume(len(distinct) == len(norms))  # ties up to rounding may be broken either way
    assert (sde.prune(theta, float(keep)) == oracles.pruned(theta, keep)).all()


def test_ties_keep_the_smaller_index():
    assert sde.prune(np.ones((5, 1)), 0.4).ravel().tolist() == [1, 1, 0, 0, 0]


@given(states, shares)
def test_error_is_that_of_prune(theta, keep):
    assume(theta.any())
    expected = relative_error(sde.prune(theta, float(keep)), theta)
    assert sde.compression_error(theta, float(keep)) == pytest.approx(expected, rel=1e-12)


@given(states, shares, st.randoms(use_true_random=False), st.sampled_from([1e-300, 1e-9, 7, 1e300]))
def test_error_and_ratio_see_neither_order_nor_scale(theta, keep, shuffle, scale):
    order = list(range(len(theta)))
    shuffle.shuffle(order)
    other = theta[order] * scale
    assume(np.isfinite(other).all())
    error = sde.compression_error(theta, float(keep))
    assert sde.compression_error(other, float(keep)) == pytest.approx(error, rel=1e-12)
    assume(scale != 7)  # a factor that is no power of two may move a sum across the threshold
    assert sde.pruning_ratio(theta[order]) == sde.pruning_ratio(theta)


@given(states, shares, shares)
def test_error_falls_with_the_share_kept(theta, one, other):
    less, more = sorted((float(one), float(other)))
    assert sde.compression_error(theta, more) <= sde.compression_error(theta, less)
    assert sde.pruning_ratio(theta, more) <= sde.pruning_ratio(theta, less)


@given(states)
def test_edges_of_the_share(theta):
    assert (sde.prune(theta, 1.0) == theta).all()
    assert not sde.prune(theta, 0.0).any()
    assert sde.compression_error(theta, 1.0) == 0.0
    assert sde.compression_error(theta, 0.0) == (1.0 if theta.any() else 0.0)
    assert sde.pruning_ratio(theta, 0.0) == 1.0
    assert sde.pruning_ratio(theta, 1.0) == np.mean(~theta.any(axis=1))


@given(st.integers(1, 10_000))
@example(100)  # 0.29 * 100 is 28.999999999999996
def test_decimal_shares_keep_what_they_say(n):
    theta = np.arange(1.0, n + 1)[:, None]
    for percent in (1, 29, 57, 58, 99):
        kept = np.count_nonzero(sde.prune(theta, percent / 100))
        assert kept == n * percent // 100


def test_zero_matrix():
    zero = np.zeros((4, 2))
    assert not sde.prune(zero, 0.5).any()
    assert sde.compression_error(zero, 0.5) == 0.0
    assert sde.pruning_ratio(zero) == 1.0


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300, 1.7e308])
def test_extreme_magnitudes(scale):
    theta = scale * np.array([[1.0, 1.0], [0.5, 0.5], [0.25, 0.0]])
    assert sde.prune(theta, 2 / 3).any(axis=1).tolist() == [True, True, False]
    expected = math.sqrt(0.0625 / 2.5625)
    rel = 1e-3 if scale < 1e-310 else 1e-12  # subnormal numbers have few digits
    assert sde.compression_error(theta, 2 / 3) == pytest.approx(expected, rel=rel)
    assert sde.pruning_ratio(theta, 0.9) == pytest.approx(1 / 3)


@given(states, st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50))
def test_ratio_is_the_largest_admissible_share(theta, energy):
    assume(theta.any())
    largest = oracles.largest_prunable(theta, energy)
    found = round(sde.pruning_ratio(theta, float(energy)) * len(theta))
    if found != largest:  # only where rounding decides
        slack = energy * (1 - Fraction(1, 10**11))
        assert found == oracles.largest_prunable(theta, slack)
        assert found == largest + 1


# --- the law of the error -------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.2, 1.5])
@pytest.mark.parametrize("kind", ["I", "II", "III"])
def test_median_and_quantiles_against_simulation(alpha, kind):
    # the q-quantile of 400 runs lies between order statistics 400 q ∓ z sqrt(400 q (1 - q)); the
    # law itself is asymptotic, good to 10 %. 18 tests at level 5e-6: false-failure rate 1e-4.
    noise, n, runs, keep = StableNoise(alpha, kind), 4000, 400, 0.1
    law = sde.CompressionLaw.of_noise(noise, 2, keep)
    errors = np.sort(
        [sde.compression_error(noise.sample(n, 2, seed=run), keep) for run in range(runs)]
    )
    for q in (0.25, 0.5, 0.75):
        reach = stats.norm.isf(2.5e-6) * math.sqrt(runs * q * (1 - q))
        low, high = errors[int(runs * q - reach)], errors[int(runs * q + reach)]
        found = law.quantile(n, q)
        assert low / 1.1 <= found <= high * 1.1
    assert law.median(n) == law.quantile(n, 0.5)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 1.9), st.floats(0.1, 10), st.floats(0.05, 0.95), st.floats(0.02, 0.9))
def test_width_is_where_the_quantile_is_the_error(alpha, constant, keep, eps):
    norms = np.linspace(0.1, 3, 500)
    law = sde.CompressionLaw(alpha, constant, norms, keep)
    # P(error > eps) = eps at width N: the (1 - eps)-quantile, a power of the width, is eps there
    exponent = 1 / alpha - 1 / 2
    log_width = math.log(1000) + math.log(law.quantile(1000, 1 - eps) / eps) / exponent
    assume(abs(log_width) < 600)
    assert math.log(law.width(eps)) == pytest.approx(log_width, rel=1e-9, abs=1e-9)


def test_small_energy_of_a_sample():
    law = sde.CompressionLaw(1.5, 1.0, [1.0, 2.0, 3.0, 10.0], 0.25)
    assert law.small_energy(0.25) == (1 + 4 + 9) / 4
    assert law.width(0.1, keep=0.5) == pytest.approx(law.width(0.1) * (5 / 14) ** 3)


def test_law_of_a_sample_is_that_of_its_norms():
    theta = StableNoise(1.5, "II").sample(500, 3)
    of_sample = sde.CompressionLaw.of_sample(theta, 0.2, alpha=1.5, tail_constant=2.0)
    direct = sde.CompressionLaw(1.5, 2.0, np.linalg.norm(theta, axis=1), 0.2)
    assert of_sample.median(100) == pytest.approx(direct.median(100), rel=1e-12)


def test_law_at_a_later_time_is_that_of_larger_noise():
    later = sde.CompressionLaw.of_noise(StableNoise(1.5, "II"), 2, 0.1, t=3.0, samples=10_000)
    larger = StableNoise(1.5, "II", sigma=3 ** (1 / 1.5))
    same = sde.CompressionLaw.of_noise(larger, 2, 0.1, samples=10_000)
    assert later.tail_constant == pytest.approx(same.tail_constant)
    assert later.median(1000) == pytest.approx(same.median(1000), rel=1e-9)


def test_width_may_be_beyond_all_numbers():
    law = sde.CompressionLaw(1.9999, 1e-3, np.linspace(1, 2, 100), 0.1)
    assert law.width(0.1) == math.inf


@pytest.mark.parametrize("other", [0.0, 1e-200, 5e-324, 1e200])
def test_norms_do_not_depend_on_other_rows(other):
    rows = np.array([[0.75, 0.5], [0.3, -0.7], [1 / 3, 2.0]])
    norms = row_norms(np.vstack([rows, [[other, 0.0]]]))
    assert (norms == [*row_norms(rows), other]).all()
