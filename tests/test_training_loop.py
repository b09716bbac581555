"""What ends training, what is kept on the way, and what is refused."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import sde
from sde.checkpoint import CheckpointError, Checkpoints

RNG = np.random.default_rng(8)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
NOISE = sde.StableNoise(1.6, "II", 0.05)
OPTIONS = {"width": 30, "noise": NOISE, "learning_rate": 0.1, "evaluate_every": 5}


def same(one, other):
    pairs = zip(one.network.weights, other.network.weights, strict=True)
    return all((a == b).all() for a, b in pairs)


# --- what ends it ---------------------------------------------------------------------------------


def test_training_ends_with_its_steps():
    fit = sde.train(X, Y, **OPTIONS, max_steps=12)
    assert (fit.steps, fit.stopped_by) == (12, "steps")
    assert fit.history.step.tolist() == [0, 5, 10, 12]


def test_training_ends_with_an_accuracy():
    fit = sde.train(X, Y, **OPTIONS, target_accuracy=0.9)
    assert fit.stopped_by == "accuracy"
    assert (fit.history.train_accuracy[:-1] < 0.9).all()
    assert fit.history.train_accuracy[-1] >= 0.9
    assert fit.network.accuracy(X, Y) == fit.history.train_accuracy[-1]


def test_training_that_is_good_already_takes_no_step():
    assert sde.train(X, Y, **OPTIONS, target_accuracy=0.0).steps == 0


def test_training_ends_with_a_loss():
    fit = sde.train(X, Y, **OPTIONS, target_loss=0.4)
    assert fit.stopped_by == "loss"
    assert fit.history.loss[-1] <= 0.4 < fit.history.loss[-2]


def test_training_ends_with_its_time():
    fit = sde.train(X, Y, **OPTIONS, max_steps=10**9, max_seconds=0.2)
    assert fit.stopped_by == "time"
    assert fit.history.seconds[-1] >= 0.2 > fit.history.seconds[-2]


def test_a_callback_sees_the_network_and_ends_training():
    seen = []

    def stop(snapshot):
        seen.append((snapshot.record.step, snapshot.network.accuracy(X, Y)))
        return snapshot.record.step >= 10

    fit = sde.train(X, Y, **OPTIONS, callbacks=[stop])
    assert (fit.steps, fit.stopped_by) == (10, "callback")
    assert [accuracy for _, accuracy in seen] == fit.history.train_accuracy.tolist()


def test_the_progress_bar_shows_loss_and_accuracy(capsys):
    sde.train(X, Y, **OPTIONS, max_steps=10, progress=True)
    assert re.search(r"loss \d+\.\d+, accuracy \d+", capsys.readouterr().out)


def test_without_the_last_noise_the_network_that_is_evaluated_is_the_one_returned():
    fit = sde.train(X, Y, **OPTIONS, max_steps=10, last_noise=False)
    assert fit.network.accuracy(X, Y) == fit.history.train_accuracy[-1]
    whole = sde.train(X, Y, **OPTIONS, max_steps=10, dtype="float64")
    early = sde.train(X, Y, **OPTIONS, max_steps=10, dtype="float64", last_noise=False)
    kick = NOISE.increments(30, 3, 0.1, 10)[9]
    moved = early.network.weights[0] + kick
    np.testing.assert_allclose(moved, whole.network.weights[0], rtol=1e-12, atol=1e-13)


# --- divergence -----------------------------------------------------------------------------------


def test_divergence_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path):
    rates = np.full(40, 0.1)
    rates[23:] = 1e30
    options = OPTIONS | {"learning_rate": rates, "max_steps": 40}
    with pytest.raises(
        sde.TrainingDivergedError, match=r"at step 2[3-9]: .*checkpoint is"
    ) as caught:
        sde.train(X, Y, **options, checkpoint=tmp_path, every_seconds=0)
    assert 23 <= caught.value.step < 30
    last = Checkpoints(tmp_path).latest()
    assert 23 <= last.step <= caught.value.step
    assert all(np.isfinite(last.arrays[f"weights_{layer}"]).all() for layer in range(2))
    assert str(caught.value.checkpoint) in str(caught.value)


def test_a_loss_that_explodes_is_divergence():
    y = RNG.normal(size=40)
    with pytest.raises(sde.TrainingDivergedError, match="the loss is"):
        sde.train(X, y, width=30, loss="squared", learning_rate=40.0, dtype="float64")


# --- resume ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"width": (30, 10), "batch_size": 7},
        {"readout": "mean", "feature": "tanh"},
        {"readout": "mean", "feature": "tanh", "batch_size": 7, "dtype": "float64"},
        {"last_noise": False},
    ],
    ids=str,
)
def test_a_training_that_is_interrupted_goes_on_to_equal_bits(options, tmp_path):
    options = OPTIONS | {"max_steps": 60} | options

    def interrupt(snapshot):
        if snapshot.record.step == 35:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sde.train(X, Y, **options, checkpoint=tmp_path, every_seconds=0, callbacks=[interrupt])
    steps = []
    resumed = sde.train(
        X, Y, **options, checkpoint=tmp_path,
        callbacks=[lambda snapshot: steps.append(snapshot.record.step)],
    )  # fmt: skip
    whole = sde.train(X, Y, **options)
    assert same(resumed, whole)
    assert min(steps) >= 35  # nothing done twice
    np.testing.assert_array_equal(resumed.history.loss, whole.history.loss)
    np.testing.assert_array_equal(resumed.history.step, whole.history.step)
    assert (np.diff(resumed.history.seconds) >= 0).all()


def test_a_finished_training_is_not_trained_again(tmp_path):
    first = sde.train(X, Y, **OPTIONS, max_steps=20, checkpoint=tmp_path)
    again = sde.train(
        X, Y, **OPTIONS, max_steps=20, checkpoint=tmp_path, callbacks=[lambda _: 1 / 0]
    )
    assert (again.steps, again.stopped_by) == (first.steps, first.stopped_by)
    assert same(first, again)


@pytest.mark.parametrize("last_noise", [True, False])
def test_a_finished_training_can_be_made_longer(last_noise, tmp_path):
    options = OPTIONS | {"last_noise": last_noise}
    sde.train(X, Y, **options, max_steps=20, checkpoint=tmp_path)
    longer = sde.train(X, Y, **options, max_steps=40, checkpoint=tmp_path)
    assert same(longer, sde.train(X, Y, **options, max_steps=40))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed 0 instead of 1"),
        ({"learning_rate": 0.2}, "learning_rate '0.1' instead of '0.2'"),
        ({"noise": None}, "noise"),
        ({"width": 31}, "widths"),
    ],
)
def test_checkpoints_of_another_training_are_refused(change, named, tmp_path):
    sde.train(X, Y, **OPTIONS, max_steps=5, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=named):
        sde.train(X, Y, **(OPTIONS | change), max_steps=10, checkpoint=tmp_path)


def test_checkpoints_of_other_data_are_refused(tmp_path):
    sde.train(X, Y, **OPTIONS, max_steps=5, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="data"):
        sde.train(X + 1e-9, Y, **(OPTIONS | {"dtype": "float64"}), checkpoint=tmp_path)


CHILD = """
import sys, numpy as np, sde
rng = np.random.default_rng(8)
x = rng.normal(size=(40, 3))
fit = sde.train(
    x, (x[:, 0] > 0).astype(int), width=30, noise=sde.StableNoise(1.6, "II", 0.05),
    learning_rate=0.1, evaluate_every=5, max_steps=3000, checkpoint=sys.argv[1],
    every_seconds=0,
)
"""


def test_a_training_that_is_killed_goes_on_to_equal_bits(tmp_path):
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", CHILD, tmp_path])
        before = {path.name for path in tmp_path.glob("step-*")}
        deadline = time.monotonic() + 200
        while {path.name for path in tmp_path.glob("step-*")} <= before:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
    options = OPTIONS | {"max_steps": 3000}
    resumed = sde.train(X, Y, **options, checkpoint=tmp_path)
    assert same(resumed, sde.train(X, Y, **options))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"width": 0}, ValueError, "need width >= 1"),
        ({"width": ()}, ValueError, "at least one hidden layer"),
        ({"learning_rate": 0.0}, ValueError, "need learning_rate > 0"),
        ({"learning_rate": [0.1]}, ValueError, "for each of max_steps"),
        ({"learning_rate": lambda _: -1.0}, ValueError, r"learning_rate\(0\) > 0"),
        ({"noise": "II"}, TypeError, "need a StableNoise"),
        ({"readout": "means"}, ValueError, "did you mean 'mean'"),
        ({"readout": "mean", "width": (3, 3)}, ValueError, "one hidden layer"),
        ({"feature": "gaussian"}, ValueError, "need a feature of <x, θ>"),
        ({"loss": "cross"}, ValueError, "did you mean 'cross_entropy'"),
        ({"batch_size": 0}, ValueError, "need batch_size >= 1"),
        ({"noisy_layers": [2]}, ValueError, "need a noisy layer <= 1"),
        ({"initial": [np.ones((3, 3))]}, ValueError, "initial weights of 2 layers"),
        ({"initial": [np.ones((3, 3)), np.ones((2, 30))]}, ValueError, r"need initial\[0\]"),
        ({"max_steps": 0}, ValueError, "need max_steps >= 1"),
        ({"target_accuracy": 95}, ValueError, "between 0 and 1"),
        ({"max_seconds": -1}, ValueError, "need max_seconds > 0"),
        ({"evaluate_every": 0}, ValueError, "need evaluate_every >= 1"),
        ({"last_noise": 1}, TypeError, "True or False"),
        ({"test": X}, TypeError, r"need test=\(x, y\)"),
        ({"test": (X[:, :2], Y)}, ValueError, "need test x of shape"),
        ({"dtype": "float16"}, ValueError, "unknown dtype"),
        ({"every_seconds": -1}, ValueError, "need every_seconds >= 0"),
    ],
    ids=lambda value: (
        value
        if isinstance(value, str)
        else next(iter(value), None)
        if isinstance(value, dict)
        else value.__name__
    ),
)
def test_what_makes_no_sense_is_refused_before_any_work(change, error, message):
    with pytest.raises(error, match=message):
        sde.train(X, Y, **(OPTIONS | change))


def test_inputs_that_do_not_fit_the_type_are_refused():
    with pytest.raises(ValueError, match="use dtype='float64'"):
        sde.train([[1e300]], [0], width=3, learning_rate=0.1)
