r"""Heavy-tailed stochastic gradient descent: recursion (2) of the paper, and what stops it."""

import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sde import validation
from sde.features import Feature, find_feature
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.losses import Loss, find_loss
from sde.network import MeanFieldNetwork
from sde.sampling import KINDS
from sde.simulate import DTYPES
from sde.stable import StableNoise
from sde.training.batches import Batches
from sde.training.fit import Fit
from sde.training.layers import Kicks, Layers, uniform_weights
from sde.training.loop import Callback, Engine, Snapshot, Training
from sde.training.particles import Particles
from sde.training.rules import Data, LearningRate, Rules

__all__ = ["train"]

READOUTS = ("trained", "mean")


def train(
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: int | Sequence[int],
    learning_rate: float | Sequence[float] | Callable[[int], float],
    noise: StableNoise | None = None,
    readout: Literal["trained", "mean"] = "trained",
    feature: str = "relu",
    loss: str = "cross_entropy",
    batch_size: int | None = None,
    noisy_layers: Sequence[int] | None = None,
    initial: InitialLaw | ArrayLike | Sequence[ArrayLike] | None = None,
    max_steps: int = 10_000,
    target_accuracy: float | None = None,
    target_loss: float | None = None,
    max_seconds: float | None = None,
    evaluate_every: int = 10,
    last_noise: bool = True,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
    replicate: int = 0,
    dtype: Literal["float32", "float64"] = "float32",
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    every_seconds: float = 60.0,
) -> Fit:
    r"""Train a network by gradient descent with stable noise (recursion (2) of the paper).

    .. math:: \theta_{k+1}^i = \theta_k^i - \eta\,\partial_i + \sigma \eta^{1/\alpha} X_k^i,

    with the gradient of the mean loss of a batch, and a noise vector X for every hidden unit.

    Parameters
    ----------
    x : (m, d) array_like
        Inputs. For a bias, append a column of ones.
    y : (m,) or (m, l) array_like
        Targets, as the loss admits them: classes 0, ..., l - 1 for "cross_entropy", ±1 for
        "logistic", real numbers otherwise.
    width : int or sequence of int
        Hidden units, of one layer or of each.
    learning_rate : float, sequence of float, or function of the step
        η, for every step or for each.
    noise : StableNoise, optional
        Its scale is σ. No noise by default.
    readout : {"trained", "mean"}
        "trained": the last layer is trained as well, without noise. "mean": it is fixed to 1/n, the
        paper's mean-field network. Then, on full batches, `theta` is that of
        ``simulate(MeanFieldNetwork(x, y, feature, loss), noise, ...)``, bit for bit.
    feature, loss : str
        Names in the registries.
    batch_size : int, optional
        Data of a step, in a new random order each epoch; all of them by default.
    noisy_layers : sequence of int, optional
        Layers that get noise, counted from 0, the readout last; all hidden ones by default.
    initial : optional
        With "trained": a (units, inputs) array for each layer; by default uniform on
        ±1/√inputs. With "mean": a law or an (n, p) array; by default ``Gaussian(1.0)``.
    max_steps, target_accuracy, target_loss, max_seconds
        Training ends at the first that is reached. The accuracy is a share, of the training data.
    evaluate_every : int
        Steps between evaluations, at which targets are compared and `history` grows.
    last_noise : bool
        Whether the noise of the last step is added. If not, networks are evaluated between a step
        and its noise, as in the paper's experiments.
    test : (x, y), optional
        Test data, for the history.
    seed, replicate : int
        Select the streams of initial weights, noise and batches.
    dtype : {"float32", "float64"}
        Of the weights and of the products of matrices.
    callbacks : sequence of callable
        Each is called with a `Snapshot` at every evaluation, and ends training by returning True.
    progress : bool
        Whether to show a progress bar.
    checkpoint : path, optional
        Folder of checkpoints. If it holds one of this same training, that one is gone on from, to
        equal bits.
    every_seconds : float
        Seconds between checkpoints.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value.
    CheckpointError
        If the folder holds another training, or can't be used.
    TrainingDivergedError
        If a loss or a weight stops being finite, or the loss explodes; it names the step, and the
        last good checkpoint is kept.

    Notes
    -----
    Results do not depend on the number of threads.

    Examples
    --------
    >>> import sde
    >>> x, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.2]], [0, 1, 1, 0]
    >>> noise = sde.StableNoise(alpha=1.75, kind="I", sigma=0.01)
    >>> fit = sde.train(x, y, width=64, noise=noise, learning_rate=0.5, target_accuracy=1.0)
    >>> fit.stopped_by, fit.network.accuracy(x, y)
    ('accuracy', 1.0)
    """
    rules = Rules.checked(
        max_steps, evaluate_every, target_accuracy, target_loss, max_seconds, last_noise
    )
    validation.known_name("dtype", dtype, DTYPES)
    validation.known_name("readout", readout, READOUTS)
    found = find_loss(loss)
    data = Data.checked("x", x, y, found, dtype)
    held_out = _test_data(test, found, dtype, data)
    rate = LearningRate.checked(learning_rate, rules.max_steps)
    noise = _noise(noise)
    size = validation.count("batch_size", len(data.x) if batch_size is None else batch_size)
    batches = Batches(len(data.x), size, seed, replicate)
    widths = _widths(width)
    unit = _unit(feature)
    engine: Engine
    streams = {"seed": seed, "replicate": replicate}
    if readout == "mean":
        _refuse_for_mean(widths, noisy_layers)
        system = MeanFieldNetwork(x, y, feature, loss)
        data = Data(system.x, system.y, data.classes)  # the simulator's own arithmetic
        law: Any = Gaussian(1.0) if initial is None else initial
        theta = sample_initial(
            law, widths[0], system.dim, seed=seed, replicate=replicate, dtype=np.dtype(dtype)
        )
        engine = Particles(system, theta, noise, steps=rules.max_steps, **streams)
    else:
        engine = _layers(
            data, widths, unit, found, noise, noisy_layers, initial, full=batches.full,
            dtype=dtype, **streams,
        )  # fmt: skip
    parameters: dict[str, str | int | float] = {
        "noise": repr(noise),
        "widths": repr(widths),
        "readout": readout,
        "feature": feature,
        "loss": loss,
        "learning_rate": repr(rate),
        "batch_size": min(size, len(data.x)),
        "noisy_layers": "hidden" if noisy_layers is None else repr(tuple(noisy_layers)),
        "initial": _digest(initial),
        "evaluate_every": rules.evaluate_every,
        "last_noise": rules.last_noise,
        "data": _digest([data.x, data.y]),
        "seed": seed,
        "replicate": replicate,
        "dtype": dtype,
    }
    training = Training(engine, data, held_out, rate, batches, rules, found, parameters)
    with _bar(progress, rules) as show:
        return training.run([show, *callbacks], checkpoint, every_seconds)


def _noise(noise: object) -> StableNoise:
    if noise is None:
        return StableNoise(2.0, "I", sigma=0.0)
    if not isinstance(noise, StableNoise):
        raise TypeError(
            f"need a StableNoise, got {validation.show(noise)}; pass a StableNoise(...) or None"
        )
    if noise.kind not in KINDS:
        raise ValueError(
            f"need noise of Type I, II or III, got {validation.show(noise)}; directions have one "
            "dimension, layers of a network have several"
        )
    return noise


def _unit(name: str) -> Feature:
    unit = find_feature(name)
    if unit.geometry != "inner":
        raise ValueError(
            f"need a feature of <x, θ>, which layers have, got {name!r}; use another, or simulate"
        )
    return unit


def _widths(width: object) -> tuple[int, ...]:
    if isinstance(width, Sequence):
        if not width:
            raise ValueError("need at least one hidden layer, got width=(); pass its units")
        return tuple(validation.count("width", each) for each in width)
    return (validation.count("width", width),)


def _refuse_for_mean(widths: tuple[int, ...], noisy: object) -> None:
    if len(widths) > 1 or noisy is not None:
        raise ValueError(
            'need one hidden layer, all of it noisy, with readout="mean", got '
            f'width={widths}, noisy_layers={noisy!r}; use readout="trained" for other networks'
        )


def _test_data(test: object, loss: Loss, dtype: str, data: Data) -> Data | None:
    if test is None:
        return None
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"need test=(x, y), got {validation.show(test)}; pass a pair of arrays")
    return Data.checked("test x", test[0], test[1], loss, dtype, data.x.shape[1])


def _layers(
    data: Data,
    widths: tuple[int, ...],
    feature: Feature,
    loss: Loss,
    noise: StableNoise,
    noisy_layers: Sequence[int] | None,
    initial: Any,
    *,
    full: bool,
    seed: int,
    replicate: int,
    dtype: str,
) -> Layers:
    sizes = [data.x.shape[1], *widths, data.y.shape[1]]
    shapes = [(units, inputs) for inputs, units in itertools.pairwise(sizes)]
    if initial is None:
        weights = uniform_weights(shapes, seed=seed, replicate=replicate, dtype=dtype)
    else:
        if len(initial) != len(shapes):
            raise ValueError(
                f"need initial weights of {len(shapes)} layers, got {len(initial)}; pass an array "
                f"for each of the shapes {shapes}"
            )
        weights = [
            validation.real_array(f"initial[{layer}]", each, shape).astype(dtype)
            for layer, (each, shape) in enumerate(zip(initial, shapes, strict=True))
        ]
    hidden = tuple(range(len(widths)))
    noisy = (
        hidden
        if noisy_layers is None
        else tuple(
            validation.count("a noisy layer", layer, least=0, most=len(widths))
            for layer in noisy_layers
        )
    )
    kicks = Kicks(noise, noisy, seed, replicate)
    return Layers(weights, feature, loss, kicks, data.x if full else None)


def _digest(value: Any) -> str:
    """Return a short name of what arrays hold, for the record."""
    if value is None or isinstance(value, InitialLaw):
        return repr(value)
    digest = hashlib.sha256()
    for each in value:
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _bar(wanted: bool, rules: Rules) -> Iterator[Callback]:
    """Show a progress bar, if it is wanted, for as long as the block lasts."""
    if not wanted:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("training", total=rules.max_steps)

        def show(snapshot: Snapshot) -> None:
            record = snapshot.record
            text = f"loss {record.loss:.4f}, accuracy {record.train_accuracy:.2%}"
            bar.update(task, completed=record.step, description=text)

        yield show
