"""
One run of the paper's experiments (section 5): train a network, prune it, see what it still knows.

A run is a pure function of its setting and a seed, whoever computes it. What it returns depends on
this module and what it imports, which is what a study of many runs identifies it by.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from sde.datasets import Dataset, ecg5000_split, load
from sde.stable import StableNoise
from sde.training.fit import TrainingDivergedError
from sde.training.train import train

__all__ = ["ENERGY", "Result", "Setting", "examples", "run"]

#: Share of the squared Frobenius norm of the first layer that pruning keeps.
ENERGY = 0.9

Split = Literal["own", "archive", "random"]


@dataclass(frozen=True)
class Setting:
    """
    What a run depends on beside its seed.

    Parameters
    ----------
    dataset : str
        A name in `sde.datasets.NAMES`.
    split : {"own", "archive", "random"}
        "own": the data as they come. The others tell normal heart beats from all others: "random"
        draws anew, with each seed, which 500 series are training data; "archive" keeps the 500 that
        the archive publishes as such.
    width : int
        Hidden units n.
    kind : {"I", "II", "III"}
        Type of the noise.
    alpha : float or None
        Its tail index; None for no noise.
    sigma : float
        Its scale, as `StableNoise` defines it.
    learning_rate, batch_size, evaluate_every, max_steps
        As for `sde.train`.
    target_accuracy : float
        Share of the training data classified rightly at which training ends.
    curve : tuple of float
        Pruning ratios at which the test accuracy is found too (Figure 2).
    """

    dataset: str
    split: Split
    width: int
    kind: Literal["I", "II", "III"]
    alpha: float | None
    sigma: float
    learning_rate: float
    batch_size: int
    evaluate_every: int
    max_steps: int
    target_accuracy: float = 0.95
    curve: tuple[float, ...] = ()

    @property
    def noise(self) -> StableNoise | None:
        """The law of the noise."""
        return None if self.alpha is None else StableNoise(self.alpha, self.kind, self.sigma)


@dataclass(frozen=True)
class Result:
    """
    What a run finds; shares are from 0 to 1, and all of them 0 if training diverged.

    Parameters
    ----------
    train_accuracy, test_accuracy : float
        When training ended.
    pruning_ratio : float
        Largest share of hidden units that can go and leave 90 % of the squared Frobenius norm of
        the first layer.
    pruned_train_accuracy, pruned_test_accuracy : float
        After pruning that share.
    steps : int
        Steps of training.
    stopped_by : str
        Why training ended: "accuracy" if the target was reached, "steps", or "divergence".
    curve : tuple of float
        Test accuracy after pruning each share of `Setting.curve`.
    """

    train_accuracy: float
    test_accuracy: float
    pruning_ratio: float
    pruned_train_accuracy: float
    pruned_test_accuracy: float
    steps: int
    stopped_by: str
    curve: tuple[float, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether training reached its target."""
        return self.stopped_by == "accuracy"


def run(setting: Setting, seed: int) -> Result:
    """
    Train, prune, and evaluate.

    The seed selects the initial weights, the noise, the order of batches, and the random split.
    Networks are evaluated, and the last is kept, between a step and its noise.

    Examples
    --------
    >>> setting = Setting("digits", "own", 64, "II", 1.75, 0.01, 0.05, 200, 50, 1000)
    >>> result = run(setting, seed=0)
    >>> result.reached, result.steps % 50, result.train_accuracy >= 0.95
    (True, 0, True)
    """
    data = examples(setting.dataset, setting.split, seed)
    try:
        fit = train(
            data.x_train,
            data.y_train,
            width=setting.width,
            noise=setting.noise,
            learning_rate=setting.learning_rate,
            batch_size=min(setting.batch_size, len(data.x_train)),
            max_steps=setting.max_steps,
            target_accuracy=setting.target_accuracy,
            evaluate_every=setting.evaluate_every,
            last_noise=False,
            seed=seed,
        )
    except TrainingDivergedError as error:
        return Result(
            0.0, 0.0, 0.0, 0.0, 0.0, error.step, "divergence", (0.0,) * len(setting.curve)
        )
    network, test = fit.network, (data.x_test, data.y_test)
    pruned = network.prune_to_energy(ENERGY).shrink()  # the same outputs, sooner
    curve = network.pruning_curve(*test, setting.curve).accuracies.tolist() if setting.curve else []
    return Result(
        fit.history.records[-1].train_accuracy,
        network.accuracy(*test),
        network.pruning_ratio(ENERGY),
        pruned.accuracy(data.x_train, data.y_train),
        pruned.accuracy(*test),
        fit.steps,
        fit.stopped_by,
        tuple(curve),
    )


def examples(dataset: str, split: Split, seed: int) -> Dataset:
    """
    Return the training and test examples of a run.

    Examples
    --------
    >>> examples("digits", "random", seed=3).x_train.shape
    (500, 64)
    """
    data = _loaded(dataset)
    if split == "random":
        return ecg5000_split(data, seed)
    if split == "archive":
        y_train, y_test = ((y != 0).astype("int64") for y in (data.y_train, data.y_test))
        return replace(data, y_train=y_train, y_test=y_test, n_classes=2)
    return data


@lru_cache(maxsize=1)
def _loaded(dataset: str) -> Dataset:
    return load(dataset)
