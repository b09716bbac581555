"""Intervals, slopes and tail estimators, against laws that are known exactly.

Every random test has fixed seeds. The coverage tests repeat an interval of nominal level 0.95 or
0.99 and compare the number of hits with binomial bounds of the stated false-failure rate.
"""

from functools import partial
from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles import resampled
from scipy import stats

from theory_checks.statistics import (
    Interval,
    convergence_order,
    hill_index,
    is_bounded,
    mean_interval,
    median_interval,
    proportion_interval,
    quantile_interval,
    quotient_interval,
    ratio_interval,
    tail_constant,
    tail_index,
)
from theory_checks.statistics.replicates import resample

REPEATS = 400


def hits(interval_of, truth, repeats=REPEATS):
    """Return how many of the intervals made from independent generators contain the truth."""
    intervals = [interval_of(np.random.default_rng([7, i])) for i in range(repeats)]
    return sum(found.low <= truth <= found.high for found in intervals)


def pareto(rng, size, alpha=1.5):
    """Return samples with P(X > x) = x^-alpha for x >= 1."""
    return rng.random(size) ** (-1 / alpha)


# Two-sided binomial bounds with false-failure rate 1e-4 in total, for exact intervals.
@pytest.mark.parametrize(
    ("interval_of", "truth"),
    [
        (lambda rng: mean_interval(rng.normal(3, 2, 10), 0.95), 3.0),
        (lambda rng: ratio_interval(rng.normal(3, 2, 10), 4.0, 0.95), 0.75),
        (
            lambda rng: quotient_interval(
                mean_interval(rng.normal(30, 2, 50), 0.95),
                mean_interval(rng.normal(10, 1, 50), 0.95),
            ),
            3.0,
        ),
        (lambda rng: tail_index(pareto(rng, 200), 2.0, 0.95), 1.5),
        (lambda rng: hill_index(pareto(rng, 200), 50, 0.95), 1.5),
    ],
    ids=["mean", "ratio", "quotient", "tail index", "hill"],
)
def test_exact_intervals_cover_at_their_level(interval_of, truth):
    low, high = stats.binom.ppf([5e-5, 1 - 5e-5], REPEATS, 0.95)
    assert low <= hits(interval_of, truth) <= high


# Conservative by construction: only the lower bound is tested, with false-failure rate 1e-4.
@pytest.mark.parametrize(
    ("interval_of", "truth"),
    [
        (lambda rng: median_interval(rng.standard_cauchy(51), 0.95), 0.0),
        (lambda rng: quantile_interval(rng.random(200), 0.9, 0.95), 0.9),
        (lambda rng: proportion_interval(int(rng.binomial(40, 0.1)), 40, 0.95), 0.1),
        (lambda rng: tail_constant(pareto(rng, 400), 1.5, 4.0, 0.95), 1.0),
    ],
    ids=["median", "quantile", "proportion", "tail constant"],
)
def test_conservative_intervals_cover_at_least_their_level(interval_of, truth):
    assert hits(interval_of, truth) >= stats.binom.ppf(1e-4, REPEATS, 0.95)


def order_of(rng, *, replicates, paired, statistic):
    """Return the order found for errors of slope 3/2, with noise shared by the levels or not."""
    values = 2.0 ** -np.arange(5)
    own = rng.lognormal(0, 0.4, (replicates, 5))
    errors = own * rng.lognormal(0, 0.5, (replicates, 1)) if paired else own
    errors = errors * values**1.5
    given_errors = errors if paired else list(errors.T)
    return convergence_order(values, given_errors, statistic=statistic, resamples=300)


# The bootstrap t interval is approximate: a true coverage between 0.975 and 1 passes, with a
# false-failure rate of 1e-4 at the edge 0.975.
@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("replicates", [8, 32])
def test_the_order_covers_at_about_its_level(replicates, paired, statistic):
    find = partial(order_of, replicates=replicates, paired=paired, statistic=statistic)
    assert hits(find, 1.5) >= stats.binom.ppf(1e-4, REPEATS, 0.975)


def test_the_interval_of_the_order_is_not_too_wide():
    """Its width for independent levels is near the exact one of log-normal errors (to 25 %)."""
    rng = np.random.default_rng(11)
    found = order_of(rng, replicates=400, paired=False, statistic="median")
    x = np.log(found.values)
    error = np.sqrt(np.pi / 2) * 0.4 / np.sqrt(400) / np.sqrt(np.sum((x - x.mean()) ** 2))
    expected = 2 * stats.norm.ppf(0.995) * error
    assert 0.75 < (found.high - found.low) / expected < 1.25


def test_an_exact_power_law_is_found_exactly():
    values = np.array([0.1, 0.3, 0.9, 2.7])
    order = convergence_order(values, np.tile(2 * values**0.7, (8, 1)))
    assert_allclose([order.estimate, order.low, order.high], 0.7, rtol=1e-12)
    assert_allclose(order.intercept, log(2), rtol=1e-12)
    assert_allclose(order.local_slopes, 0.7, rtol=1e-12)
    assert_allclose(order.line(values), 2 * values**0.7, rtol=1e-12)
    assert order.values == tuple(values)


def test_paired_noise_cancels():
    """Noise that multiplies every level alike does not move the slope."""
    rng = np.random.default_rng(3)
    values = np.array([1.0, 2.0, 4.0])
    common = rng.lognormal(0, 2, (16, 1)) * values**-0.5
    order = convergence_order(values, common)
    assert_allclose([order.low, order.high], -0.5, atol=1e-12)
    apart = convergence_order(values, list(common.T))
    assert apart.high - apart.low > 0.5


def test_the_floor_widens_by_the_worst_signs():
    values, floor = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.01, 0.02, 0.01, 0.03])
    errors = values**-0.5
    order = convergence_order(values, np.tile(errors, (8, 1)), floor=floor)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    slopes = [np.polyfit(np.log(values), np.log(errors + s * floor), 1)[0] for s in signs]
    worst = np.max(np.abs(np.array(slopes) + 0.5))
    assert_allclose(order.floor_bias, worst, rtol=1e-9)
    assert_allclose([order.low, order.high], [-0.5 - worst, -0.5 + worst], rtol=1e-9)


def test_a_floor_as_large_as_an_error_decides_nothing():
    order = convergence_order([1.0, 2.0], np.tile([1.0, 0.5], (8, 1)), floor=0.5)
    assert (order.low, order.high) == (-inf, inf)


@pytest.mark.parametrize(
    ("values", "power", "limit", "kept"),
    [
        (2.0 ** -np.arange(7), 1.0, None, (False, False, False, True, True, True, True)),
        (2.0 ** np.arange(7), -0.5, None, (False, False, False, True, True, True, True)),
        (2.0 ** np.arange(7), 0.2, "infinity", (False, False, False, True, True, True, True)),
    ],
)
def test_values_outside_the_asymptotic_regime_are_dropped(values, power, limit, kept):
    drift = np.where(np.array(kept), 1.0, 2.0 ** np.arange(3, -4, -1))
    errors = np.random.default_rng(5).lognormal(0, 0.01, (64, 7)) * values**power * drift
    order = convergence_order(values, errors, drop="drift", limit=limit)
    assert order.kept == kept
    assert order.low < power < order.high


def test_the_drift_that_is_left_is_reported():
    """The drift is the first local slope minus the slope of the others, at the far end."""
    values, logs = 2.0 ** np.arange(5), np.array([0.0, -0.9, -1.4, -1.9, -2.4]) * log(2)
    bent = convergence_order(values, np.tile(np.exp(logs), (8, 1)))
    assert_allclose(bent.drift.estimate, -0.4, rtol=1e-12)
    assert bent.dropped == ()
    assert "the fit is still bent" in bent.diagnosis()
    cut = convergence_order(values, np.tile(np.exp(logs), (8, 1)), drop="drift")
    assert cut.dropped == (1.0,)
    assert "dropped: 1" in cut.diagnosis()
    assert_allclose(cut.drift.estimate, 0.0, atol=1e-12)
    assert convergence_order([1, 2], np.tile([2.0, 1.0], (8, 1))).drift is None


def test_the_share_of_the_floor_is_that_of_the_smallest_kept_error():
    errors = np.tile([2.0, 1.0, 0.5, 0.25], (8, 1))
    order = convergence_order([8, 4, 2, 1], errors, floor=[0.1, 0.01, 0.01, 0.01])
    assert_allclose(order.floor_share, 0.05)
    assert "noise floor: at most 5 %" in order.diagnosis()
    assert "noise floor" not in convergence_order([8, 4, 2, 1], errors).diagnosis()


WIDTHS = 4 ** np.arange(2, 8)


def gamma_errors(power, *, replicates=400, seed=0, values=WIDTHS):
    rng = np.random.default_rng(seed)
    return values, rng.gamma(4.0, 0.25, (replicates, len(values))) * values**power


# Growth 0.2 and decay to a limit are 10 and more standard errors (0.01) from the slack: false
# failures below 1e-20.
@pytest.mark.parametrize(
    ("power", "bound", "verdict"),
    [(0.0, 0, "bounded"), (-0.3, 0, "bounded"), (0.2, 0, "unbounded"), (-0.3, -0.5, "unbounded")],
)
def test_growth_over_a_bound_is_seen(power, bound, verdict):
    values, errors = gamma_errors(power)
    found = is_bounded(values, errors, bound=values.astype(float) ** bound)
    assert found.verdict == verdict
    assert bool(found) == (verdict == "bounded")
    assert found.growth.low < power - bound < found.growth.high
    columns = is_bounded(values, list(errors.T), bound=values.astype(float) ** bound)
    assert columns.verdict == verdict


def test_steps_go_to_zero():
    steps, errors = gamma_errors(-0.2, values=4.0 ** -np.arange(6))
    found = is_bounded(steps, errors, limit="zero")
    assert found.verdict == "unbounded"
    assert found.growth.low < 0.2 < found.growth.high
    assert is_bounded(steps, errors, limit="infinity").verdict == "bounded"


def test_too_few_replicates_leave_growth_undecided():
    values, errors = gamma_errors(0.05, replicates=16)
    found = is_bounded(values, errors)
    assert found.verdict == "undecided"
    assert not found


def test_an_approach_to_a_bound_is_judged_by_its_end():
    """1 - 2/n is bounded, though its slope over all values exceeds the slack."""
    values = 4 ** np.arange(1, 8)
    errors = np.tile(1 - 2 / values, (8, 1))
    assert convergence_order(values, errors).estimate > 0.05
    assert is_bounded(values, errors).verdict == "bounded"
    assert_allclose(is_bounded(values, 3 * errors).largest.estimate, 3 * (1 - 2 / values[-1]))


def test_at_least_four_values_are_kept():
    values = 2.0 ** -np.arange(6)
    errors = np.exp(np.tile(np.log(values) ** 2, (8, 1)))
    assert sum(convergence_order(values, errors, drop="drift", limit="zero").kept) == 4


# One test of drift per data set at level 0.99: at most 5 % are dropped, false-failure rate 1e-4.
def test_a_power_law_is_rarely_cut():
    def is_whole(rng):
        errors = rng.lognormal(0, 0.4, (32, 5)) * 2.0 ** -np.arange(5)
        order = convergence_order(2.0 ** -np.arange(5), errors, drop="drift", resamples=200)
        return Interval(float(all(order.kept)), 0.0 if not all(order.kept) else 1.0, 1.0, 0.99)

    whole = sum(is_whole(np.random.default_rng([9, i])).estimate for i in range(REPEATS))
    assert whole >= stats.binom.ppf(1e-4, REPEATS, 0.975)


def test_the_bootstrap_is_reproducible():
    errors = np.random.default_rng(0).random((16, 3))
    first = convergence_order([1, 2, 3], errors, seed=4)
    assert first == convergence_order([1, 2, 3], errors, seed=4)
    assert first.low != convergence_order([1, 2, 3], errors, seed=5).low


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_a_quantile_interval_contains_its_estimate(samples, q):
    found = quantile_interval(samples, q)
    assert found.low <= found.estimate <= found.high


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_the_proportion_interval_inverts_the_binomial_tails(pair):
    successes, trials = pair
    found = proportion_interval(successes, trials)
    if successes:
        assert_allclose(stats.binom.sf(successes - 1, trials, found.low), 0.005, rtol=1e-6)
    if successes < trials:
        assert_allclose(stats.binom.cdf(successes, trials, found.high), 0.005, rtol=1e-6)


def test_the_order_statistics_are_the_closest_that_cover():
    k, q = 100, 0.3
    found = quantile_interval(np.arange(1, k + 1), q)
    law = stats.binom(k, q)
    low, high = int(found.low), int(found.high)
    assert law.cdf(low - 1) <= 0.005 < law.cdf(low)
    assert law.sf(high - 1) <= 0.005 < law.sf(high - 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean_interval([1.0]), ValueError, "at least 2 values"),
        (lambda: mean_interval([1.0, np.nan]), ValueError, "got 1 of 2 not finite"),
        (lambda: mean_interval([[1.0, 2.0]]), ValueError, "one-dimensional"),
        (lambda: mean_interval(["a", "b"]), TypeError, "need real numbers"),
        (lambda: mean_interval([1.0, 2.0], 99), ValueError, "need level < 1"),
        (lambda: quantile_interval([1.0], 1.0), ValueError, "need q < 1"),
        (
            lambda: quotient_interval(Interval(1, 1, 1, 0.9), Interval(1, 1, 1, 0.8)),
            ValueError,
            "of one level",
        ),
        (
            lambda: quotient_interval(Interval(1, 1, 1, 0.9), Interval(1, 0, 2, 0.9)),
            ValueError,
            "need low end of bottom > 0",
        ),
        (lambda: proportion_interval(3, 2), ValueError, "need successes <= trials"),
        (lambda: proportion_interval(1.5, 2), TypeError, "need a whole number"),
        (lambda: proportion_interval(0, 0), ValueError, "need trials >= 1"),
        (lambda: ratio_interval([1.0, 2.0], 0.0), ValueError, "need bound > 0"),
        (lambda: tail_index([1.0, 2.0], 0.0), ValueError, "need threshold > 0"),
        (lambda: tail_index([1.0, 2.0], 1.5), ValueError, "lower the threshold"),
        (lambda: hill_index([1.0, 2.0, 3.0], 3), ValueError, "need k < number of samples"),
        (lambda: hill_index([0.0, -1.0, 2.0], 2), ValueError, "largest samples positive"),
        (lambda: hill_index([1.0, 1.0, 1.0], 2), ValueError, "differ in the tail"),
        (lambda: tail_constant([1.0], -1.0, 1.0), ValueError, "need alpha > 0"),
        (lambda: is_bounded([1, 2], np.ones((8, 2))), ValueError, "at least 3 values"),
        (lambda: is_bounded([1, 2, 3], GOOD, slack=0.0), ValueError, "need slack > 0"),
        (lambda: is_bounded([1, 2, 3], GOOD, bound=[1.0, 2.0]), ValueError, "or 3 of them"),
        (lambda: is_bounded([1, 2, 3], GOOD, bound=0.0), ValueError, "need one bound > 0"),
        (lambda: is_bounded([1, 2, 3], "abc"), TypeError, "need errors as an array"),
        (lambda: Interval(1.0, 2.0, 3.0, 0.9), ValueError, "need low <= estimate <= high"),
        (lambda: Interval(np.nan, 2.0, 3.0, 0.9), ValueError, "got NaN"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


GOOD = np.ones((8, 3))


@pytest.mark.parametrize(
    ("values", "errors", "options", "error", "message"),
    [
        ([1, 2], GOOD, {}, ValueError, "shape .replicates, 2."),
        ([1, 2, 2], GOOD, {}, ValueError, "positive and distinct"),
        ([0, 1, 2], GOOD, {}, ValueError, "positive and distinct"),
        ([1], GOOD[:, :1], {}, ValueError, "at least 2 values"),
        ([1, 2, 3], GOOD[:7], {}, ValueError, "at least 8 values"),
        ([1, 2, 3], -GOOD, {}, ValueError, "need errors >= 0"),
        ([1, 2, 3], GOOD * np.nan, {}, ValueError, "need finite numbers"),
        ([1, 2, 3], 0 * GOOD, {}, ValueError, "errors vanish"),
        ([1, 2, 3], [np.ones(8)] * 2, {}, TypeError, "a list of 3 samples"),
        ([1, 2, 3], "abc", {}, TypeError, "need errors as an array"),
        ([1, 2, 3], GOOD, {"statistic": "mode"}, ValueError, "statistic to be one of"),
        ([1, 2, 3], GOOD, {"drop": "all"}, ValueError, "drop to be one of"),
        ([1, 2, 3], GOOD, {"limit": "zer"}, ValueError, "did you mean zero"),
        ([1, 2, 3], GOOD, {"level": 1.0}, ValueError, "need level < 1"),
        ([1, 2, 3], GOOD, {"resamples": 10}, ValueError, "need resamples >= 100"),
        ([1, 2, 3], GOOD, {"seed": -1}, ValueError, "need seed >= 0"),
        ([1, 2, 3], GOOD, {"floor": [0.1, 0.1]}, ValueError, "or 3 of them"),
        ([1, 2, 3], GOOD, {"floor": -0.1}, ValueError, "need one floor >= 0"),
    ],
)
def test_the_order_refuses_bad_input(values, errors, options, error, message):
    with pytest.raises(error, match=message):
        convergence_order(values, errors, **options)


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("count", [8, 9, 100, 2001])
@pytest.mark.parametrize("paired", [True, False])
def test_resamples_are_those_of_copied_rows(statistic, count, paired):
    rows = np.random.default_rng(1).pareto(1.5, size=(count, 3))
    rows[: count // 3] = rows[-1]  # ties
    samples = [rows[:, k] for k in range(3)]
    found = resample(samples, paired, statistic, 120, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    if paired:
        expected = resampled(rows, statistic, 120, rng)
    else:
        columns = [resampled(column[:, None], statistic, 120, rng) for column in samples]
        expected = np.concatenate(columns, axis=1)
    assert_allclose(found, expected, rtol=1e-13)
