"""Who works on a system: one process, or the processes of an MPI communicator."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sde import kernels, ranks, validation
from sde.block_steps import Pieces
from sde.checkpoint import Checkpoint, Checkpoints
from sde.sampling import Draws

__all__ = ["Alone", "Crew", "Ranks", "crew_of"]

Parameters = dict[str, str | int | float]


class Crew(Protocol):
    """What a run asks of those who work on it.

    Attributes
    ----------
    rows : range
        Numbers of the particles of this process.
    parameters : dict
        What there is to say of this process, for the record.
    """

    rows: range
    parameters: Parameters

    def agree(self, parameters: Mapping[str, Any]) -> None:
        """Refuse to work on different runs."""

    def clock(self) -> float:
        """Return a time in seconds, the same for all."""

    def own(self, path: Path) -> Path:
        """Return where this process keeps what it would keep at a path if it were alone."""

    def latest(self, checkpoints: Checkpoints) -> Checkpoint | None:
        """Return the checkpoint to go on from."""

    def observables(
        self,
        pieces: Pieces,
        theta: NDArray[Any],
        mean_field: NDArray[np.float64],
        slopes: NDArray[Any],
    ) -> None:
        """Do what `kernels.observables` does, for all particles."""

    def advance(
        self,
        pieces: Pieces,
        draws: Draws,
        task: kernels.Task,
        steps: tuple[int, int],
        theta: NDArray[Any],
        mean_field: NDArray[np.float64],
        slopes: NDArray[Any],
    ) -> int:
        """Do what `kernels.advance` does, for all particles."""


class Alone:
    """One process that has all particles."""

    clock = staticmethod(time.monotonic)
    latest = staticmethod(Checkpoints.latest)
    observables = staticmethod(kernels.observables)
    advance = staticmethod(kernels.advance)

    def __init__(self, n: int) -> None:
        self.rows = range(n)
        self.parameters: Parameters = {}

    def agree(self, parameters: Mapping[str, Any]) -> None:
        """Agree."""

    def own(self, path: Path) -> Path:
        """Return the path."""
        return path


class Ranks:
    """A process of an MPI communicator, which has some of the particles.

    It has whole chunks of the block pass. In a step all processes get the sums of all chunks, and
    add them in the order in which one process would: the mean field is the same to the bit.
    """

    def __init__(self, comm: Any, n: int) -> None:
        from mpi4py import MPI

        self.comm, self.n, self.in_place = comm, n, MPI.IN_PLACE
        self.chunks = [ranks.share(n, rank, comm.size) for rank in range(comm.size)]
        self.mine = self.chunks[comm.rank].start, self.chunks[comm.rank].stop
        self.rows = ranks.particles(n, self.chunks[comm.rank])
        self.parameters: Parameters = {
            "first": self.rows.start,
            "rank": comm.rank,
            "ranks": comm.size,
        }

    def agree(self, parameters: Mapping[str, Any]) -> None:
        """Refuse to work on different runs."""
        theirs = self.comm.bcast(dict(parameters))
        differences = [name for name in parameters if theirs.get(name) != parameters[name]]
        found = self.comm.allgather(differences)
        if any(found):
            rank = next(rank for rank, names in enumerate(found) if names)
            raise ValueError(
                f"need the same arguments in all processes, got another {', '.join(found[rank])} "
                f"in rank {rank} than in rank 0; call simulate in the same way in all"
            )

    def clock(self) -> float:
        """Return the time of the first process."""
        return float(self.comm.bcast(time.monotonic()))

    def own(self, path: Path) -> Path:
        """Return a subfolder."""
        return path / f"rank-{self.comm.rank}-of-{self.comm.size}"

    def latest(self, checkpoints: Checkpoints) -> Checkpoint | None:
        """Return the last checkpoint that all processes have; remove later ones."""
        found = self.comm.allgather(checkpoints.steps())
        step = max(set(found[0]).intersection(*found), default=-1)
        return checkpoints.go_back(step)

    def observables(
        self,
        pieces: Pieces,
        theta: NDArray[Any],
        mean_field: NDArray[np.float64],
        slopes: NDArray[Any],
    ) -> None:
        """Write the means of the observables over the particles of all processes."""
        task = kernels.Task(0.0, 1, moving=False, interacting=True)
        nothing = kernels.no_draws()
        self.advance(pieces, nothing, task, (-1, 0), theta, mean_field[None], slopes)

    def advance(
        self,
        pieces: Pieces,
        draws: Draws,
        task: kernels.Task,
        steps: tuple[int, int],
        theta: NDArray[Any],
        mean_field: NDArray[np.float64],
        slopes: NDArray[Any],
    ) -> int:
        """Advance the particles of all processes, with one exchange a step."""
        sums = ranks.room_for_sums(pieces, self.n)
        counts = [len(chunks) * sums.shape[1] for chunks in self.chunks]
        for step in range(*steps):
            now, following = mean_field[max(step, 0)], mean_field[step + 1]
            ranks.sweep(pieces, draws, task, step, theta, now, slopes, self.n, self.mine, sums)
            self.comm.Allgatherv(self.in_place, [sums, counts])
            if not ranks.fold(sums, self.n, task.interacting, following):
                return step
        return -1


def crew_of(comm: Any, n: int) -> Crew:
    """Return who works on n particles: this process alone, or with those of a communicator."""
    if comm is None:
        return Alone(n)
    if not all(
        hasattr(comm, name) for name in ("Allgatherv", "allgather", "bcast", "rank", "size")
    ):
        raise TypeError(
            f"need an MPI communicator comm, got {validation.show(comm)}; pass MPI.COMM_WORLD of "
            "mpi4py"
        )
    return Ranks(comm, n)
