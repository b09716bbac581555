"""Noise along directions: the law, what it shares with the types, and what is refused."""

import numpy as np
import pytest
from scipy import stats

import sde

SKEW = [[1.0, 0.5], [0.0, -2.0], [0.3, 0.3]]
NET = sde.MeanFieldNetwork([[1.0, 0.0], [0.6, -0.8]], [1, -1])


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 2.0])
def test_characteristic_function(alpha):
    # 4 x 5 tests at two-sided level 1e-6: false-failure rate 2e-5
    noise, n = sde.DirectionalNoise(alpha, directions=SKEW, sigma=0.7), 40_000
    x, u = noise.sample(n, 2, seed=1), np.random.default_rng(2).normal(size=(5, 2))
    exact = np.exp(-(np.abs(0.7 * u @ np.transpose(SKEW)) ** alpha).sum(axis=1))
    assert noise.characteristic_function(u) == pytest.approx(exact, rel=1e-12)
    twice = np.exp(-(np.abs(1.4 * u @ np.transpose(SKEW)) ** alpha).sum(axis=1))
    deviation = np.sqrt(((1 + twice) / 2 - exact**2) / n)
    z = (np.cos(x @ u.T).mean(axis=0) - exact) / deviation
    assert np.abs(z).max() < stats.norm.isf(0.5e-6)


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_the_types_are_special_directions(alpha):
    options = {"dt": 0.3, "steps": 2, "substeps": 3, "seed": 5}
    for kind, directions in (("I", [[1, 1, 1]]), ("II", np.eye(3))):
        own = sde.DirectionalNoise(alpha, directions=directions, sigma=2.0)
        one = sde.StableNoise(alpha, kind, sigma=2.0)
        assert (own.increments(300, 3, **options) == one.increments(300, 3, **options)).all()
        assert own.tail_constant(3) == pytest.approx(one.tail_constant(3), rel=1e-12)
        u = [0.2, -0.5, 0.9]
        assert own.exponent(u) == pytest.approx(one.exponent(u), rel=1e-12)


def test_tail_frequency():
    # two-sided level 1e-6; at this level the tail is its first term to 1 %
    noise, n, share = sde.DirectionalNoise(1.2, directions=SKEW), 400_000, 1e-3
    level = (noise.tail_constant(2) / share) ** (1 / 1.2)
    found = (np.linalg.norm(noise.sample(n, 2, seed=4), axis=1) > level).sum()
    expected = n * share
    assert abs(found - expected) < 0.01 * expected + stats.norm.isf(0.5e-6) * np.sqrt(expected)


def test_a_system_is_driven_by_it():
    noise = sde.DirectionalNoise(1.5, directions=SKEW)
    run = {"n": 200, "t1": 1.0, "dt": 0.25}
    sol = sde.simulate(NET, noise, **run)
    kicks = noise.increments(200, 2, 0.25, 4)
    theta = sde.simulate(NET, noise, **run, save_at=[0.0]).saved[0]
    for step in range(4):
        theta = theta + 0.25 * NET.drift(theta) + kicks[step]
    assert sol.theta == pytest.approx(theta, rel=1e-9)
    assert "directions=((1.0, 0.5)" in sol.to_xarray().attrs["noise"]
    flow = sde.mean_field_flow(NET, noise, t1=1.0, dt=0.25, n=2**10, runs=2)
    assert np.isfinite(sde.chaos_gap(NET, noise, flow, n=20, replicates=3)).all()


def test_the_exact_flow_knows_it():
    net = sde.MeanFieldNetwork([[1.0], [2.0]], [1, -1], feature="sine")
    one = sde.StableNoise(1.5, "I", sigma=2.0)
    own = sde.DirectionalNoise(1.5, directions=[[-2.0]])
    for method in ("fourier", "fourier-continuous"):
        flows = [
            sde.mean_field_flow(net, noise, t1=0.5, dt=1 / 8, method=method).values
            for noise in (one, own)
        ]
        assert flows[0] == pytest.approx(flows[1], rel=1e-10)


def test_the_law_of_the_compression_error_knows_it():
    # columns of independent blocks of copies: one direction is Type I, whose law is known
    one, own = sde.StableNoise(1.5, "I"), sde.DirectionalNoise(1.5, directions=[[1.0, 1.0]])
    laws = [sde.CompressionLaw.of_noise(noise, 2, 0.2) for noise in (one, own)]
    assert laws[0].median(1000) == pytest.approx(laws[1].median(1000), rel=1e-12)


def test_extreme_sizes_give_numbers_or_errors():
    large = sde.DirectionalNoise(2.0, directions=[[1e100, -1e100]], sigma=1e6)
    assert large.characteristic_function([[1e300, 1e300], [1e300, -1e300]]).tolist() == [1.0, 0.0]
    assert np.isfinite(large.sample(300, 2)).all()
    assert large.tail_constant(2) == 0.0
    with pytest.raises(ValueError, match=r"tail constant.*below 1e308.*larger unit"):
        sde.DirectionalNoise(1.9, directions=[[1e100]], sigma=1e100).tail_constant(1)
    with pytest.raises(ValueError, match=r"times the directions below 1e308.*; use a smaller"):
        sde.DirectionalNoise(1.5, directions=[[1e100]], sigma=1e300).sample(1, 1)
    with pytest.raises(ValueError, match=r"up to 1e\+100, got 1e\+101; leave the scale"):
        sde.DirectionalNoise(1.5, directions=[[1e101]])


def test_what_is_refused():
    noise = sde.DirectionalNoise(1.5, directions=SKEW)
    assert noise == sde.DirectionalNoise(1.5, directions=np.array(SKEW))
    assert hash(noise) != hash(sde.DirectionalNoise(1.5, directions=SKEW[:2]))
    refused = {
        "sample": lambda: noise.sample(3, 5),
        "exponent": lambda: noise.exponent([1.0]),
        "tail": lambda: noise.tail_constant(1),
        "system": lambda: sde.simulate(sde.MeanFieldNetwork([[1.0]], [1]), noise, n=1, t1=1, dt=1),
    }
    for call in refused.values():
        with pytest.raises(ValueError, match="that of a particle, got rows of 2; give"):
            call()
    with pytest.raises(ValueError, match="need noise of Type I, II or III"):
        sde.train([[1.0, 2.0]], [1.0], width=3, noise=noise, learning_rate=0.1)
    with pytest.raises(ValueError, match="finite"):
        sde.DirectionalNoise(1.5, directions=[[np.inf, 1.0]])
    with pytest.raises(ValueError, match="need 0 < alpha <= 2"):
        sde.DirectionalNoise(0.0, directions=SKEW)
