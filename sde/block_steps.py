"""What is done to one block of particles: load, observe, drift, update, store."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde import spare_memory
from sde.addresses import CACHE_LINE, aligned, array_at, floats_at
from sde.lanes import WIDTH, sum_lanes
from sde.native import call_block, compiled, expanded, inlined
from sde.sampling import SCRATCH
from sde.transpose import load, store

__all__ = [
    "Pieces",
    "Room",
    "Turn",
    "can_keep_slopes",
    "empty_block",
    "empty_scratch",
    "find_drift",
    "kept_at",
    "load",
    "load_block",
    "observe",
    "place_in",
    "prepare",
    "room_at",
    "room_for_slopes",
    "room_size",
    "store",
    "store_block",
    "update",
]

#: Most bytes of slopes that are kept from the observables of a step to the drift of the next. They
#: save a second evaluation of the features, a quarter of the time, for memory of several times the
#: state. A virtual machine may take as long to hand out new memory as dozens of such evaluations
#: take, if data have fewer than `MANY_COORDINATES`: for few steps, only this share of the bytes is
#: kept.
KEPT = 1 << 29
MANY_STEPS, SHARE_FOR_FEW, MANY_COORDINATES = 100, 8, 32


class Pieces(NamedTuple):
    """A system as the kernels see it: three block functions, the sizes and arrays they need.

    `n_scratch` and `n_slopes` count rows of a block: of scratch space, and of what `observe` can
    keep for `find_drift` (none if zero), which then finds the drift of `part` coordinates at a time
    (of all, if it reads no such thing). `prepare` reads `data`. `observe` and `find_drift` read
    `inputs`, in the precision in which they and all blocks are computed.
    """

    observe: int
    prepare: int
    drift: int
    dim: int
    n_observables: int
    n_weights: int
    n_scratch: int
    n_slopes: int
    part: int
    shape: NDArray[np.int64]
    data: NDArray[np.float64]
    inputs: NDArray[np.floating]


class Turn(NamedTuple):
    """The number of a step, and whether full blocks of particles are arranged before and after it.

    In the course of a run the memory of a full block holds a row a coordinate, so that it need not
    be transposed twice a step.
    """

    step: int
    arranged: bool
    arranging: bool


@expanded
def observe(pieces: Pieces, block: Any, count: int, sums: Any, scratch: Any, kept: int) -> None:
    """Add the observables of the first `count` lanes of a block to their sums.

    `kept` is the address where slopes are kept, or 0.
    """
    call_block(
        pieces.observe,
        pieces.shape.ctypes.data,
        pieces.inputs.ctypes.data,
        block.ctypes.data,
        count,
        sums.ctypes.data,
        scratch.ctypes.data,
        kept,
        pieces.data.ctypes.data,
    )


@expanded
def prepare(pieces: Pieces, mean_field: Any, weights: Any) -> None:
    """Write what the drift needs to know of a mean field, rounded to the precision of `weights`."""
    rounding = weights.itemsize < mean_field.itemsize
    exact = np.empty(weights.size if rounding else 0)
    call_block(
        pieces.prepare,
        pieces.shape.ctypes.data,
        pieces.data.ctypes.data,
        mean_field.ctypes.data,
        exact.ctypes.data if rounding else weights.ctypes.data,
        0,
        0,
        0,
        0,
    )
    for i in range(exact.size):  # a cast of arrays takes seconds to compile
        weights[i] = exact[i]


@expanded
def find_drift(
    pieces: Pieces,
    block: Any,
    weights: Any,
    force: Any,
    scratch: Any,
    kept: int,
    some: tuple[int, int],
) -> None:
    """Write the drift of the coordinates from the first of `some` up to the second.

    `kept` is the address of the block's kept slopes, or 0: then `some` are all coordinates. Else
    they begin with a part of those that are found at a time.
    """
    together, begin = pieces.part if kept != 0 else pieces.dim, some[0]
    while begin < some[1]:  # a range with such a step divides, which takes as long as a call
        call_block(
            pieces.drift,
            pieces.shape.ctypes.data,
            pieces.inputs.ctypes.data,
            block.ctypes.data,
            weights.ctypes.data,
            force.ctypes.data + (begin - some[0]) * WIDTH * force.itemsize,
            scratch.ctypes.data,
            kept,
            begin,
        )
        begin += together


@compiled(forceinline=True)
def _move(
    lane: int, dt: float, force: Any, noise: Any, count: int, largest: float, row: Any
) -> float:
    row[lane] += dt * force[lane] + noise[lane]
    # true for NaN as well
    return 1.0 if (lane < count) & (not abs(row[lane]) <= largest) else 0.0


@compiled()
def update(block: Any, dt: float, force: Any, noise: Any, count: int, largest: float) -> bool:
    """Take an Euler step of a block; return whether `count` particles are finite when stored.

    It is computed in float64, as the noise is, and rounded once.
    """
    outside = 0.0
    for c in range(0, block.size, WIDTH):
        row, push, kick = block[c : c + WIDTH], force[c : c + WIDTH], noise[c : c + WIDTH]
        outside += sum_lanes(_move, (dt, push, kick, count, largest, row))
    return outside == 0.0


class Room(NamedTuple):
    """Where a copy of a block, its drift, its noise, and the rest lie."""

    block: Any
    force: Any
    noise: Any
    scratch: Any


@inlined
def room_size(pieces: Pieces) -> int:
    """Return the bytes of a room."""
    block = pieces.dim * WIDTH
    scratch = max(SCRATCH, pieces.n_scratch * WIDTH)
    return 2 * block * pieces.inputs.itemsize + (block + scratch) * pieces.data.itemsize


@expanded
def room_at(place: int, pieces: Pieces) -> Room:
    """View memory at an address as a room."""
    count, number = pieces.dim * WIDTH, pieces.inputs.dtype
    size = count * pieces.inputs.itemsize
    block, force = array_at(place, (count,), number), array_at(place + size, (count,), number)
    noise = floats_at(place + 2 * size, count)
    scratch = floats_at(place + 2 * size + 8 * count, max(SCRATCH, pieces.n_scratch * WIDTH))
    return Room(block, force, noise, scratch)


@expanded
def empty_block(pieces: Pieces) -> Any:
    """Return room for a block, in the precision of the pieces."""
    return aligned(pieces.dim * WIDTH, pieces.inputs.dtype)


@expanded
def place_in(theta: Any, first: int, count: int, turn: Turn) -> int:
    """Return the address of the block of the `count` particles from `first` on, or 0.

    They can be worked on where they lie if they fill it, are arranged and stay so, and start a
    cache line. Else there is room for a copy.
    """
    place = _address(theta, first)
    staying = turn.arranged and turn.arranging and count == WIDTH
    return place if staying and place % CACHE_LINE == 0 else 0


@expanded
def load_block(theta: Any, first: int, count: int, block: Any, arranged: bool) -> None:
    """Copy the `count` particles from `first` on to a block.

    If `arranged`, the memory of a full block of particles holds a row a coordinate already.
    """
    if arranged and count == WIDTH:
        _copy(_address(theta, first), block.ctypes.data, block)
    else:
        load(theta, first, count, block)


@expanded
def store_block(block: Any, first: int, count: int, theta: Any, arranged: bool) -> None:
    """Copy what `load_block` copied back; leave a full block arranged if asked to."""
    if arranged and count == WIDTH:
        _copy(block.ctypes.data, _address(theta, first), block)
    else:
        store(block, first, count, theta)


@expanded
def _address(theta: Any, first: int) -> int:
    """Return the address of a particle, where the rows of an array lie side by side."""
    address: int = theta.ctypes.data + first * theta.shape[1] * theta.itemsize
    return address


@compiled()
def _copy(source: int, target: int, block: Any) -> None:
    """Copy a block from one address to another."""
    size, number = block.size, block.dtype
    from_row, to_row = array_at(source, (size,), number), array_at(target, (size,), number)
    for i in range(size):
        to_row[i] = from_row[i]


@expanded
def empty_scratch(pieces: Pieces) -> Any:
    """Return the scratch space that a block needs."""
    return aligned(max(SCRATCH, pieces.n_scratch * WIDTH), pieces.data.dtype)


@expanded
def kept_at(slopes: Any, block: int) -> int:
    """Return the address of the slopes kept for the blocks from this one on, or 0 if none are."""
    return slopes[block].ctypes.data if len(slopes) > 0 else 0


def can_keep_slopes(pieces: Pieces, n: int, steps: int) -> bool:
    """Return whether the slopes of n particles are worth keeping from each step to the next."""
    size = pieces.inputs.itemsize * n * pieces.n_slopes
    pays = steps >= MANY_STEPS or pieces.shape[1] >= MANY_COORDINATES
    return 0 < size <= (KEPT if pays else KEPT // SHARE_FOR_FEW)


def room_for_slopes(pieces: Pieces, n: int, steps: int) -> NDArray[Any]:
    """Return an array for the slopes of n particles; it is empty if they are not to be kept."""
    blocks = (n + WIDTH - 1) // WIDTH if can_keep_slopes(pieces, n, steps) else 0
    return spare_memory.empty((blocks, pieces.n_slopes * WIDTH), pieces.inputs.dtype)
