"""Training against plain NumPy, against `simulate`, and against the noise by itself."""

import numpy as np
import oracles
import pytest
import threadpoolctl

import sde
from sde.lanes import WIDTH
from sde.training import fully_connected, layers
from sde.training.batches import Batches
from sde.training.units import forward

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 4))
CLASSES = RNG.integers(0, 3, 30)
TARGETS = {
    "cross_entropy": CLASSES,
    "logistic": np.where(CLASSES > 0, 1, -1),
    "squared": RNG.normal(size=(30, 2)),
    "pseudo_huber": RNG.normal(size=30),
}
INNER = [name for name, (_, _, geometry) in oracles.FEATURES.items() if geometry == "inner"]
NOISES = [sde.StableNoise(alpha, kind, 0.3) for kind in ("I", "II", "III") for alpha in (1.5, 2)]
RATE = 0.05


def as_rows(loss):
    target = TARGETS[loss]
    return np.eye(3)[target] if loss == "cross_entropy" else target.reshape(30, -1)


def some_weights(widths, outputs, dtype="float64"):
    sizes = [4, *widths, outputs]
    rng = np.random.default_rng(1)
    pairs = zip(sizes[1:], sizes, strict=False)
    return [rng.normal(size=shape).astype(dtype) / np.sqrt(shape[1]) for shape in pairs]


# --- the step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("feature", INNER)
@pytest.mark.parametrize("widths", [(20,), (20, 9, 5)])
def test_steps_without_noise_are_those_of_plain_numpy(widths, feature, loss):
    y = as_rows(loss)
    weights = some_weights(widths, y.shape[1])
    fit = sde.train(
        X, TARGETS[loss], width=widths, learning_rate=RATE, feature=feature, loss=loss,
        initial=weights, max_steps=7, dtype="float64",
    )  # fmt: skip
    for _ in range(7):
        slopes = oracles.gradients(weights, X, y, feature, loss)
        weights = [w - RATE * g for w, g in zip(weights, slopes, strict=True)]
    for found, wanted in zip(fit.network.weights, weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("outputs", [3, 50])  # pulled back by our own loop, and by BLAS
@pytest.mark.parametrize("feature", ["relu", "tanh"])
def test_wide_layers_are_plain_numpy_with_any_number_of_threads(feature, outputs, set_threads):
    # several groups of units, the last one not full, and products large enough for threads
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 40)), rng.integers(0, outputs, 50)
    y[0] = outputs - 1
    shapes = [(700, 40), (600, 700), (outputs, 600)]
    weights = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    options = {
        "width": (700, 600), "learning_rate": RATE, "feature": feature, "initial": weights,
        "max_steps": 3, "dtype": "float64", "test": (x, y),
    }  # fmt: skip
    fits, predictions = [], []
    for count in (1, 2):
        set_threads(count)
        fits.append(sde.train(x, y, **options))
        predictions.append(fits[0].network.predict(x))
    for _ in range(3):
        slopes = oracles.gradients(weights, x, np.eye(outputs)[y], feature, "cross_entropy")
        weights = [w - RATE * g for w, g in zip(weights, slopes, strict=True)]
    one, two = (fit.network for fit in fits)
    for found, wanted, other in zip(one.weights, weights, two.weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(found, other)
    wanted = oracles.network_outputs(weights, feature, x)
    np.testing.assert_allclose(predictions[0], wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(*predictions)
    np.testing.assert_allclose(one.predict(x[:1]), wanted[:1], rtol=1e-10, atol=1e-12)
    assert [each.loss for each in fits[0].history.records] == [
        each.loss for each in fits[1].history.records
    ]


@pytest.mark.parametrize(("size", "passes"), [(30, 4), (8, 7)])
def test_steps_on_all_data_use_what_an_evaluation_has_found(size, passes, monkeypatch):
    counts = []

    def counted(*arguments):
        counts.append(1)
        forward(*arguments)

    for module in (layers, fully_connected):
        monkeypatch.setattr(module, "forward", counted)
    options = {"width": 20, "learning_rate": RATE, "max_steps": 3, "batch_size": size}
    sde.train(X, CLASSES, **options, evaluate_every=1)
    assert len(counts) == passes  # four evaluations, and steps


@pytest.mark.parametrize("feature", ["relu", "tanh"])
@pytest.mark.parametrize("size", [30, 8])
def test_evaluations_change_no_step(size, feature):
    options = {
        "width": (20, 9), "learning_rate": RATE, "max_steps": 12, "batch_size": size,
        "noise": NOISES[0], "feature": feature,
    }  # fmt: skip
    often, seldom = (sde.train(X, CLASSES, **options, evaluate_every=k) for k in (1, 4))
    assert often.history.records[8].loss == seldom.history.records[2].loss
    for pair in zip(often.network.weights, seldom.network.weights, strict=True):
        np.testing.assert_array_equal(*pair)


def test_blas_starts_no_threads_in_steps_and_predictions(monkeypatch):
    counts = []

    def watched(*arguments):
        pools = threadpoolctl.threadpool_info()
        counts.append({each["num_threads"] for each in pools if each["user_api"] == "blas"})
        forward(*arguments)

    for module in (layers, fully_connected):
        monkeypatch.setattr(module, "forward", watched)
    sde.train(X, CLASSES, width=20, learning_rate=RATE, max_steps=1, batch_size=8)
    assert counts == [{1}] * 3  # evaluations before and after, and the step


@pytest.mark.parametrize("outputs", [2, 40])
@pytest.mark.parametrize("feature", ["relu", "tanh"])
def test_a_float32_step_is_a_float64_step_rounded(feature, outputs):
    # a sum of b products of size s is off by b s 2^-24 at most; here b <= 700 and s < 1
    y = RNG.integers(0, outputs, 30)
    y[0] = outputs - 1
    options = {"width": (700, 60), "learning_rate": RATE, "feature": feature, "max_steps": 1}
    fits = {
        dtype: sde.train(
            X, y, **options, dtype=dtype, initial=some_weights((700, 60), outputs, "float32")
        )
        for dtype in ("float32", "float64")
    }
    pairs = zip(fits["float32"].network.weights, fits["float64"].network.weights, strict=True)
    for single, double in pairs:
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=2**-23, atol=RATE * 700 * 2**-24)


def test_loss_and_accuracy_are_those_of_the_whole_data():
    weights = some_weights((20,), 3)
    fit = sde.train(
        X, CLASSES, width=20, learning_rate=RATE, initial=weights, max_steps=4, evaluate_every=2,
        test=(X[:7], CLASSES[:7]), dtype="float64", batch_size=8,
    )  # fmt: skip
    assert fit.history.step.tolist() == [0, 2, 4]
    network = sde.FullyConnectedNetwork(tuple(weights))
    outputs = network.predict(X)
    losses = oracles.LOSSES["cross_entropy"][0](outputs, np.eye(3)[CLASSES])
    first = fit.history.records[0]
    assert first.loss == pytest.approx(losses.mean(), rel=1e-12)
    assert first.train_accuracy == (outputs.argmax(axis=1) == CLASSES).mean()
    assert first.test_accuracy == (outputs.argmax(axis=1)[:7] == CLASSES[:7]).mean()
    assert first.pruning_ratio == sde.pruning_ratio(weights[0])
    assert fit.history.records[-1].train_accuracy == fit.network.accuracy(X, CLASSES)


def test_real_targets_have_no_accuracy():
    fit = sde.train(X, TARGETS["squared"], width=8, learning_rate=RATE, loss="squared", max_steps=1)
    assert np.isnan(fit.history.train_accuracy).all()


# --- the mean-field network -----------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize(
    ("feature", "loss", "dtype"),
    [
        ("tanh", "logistic", "float64"),
        ("tanh", "cross_entropy", "float32"),
        ("relu", "squared", "float64"),
        ("sine", "pseudo_huber", "float64"),
    ],
)
def test_full_batches_with_a_mean_readout_are_simulate_bit_for_bit(feature, loss, dtype, noise):
    system = sde.MeanFieldNetwork(X, TARGETS[loss], feature, loss)
    options = {"seed": 11, "replicate": 3, "dtype": dtype}
    wanted = sde.simulate(system, noise, n=200, t1=11 * RATE, dt=RATE, **options)
    fit = sde.train(
        X, TARGETS[loss], width=200, noise=noise, learning_rate=RATE, readout="mean",
        feature=feature, loss=loss, max_steps=11, evaluate_every=4, test=(X, TARGETS[loss]),
        **options,
    )  # fmt: skip
    np.testing.assert_array_equal(fit.theta, wanted.theta)
    outputs = fit.network.predict(X)
    size = np.finfo(dtype).eps * 200
    np.testing.assert_allclose(outputs, system.predict(fit.theta), rtol=size, atol=size)


def test_batches_with_a_mean_readout_are_plain_numpy():
    y = as_rows("logistic")
    noise = sde.StableNoise(1.5, "II", 0.2)
    fit = sde.train(
        X, TARGETS["logistic"], width=50, noise=noise, learning_rate=RATE, readout="mean",
        feature="tanh", loss="logistic", batch_size=8, max_steps=9, dtype="float64",
    )  # fmt: skip
    theta = sde.simulate(
        sde.MeanFieldNetwork(X, TARGETS["logistic"]), noise, n=50, t1=RATE, dt=RATE, save_at=[0.0]
    ).saved[0]
    kicks = noise.increments(50, 4, RATE, 9)
    batches = Batches(30, 8, 0, 0)
    for step in range(9):
        rows = batches.rows(step)
        part = oracles.Network(X[rows], y[rows], "tanh", "logistic")
        theta = theta + RATE * part.drift(theta, part.observables(theta).mean(axis=0)) + kicks[step]
    np.testing.assert_allclose(fit.theta, theta, rtol=1e-11, atol=1e-13)


def test_noise_after_the_evaluation_is_the_same_noise():
    noise = sde.StableNoise(1.5, "II", 0.2)
    options = {
        "width": 50, "noise": noise, "learning_rate": RATE, "readout": "mean", "feature": "tanh",
        "max_steps": 6, "evaluate_every": 2, "dtype": "float64",
    }  # fmt: skip
    whole = sde.train(X, CLASSES, **options)
    early = sde.train(X, CLASSES, **options, last_noise=False)
    kick = noise.increments(50, 12, RATE, 6)[5]
    np.testing.assert_allclose(early.theta + kick, whole.theta, rtol=1e-13, atol=1e-14)


def test_the_step_after_noise_is_at_weights_with_noise():
    options = {
        "width": 50, "noise": NOISES[0], "learning_rate": RATE, "max_steps": 6, "dtype": "float64",
    }  # fmt: skip
    often, once = (
        sde.train(X, CLASSES, **options, evaluate_every=k, last_noise=False) for k in (1, 6)
    )
    # the noise of a step is added with the gradient or after it: in another order of sums
    np.testing.assert_allclose(often.network.weights[0], once.network.weights[0], rtol=1e-12)


# --- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_noise_of_a_layer_is_that_of_its_particles(noise):
    widths = (150, 20)
    options = {
        "width": widths, "learning_rate": RATE, "initial": some_weights(widths, 3), "max_steps": 1,
        "dtype": "float64", "seed": 4, "replicate": 2,
    }  # fmt: skip
    still = sde.train(X, CLASSES, **options).network.weights
    moved = sde.train(X, CLASSES, **options, noise=noise).network.weights
    first = noise.increments(150, 4, RATE, 1, seed=4, replicate=2)[0]
    np.testing.assert_allclose(moved[0] - still[0], first, rtol=1e-12, atol=1e-13)
    start = 2 * WIDTH  # 150 units take two blocks of particles
    second = noise.increments(start + 20, 150, RATE, 1, seed=4, replicate=2)[0, start:]
    np.testing.assert_allclose(moved[1] - still[1], second, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(moved[2], still[2])  # the readout has none


def test_noise_is_scaled_by_the_learning_rate_of_its_step():
    noise = sde.StableNoise(1.3, "II", 0.5)
    rates = [0.1, 0.02, 0.3]
    weights = some_weights((40,), 3)
    options = {"width": 40, "noise": noise, "initial": weights, "dtype": "float64"}
    given = sde.train(X, CLASSES, **options, learning_rate=rates, max_steps=3)
    called = sde.train(X, CLASSES, **options, learning_rate=lambda step: 0.1 if step == 0 else (
        0.02 if step == 1 else 0.3), max_steps=3)  # fmt: skip
    for step, rate in enumerate(rates):
        slopes = oracles.gradients(weights, X, np.eye(3)[CLASSES], "relu", "cross_entropy")
        kick = noise.increments(40, 4, rate, step + 1)[step]
        weights = [w - rate * g for w, g in zip(weights, slopes, strict=True)]
        weights[0] = weights[0] + kick
    np.testing.assert_allclose(given.network.weights[0], weights[0], rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(given.network.weights[0], called.network.weights[0])


def test_only_chosen_layers_are_noisy():
    options = {
        "width": (20, 10), "learning_rate": RATE, "initial": some_weights((20, 10), 3),
        "max_steps": 1, "dtype": "float64",
    }  # fmt: skip
    still = sde.train(X, CLASSES, **options).network.weights
    noise = sde.StableNoise(1.5, "III", 0.5)
    for chosen in ([], [0], [1], [0, 2]):
        moved = sde.train(X, CLASSES, **options, noise=noise, noisy_layers=chosen).network.weights
        changed = [bool((a != b).any()) for a, b in zip(moved, still, strict=True)]
        assert changed == [layer in chosen for layer in range(3)]


def test_type_one_noise_does_not_reach_outputs_of_centred_inputs():
    centred = X - X.mean(axis=1, keepdims=True)
    options = {"width": 60, "learning_rate": RATE, "max_steps": 20, "dtype": "float64"}
    still = sde.train(centred, CLASSES, **options)
    noise = sde.StableNoise(1.5, "I", 0.5)
    moved = sde.train(centred, CLASSES, **options, noise=noise)
    np.testing.assert_allclose(
        moved.network.predict(centred), still.network.predict(centred), rtol=1e-9, atol=1e-9
    )
    assert np.abs(moved.network.weights[0] - still.network.weights[0]).max() > 0.1


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "size"), [(10, 3), (10, 5), (10, 10), (10, 99), (1, 1)])
def test_an_epoch_has_every_datum_once(m, size):
    batches = Batches(m, size, 7, 0)
    orders = []
    for epoch in range(2):
        first = epoch * batches.steps_per_epoch
        parts = [batches.rows(first + k) for k in range(batches.steps_per_epoch)]
        assert max(map(len, parts)) <= size
        orders.append(np.concatenate(parts).tolist())
        assert sorted(orders[-1]) == list(range(m))
    assert m == 1 or orders[0] != orders[1]


def test_batches_are_functions_of_the_step():
    forward = [Batches(20, 6, 1, 0).rows(step).tolist() for step in range(9)]
    batches = Batches(20, 6, 1, 0)
    assert [batches.rows(step).tolist() for step in reversed(range(9))] == forward[::-1]
    assert Batches(20, 6, 2, 0).rows(0).tolist() != forward[0]
    assert Batches(20, 6, 1, 1).rows(0).tolist() != forward[0]


def test_orders_are_uniform():
    # 3 data have 6 orders; chi-square with 5 degrees of freedom, false-failure rate 1e-4
    batches = Batches(3, 3, 0, 0)
    orders = [tuple(batches.rows(step).tolist()) for step in range(3000)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert ((counts - 500) ** 2 / 500).sum() < 25.7
