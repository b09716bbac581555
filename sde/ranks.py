"""The block pass over a part of the particles, for processes that exchange the sums of chunks."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sde.block_steps import Pieces, Turn, prepare
from sde.chunks import chunk_bounds, chunk_count, deal, next_chunk
from sde.lanes import WIDTH
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import Draws
from sde.sweeps import Space, Sweep, Task, average, empty_space, sweep_chunk, sweeper

__all__ = ["fold", "particles", "room_for_sums", "share", "sweep"]


def share(n: int, rank: int, size: int) -> range:
    """Return the chunks of one of `size` processes: they have equally many, up to one.

    Examples
    --------
    >>> [share(1000, rank, 3) for rank in range(3)]
    [range(0, 2), range(2, 5), range(5, 8)]
    """
    chunks = chunk_count(n)
    return range(rank * chunks // size, (rank + 1) * chunks // size)


def particles(n: int, chunks: range) -> range:
    """Return the particles of some chunks.

    Examples
    --------
    >>> particles(1000, range(5, 8))
    range(640, 1000)
    """
    blocks, count = (n + WIDTH - 1) // WIDTH, chunk_count(n)
    first, last = (chunk * blocks // count for chunk in (chunks.start, chunks.stop))
    return range(min(n, first * WIDTH), min(n, last * WIDTH))


def room_for_sums(pieces: Pieces, n: int) -> NDArray[np.float64]:
    """Return an array for the sums of all chunks; the last column says which stayed finite."""
    return np.empty((chunk_count(n), pieces.n_observables + 1))


def _make_sweep() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL)
    def sweep(
        pieces: Pieces,
        draws: Draws,
        task: Task,
        step: int,
        theta: Any,
        mean_field: Any,
        slopes: Any,
        n: int,
        chunks: tuple[int, int],
        sums: Any,
        function: int,
        space: Space,
    ) -> None:
        """Advance the particles of some chunks of n particles, and write the sums of these chunks.

        `theta` and `slopes` hold only these particles, `mean_field` is the one of this step.
        """
        _ = digest
        blocks, q = (n + WIDTH - 1) // WIDTH, pieces.n_observables
        count = chunk_count(n)
        origin = chunks[0] * blocks // count
        turn, own = Turn(step, False, False), chunks[1] - chunks[0]
        weights, rooms, taken = space.weights, space.rooms, space.taken
        threads = len(rooms)
        deal(taken, threads, own)
        if task.moving:
            prepare(pieces, mean_field, weights)
        for thread in numba.prange(threads):
            shared = Sweep(function, pieces, draws, task, weights, theta, slopes)
            mine = next_chunk(taken, thread, threads, own)
            while mine >= 0:
                chunk = chunks[0] + mine
                first, last = chunk_bounds(chunk, count, blocks)
                bounds = (first - origin, last - origin)
                finite = sweep_chunk(shared, turn, sums[chunk, :q], rooms, thread, bounds)
                sums[chunk, q] = 1.0 if finite else 0.0
                mine = next_chunk(taken, thread, threads, own)

    return sweep


def _make_fold() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True)
    def fold(sums: Any, n: int, interacting: bool, mean_field: Any) -> bool:
        """Write the mean field that sums make, if particles interact; return whether all is finite.

        The order is that of one process.
        """
        _ = digest
        q = sums.shape[1] - 1
        for chunk in range(len(sums)):
            if sums[chunk, q] == 0.0:
                return False
        if interacting:
            average(sums[:, :q], n, mean_field)
        return True

    return fold


_sweep, fold = _make_sweep(), _make_fold()


def sweep(
    pieces: Pieces,
    draws: Draws,
    task: Task,
    step: int,
    theta: NDArray[Any],
    mean_field: NDArray[np.float64],
    slopes: NDArray[Any],
    n: int,
    chunks: tuple[int, int],
    sums: NDArray[np.float64],
) -> None:
    """Advance the particles of some chunks, as `_make_sweep` says."""
    function = sweeper(pieces, draws, theta, slopes)
    arrays = (theta, mean_field, slopes)
    space = empty_space(pieces, len(theta), numba.get_num_threads())
    _sweep(pieces, draws, task, step, *arrays, n, chunks, sums, function, space)
