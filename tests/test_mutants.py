"""Deliberate mistakes: each does what it says while it is active, and nothing afterwards."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sde
from theory_checks.claims import CLAIMS
from theory_checks.mutants import MUTANTS, find_mutants

NETWORK = sde.MeanFieldNetwork([[1.0]], [1.0], feature="sine")


def exact_flow(noise):
    return sde.mean_field_flow(NETWORK, noise, t1=0.5, dt=0.25, method="fourier")


def test_every_mutant_touches_a_claim_and_every_claim_is_touched():
    touched = {claim for mutant in MUTANTS.values() for claim in mutant.claims}
    assert all(mutant.claims and mutant.description for mutant in MUTANTS.values())
    assert touched == set(CLAIMS)


def test_every_name_leads_to_its_mutant():
    assert all(mutant.name == name for name, mutant in MUTANTS.items())
    assert find_mutants(["sigma", "rate", "sigma"]) == [MUTANTS["sigma"], MUTANTS["rate"]]


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_what_was_altered_is_put_back(mutant):
    def now():
        return [getattr(owner, name) for owner, name, _ in mutant.alterations]

    def fail():
        with mutant.active():
            assert all(a is not b for a, b in zip(now(), before, strict=True))
            raise ArithmeticError("stop")

    before = now()
    with pytest.raises(ArithmeticError, match="stop"):
        fail()
    assert all(a is b for a, b in zip(now(), before, strict=True))


def test_the_gap_falls_slower():
    noise = sde.StableNoise(1.5, "I")

    def gap(n):
        return sde.chaos_gap(NETWORK, noise, exact_flow(noise), n=n, replicates=2)

    right = gap(1024)
    with MUTANTS["rate"].active():
        assert_allclose(gap(1024), 2 * right)


@pytest.mark.parametrize(("name", "shift"), [("tail-index-low", -0.1), ("tail-index-high", 0.1)])
def test_the_index_is_shifted_below_two_only(name, shift):
    noise, gaussian = sde.StableNoise(1.5, "II"), sde.StableNoise(2.0, "II")
    other = sde.StableNoise(1.5 + shift, "II").increments(5, 2, 0.25, 2)
    same = gaussian.sample(5, 2)
    with MUTANTS[name].active():
        assert_array_equal(noise.increments(5, 2, 0.25, 2), other)
        assert_array_equal(gaussian.sample(5, 2), same)


@pytest.mark.parametrize(
    ("name", "factor"), [("tail-constant-high", 1.1), ("tail-constant-low", 0.9)]
)
def test_the_tail_constant_is_off_by_a_tenth(name, factor):
    noise = sde.StableNoise(1.5, "III")
    right = noise.tail_constant(2)
    with MUTANTS[name].active():
        assert_allclose(noise.tail_constant(2), factor * right)


def test_type_three_is_too_small_and_the_others_are_not():
    right = {kind: sde.StableNoise(1.5, kind).sample(5, 2) for kind in ("I", "II", "III")}
    with MUTANTS["root-two"].active():
        wrong = {kind: sde.StableNoise(1.5, kind).sample(5, 2) for kind in right}
    assert_array_equal(wrong["I"], right["I"])
    assert_array_equal(wrong["II"], right["II"])
    assert_allclose(wrong["III"], right["III"] / np.sqrt(2))


def test_the_noise_of_a_step_is_scaled_by_the_square_root():
    noise = sde.StableNoise(1.2, "II", 0.7)
    right = noise.increments(5, 2, 0.25, 1)
    with MUTANTS["noise-scale"].active():
        assert_allclose(noise.increments(5, 2, 0.25, 1), right * 0.25 ** (1 / 2 - 1 / 1.2))


def test_the_limit_forgets_sigma():
    noise = sde.StableNoise(1.5, "II", 0.5)
    unit = replace(noise, sigma=1.0)
    flow = exact_flow(unit)
    copies = sde.simulate_limit(NETWORK, unit, flow, n=5).theta
    with MUTANTS["sigma"].active():
        wrong = exact_flow(noise)
        assert_array_equal(wrong.values, flow.values)
        assert_array_equal(sde.simulate_limit(NETWORK, noise, wrong, n=5).theta, copies)


def test_the_law_and_the_euler_error_are_off():
    law = sde.CompressionLaw.of_noise(sde.StableNoise(1.2, "I"), dim=2, keep=0.1)
    noise = sde.StableNoise(1.5, "II")

    def error():
        return sde.euler_error(
            NETWORK, noise, n=4, t1=0.5, dts=[0.25], dt_reference=0.125, replicates=2
        )

    median, right = law.median(1000), error()
    with MUTANTS["compression-law"].active(), MUTANTS["euler-error"].active():
        assert_allclose(law.median(1000), 1.4 * median)
        assert_allclose(error(), right + 1)


def test_the_bound_is_four_times_too_large():
    right = NETWORK.bound
    with MUTANTS["bound"].active():
        assert_allclose(NETWORK.bound, 4 * right)
