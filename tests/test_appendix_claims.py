"""Lemma C.1, Proposition B.1 and equation (14): their checks can fail.

A mutation breaks a number by far more than its interval, so a test fails only if a check no longer
looks at it.
"""

import numpy as np
import pytest

import sde
from sde.features import FEATURES
from theory_checks import descent
from theory_checks.claim import Settings
from theory_checks.claims import CLAIMS, equation_14, lemma_c_1, proposition_b_1
from theory_checks.networks import steep_network
from theory_checks.verdict import decide


def verdict(name, seed=0):
    return decide(CLAIMS[name].check(Settings("quick", seed, lambda _fraction, _what: None)))


def remembered(function, key):
    """Return the function, which computes what it has not computed before."""
    known = {}

    def recall(*arguments, **options):
        at = key(*arguments, **options)
        if at not in known:
            known[at] = function(*arguments, **options)
        return known[at]

    return recall


ONE_STEP = remembered(
    equation_14.one_step_errors,
    lambda system, noise, **options: (system.fingerprint, noise, repr(sorted(options.items()))),
)
SQUARES = remembered(descent.squares, lambda *arguments: arguments)
SMALL_NOISE = remembered(descent.small_noise_squares, lambda *arguments: arguments)


@pytest.fixture
def few_networks(monkeypatch):
    monkeypatch.setattr(lemma_c_1, "FEATURES", ("sine",))


@pytest.fixture
def same_errors(monkeypatch):
    monkeypatch.setattr(equation_14, "one_step_errors", ONE_STEP)


@pytest.fixture
def same_squares(monkeypatch):
    monkeypatch.setattr(proposition_b_1, "squares", SQUARES)
    monkeypatch.setattr(proposition_b_1, "small_noise_squares", SMALL_NOISE)


def test_the_last_line_of_lemma_c_1_fails():
    # no statistics: over seeds 0 to 5 the closest ratio to its region was 2.255, supposed <= 1
    assert verdict("lemma-C.1") == "fails as printed"


@pytest.mark.usefixtures("few_networks")
@pytest.mark.parametrize("factor", [0.05, 20.0])
def test_a_wrong_bound_of_assumption_1_is_noticed(monkeypatch, factor):
    right = sde.MeanFieldNetwork.bound.fget
    wrong = property(lambda network: factor * right(network))
    monkeypatch.setattr(sde.MeanFieldNetwork, "bound", wrong)
    assert verdict("lemma-C.1") == "inconclusive"


@pytest.mark.usefixtures("few_networks")
def test_a_wrong_drift_is_noticed(monkeypatch):
    right = sde.MeanFieldNetwork.drift
    monkeypatch.setattr(
        sde.MeanFieldNetwork, "drift", lambda network, theta: 1.1 * right(network, theta)
    )
    assert verdict("lemma-C.1") == "inconclusive"


@pytest.mark.usefixtures("few_networks")
def test_a_control_that_does_not_fail_is_noticed(monkeypatch):
    monkeypatch.setitem(FEATURES, "relu", FEATURES["tanh"])
    assert verdict("lemma-C.1") == "inconclusive"


def test_ratios_of_the_lemma_by_hand():
    # c tanh, logistic loss, particles at 0 and 0 -> 0.01: Δf = c tanh(0.01)/2; b_1 = c/(1 + e^f)
    c, network = 2.0, steep_network(2.0)
    found = lemma_c_1.ratios(
        network, 3.0, lemma_c_1.Pair(np.zeros((2, 1)), np.array([[0], [0.01]]))
    )
    output = c * np.tanh(0.01) / 2
    still = c / 2 - c / (1 + np.exp(output))
    moved = c / 2 - c / np.cosh(0.01) ** 2 / (1 + np.exp(output))
    expected = (
        c / 2 / 3,
        max(still / output, moved / (0.01 + output)) / 3,
        max(still / 0.005, moved / 0.015) / 3,
        max(still / (9 * 0.005), moved / (3 * 0.01 + 9 * 0.005)),
        still / (9 * 0.005),
    )
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.usefixtures("same_squares")
def test_the_second_term_of_proposition_b_1_has_the_wrong_power():
    # False-failure rate: over seeds 0 to 5 the 99 % intervals end at least 40 standard errors
    # inside their regions.
    assert verdict("proposition-B.1") == "fails as printed"


@pytest.mark.usefixtures("same_squares")
def test_a_printed_bound_with_the_right_power_would_hold(monkeypatch):
    monkeypatch.setattr(descent.Descent, "printed", descent.Descent.corrected)
    assert verdict("proposition-B.1") == "holds"


@pytest.mark.usefixtures("same_squares")
def test_a_corrected_bound_that_is_too_small_is_noticed(monkeypatch):
    monkeypatch.setattr(descent.Descent, "corrected", descent.Descent.first)
    assert verdict("proposition-B.1") == "inconclusive"


@pytest.mark.usefixtures("same_squares")
def test_a_gradient_that_falls_at_another_rate_is_noticed(monkeypatch):
    def slower(case, n, *rest):
        return n**0.05 * SQUARES(case, n, *rest)

    monkeypatch.setattr(proposition_b_1, "squares", slower)
    assert verdict("proposition-B.1") == "inconclusive"


def test_the_descent_system_is_the_network():
    network = sde.MeanFieldNetwork([[1.0]], [1.0], "sine", amplitude=descent.AMPLITUDE)
    system, theta = descent.descent_system(), np.random.default_rng(0).normal(size=(50, 1))
    assert system.drift(theta) == pytest.approx(network.drift(theta), abs=1e-14)
    squares = descent.gradient_squares(system.mean_field(theta)[None], 50)
    assert squares == pytest.approx((network.drift(theta) ** 2).sum() / 50**2)


def test_the_interval_of_a_least_mean_covers():
    # Nominal 80 % so that misses are common enough to count; the interval is conservative, and
    # more than 70 misses of 200 have probability 1e-6 at 80 %.
    rng, truth = np.random.default_rng(0), np.linspace(0, 0.2, 20)
    intervals = [
        proposition_b_1.least_mean(truth + rng.normal(size=(10, 20)), 0.8) for _ in range(200)
    ]
    assert sum(not i.low <= 0 <= i.high for i in intervals) <= 70
    assert np.mean([i.high - i.low for i in intervals]) < 3


@pytest.mark.usefixtures("same_errors")
def test_the_printed_constant_of_equation_14_fails():
    # False-failure rate: below 1e-3 by the normal law: exponents in n have intervals that end 4
    # standard errors inside their regions on average, everything else is farther inside.
    assert verdict("equation-14") == "fails as printed"


def test_an_order_that_is_off_by_a_twentieth_is_noticed(monkeypatch):
    def off(*systems, steps, **options):
        return ONE_STEP(*systems, steps=steps, **options) * np.asarray(steps) ** -0.05

    monkeypatch.setattr(equation_14, "one_step_errors", off)
    assert verdict("equation-14") == "inconclusive"


def test_an_exponent_in_n_that_is_off_is_noticed(monkeypatch):
    def off(*systems, n, **options):
        return ONE_STEP(*systems, n=n, **options) * n**0.25

    monkeypatch.setattr(equation_14, "one_step_errors", off)
    assert verdict("equation-14") == "inconclusive"


@pytest.mark.usefixtures("same_errors")
def test_a_constant_that_is_off_is_noticed(monkeypatch):
    right = equation_14.absolute_quantile
    monkeypatch.setattr(equation_14, "absolute_quantile", lambda *law: 1.25 * right(*law))
    assert verdict("equation-14") == "inconclusive"


@pytest.mark.usefixtures("same_errors")
def test_a_larger_printed_bound_would_hold(monkeypatch):
    right = equation_14.one_step_bound
    monkeypatch.setattr(
        equation_14, "one_step_bound", lambda *law, **options: 10 * right(*law, **options)
    )
    assert verdict("equation-14") == "holds"
