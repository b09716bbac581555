"""When training ends, how fast it learns, and what it says of the data."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import validation
from sde.identity import function_digest
from sde.losses import Loss
from sde.targets import targets
from sde.training.fit import Record

__all__ = ["Data", "LearningRate", "Rules", "Stop", "classes"]

Stop = Literal["accuracy", "loss", "steps", "time", "callback"]


@dataclass(frozen=True)
class Rules:
    """When training is looked at and when it ends.

    Parameters
    ----------
    max_steps : int
        Steps at most.
    evaluate_every : int
        Steps between two evaluations; the last state is evaluated too.
    target_accuracy : float or None
        Share of the training data classified correctly at which training ends.
    target_loss : float or None
        Training loss at which it ends.
    max_seconds : float or None
        Time after which it ends, looked at when it is evaluated.
    last_noise : bool
        Whether the last step's noise is added; if not, networks are evaluated before the noise of
        their step.
    explosion : float
        Multiple of the larger of 1 and the first loss beyond which training has diverged.
    """

    max_steps: int
    evaluate_every: int
    target_accuracy: float | None
    target_loss: float | None
    max_seconds: float | None
    last_noise: bool
    explosion: float = 1e9

    @classmethod
    def checked(
        cls,
        max_steps: object,
        evaluate_every: object,
        target_accuracy: object,
        target_loss: object,
        max_seconds: object,
        last_noise: object,
    ) -> "Rules":
        """Make rules of what a user passed."""
        accuracy = target_accuracy
        if accuracy is not None:
            accuracy = validation.real("target_accuracy", accuracy, least=0.0, most=1.0)
        loss = target_loss if target_loss is None else validation.real("target_loss", target_loss)
        seconds = max_seconds
        if seconds is not None:
            seconds = validation.positive("max_seconds", seconds)
        return cls(
            validation.count("max_steps", max_steps),
            validation.count("evaluate_every", evaluate_every),
            accuracy,
            loss,
            seconds,
            validation.boolean("last_noise", last_noise),
        )

    def reason(self, record: Record) -> Stop | None:
        """Return why training ends with a record, if it does."""
        if self.target_accuracy is not None and record.train_accuracy >= self.target_accuracy:
            return "accuracy"
        if self.target_loss is not None and record.loss <= self.target_loss:
            return "loss"
        if self.max_seconds is not None and record.seconds >= self.max_seconds:
            return "time"
        return "steps" if record.step >= self.max_steps else None

    def is_due(self, step: int) -> bool:
        """Return whether the network is evaluated after so many steps."""
        return step % self.evaluate_every == 0 or step >= self.max_steps


@dataclass(frozen=True)
class LearningRate:
    """The learning rate of each step: a number, a sequence, or a function of the step."""

    source: float | NDArray[np.float64] | Callable[[int], float]

    @classmethod
    def checked(cls, value: object, max_steps: int) -> "LearningRate":
        """Make a learning rate of what a user passed."""
        if callable(value):
            return cls(validation.function_of("learning_rate", value, ("step",)))
        if isinstance(value, Sequence | np.ndarray) and np.ndim(value) > 0:
            rates = validation.real_array("learning_rate", value, ("steps",))
            if len(rates) < max_steps:
                raise ValueError(
                    f"need a learning rate for each of max_steps={max_steps} steps, got "
                    f"{len(rates)}; pass more, or fewer steps"
                )
            if rates.min() <= 0:
                raise ValueError(
                    f"need learning rates > 0, got {float(rates.min())!r}; pass positive numbers"
                )
            return cls(rates)
        return cls(validation.positive("learning_rate", value))

    def at(self, step: int) -> float:
        """Return the learning rate of a step."""
        if isinstance(self.source, float):
            return self.source
        if isinstance(self.source, np.ndarray):
            return float(self.source[step])
        return validation.positive(f"learning_rate({step})", self.source(step))

    def __repr__(self) -> str:
        if isinstance(self.source, float):
            return repr(self.source)
        if isinstance(self.source, np.ndarray):
            return f"array {hashlib.sha256(self.source.tobytes()).hexdigest()[:16]}"
        return f"function {function_digest(self.source)[:16]}"


@dataclass(frozen=True, eq=False)
class Data:
    """Inputs in the type of the weights, targets, and the classes they stand for, if any."""

    x: NDArray[Any]
    y: NDArray[np.float64]
    classes: NDArray[np.int64] | None

    @classmethod
    def checked(
        cls, name: str, x: ArrayLike, y: ArrayLike, loss: Loss, dtype: str, dim: int | str = "d"
    ) -> "Data":
        """Make data of what a user passed."""
        inputs = validation.real_array(name, x, ("m", dim))
        wanted = targets(loss, y, len(inputs))
        labels = classes(wanted) if loss.labels != "real" else None
        with np.errstate(over="ignore"):
            stored = inputs.astype(dtype, copy=False)
        if not np.isfinite(stored).all():
            raise ValueError(
                f"need {name} that fits {dtype}, got {np.abs(inputs).max():g}; use dtype='float64'"
            )
        return cls(stored, wanted, labels)

    def accuracy(self, outputs: NDArray[Any]) -> float:
        """Return the share of the data that outputs classify correctly; NaN without classes."""
        if self.classes is None:
            return math.nan
        return float(np.mean(classes(outputs) == self.classes))


def classes(outputs: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class of each row of outputs, or of targets: the largest, or the sign of one."""
    if outputs.shape[1] == 1:
        return np.where(outputs[:, 0] > 0, 1, -1)
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)
