"""The block pass: one time step of all particles, in one parallel sweep over blocks.

A block of `WIDTH` particles is copied to a local array with one row a coordinate (structure of
arrays), so that every loop runs over the lanes of a vector unit. In one visit a block gets its
drift from the last mean field, its noise, its update, and adds to the sums that make the next mean
field. What is specific to a system or to a noise law is behind a function pointer and works on a
whole block, so that the drivers below are compiled once for all of them.

Threads share chunks of blocks (`sde.chunks`), whose sums are added in order: the result depends
neither on the number of threads nor on which of them was faster.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sde.addresses import aligned
from sde.block_steps import (
    Pieces,
    Turn,
    empty_block,
    empty_scratch,
    find_drift,
    load_block,
    prepare,
    store_block,
)
from sde.chunks import chunk_bounds, chunk_count, deal, empty_deal, next_chunk, next_item
from sde.lanes import WIDTH
from sde.native import PARALLEL, SOURCE_DIGEST, compiled, expanded
from sde.sampling import Draws
from sde.sweeps import (
    Space,
    Sweep,
    Task,
    average,
    empty_space,
    no_draws,
    observe_alone,
    particles_of,
    sweep_chunk,
    sweeper,
)

__all__ = [
    "Pieces",
    "Task",
    "advance",
    "advance_replicates",
    "drifts",
    "no_draws",
    "observables",
]


@compiled()
def _find_chunk_drifts(
    pieces: Pieces, theta: Any, weights: Any, out: Any, bounds: tuple[int, int]
) -> None:
    """Write the drift of the particles of one chunk."""
    block, force, scratch = empty_block(pieces), empty_block(pieces), empty_scratch(pieces)
    for b in range(bounds[0], bounds[1]):
        first, count = particles_of(b, len(theta))
        load_block(theta, first, count, block, False)
        find_drift(pieces, block, weights, force, scratch, 0, (0, pieces.dim))
        store_block(force, first, count, out, False)


def _make_drifts() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL)
    def drifts(pieces: Pieces, theta: Any, mean_field: Any, out: Any) -> None:
        """Write the drift of every particle, given the means of the observables."""
        _ = digest
        n = theta.shape[0]
        weights = np.empty(pieces.n_weights, pieces.inputs.dtype)
        prepare(pieces, mean_field, weights)
        blocks, chunks = (n + WIDTH - 1) // WIDTH, chunk_count(n)
        for chunk in numba.prange(chunks):
            bounds = chunk_bounds(chunk, chunks, blocks)
            _find_chunk_drifts(pieces, theta, weights, out, bounds)

    return drifts


@expanded
def _fold(sums: Any, finite: Any, interacting: bool, n: int, mean_field: Any) -> bool:
    """Finish a step: the next mean field, if particles interact; return whether all is finite."""
    for chunk in range(len(finite)):
        if not finite[chunk]:
            return False
    if interacting:
        average(sums, n, mean_field)
    return True


def _make_advance(*, together: bool) -> Any:
    digest = SOURCE_DIGEST, together  # the second, too, tells what is cached apart

    @compiled(cache=True, parallel=PARALLEL if together else False)
    def advance(
        pieces: Pieces,
        draws: Draws,
        task: Task,
        steps: tuple[int, int],
        theta: Any,
        mean_field: Any,
        slopes: Any,
        function: int,
        space: Space,
    ) -> int:
        """Advance all particles from step `steps[0]` to `steps[1]`, in place.

        Row k of `mean_field` is the mean field at step `task.origin` + k: read, and, if the
        particles interact, written one row ahead. `slopes` holds what `observables` kept for the
        first step, and then for the others, or is empty. `function` is that of `sweeper`, `space`
        that of `empty_space`. Return the step that gave a number that is not finite, after which
        particles lie in any order, or -1.
        """
        _ = digest
        n = theta.shape[0]
        sums, finite, weights, rooms, taken = space
        blocks, chunks, threads = (n + WIDTH - 1) // WIDTH, len(finite), len(rooms)
        # blocks can lie in the memory of particles
        alike = theta.flags.c_contiguous and theta.itemsize == pieces.inputs.itemsize
        for step in range(steps[0], steps[1]):
            turn = Turn(step, alike and step > steps[0], alike and step + 1 < steps[1])
            if task.moving:
                prepare(pieces, mean_field[step - task.origin], weights)
            deal(taken, threads, chunks)
            for thread in numba.prange(threads):  # a plain range in the calling thread
                sweep = Sweep(function, pieces, draws, task, weights, theta, slopes)
                chunk = next_chunk(taken, thread, threads, chunks)
                while chunk >= 0:
                    bounds = chunk_bounds(chunk, chunks, blocks)
                    finite[chunk] = sweep_chunk(sweep, turn, sums[chunk], rooms, thread, bounds)
                    chunk = next_chunk(taken, thread, threads, chunks)
            following = min(step + 1 - task.origin, len(mean_field) - 1)
            if not _fold(sums, finite, task.interacting, n, mean_field[following]):
                return step
        return -1

    return advance


#: Drivers that do the same to the same bits, in all threads or in the calling one.
_together, _alone = _make_advance(together=True), _make_advance(together=False)


@compiled()
def _advance_replicate(
    pieces: Pieces, draws: Draws, task: Task, steps: int, keeping: bool, theta: Any, function: int
) -> int:
    """Advance an interacting system in the calling thread, as `_make_advance` says."""
    mean_field = np.empty((steps + 1, pieces.n_observables))
    rows = (len(theta) + WIDTH - 1) // WIDTH if keeping else 0
    size = pieces.n_slopes * WIDTH
    slopes = aligned(rows * size, pieces.inputs.dtype).reshape(rows, size)
    observe_alone(function, pieces, draws, theta, slopes, mean_field[0])
    space = empty_space(pieces, len(theta), 1)
    failed: int = _alone(
        pieces, draws, task, (0, steps), theta, mean_field, slopes, function, space
    )
    return failed


def _make_advance_replicates() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL)
    def advance_replicates(
        pieces: Pieces,
        draws: Draws,
        keys: Any,
        task: Task,
        steps: int,
        keeping: bool,
        theta: Any,
        failed: Any,
        function: int,
        threads: int,
    ) -> None:
        """Advance interacting systems, one a replicate, each in one thread."""
        _ = digest
        replicates, taken = len(keys), empty_deal(threads)
        deal(taken, threads, replicates)
        for thread in numba.prange(threads):
            r = next_item(taken, thread, threads, replicates, threads)
            while r >= 0:
                own = Draws(draws.address, draws.parameters, keys[r], draws.in_parts)
                failed[r] = _advance_replicate(
                    pieces, own, task, steps, keeping, theta[r], function
                )
                r = next_item(taken, thread, threads, replicates, threads)

    return advance_replicates


def advance(
    pieces: Pieces,
    draws: Draws,
    task: Task,
    steps: tuple[int, int],
    theta: NDArray[Any],
    mean_field: NDArray[np.float64],
    slopes: NDArray[Any],
) -> int:
    """Advance all particles in place, as `_make_advance` says.

    One block is left to the calling thread: waking the others would cost more than the work. The
    two drivers are compiled when they are first needed.
    """
    alone = len(theta) <= WIDTH
    driver, threads = (_alone, 1) if alone else (_together, numba.get_num_threads())
    function = sweeper(pieces, draws, theta, slopes)
    arrays, space = (theta, mean_field, slopes), empty_space(pieces, len(theta), threads)
    return int(driver(pieces, draws, task, steps, *arrays, function, space))


def observables(
    pieces: Pieces,
    theta: NDArray[Any],
    mean_field: NDArray[np.float64],
    slopes: NDArray[Any],
) -> None:
    """Write the empirical means of the observables; keep the slopes if there is room.

    A step from -1 to 0 in which nothing moves: another driver would take seconds to compile.
    """
    task = Task(0.0, 1, moving=False, interacting=True)
    advance(pieces, no_draws(), task, (-1, 0), theta, mean_field[None], slopes)


_drifts = _make_drifts()


def drifts(
    pieces: Pieces, theta: NDArray[Any], mean_field: NDArray[np.float64], out: NDArray[Any]
) -> None:
    """Write the drift of every particle, as `_make_drifts` says; one block wakes no thread."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1 if len(theta) <= WIDTH else threads)
    try:
        _drifts(pieces, theta, mean_field, out)
    finally:
        numba.set_num_threads(threads)


_advance_replicates = _make_advance_replicates()


def advance_replicates(
    pieces: Pieces,
    draws: Draws,
    keys: NDArray[np.uint64],
    task: Task,
    steps: int,
    keeping: bool,
    theta: NDArray[np.float64],
    failed: NDArray[np.int64],
) -> None:
    """Advance interacting systems, a row of `theta` each, as `_make_advance_replicates` says."""
    function = sweeper(pieces, draws, theta[0], np.empty((0, 0), pieces.inputs.dtype))
    threads = numba.get_num_threads()
    _advance_replicates(pieces, draws, keys, task, steps, keeping, theta, failed, function, threads)
