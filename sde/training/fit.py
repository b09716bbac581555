"""What a training gives: the network, and what was seen on the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde.training.fully_connected import FullyConnectedNetwork

__all__ = ["Fit", "History", "Record", "TrainingDivergedError"]


class Record(NamedTuple):
    """What was seen after so many steps; an accuracy is NaN where there is none."""

    step: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    pruning_ratio: float
    seconds: float


@dataclass
class History:
    """Records in the order of their steps; each column is an array.

    Examples
    --------
    >>> history = History([Record(0, 0.7, 0.5, float("nan"), 0.1, 0.0)])
    >>> history.loss.tolist(), history.train_accuracy.tolist()
    ([0.7], [0.5])
    """

    records: list[Record] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one column as an array."""
        return np.array([getattr(record, name) for record in self.records], dtype=np.float64)

    @property
    def step(self) -> NDArray[np.int64]:
        """Steps done."""
        return self.column("step").astype(np.int64)

    @property
    def loss(self) -> NDArray[np.float64]:
        """Mean loss on the training data."""
        return self.column("loss")

    @property
    def train_accuracy(self) -> NDArray[np.float64]:
        """Share of the training data that is classified correctly."""
        return self.column("train_accuracy")

    @property
    def test_accuracy(self) -> NDArray[np.float64]:
        """Share of the test data that is classified correctly."""
        return self.column("test_accuracy")

    @property
    def pruning_ratio(self) -> NDArray[np.float64]:
        """Share of hidden units that can go and leave 90 % of the squared norm."""
        return self.column("pruning_ratio")

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Time since training began, that of earlier sessions included."""
        return self.column("seconds")


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network.

    Attributes
    ----------
    network : FullyConnectedNetwork
        At the end.
    theta : (n, p) array, or None
        State of the particles, for the mean-field network.
    history : History
        What was seen every so many steps.
    steps : int
        Steps done.
    stopped_by : {"accuracy", "loss", "steps", "time", "callback"}
        Why training ended.
    parameters : dict
        What was run, for the record.

    Examples
    --------
    >>> import sde
    >>> x, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> fit = sde.train(x, y, width=32, learning_rate=0.5, max_steps=20)
    >>> fit.steps, fit.stopped_by, len(fit.history)
    (20, 'steps', 3)
    """

    network: FullyConnectedNetwork
    theta: NDArray[Any] | None
    history: History
    steps: int
    stopped_by: Literal["accuracy", "loss", "steps", "time", "callback"]
    parameters: dict[str, str | int | float]

    def __repr__(self) -> str:
        last = self.history.records[-1]
        return (
            f"Fit(steps={self.steps}, stopped_by={self.stopped_by!r}, loss={last.loss:.4g}, "
            f"train_accuracy={last.train_accuracy:.4g}, pruning_ratio={last.pruning_ratio:.4g})"
        )


class TrainingDivergedError(FloatingPointError):
    """Training lost its numbers: a loss or a weight is not finite, or the loss exploded.

    Attributes
    ----------
    step : int
        The step that did it.
    checkpoint : Path or None
        The last good checkpoint, if any was asked for and written.

    Examples
    --------
    >>> import sde
    >>> try:
    ...     fit = sde.train([[1.0]] * 3, [0, 0, 1], width=64, learning_rate=1e30)
    ... except sde.TrainingDivergedError as error:
    ...     print("diverged:", error.step > 0)
    diverged: True
    """

    def __init__(self, message: str, step: int, checkpoint: Path | None) -> None:
        super().__init__(message)
        self.step, self.checkpoint = step, checkpoint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.step, self.checkpoint)
