"""The mean-field flow: exact by Fourier modes, by particles, and what it refuses."""

import math
from itertools import pairwise

import numpy as np
import pytest

import sde

pytestmark = pytest.mark.usefixtures("one_thread")

INPUTS = ([[1.0], [2.0]], [[0.7], [-1.1], [0.4]], [[-0.25], [0.75]])


def sines(inputs=((1.0,), (2.0,)), loss="logistic", amplitude=1.0):
    """Return a sine network of particles on the line, with labels 1, -1, 1, ..."""
    y = [(-1.0) ** j for j in range(len(inputs))]
    return sde.MeanFieldNetwork(inputs, y, "sine", loss, amplitude=amplitude)


@pytest.mark.parametrize(
    "initial",
    [sde.Gaussian(0.6, 0.5), sde.Uniform(-0.5, 2.0), sde.Point(0.8)],
    ids=["gaussian", "uniform", "point"],
)
@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0])
@pytest.mark.parametrize(
    ("inputs", "loss", "amplitude"),
    [
        (INPUTS[0], "logistic", 1.0),
        (INPUTS[1], "pseudo_huber", 2.5),
        (INPUTS[2], "squared", 0.5),
        ([[1.5], [0.0], [-3.0]], "logistic", 4.0),
    ],
)
def test_fourier_flow_agrees_with_the_particle_flow(inputs, loss, amplitude, alpha, initial):
    net, noise = sines(inputs, loss, amplitude), sde.StableNoise(alpha, "II", 0.5)
    grid = {"t1": 1.0, "dt": 0.25, "initial": initial, "seed": 2}
    exact = sde.mean_field_flow(net, noise, method="fourier", **grid)
    large = sde.mean_field_flow(net, noise, n=2**12, runs=100, **grid)
    # 36 cases of at most 15 numbers, t distribution of 99 degrees: a false failure of any has
    # probability at most 540 * 2.5e-6 = 1.4e-3; the bias, of order 1/n, is 0.2 standard errors
    distance = np.abs(exact.values - large.values)
    assert (distance <= 5 * large.standard_error + 1e-12).all()
    assert large.standard_error[-1].max() < 0.01 * amplitude
    assert exact.standard_error.max() <= 1e-12 * amplitude


@pytest.mark.parametrize(
    ("alpha", "initial"), [(1.2, sde.Point(0.8)), (1.5, sde.Gaussian()), (2.0, sde.Uniform())]
)
def test_fourier_flow_of_the_chain_tends_to_that_of_continuous_time_at_order_one(alpha, initial):
    net, noise = sines(INPUTS[2], amplitude=2.0), sde.StableNoise(alpha, "I", 0.7)
    limit = sde.mean_field_flow(
        net, noise, t1=1.0, dt=0.5, initial=initial, method="fourier-continuous"
    )
    errors = [
        sde.mean_field_flow(net, noise, t1=1.0, dt=dt, initial=initial, method="fourier").values[-1]
        - limit.values[-1]
        for dt in (2**-5, 2**-6, 2**-7)
    ]
    for coarse, fine in pairwise(np.linalg.norm(errors, axis=1)):
        assert coarse / fine == pytest.approx(2.0, rel=0.02)


def test_continuous_flow_does_not_depend_on_the_grid():
    net, noise = sines(), sde.StableNoise(1.5, "I")
    coarse, fine = (
        sde.mean_field_flow(net, noise, t1=1.0, dt=dt, method="fourier-continuous")
        for dt in (0.5, 0.125)
    )
    np.testing.assert_allclose(coarse.values, fine.values[::4], atol=1e-11)
    np.testing.assert_array_equal(coarse.times, [0.0, 0.5, 1.0])


@pytest.mark.parametrize("method", ["fourier", "fourier-continuous"])
@pytest.mark.parametrize("alpha", [0.7, 1.5, 2.0])
def test_flow_without_drift_is_the_characteristic_function(alpha, method):
    tiny, noise = 1e-9, sde.StableNoise(alpha, "III", 0.8)
    net = sines([[0.5], [-1.5], [2.0]], amplitude=tiny)
    x, t = net.x[:, 0], np.arange(5)[:, None] / 4
    damping = np.exp(-t * (0.8 * np.abs(x)) ** alpha)
    for initial, start in (
        (sde.Point(0.7), np.sin(0.7 * x)),
        (sde.Gaussian(0.5, 0.3), np.sin(0.3 * x) * np.exp(-((0.5 * x) ** 2) / 2)),
        (sde.Uniform(-0.2, 1.0), (np.cos(0.2 * x) - np.cos(x)) / (1.2 * x)),
    ):
        flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, initial=initial, method=method)
        # the drift is of order tiny^2 in the flow
        np.testing.assert_allclose(flow.values / tiny, damping * start, atol=1e-8)


def test_one_step_of_the_chain_is_an_integral():
    """After one step, the law of theta is explicit: no Fourier series is needed."""
    net, noise, dt = sines(INPUTS[0], amplitude=3.0), sde.StableNoise(1.5, "I"), 0.5
    flow = sde.mean_field_flow(
        net, noise, t1=dt, dt=dt, initial=sde.Uniform(-1, 2), method="fourier"
    )
    nodes, weights = np.polynomial.legendre.leggauss(80)
    theta, weights = 0.5 + 1.5 * nodes, weights / 2
    x, y = net.x[:, 0], net.y[:, 0]
    start = 3.0 * np.sin(np.outer(x, theta)) @ weights
    slope = -y / (1 + np.exp(y * start))
    moved = theta - dt * 3.0 * (slope * x) @ np.cos(np.outer(x, theta)) / 2
    end = 3.0 * np.exp(-dt * np.abs(x) ** 1.5) * (np.sin(np.outer(x, moved)) @ weights)
    np.testing.assert_allclose(flow.values, [start, end], atol=1e-12)


class Exponential(sde.InitialLaw):
    def transform(self, uniforms):
        return -np.log(uniforms)


def two_outputs():
    return sde.MeanFieldNetwork([[1.0]], [[1.0, -1.0]], "sine")


@pytest.mark.parametrize("method", ["fourier", "fourier-continuous"])
@pytest.mark.parametrize(
    ("net", "initial", "message"),
    [
        (sde.MeanFieldNetwork([[1.0]], [1], "tanh"), sde.Gaussian(), "feature 'sine'"),
        (sde.MeanFieldNetwork([[1.0, 2.0]], [1], "sine"), sde.Gaussian(), "dimension 1.*dim=2"),
        (two_outputs(), sde.Gaussian(), "dimension 1.*dim=2"),
        (sines([[1.0], [math.sqrt(2)]]), sde.Gaussian(), "whole multiples of a common frequency"),
        (sines([[1.0], [1000.0]]), sde.Gaussian(), "small whole multiples"),
        (sines([[0.0]]), sde.Gaussian(), "not zero"),
        (sines(), Exponential(), "characteristic function"),
    ],
)
def test_exact_flow_refuses_what_it_does_not_apply_to(net, initial, message, method):
    noise = sde.StableNoise(1.5, "I")
    with pytest.raises(ValueError, match=message):
        sde.mean_field_flow(net, noise, t1=1.0, dt=0.5, initial=initial, method=method)


def test_rows_of_the_mixing_of_modes_are_independent(monkeypatch):
    net, noise = sines(), sde.StableNoise(1.5, "I")
    options = {"t1": 1.0, "dt": 0.25, "method": "fourier"}
    whole = sde.mean_field_flow(net, noise, **options).values
    monkeypatch.setattr("sde.fourier.BLOCK", 400)
    assert sde.mean_field_flow(net, noise, **options).values.tobytes() == whole.tobytes()


def test_a_chain_whose_modes_would_take_hours_is_refused(monkeypatch):
    net = sde.MeanFieldNetwork([[1.0]], [-1], "sine", amplitude=30.0)
    options = {"t1": 2.0, "dt": 0.5, "initial": sde.Point(0.3), "method": "fourier"}
    monkeypatch.setattr("sde.fourier.MAX_WORK", 64**2 * 4)
    with pytest.raises(ValueError, match=r"need a flow that 64 .*take too long in 4 steps; use"):
        sde.mean_field_flow(net, sde.StableNoise(1.5, "I", 0.0), **options)
    monkeypatch.setattr("sde.fourier.MAX_WORK", 1 << 30)
    monkeypatch.setattr("sde.fourier.MAX_MODES", 64)
    with pytest.raises(ValueError, match=r"that 64 Fourier .*changed it by [^,]*; use"):
        sde.mean_field_flow(net, sde.StableNoise(1.5, "I", 0.0), **options)


def test_bad_arguments_are_refused():
    net, noise = sines(), sde.StableNoise(1.5, "I")
    for error, message, changed in (
        (ValueError, "did you mean 'fourier'", {"method": "forier"}),
        (ValueError, "need dt to divide t1", {"dt": 0.3}),
        (ValueError, "need runs >= 2", {"runs": 1}),
        (ValueError, "need n >= 1", {"n": 0}),
        (TypeError, "not a law", {"initial": np.zeros((5, 1))}),
    ):
        with pytest.raises(error, match=message):
            sde.mean_field_flow(net, noise, **{"t1": 1.0, "dt": 0.5, **changed})
    with pytest.raises(TypeError, match="need a Flow"):
        sde.simulate_limit(net, noise, np.zeros((3, 2)), n=5)


def test_a_flow_is_a_function_of_time():
    net, noise = sines(), sde.StableNoise(1.5, "I")
    flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, method="fourier")
    for k, t in enumerate(flow.times):
        np.testing.assert_array_equal(flow(t), flow.values[k])
    between = 0.25 * flow.values[1] + 0.75 * flow.values[2]
    np.testing.assert_allclose(flow(0.4375), between, rtol=1e-14)
    for t in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            flow(t)


def test_a_flow_refuses_another_system_or_noise():
    noise = sde.StableNoise(1.5, "I", 0.5)
    flow = sde.mean_field_flow(sines(), noise, t1=1.0, dt=0.5, method="fourier")
    flow.check(sines(), sde.StableNoise(1.5, "I", 0.5))
    others = (
        sines([[1.0], [3.0]]),
        sines(loss="pseudo_huber"),
        sines(amplitude=2.0),
        sde.MeanFieldNetwork([[1.0], [2.0]], [1.0, -1.0], "tanh"),
        sde.MeanFieldNetwork([[1.0], [2.0]], [1.0, 1.0], "sine"),
    )
    for other in others:
        with pytest.raises(ValueError, match="same system"):
            sde.simulate_limit(other, noise, flow, n=3)
        with pytest.raises(ValueError, match="same system"):
            sde.chaos_gap(other, noise, flow, n=3, replicates=1)
    for other in (
        sde.StableNoise(1.6, "I", 0.5),
        sde.StableNoise(1.5, "II", 0.5),
        sde.StableNoise(1.5, "I", 0.6),
    ):
        with pytest.raises(ValueError, match="same noise"):
            sde.simulate_limit(sines(), other, flow, n=3)
        with pytest.raises(ValueError, match="same noise"):
            sde.chaos_gap(sines(), other, flow, n=3, replicates=1)


def test_particle_flow_is_the_mean_of_its_runs():
    net, noise = sines(), sde.StableNoise(1.5, "I")
    flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.5, n=50, runs=3, seed=7)
    fields = [
        sde.simulate(net, noise, n=50, t1=1.0, dt=0.5, seed=7, replicate=2**63 + r).mean_field
        for r in range(3)
    ]
    np.testing.assert_allclose(flow.values, np.mean(fields, axis=0), rtol=1e-14)
    error = np.std(fields, axis=0, ddof=1) / math.sqrt(3)
    np.testing.assert_allclose(flow.standard_error, error, rtol=1e-12)


def test_standard_error_shrinks_like_the_square_root_of_all_particles():
    net, noise = sines(), sde.StableNoise(1.5, "I")

    def error(n, runs):
        flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.5, n=n, runs=runs, seed=3)
        return math.sqrt(np.mean(flow.standard_error**2))

    base = error(64, 200)
    # each error has a relative standard error of at most 1 / sqrt(2 * 199) = 0.05, a ratio of
    # two 0.071; 5 of them: a false failure has probability 6e-7 each
    assert base / error(1024, 200) == pytest.approx(4.0, rel=0.35)
    assert base / error(64, 3200) == pytest.approx(4.0, rel=0.35)
