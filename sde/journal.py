"""What a run keeps while it goes on: states at the times asked for, and checkpoints."""

import contextlib
import hashlib
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde import validation
from sde.checkpoint import Checkpoint, CheckpointError, Checkpoints
from sde.crew import Crew
from sde.labelled import Trajectory, as_store, different, version

__all__ = ["Journal", "Keeping", "State", "digest"]

#: Longest time in seconds between two looks at the clock, and at what the user has typed.
LOOK = 1.0


@dataclass(eq=False)
class State:
    """All that a run changes.

    Attributes
    ----------
    theta : (n, p) array
        The particles.
    mean_field : (K + 1, q) array
        Mean fields up to the present step, or of all steps if it is given.
    saves : (k,) array of int
        Steps at which the particles are kept, in order.
    saved : (k, n, p) array or Trajectory
        Where they are kept.
    """

    theta: NDArray[Any]
    mean_field: NDArray[np.float64]
    saves: NDArray[np.int64]
    saved: NDArray[Any] | Trajectory = field(init=False)

    def kept(self, step: int) -> int:
        """Return how many states have been kept after a step."""
        return bisect_right(self.saves, step)

    def keep(self, step: int) -> None:
        """Keep the particles if this is a step at which to."""
        at = self.kept(step) - 1
        if at >= 0 and self.saves[at] == step:
            self.saved[at] = self.theta


class Journal:
    """The checkpoints of a run: when they are due, what is in them, how a run goes on from one.

    Parameters
    ----------
    checkpoints : Checkpoints
        Where they are.
    every_seconds : float
        Time between two of them.
    identity : mapping
        What the run is. A checkpoint of a run that differs is refused.
    crew : Crew
        Who works on it: they look at one clock and go on from one step.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        every_seconds: float,
        identity: Mapping[str, Any],
        crew: Crew,
    ) -> None:
        self.checkpoints = checkpoints
        self.every = every_seconds
        self.identity = dict(identity)
        self.crew = crew
        self.stride = 1
        self.looked = self.saved = crew.clock()

    def resume(self, state: State) -> int:
        """Set the state to that of the last checkpoint; return its step, or 0 if there is none."""
        found = self.crew.latest(self.checkpoints)
        if found is None:
            return 0
        self._check(found)
        done = state.kept(found.step)
        parts = {"theta": state.theta, "mean_field": state.mean_field[: found.step + 1]}
        if isinstance(state.saved, np.ndarray):
            parts["saved"] = state.saved[:done]
        for name, part in parts.items():
            array = found.arrays.get(name)
            if array is None or array.shape != part.shape:
                raise CheckpointError(
                    f"need {name} of shape {part.shape} in the checkpoint, got another in "
                    f"{self.checkpoints.folder}; it was not written by simulate: use another folder"
                )
            part[...] = array
        return found.step

    def next_look(self, step: int) -> int:
        """Return the step before which there is no need to look at the clock."""
        return step + self.stride

    def look(self, step: int, state: State, last: bool) -> None:
        """Look at the clock, and save a checkpoint if one is due or this is the last step."""
        now = self.crew.clock()
        elapsed, wanted = now - self.looked, min(LOOK, self.every)
        if elapsed < wanted / 2:
            self.stride *= 2
        elif elapsed > wanted:
            self.stride = max(1, self.stride // 2)
        self.looked = now
        if last or now - self.saved >= self.every:
            self._save(step, state)
            self.saved = self.looked = self.crew.clock()

    def _save(self, step: int, state: State) -> None:
        arrays = {"theta": state.theta, "mean_field": state.mean_field[: step + 1]}
        if isinstance(state.saved, np.ndarray):
            arrays["saved"] = state.saved[: state.kept(step)]
        else:
            os.sync()  # what the checkpoint takes for done is on the disk before it
        self.checkpoints.save(step, arrays, {"identity": self.identity})

    def _check(self, found: Checkpoint) -> None:
        """Refuse to go on with another run, and name what differs."""
        differences = different(found.meta.get("identity"), self.identity)
        if differences:
            raise CheckpointError(
                f"need a checkpoint of this run, got one in {self.checkpoints.folder} that differs "
                f"in {differences}; use another folder, or run what it was written by"
            )


def digest(array: NDArray[Any]) -> str:
    """Return a hash of the numbers of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


@dataclass(frozen=True, eq=False)
class Keeping:
    """Where a run keeps what: arguments that were checked before any work is done."""

    checkpoints: Checkpoints | None
    every_seconds: float
    store: Path | None

    @classmethod
    def checked(cls, checkpoint: object, every_seconds: object, save_to: object) -> "Keeping":
        """Make it of what a user passed."""
        every = validation.real("every_seconds", every_seconds, least=0.0)
        if isinstance(checkpoint, str | os.PathLike):
            checkpoint = Checkpoints(checkpoint)
        if checkpoint is not None and not isinstance(checkpoint, Checkpoints):
            raise TypeError(
                f"need a folder for checkpoints, got {validation.show(checkpoint)}; pass a path "
                "or Checkpoints(...)"
            )
        return cls(checkpoint, every, as_store(save_to))

    @contextlib.contextmanager
    def of(
        self,
        state: State,
        times: NDArray[np.float64],
        parameters: dict[str, str | int | float],
        crew: Crew,
    ) -> Iterator[Journal | None]:
        """Make room for what a run keeps; claim the folder of its checkpoints while it lasts."""
        if self.checkpoints is None and self.store is None:
            state.saved = np.empty((len(times), *state.theta.shape), state.theta.dtype)
            yield None
            return
        identity = parameters | {
            "version": version(),
            "initial": digest(state.theta),  # a user's law may have no name that lasts
            "save_at": times.tolist(),
        }
        store = None if self.store is None else crew.own(self.store)
        identity["save_to"] = "memory" if store is None else str(store.absolute())
        checkpoints = self.checkpoints
        if checkpoints is not None and crew.own(checkpoints.folder) != checkpoints.folder:
            checkpoints = Checkpoints(crew.own(checkpoints.folder), keep=checkpoints.keep)
        with contextlib.nullcontext() if checkpoints is None else checkpoints.locked():
            if store is None:
                state.saved = np.empty((len(times), *state.theta.shape), state.theta.dtype)
            else:
                _check_store(store, checkpoints)
                state.saved = Trajectory(store, times, state.theta, identity, parameters)
                parameters["saved"] = str(store)
            if checkpoints is None:
                yield None
            else:
                yield Journal(checkpoints, self.every_seconds, identity, crew)


def _check_store(store: Path, checkpoints: Checkpoints | None) -> None:
    """Refuse to go on without the states that a run has stored before its last checkpoint."""
    if checkpoints is not None and not checkpoints.empty and not store.exists():
        raise CheckpointError(
            f"need the store {store}, which the checkpoints in {checkpoints.folder} go with, got "
            "none; put it back, or remove the checkpoints to start anew"
        )
