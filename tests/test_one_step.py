"""What equation (14) and Proposition B.1 are made of: one-step bounds and moments of the noise."""

import math

import numpy as np
import pytest
from scipy import integrate

import sde
from theory_checks.claims.theorem_4_1 import explicit_bound
from theory_checks.moments import norm_moment
from theory_checks.networks import circle_network
from theory_checks.one_step import one_step_bound, one_step_errors, tail_bound


def test_the_bound_of_one_step_by_hand():
    # B = 2, K = 1, α = 3/2: M_8 = 3 · 8^(2/3) = 12, M_1 = 3; A = 4 by default
    noise = sde.StableNoise(1.5, "I")
    assert one_step_bound(2.0, noise, 8, 1.0, 1.0) == pytest.approx(6 + 0.6 * (24 + 12))
    assert one_step_bound(2.0, noise, 8, 1.0, 1.0, measure=2.0) == pytest.approx(4 + 0.6 * 30)
    ratio = one_step_bound(1e-9, noise, 8, 0.125, 1.0) / one_step_bound(1e-9, noise, 8, 1.0, 1.0)
    assert ratio == pytest.approx(0.125 ** (5 / 3))


def test_many_steps_add_up_to_the_bound_of_theorem_4_1():
    noise, dt, t1, b = sde.StableNoise(1.5, "II"), 0.01, 2.0, 0.7
    steps = t1 / dt * one_step_bound(b, noise, 16, dt, 1.0)
    total = explicit_bound(b, noise, 16, dt, 1.0, t1)
    assert total == pytest.approx(steps * math.exp(b * (1 + b) * t1))


def test_the_tail_of_a_cauchy_law_is_bounded_and_not_by_much():
    # x P(|X| > x) rises to 2/π; the thresholds are a factor 2 apart, so the bound is about 4/π,
    # times 1.3 for the interval at the last of them (128 samples beyond), times 1 ± 1/8 for the
    # next one (64 beyond): at 5 of these standard errors the false-failure rate is below 1e-5
    found = tail_bound(sde.StableNoise(1.0, "I"), 1, 0)
    assert 2 / math.pi <= found <= 1.3 * (1 + 5 / 8) * 4 / math.pi


def test_errors_of_one_step_are_those_of_the_library():
    noise, network = sde.StableNoise(1.5, "III"), circle_network()
    found = one_step_errors(
        network, noise, n=4, steps=[0.5, 0.25], replicates=3, seed=5, substeps=4
    )
    assert found.shape == (3, 2)
    alone = sde.euler_error(
        network,
        noise,
        n=4,
        t1=0.5,
        dts=[0.25],
        dt_reference=0.0625,
        replicates=3,
        seed=5,
        norm="one-step",
    )
    assert (found[:, 1] == alone[:, 0]).all()


@pytest.mark.parametrize(("alpha", "order"), [(1.2, 0.5), (1.5, 1.1), (1.8, 1.0), (1.8, 1.7)])
def test_moments_on_the_line_are_those_of_the_characteristic_function(alpha, order):
    # E|X|^r = ∫ (1 - φ(u)) u^{-1-r} du / ∫ (1 - cos u) u^{-1-r} du over the half line
    def integrand(u):
        return -math.expm1(-(u**alpha)) * u ** (-1 - order)

    parts = [integrate.quad(integrand, 0, 1), integrate.quad(integrand, 1, np.inf)]
    cosine = math.pi / (2 * math.gamma(1 + order) * math.sin(math.pi * order / 2))
    exact = sum(value for value, _ in parts) / cosine
    for kind in ("I", "II", "III"):
        noise = sde.StableNoise(alpha, kind, 0.5)
        assert norm_moment(noise, 1, order) == pytest.approx(0.5**order * exact, rel=1e-6)


@pytest.mark.parametrize("kind", ["I", "II", "III"])
def test_moments_in_space_agree_with_samples(kind):
    # order 1/2 < α/2, so the variance exists; two-sided 4.5 standard errors: false-failure rate
    # 7e-6. For Type II the moment is an upper bound, less than p times too large.
    noise = sde.StableNoise(1.5, kind, 2.0)
    roots = np.linalg.norm(noise.sample(2**16, 3, seed=1), axis=1) ** 0.5
    error = 4.5 * roots.std() / 2**8
    found = norm_moment(noise, 3, 0.5)
    if kind == "II":
        assert roots.mean() - error <= found <= 3 * (roots.mean() + error)
    else:
        assert abs(found - roots.mean()) < error


def test_an_infinite_moment_is_refused():
    with pytest.raises(ValueError, match=r"order < 1\.5"):
        norm_moment(sde.StableNoise(1.5, "I"), 1, 1.5)
