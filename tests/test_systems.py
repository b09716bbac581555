"""The network's observables, risk and drift against plain NumPy; the registries; the bound."""

import math

import numba
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sde
from sde.features import FEATURES, Feature, Scaled
from sde.losses import LOSSES

pytestmark = pytest.mark.usefixtures("one_thread")

BOUNDED_FEATURES = sorted(set(FEATURES) - {"relu"})
BOUNDED_LOSSES = sorted(set(LOSSES) - {"squared"})


def labels(loss, m, outputs, rng):
    """Return admissible targets (m, l), and l: at least 2 if the targets are classes."""
    if LOSSES[loss].labels == "class":
        outputs = max(outputs, 2)
        return np.eye(outputs)[rng.integers(outputs, size=m)], outputs
    if LOSSES[loss].labels == "sign":
        return rng.choice([-1.0, 1.0], size=(m, outputs)), outputs
    return rng.normal(size=(m, outputs)), outputs


def networks(feature, loss, d, m, outputs, amplitude=1.0):
    """Return one network twice, as it is and as its oracle, with states of 5 and 130 particles."""
    rng = np.random.default_rng([d, m, outputs])
    x = rng.normal(size=(m, d)) / math.sqrt(d)
    y, outputs = labels(loss, m, outputs, rng)
    states = [rng.standard_t(3, size=(n, d * outputs)) for n in (5, 130)]
    net = sde.MeanFieldNetwork(x, y, feature, loss, amplitude=amplitude)
    return net, oracles.Network(x, y, feature, loss, amplitude), states


def close(got, want):
    """Whether arrays agree to 1e-12 of the largest entry."""
    got, want = np.asarray(got), np.asarray(want)
    return got.shape == want.shape and np.abs(got - want).max() <= 1e-12 * np.abs(want).max()


def test_every_registered_feature_and_loss_has_an_oracle():
    assert set(FEATURES) == set(oracles.FEATURES)
    assert set(LOSSES) == set(oracles.LOSSES)


@pytest.mark.parametrize("d", range(1, 11))
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_network_agrees_with_plain_numpy(feature, d):
    names = sorted(LOSSES)
    for m in range(1, 10):  # beside m, go through all losses and numbers of outputs
        loss, outputs = names[(m + d) % len(names)], (m + d // 4) % 3 + 1
        net, oracle, states = networks(feature, loss, d, m, outputs, 0.5 + m / 4)
        for theta in states:
            inputs = np.random.default_rng(m).normal(size=(m % 4 + 1, d))
            mean_field = oracle.observables(theta).mean(axis=0)
            one = net.outputs == 1
            wanted, new = oracle.predict(theta), oracle.predict(theta, inputs)
            assert close(net.mean_field(theta), mean_field)
            assert close(net.predict(theta), wanted[:, 0] if one else wanted)
            assert close(net.predict(theta, inputs), new[:, 0] if one else new)
            assert close(net.risk(theta), oracle.risk(theta))
            assert close(net.drift(theta), oracle.drift(theta, mean_field))


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_drift_is_minus_n_times_the_derivative_of_the_risk(feature, loss):
    step = 1e-5
    for d, m, outputs in ((1, 5, 1), (3, 4, 2), (9, 3, 1)):
        net, _, (theta, _) = networks(feature, loss, d, m, outputs, 1.3)
        slopes = np.empty_like(theta)
        for index in np.ndindex(theta.shape):
            shift = np.zeros_like(theta)
            shift[index] = step
            slopes[index] = (net.risk(theta + shift) - net.risk(theta - shift)) / (2 * step)
        # truncation n step^2 |h'''| < 1e-8; rounding n 2^-53 R / step < 1e-9
        assert np.abs(net.drift(theta) + len(theta) * slopes).max() < 2e-8


def grid_suprema(feature):
    """Return the suprema that Assumption 1 asks for, on a grid and by finite differences."""
    step, radial = 1e-6, feature.geometry == "radial"
    grid = np.linspace(0 if radial else -10, 10, 4001)

    def on(function, points):
        native = numba.njit(function)  # features are written for compiled code
        return np.array([native(float(a)) for a in points])

    a = grid**2 / 2 if radial else grid
    slope = on(feature.derivative, a)
    curve = (on(feature.derivative, a + step) - on(feature.derivative, a - step)) / (2 * step)
    far = np.concatenate([-(10.0 ** np.arange(1, 7)), 10.0 ** np.arange(1, 7)])
    size = np.abs(on(feature.value, np.concatenate([a, a if radial else far]))).max()
    if not radial:
        return size, np.abs(slope).max(), np.abs(curve).max()
    # eigenvalues of the Hessian of g(r^2 / 2): g' across, g' + r^2 g'' along the radius
    hessian = np.maximum(np.abs(slope), np.abs(slope + grid**2 * curve))
    return size, np.abs(slope * grid).max(), hessian.max()


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_kernels_evaluate_the_feature(name):
    feature = FEATURES[name]
    scale, *scaled = feature.evaluation
    plain = feature.value, feature.derivative
    for a in np.linspace(-9, 9, 181):
        for cheap, dear in zip(scaled, plain, strict=True):
            # rounding the scaled argument moves it by 2^-53 of itself
            expected = pytest.approx(numba.njit(dear)(a), rel=4e-16, abs=1e-15)
            assert numba.njit(cheap)(scale * a) == expected


def test_a_scaled_form_of_a_radial_feature_is_refused():
    form = Scaled(2.0, math.exp, math.exp)
    assert Feature("exp", math.exp, math.exp, scaled=form).evaluation == form
    with pytest.raises(ValueError, match=r"inner.*got 'radial' for 'exp'.*; leave scaled out"):
        Feature("exp", math.exp, math.exp, "radial", scaled=form)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_bounds_of_features_hold_and_are_attained(name):
    for bound, found in zip(FEATURES[name].bounds, grid_suprema(FEATURES[name]), strict=True):
        if math.isinf(bound):
            assert found > 1e4
        else:
            assert 0.99 * bound <= found <= (1 + 1e-6) * bound


def loss_suprema(loss):
    """Return the suprema of the norms of gradient and Hessian over a grid, for one output."""
    step = 1e-5
    rows = {"class": np.eye(2), "sign": np.array([[1.0], [-1.0]]), "real": np.array([[0.0], [2.0]])}
    largest = np.zeros(2)

    def gradient(f, y):
        out = np.full(len(y), np.nan)
        loss.gradient(f, y, out)
        return out

    for y in rows[loss.labels]:
        shifts = step * np.eye(len(y))
        for a in np.concatenate([np.linspace(-40, 40, 801), [-1e5, 1e5]]):
            f = np.zeros(len(y))
            f[0] = a
            hessian = [(gradient(f + h, y) - gradient(f - h, y)) / (2 * step) for h in shifts]
            found = np.linalg.norm(gradient(f, y)), np.linalg.norm(hessian, 2)
            largest = np.maximum(largest, found)
    return largest


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_bounds_of_losses_hold_and_are_attained(name):
    for bound, found in zip(LOSSES[name].bounds, loss_suprema(LOSSES[name]), strict=True):
        if math.isinf(bound):
            assert found > 1e4
        else:
            assert 0.99 * bound <= found <= (1 + 1e-5) * bound


@pytest.mark.parametrize("loss", BOUNDED_LOSSES)
@pytest.mark.parametrize("feature", BOUNDED_FEATURES)
def test_bound_is_that_of_assumption_1(feature, loss):
    for outputs in (1, 3):
        net, *_ = networks(feature, loss, 2, 4, outputs, 2.5)
        b0, b1, b2 = grid_suprema(FEATURES[feature])
        r1, r2 = loss_suprema(LOSSES[loss])
        norm = np.linalg.norm(net.x, axis=1) if feature != "gaussian" else 1.0
        # the features of the outputs are orthogonal: |h| grows like sqrt(l), its derivative not
        psi = 2.5 * (b0 * math.sqrt(net.outputs) + b1 * norm + b2 * norm**2)
        phi = r1 * (1 if loss == "cross_entropy" else math.sqrt(net.outputs)) + r2
        assert net.bound == pytest.approx(np.sqrt(np.mean(psi**2 * (1 + phi**2))), rel=0.01)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    feature=st.sampled_from(BOUNDED_FEATURES),
    loss=st.sampled_from(BOUNDED_LOSSES),
    shape=st.tuples(st.sampled_from([1, 2, 9]), st.integers(1, 6), st.integers(1, 3)),
    amplitude=st.floats(0.01, 100),
    scale=st.floats(-3, 6),
    seed=st.integers(0, 2**32),
)
def test_drift_is_at_most_the_bound(feature, loss, shape, amplitude, scale, seed):
    d, m, outputs = shape
    rng = np.random.default_rng(seed)
    y, outputs = labels(loss, m, outputs, rng)
    net = sde.MeanFieldNetwork(rng.normal(size=(m, d)), y, feature, loss, amplitude=amplitude)
    theta = 10.0**scale * rng.standard_cauchy(size=(20, d * outputs))
    theta[:10] /= 10.0**scale * np.abs(theta[:10]).max() + 1  # some where the features vary
    assert np.linalg.norm(net.drift(theta), axis=1).max() <= net.bound


def test_bound_names_the_part_of_assumption_1_that_fails():
    relu = sde.MeanFieldNetwork([[1.0]], [1], feature="relu")
    with pytest.raises(ValueError, match=r"regularity of the model.*relu is unbounded"):
        _ = relu.bound
    squared = sde.MeanFieldNetwork([[1.0]], [1], loss="squared")
    with pytest.raises(ValueError, match=r"regularity of the loss.*squared loss is unbounded"):
        _ = squared.bound


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_extreme_states_give_a_finite_drift(feature, loss):
    for d in (1, 2, 9):
        net, _, _ = networks(feature, loss, d, 5, 1)
        ends = np.array([1e300, -1e300, 1e-300, -1e-300, 0.0, 1e15])
        theta = np.resize(ends, (12, net.dim)) * np.repeat([1.0, 0.5], 6)[:, None]
        drift = net.drift(theta)
        assert np.isfinite(drift).all()
        assert np.isfinite(net.predict(theta)).all()
        if feature != "relu" and loss != "squared":
            assert np.linalg.norm(drift, axis=1).max() <= net.bound


def test_pseudo_huber_keeps_its_slope_where_the_square_overflows():
    net = sde.MeanFieldNetwork([[1.0]], [0.0], "relu", "pseudo_huber")
    assert net.drift([[1e300]]).item() == -1.0
    assert net.risk([[1e300]]) == pytest.approx(1e300)


def test_data_that_overflow_where_the_kernels_scale_them_are_refused():
    net = sde.MeanFieldNetwork([[1e308]], [1.0])
    with pytest.raises(ValueError, match=r"multiplied by 2.89, got 1e\+308; use other units"):
        net.drift([[0.5]])
    assert sde.MeanFieldNetwork([[1e308]], [1.0], "sigmoid").drift([[-1.0]]).item() == 0
    noise, single = sde.StableNoise(1.5, "I"), sde.MeanFieldNetwork([[1e39]], [1.0])
    with pytest.raises(ValueError, match=r"float32 when .* got 1e\+39; use dtype='float64'"):
        sde.simulate(single, noise, n=2, t1=1.0, dt=1.0, dtype="float32")


def test_data_are_read_only_copies():
    x, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([1.0, -1.0])
    net, same = sde.MeanFieldNetwork(x, y), sde.MeanFieldNetwork(x, y)
    theta = np.array([[0.3, -0.2]])
    before = net.drift(theta)
    with pytest.raises(ValueError, match="read-only"):
        net.x[0, 0] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        net.y[0] = -1.0
    x[:], y[:] = 7.0, -y
    np.testing.assert_array_equal(same.drift(theta), before)
    assert net.fingerprint == same.fingerprint
    assert net.fingerprint != sde.MeanFieldNetwork(x, y).fingerprint
    np.testing.assert_array_equal(theta, [[0.3, -0.2]])


def softsign(a):
    return a / (1 + abs(a))


def softsign_slope(a):
    return 1 / (1 + abs(a)) ** 2


def log_cosh(prediction, target):
    total = 0.0
    for k in range(len(target)):
        total += math.log(math.cosh(prediction[k] - target[k]))
    return total


def log_cosh_gradient(prediction, target, out):
    for k in range(len(target)):
        out[k] = math.tanh(prediction[k] - target[k])


@pytest.fixture
def registered(monkeypatch):
    """Register a feature and a loss, and their oracles, for one test."""
    monkeypatch.setitem(oracles.FEATURES, "softsign", (softsign, softsign_slope, "inner"))
    loss = lambda f, y: np.log(np.cosh(f - y)).sum(axis=1)  # noqa: E731
    monkeypatch.setitem(oracles.LOSSES, "log_cosh", (loss, lambda f, y: np.tanh(f - y)))
    sde.register_feature("softsign", softsign, softsign_slope, bounds=(1.0, 1.0, 2.0))
    sde.register_loss("log_cosh", log_cosh, log_cosh_gradient, bounds=(1.0, 1.0))
    yield
    del FEATURES["softsign"], LOSSES["log_cosh"]


@pytest.mark.usefixtures("registered")
def test_a_feature_and_a_loss_of_the_user_are_simulated():
    rng = np.random.default_rng(0)
    x, y, start = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), rng.normal(size=(200, 4))
    net = sde.MeanFieldNetwork(x, y, "softsign", "log_cosh")
    oracle = oracles.Network(x, y, "softsign", "log_cosh")
    noise = sde.StableNoise(1.5, "II", 0.5)
    sol = sde.simulate(net, noise, n=200, t1=2.0, dt=0.25, initial=start, save_at=[1.0, 2.0])
    increments = noise.increments(200, 4, 0.25, 8)
    states, _ = oracles.particle_paths(oracle.observables, oracle.drift, increments, start, 0.25)
    np.testing.assert_allclose(sol.saved, states[[4, 8]], rtol=1e-12, atol=1e-12)
    assert net.risk(start) == pytest.approx(oracle.risk(start), rel=1e-12)
    norm = np.linalg.norm(x, axis=1)
    psi = math.sqrt(2) + norm + 2 * norm**2
    assert net.bound == pytest.approx(math.sqrt(np.mean(psi**2) * (1 + (math.sqrt(2) + 1) ** 2)))


@pytest.mark.usefixtures("registered")
def test_registries_refuse_a_name_that_is_taken():
    with pytest.raises(ValueError, match="taken"):
        sde.register_feature("softsign", softsign, softsign_slope)
    with pytest.raises(ValueError, match="taken"):
        sde.register_loss("squared", log_cosh, log_cosh_gradient)


def test_registries_refuse_a_wrong_derivative():
    with pytest.raises(ValueError, match="finite difference"):
        sde.register_feature("wrong", softsign, softsign)

    def wrong(prediction, target, out):
        out[0] = prediction[0] + target[0]

    with pytest.raises(ValueError, match="finite difference"):
        sde.register_loss("wrong", log_cosh, wrong)
    assert "wrong" not in FEATURES
    assert "wrong" not in LOSSES


def test_a_loss_that_leaves_an_output_out_is_refused_with_two_outputs():
    def value(prediction, target):
        return math.log(math.cosh(prediction[0] - target[0]))

    def gradient(prediction, target, out):
        out[0] = math.tanh(prediction[0] - target[0])

    sde.register_loss("one_output", value, gradient)
    try:
        assert sde.MeanFieldNetwork([[1.0]], [1.0], loss="one_output").outputs == 1
        with pytest.raises(ValueError, match="for every output"):
            sde.MeanFieldNetwork([[1.0]], [[1.0, 0.0]], loss="one_output")
    finally:
        del LOSSES["one_output"]


def test_bounds_that_were_not_given_are_asked_for():
    sde.register_feature("boundless", softsign, softsign_slope)
    sde.register_loss("boundless", log_cosh, log_cosh_gradient)
    try:
        with pytest.raises(ValueError, match="register_feature"):
            _ = sde.MeanFieldNetwork([[1.0]], [1], "boundless").bound
        with pytest.raises(ValueError, match="register_loss"):
            _ = sde.MeanFieldNetwork([[1.0]], [1], loss="boundless").bound
    finally:
        del FEATURES["boundless"], LOSSES["boundless"]
