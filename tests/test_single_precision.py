"""Simulation in float32: against float64 with bounds from rounding analysis, and equal bits."""

import numba
import numpy as np
import oracles
import pytest

import sde
from sde import block_steps, network_blocks
from sde.features import FEATURES, register_feature
from sde.losses import LOSSES

pytestmark = pytest.mark.usefixtures("one_thread")

#: Half a unit in the last place of 1, the relative error of a rounding.
U = 2.0**-24

#: Roundings of a feature (its bound, 2.4e-7, is four) and of a slope, in absolute terms, for
#: features and slopes of size one: (1 - h)(1 + h) doubles the error of h, and rounds three times.
VALUE, SLOPE = 4, 11


def make(feature, loss, d, outputs=1, m=11, seed=0):
    """Return a network with data that float32 rounds, and its oracle."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, d)), rng.choice([-1.0, 1.0], size=(m, outputs))
    if loss == "cross_entropy":
        y = np.eye(outputs)[rng.integers(outputs, size=m)]
    return sde.MeanFieldNetwork(x, y, feature, loss), oracles.Network(x, y, feature, loss)


def argument_errors(oracle, theta):
    """Return a bound of the error of the features' arguments, (n, m, l)."""
    parts = theta.reshape(len(theta), oracle.y.shape[1], -1)[:, None]
    x = oracle.x[None, :, None]
    if oracle.geometry == "inner":  # rounding x, and a sum of d products
        return (x.shape[-1] + 1) * U * np.abs(parts * x).sum(axis=3)
    away = np.abs(parts - x)  # rounding x and the difference, then a sum of d squares
    return U * (away * np.abs(x)).sum(axis=3) + (x.shape[-1] + 3) * U * (away**2).sum(axis=3) / 2


def curvature(oracle, a):
    """Return |g''| by differences of g'."""
    return np.abs(oracle.slope(a + 1e-5) - oracle.slope(a - 1e-5)) / 2e-5


#: Dimensions whose products are fused with the feature, and others, more than a group as well; in
#: many more a radial feature vanishes.
CASES = [
    (feature, loss, d)
    for feature in sorted(FEATURES)
    for loss in sorted(LOSSES)
    for d in (3, 6, 40 if FEATURES[feature].geometry == "inner" else 20)
]


@pytest.mark.parametrize(("feature", "loss", "d"), CASES)
def test_a_step_is_as_close_to_float64_as_rounding_allows(feature, loss, d):
    net, oracle = make(feature, loss, d, outputs=2)
    n, m = 300, len(oracle.x)
    theta = np.random.default_rng(1).normal(size=(n, net.dim)).astype(np.float32)
    quiet = sde.StableNoise(2.0, "II", sigma=1e-30)
    runs = [
        sde.simulate(net, quiet, n=n, t1=1.0, dt=1.0, initial=theta, dtype=dtype)
        for dtype in ("float64", "float32")
    ]
    double, single = runs
    state = theta.astype(np.float64)
    a, off = oracle._arguments(state, oracle.x), argument_errors(oracle, state)
    size, slope = np.abs(oracle.g(a)), np.abs(oracle.slope(a))
    # a block's sum adds four numbers in each of 32 partial sums, and those in five stages
    field = (slope * off + (VALUE + 9) * U * size).mean(axis=0)
    got = np.abs(single.mean_field[0] - double.mean_field[0]).reshape(field.shape)
    assert (got <= 1.05 * field).all()
    # the drift: slopes, m products and sums, the weights' rounding and what the mean field moves
    weight = np.abs(oracle.gradient(double.mean_field[0].reshape(oracle.y.shape), oracle.y)) / m
    moved = 1.0 * field / m  # the Hessians of the losses are at most 1
    terms = weight * (curvature(oracle, a) * off + SLOPE * U + (m + 3) * U * slope) + moved * slope
    if oracle.geometry == "inner":
        reach = np.abs(oracle.x)[None, :, None]
    else:
        parts = state.reshape(n, 2, d)[:, None]
        reach = np.abs(parts) + np.abs(oracle.x)[None, :, None]  # w g' θ and w g' x, apart
    bound = (terms[..., None] * reach).sum(axis=1).reshape(n, -1)
    got = np.abs(single.theta - double.theta)
    kink = feature == "relu"  # a slope jumps where an argument changes its sign
    skip = (np.abs(a) <= off).any(axis=1).repeat(d, axis=1).reshape(n, -1) if kink else False
    assert ((got <= 1.05 * bound + U * np.abs(double.theta)) | skip).all()
    assert not kink or skip.mean() < 0.01
    assert (single.theta != double.theta.astype(np.float32)).any()  # it does compute in float32


@pytest.mark.parametrize("d", [4, 40])
def test_threads_and_kept_slopes_do_not_change_a_bit(d, monkeypatch):
    net, _ = make("tanh", "logistic", d, m=network_blocks.DATA + 5)
    noise, n = sde.StableNoise(1.3, "II", 0.5), 40_000  # 313 blocks in 256 chunks

    def run(threads):
        numba.set_num_threads(threads)
        sol = sde.simulate(
            net, noise, n=n, t1=0.75, dt=0.25, substeps=2, save_at=[0.5], dtype="float32"
        )
        numba.set_num_threads(1)
        return sol.theta, sol.mean_field, sol.saved

    wanted = run(1)
    again = [run(2), run(2)]
    monkeypatch.setattr(block_steps, "KEPT", 0)
    assert not block_steps.can_keep_slopes(net.pieces_in(np.dtype(np.float32)), n, 3)
    for got in (*again, run(1)):
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_mean_field_of_many_particles_keeps_its_accuracy():
    # a sum of 2^20 numbers in float32 alone would be off by 1e-4
    net, oracle = make("sigmoid", "squared", 2)
    n = 2**20
    theta = np.random.default_rng(2).uniform(0, 1, size=(n, 2)).astype(np.float32)
    noise = sde.StableNoise(1.5, "I", 0.1)
    sol = sde.simulate(net, noise, n=n, t1=0.5, dt=0.5, initial=theta, dtype="float32")
    exact = oracle.observables(theta.astype(np.float64)).mean(axis=0)
    np.testing.assert_allclose(sol.mean_field[0], exact, rtol=4e-7)


def test_slopes_kept_in_float32_take_half_the_memory():
    net, _ = make("tanh", "logistic", 4)
    double, single = (net.pieces_in(np.dtype(kind)) for kind in ("float64", "float32"))
    n = 1000
    assert block_steps.room_for_slopes(double, n, 1).nbytes == 1024 * 11 * 8
    assert block_steps.room_for_slopes(single, n, 1).nbytes == 1024 * 11 * 4


def test_more_slopes_are_kept_for_many_steps():
    net, _ = make("tanh", "logistic", 4)
    pieces, n = net.pieces, 2**20  # 92 MB
    assert not block_steps.can_keep_slopes(pieces, n, 99)
    assert block_steps.can_keep_slopes(pieces, n, 100)
    assert not block_steps.can_keep_slopes(pieces, 8 * n, 100)


def test_more_slopes_are_kept_of_data_with_many_coordinates():
    for d, many in ((31, False), (32, True)):  # with two outputs, particles have twice as many
        pieces = make("tanh", "logistic", d, outputs=2)[0].pieces
        assert block_steps.can_keep_slopes(pieces, 2**19, 1) == many  # 92 MB


def test_a_users_feature_is_computed_in_float64_from_float32_arguments():
    # in float32 it would be off by 5e-4
    feature = register_feature("shifted", lambda a: (1e4 + a) - 1e4, lambda _a: 1.0)
    try:
        net = sde.MeanFieldNetwork([[1.0]], [0.0], "shifted", "squared")
        start, noise = np.array([[0.3]], dtype=np.float32), sde.StableNoise(2.0, "I", 1e-30)
        sol = sde.simulate(net, noise, n=1, t1=1.0, dt=1.0, initial=start, dtype="float32")
        np.testing.assert_allclose(sol.mean_field[0], feature.value(float(start[0, 0])), rtol=2 * U)
    finally:
        del FEATURES["shifted"]


def test_a_users_system_computes_in_float64_and_rounds_once_a_step():
    def third(theta, out):
        out[0] = theta[0] / 3

    def pull(theta, mean_field, out):
        out[0] = mean_field[0] - theta[0] / 7

    system, noise = sde.McKeanVlasov(1, 1, third, pull), sde.StableNoise(1.5, "I")
    start = np.random.default_rng(3).normal(size=(500, 1)).astype(np.float32)
    double, single = (
        sde.simulate(system, noise, n=500, t1=0.5, dt=0.5, initial=start, dtype=dtype)
        for dtype in ("float64", "float32")
    )
    np.testing.assert_array_equal(single.theta, double.theta.astype(np.float32))
    np.testing.assert_array_equal(single.mean_field[0], double.mean_field[0])
