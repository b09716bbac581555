"""Initial laws: exact distributions, characteristic functions, purity, a user's own law."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import sde
from sde.initial import ROWS, sample_initial


@dataclass(frozen=True)
class Exponential(sde.InitialLaw):
    """Independent exponential coordinates."""

    def transform(self, uniforms):
        return -np.log(uniforms)


LAWS = {
    "normal": (sde.Gaussian(0.5, 2.0), stats.norm(2.0, 0.5)),
    "uniform": (sde.Uniform(-3.0, 1.0), stats.uniform(-3.0, 4.0)),
    "exponential": (Exponential(), stats.expon()),
}


@pytest.mark.parametrize("name", LAWS)
def test_distribution(name):
    # 3 laws x 3 tests at level 1e-5: false-failure rate 1e-4
    law, exact = LAWS[name]
    x = sample_initial(law, 60_000, 2, seed=5, replicate=1)
    assert stats.kstest(x[:, 0], exact.cdf).pvalue > 1e-5
    assert stats.kstest(x[:, 1], exact.cdf).pvalue > 1e-5
    ranks = exact.cdf(x) - 0.5
    assert abs(12 * (ranks[:, 0] * ranks[:, 1]).mean()) * math.sqrt(len(x)) < stats.norm.isf(5e-6)


@pytest.mark.parametrize("law", [LAWS["normal"][0], LAWS["uniform"][0], sde.Point(0.7)])
def test_characteristic_function(law):
    # 3 laws x 4 frequencies x 2 parts, two-sided bound of level 1e-6: false-failure rate 2e-5
    n, u = 40_000, np.array([0.0, 0.4, -1.3, 2.5])
    x = sample_initial(law, n, 1, seed=2, replicate=0)
    difference = np.exp(1j * u * x).mean(axis=0) - law.characteristic_function(u)
    # parts of a number on the unit circle have variance at most 1; at a point, only rounding
    bound = 1e-12 if isinstance(law, sde.Point) else stats.norm.isf(0.5e-6) / math.sqrt(n)
    assert max(np.abs(difference.real).max(), np.abs(difference.imag).max()) < bound


def test_characteristic_function_is_asked_for_only_where_it_exists():
    with pytest.raises(ValueError, match="define characteristic_function, or use method='particl"):
        Exponential().characteristic_function(np.ones(1))


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([law for law, _ in LAWS.values()] + [sde.Point(1.0)]),
    st.integers(1, 300),
    st.integers(0, 300),
    st.integers(1, 3),
    st.integers(0, 2**64 - 1),
)
def test_a_particle_does_not_see_the_others(law, n, more, dim, seed):
    few = sample_initial(law, n, dim, seed=seed, replicate=seed)
    many = sample_initial(law, n + more, dim, seed=seed, replicate=seed)
    assert (few == many[:n]).all()


def test_batches_do_not_matter():
    whole = sample_initial(sde.Gaussian(), ROWS + 3, 1, seed=1, replicate=0)
    assert len(np.unique(whole)) == ROWS + 3
    assert (whole[:5] == sample_initial(sde.Gaussian(), 5, 1, seed=1, replicate=0)).all()


def test_seeds_and_replicates_differ():
    states = [
        sample_initial(sde.Uniform(), 50, 2, seed=seed, replicate=replicate)
        for seed, replicate in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert len(np.unique(np.concatenate(states))) == 400


def test_point_of_several_coordinates():
    x = sample_initial(sde.Point((1.0, -2.0)), 3, 2, seed=0, replicate=0)
    assert x.tolist() == [[1.0, -2.0]] * 3


def test_array_is_copied():
    start = np.arange(6.0).reshape(3, 2)
    x = sample_initial(start, 3, 2, seed=0, replicate=0)
    assert (x == start).all()
    assert not np.shares_memory(x, start)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("initial", [sde.Gaussian(), np.ones((77, 3))], ids=["law", "array"])
def test_states_start_cache_lines(initial, dtype):
    # kernels work on blocks in place there
    states = [sample_initial(initial, 77, 3, seed=0, replicate=0, dtype=dtype) for _ in range(9)]
    assert {state.ctypes.data % 64 for state in states} == {0}


def test_states_must_fit_their_type():
    for initial in (sde.Gaussian(1e300), np.full((4, 1), 1e300)):
        with pytest.raises(ValueError, match="float64"):
            sample_initial(initial, 4, 1, seed=0, replicate=0, dtype=np.float32)


def test_simulation_starts_there():
    net = sde.MeanFieldNetwork([[1.0]], [1])
    sol = sde.simulate(
        net, sde.StableNoise(1.5, "I"), n=7, t1=1.0, dt=0.5, seed=4, replicate=2, save_at=[0.0]
    )
    expected = sample_initial(sde.Gaussian(1.0), 7, 1, seed=4, replicate=2)
    assert (sol.saved[0] == expected).all()
