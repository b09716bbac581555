"""What one step does to one chunk of blocks, behind a function pointer.

A chunk is swept by one function, which is compiled once for each precision: numba copies a function
to those that call it, and compiles each copy, and a driver with parallel loops is three functions.
"""

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from sde.addresses import CACHE_LINE, PAGE, aligned, array_at, floats_at, prefetch
from sde.block_steps import (
    Pieces,
    Room,
    Turn,
    find_drift,
    kept_at,
    load_block,
    observe,
    place_in,
    room_at,
    room_size,
    store_block,
    update,
)
from sde.chunks import chunk_bounds, chunk_count, empty_deal
from sde.lanes import WIDTH
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    call_at,
    compiled,
    expanded,
    inlined,
    typed_function,
)
from sde.sampling import Draws, draw_block

__all__ = [
    "Space",
    "Sweep",
    "Task",
    "average",
    "empty_space",
    "no_draws",
    "observe_alone",
    "particles_of",
    "sweep_chunk",
    "sweeper",
]


#: Most bytes of the next block of particles that are brought to the cache while one is worked on,
#: in so many shares: that saves 3 to 4 % of a step where the particles do not fit in a cache.
AHEAD, SHARES = 2 * PAGE, 3

#: Up to so many coordinates are moved together: a call for each would cost more than it saves.
TOGETHER = 16


class Task(NamedTuple):
    """What a sweep does: a step of size `dt` with so many steps of noise, or nothing but observe.

    There may be no step of noise. Particles that interact are observed after they have moved. Row 0
    of the mean field is that of step `origin`. The noise is that of the particles from number
    `first` on, the first of a block.
    """

    dt: float
    substeps: int
    moving: bool
    interacting: bool
    origin: int = 0
    first: int = 0


class Sweep(NamedTuple):
    """What the chunks of a sweep share: all but what tells a step or a chunk from another.

    `function` is the address of `sweeper`.
    """

    function: int
    pieces: Pieces
    draws: Draws
    task: Task
    weights: Any
    theta: Any
    slopes: Any


class Space(NamedTuple):
    """What a driver works in: for each chunk the sums, and whether all is finite, and the rest.

    That is the weights of a step, a room for each thread, which says how many there are, and what
    they take next. Callers hand it over: made by the driver it costs a first call 0.3 s.
    """

    sums: Any
    finite: Any
    weights: Any
    rooms: Any
    taken: Any


@expanded
def particles_of(block: int, n: int) -> tuple[int, int]:
    """Return the first particle of a block, and how many of n particles it has."""
    return block * WIDTH, min(WIDTH, n - block * WIDTH)


# Inlined: handing over what it needs took a twentieth of a step of one coordinate.
@compiled(forceinline=True)
def _move(
    draws: Draws,
    task: Task,
    step: int,
    some: tuple[int, int],
    block: Any,
    force: Any,
    buffers: Any,
    largest: float,
    particles: tuple[int, int],
) -> bool:
    """Give coordinates of a block their noise, and move them; return whether all is finite.

    They are those from the first of `some` up to the second, the rows of `block`, whose drift is
    `force`. It has the particles from the first of `particles` on, as many as the second.
    None may be larger than `largest`.
    """
    noise, scratch = buffers
    first = task.first + particles[0]
    if task.substeps == 0:
        noise[:] = 0.0
    for s in range(task.substeps):
        draw_block(draws, first, step * task.substeps + s, some, noise, scratch, s > 0)
    return update(block, task.dt, force, noise, particles[1], largest)


@expanded
def _prefetch_share(place: int, size: int, share: int) -> None:
    """Bring a share of what follows a block of `size` bytes to the cache, if that has a place."""
    if place != 0:
        lines = min(size, AHEAD) // CACHE_LINE
        part = CACHE_LINE * ((lines + SHARES - 1) // SHARES)
        prefetch(place + size + share * part, part, False)


@expanded
def _take_step(
    sweep: Sweep,
    step: int,
    block: Any,
    place: int,
    kept: int,
    room: Room,
    particles: tuple[int, int],
) -> bool:
    """Find the drift of a block, and move it; return whether all is finite.

    All coordinates at once, or one after the other: then drift, found for a part of them at a time,
    and noise are used before they leave the cache, and the next coordinate comes there meanwhile.
    """
    pieces, draws, task = sweep.pieces, sweep.draws, sweep.task
    largest = np.finfo(sweep.theta.dtype).max
    dim, line, finite = pieces.dim, WIDTH * block.itemsize, True
    alone = draws.in_parts and task.substeps == 1 and dim > TOGETHER
    part, size = (pieces.part if alone and kept != 0 else dim), (1 if alone else dim)
    noise = array_at(room.noise.ctypes.data, (size * WIDTH,), room.noise.dtype)
    begin = c = 0
    while begin < dim:  # a range with such a step divides, which takes as long as a call
        some = (begin, min(begin + part, dim))
        find_drift(pieces, block, sweep.weights, room.force, room.scratch, kept, some)
        if begin == 0:
            _prefetch_share(place, block.nbytes, 1)
        while c < some[1]:
            row = array_at(block.ctypes.data + c * line, noise.shape, block.dtype)
            push = array_at(room.force.ctypes.data + (c - begin) * line, noise.shape, block.dtype)
            if alone:
                prefetch(row.ctypes.data + line, line, False)
            buffers, own = (noise, room.scratch), (c, c + size)
            finite &= _move(draws, task, step, own, row, push, buffers, largest, particles)
            c += size
        begin = some[1]
    return finite


def _make_sweep_chunk() -> Any:
    digest = SOURCE_DIGEST

    def sweep_chunk(
        sweep: Sweep, turn: Turn, total: int, room: int, bounds: tuple[int, int]
    ) -> bool:
        """Do what the function below does; `total`, of the sums, and `room` are addresses."""
        _ = digest
        pieces, task, theta = sweep.pieces, sweep.task, sweep.theta
        own, finite = room_at(room, pieces), True
        copy, scratch = own.block, own.scratch
        sums = floats_at(total, pieces.n_observables)
        sums[:] = 0.0
        for b in range(bounds[0], bounds[1]):
            first, count = particles_of(b, len(theta))
            kept, particles = kept_at(sweep.slopes, b), (first, count)
            place = place_in(theta, first, count, turn)
            if place == 0:
                load_block(theta, first, count, copy, turn.arranged)
            block = array_at(place or copy.ctypes.data, copy.shape, copy.dtype)
            _prefetch_share(place, copy.nbytes, 0)
            if task.moving:
                finite &= _take_step(sweep, turn.step, block, place, kept, own, particles)
                if place == 0:
                    store_block(block, first, count, theta, turn.arranging)
            _prefetch_share(place, copy.nbytes, 2)
            if task.interacting:
                observe(pieces, block, count, sums, scratch, kept)
        return finite

    return sweep_chunk


@functools.cache
def _compile_sweep_chunk(*arguments: Any) -> BlockFunction:
    return typed_function(types.boolean, *arguments)(_make_sweep_chunk())


_sweepers: dict[tuple[object, ...], int] = {}


def sweeper(pieces: Pieces, draws: Draws, theta: NDArray[Any], slopes: NDArray[Any]) -> int:
    """Return the address of the function that sweeps a chunk of such arrays; compile it once."""
    key = tuple((a.dtype, a.ndim, a.flags.num) for a in (pieces.inputs, theta, slopes))
    if key not in _sweepers:
        weights = np.empty(0, pieces.inputs.dtype)
        task = Task(0.0, 1, moving=True, interacting=True)
        sweep = Sweep(0, pieces, draws, task, weights, theta, slopes)
        given = sweep, Turn(0, arranged=False, arranging=False), 0, 0, (0, 0)
        _sweepers[key] = _compile_sweep_chunk(*map(numba.typeof, given)).address
    return _sweepers[key]


@expanded
def sweep_chunk(
    sweep: Sweep, turn: Turn, sums: Any, rooms: Any, thread: int, bounds: tuple[int, int]
) -> bool:
    """Advance the blocks of one chunk by one step; return whether they stayed finite."""
    room = rooms.ctypes.data + thread * rooms.shape[1]
    finite: bool = call_at(sweep.function, (sweep, turn, sums.ctypes.data, room, bounds), np.bool_)
    return finite


@inlined
def empty_space(pieces: Pieces, n: int, threads: int) -> Space:
    """Return memory for a driver that advances n particles in so many threads."""
    chunks, size = chunk_count(n), room_size(pieces)
    return Space(
        np.empty((chunks, pieces.n_observables)),
        np.empty(chunks, np.bool_),
        np.empty(pieces.n_weights, pieces.inputs.dtype),
        aligned(threads * size, np.uint8).reshape((threads, size)),
        empty_deal(threads),
    )


@expanded
def average(sums: Any, n: int, mean_field: Any) -> None:
    """Add the sums of the chunks in order and divide by the number of particles."""
    mean_field[:] = 0.0
    for chunk in range(sums.shape[0]):
        for i in range(mean_field.size):
            mean_field[i] += sums[chunk, i]
    for i in range(mean_field.size):
        mean_field[i] /= n


@compiled()
def observe_alone(
    function: int, pieces: Pieces, draws: Draws, theta: Any, slopes: Any, mean_field: Any
) -> None:
    """Write the empirical means of the observables, to the same bits, in the calling thread.

    `function` is that of `sweeper`; nothing moves, and nothing is drawn.
    """
    n = len(theta)
    blocks, space = (n + WIDTH - 1) // WIDTH, empty_space(pieces, n, 1)
    still, turn = Task(0.0, 1, False, True, 0, 0), Turn(0, False, False)
    sweep = Sweep(function, pieces, draws, still, space.weights, theta, slopes)
    chunks = len(space.sums)
    for chunk in range(chunks):
        bounds = chunk_bounds(chunk, chunks, blocks)
        sweep_chunk(sweep, turn, space.sums[chunk], space.rooms, 0, bounds)
    average(space.sums, n, mean_field)


def no_draws() -> Draws:
    """Return what a sweep needs in which nothing moves."""
    return Draws(0, np.zeros(1), np.uint64(0), in_parts=False)
