"""The loop of training: steps, evaluations, what stops it, and its checkpoints."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sde import validation
from sde.checkpoint import Checkpoint, CheckpointError, Checkpoints
from sde.losses import Loss
from sde.training.batches import Batches
from sde.training.elementwise import loss_slopes
from sde.training.fit import Fit, History, Record, TrainingDivergedError
from sde.training.fully_connected import FullyConnectedNetwork
from sde.training.particles import Particles
from sde.training.rules import Data, LearningRate, Rules, Stop

__all__ = ["Callback", "Engine", "Snapshot", "Training"]


class Engine(Protocol):
    """What changes the weights: `Layers` or `Particles`, where its methods are described."""

    @property
    def network(self) -> FullyConnectedNetwork:
        """A copy of the network as it is now."""

    @property
    def live(self) -> FullyConnectedNetwork:
        """The network, whose weights may be being changed."""

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which training can go on."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from the arrays of `state`."""

    def outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, (b, l)."""

    def step(
        self, index: int, rate: float, x: NDArray[Any], y: NDArray[np.float64], *, noisy: bool
    ) -> tuple[float, bool]:
        """Take step `index` on a batch; return its loss before, and whether all stays finite."""

    def kick(self, index: int, rate: float) -> bool:
        """Add nothing but the noise of step `index`; return whether all stays finite."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a callback is handed at an evaluation: the record, and the network if it wants it."""

    record: Record
    engine: Engine

    @property
    def network(self) -> FullyConnectedNetwork:
        """A copy of the network as it is now."""
        return self.engine.network


Callback = Callable[[Snapshot], object]


@dataclass(eq=False)
class Training:
    """A training on its way: the loop, its records and its checkpoints."""

    engine: Engine
    data: Data
    test: Data | None
    rate: LearningRate
    batches: Batches
    rules: Rules
    loss: Loss
    parameters: dict[str, str | int | float]

    def __post_init__(self) -> None:
        self.history = History()
        self.steps = 0
        self.spent = 0.0  # seconds of earlier sessions
        self.began = perf_counter()
        self.owed = False
        self.last_checkpoint: Path | None = None

    @property
    def seconds(self) -> float:
        """Time spent so far."""
        return self.spent + perf_counter() - self.began

    def run(
        self,
        callbacks: Sequence[Callback],
        folder: str | os.PathLike[str] | None,
        every: float,
    ) -> Fit:
        """Train until a rule or a callback says so."""
        every = validation.real("every_seconds", every, least=0.0)
        checkpoints = None if folder is None else Checkpoints(folder)
        with contextlib.ExitStack() as stack:
            if checkpoints is not None:
                stack.callback(checkpoints.close)
                checkpoints.lock()
                self._resume(checkpoints)
            saved_at = perf_counter()
            reason = self._go_on() if self.steps else self._evaluate(callbacks)
            while reason is None:
                reason = self._step(callbacks)
                if checkpoints is not None and (
                    reason is not None or perf_counter() - saved_at >= every
                ):
                    self._save(checkpoints)
                    saved_at = perf_counter()
        theta = self.engine.theta if isinstance(self.engine, Particles) else None
        return Fit(
            self.engine.network, theta, self.history, self.steps, reason, dict(self.parameters)
        )

    def _step(self, callbacks: Sequence[Callback]) -> Stop | None:
        """Take one step; return why training ends after it, if it does."""
        index, rate = self.steps, self.rate.at(self.steps)
        due = self.rules.is_due(index + 1)
        early = due and not self.rules.last_noise
        if self.batches.full:
            x, y = self.data.x, self.data.y
        else:
            rows = self.batches.rows(index)
            x, y = self.data.x[rows], self.data.y[rows]
        loss, finite = self.engine.step(index, rate, x, y, noisy=not early)
        self._check(loss, finite)
        self.steps += 1
        reason = self._evaluate(callbacks) if due else None
        self.owed = early
        if reason is None:
            self._pay()
        return reason

    def _go_on(self) -> Stop | None:
        """Return why a training that was gone on from has ended already, if it has."""
        last = self.history.records[-1]
        reason = self.rules.reason(last) if last.step == self.steps else None
        if reason is None:
            self._pay()
        return reason

    def _pay(self) -> None:
        """Add the noise of the last step, if it was left out for an evaluation."""
        if self.owed:
            index = self.steps - 1
            finite = self.engine.kick(index, self.rate.at(index))
            self._check(self.history.records[-1].loss, finite)
            self.owed = False

    def _evaluate(self, callbacks: Sequence[Callback]) -> Stop | None:
        outputs = self.engine.outputs(self.data.x)
        nothing = np.empty((0, 0), dtype=outputs.dtype)
        loss = loss_slopes(self.loss)(outputs, self.data.y, nothing)
        self._check(loss, finite=True)
        test = float("nan")
        if self.test is not None:
            test = self.test.accuracy(self.engine.outputs(self.test.x))
        ratio = self.engine.live.pruning_ratio()
        record = Record(self.steps, loss, self.data.accuracy(outputs), test, ratio, self.seconds)
        self.history.records.append(record)
        wish: Stop | None = None
        for callback in callbacks:
            if callback(Snapshot(record, self.engine)) is True:
                wish = "callback"
        return self.rules.reason(record) or wish

    def _check(self, loss: float, finite: bool) -> None:
        first = self.history.records[0].loss if len(self.history) else abs(loss)
        if finite and loss <= self.rules.explosion * max(1.0, first):
            return
        what = f"the loss is {loss:.4g}" if finite else "a weight is not finite"
        last = self.last_checkpoint
        kept = "" if last is None else f"; the last good checkpoint is {last}"
        raise TrainingDivergedError(
            f"need training that stays finite, got divergence at step {self.steps}: {what}; use a "
            f"smaller learning_rate or sigma{kept}",
            self.steps,
            last,
        )

    def _save(self, checkpoints: Checkpoints) -> None:
        arrays = dict(self.engine.state)
        arrays["history"] = np.array([list(record) for record in self.history.records])
        meta = {"parameters": self.parameters, "seconds": self.seconds, "owed": self.owed}
        self.last_checkpoint = checkpoints.save(self.steps, arrays, meta)

    def _resume(self, checkpoints: Checkpoints) -> None:
        found = checkpoints.latest()
        if found is None:
            return
        self._refuse_another(found, checkpoints)
        arrays = dict(found.arrays)
        for row in arrays.pop("history").tolist():
            self.history.records.append(Record(int(row[0]), *row[1:]))
        self.engine.restore(arrays)
        self.steps, self.spent = found.step, float(found.meta["seconds"])
        self.owed = bool(found.meta["owed"])
        self.last_checkpoint = checkpoints.folder

    def _refuse_another(self, found: Checkpoint, checkpoints: Checkpoints) -> None:
        theirs = found.meta.get("parameters", {})
        names = sorted(theirs.keys() | self.parameters.keys())
        different = [
            f"{name} {theirs.get(name)!r} instead of {self.parameters.get(name)!r}"
            for name in names
            if theirs.get(name) != self.parameters.get(name)
        ]
        if different:
            raise CheckpointError(
                f"need checkpoints of this training in {checkpoints.folder}, got another's: "
                f"{'; '.join(different)}; use another folder"
            )
