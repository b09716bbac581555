"""What is done to one block of particles: load, observe, drift, update, store."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde import spare_memory
from sde.lanes import WIDTH, load, store, sum_lanes
from sde.native import CACHE_LINE, aligned, array_at, call_block, compiled, expanded, floats_at
from sde.sampling import SCRATCH

__all__ = [
    "Pieces",
    "Room",
    "Turn",
    "can_keep_slopes",
    "empty_blocks",
    "empty_scratch",
    "find_drift",
    "kept_at",
    "load",
    "load_blocks",
    "observe",
    "place_in",
    "prepare",
    "room_at",
    "room_for_slopes",
    "room_size",
    "store",
    "store_blocks",
    "update",
]

#: Most bytes of slopes that are kept from the observables of a step to the drift of the next. They
#: save a second evaluation of the features, a quarter of the time, for memory of several times the
#: state. A virtual machine may take as long to hand out new memory as dozens of such evaluations
#: take, where none is a product of matrices: for fewer steps, only this share of the bytes is kept.
KEPT = 1 << 29
MANY_STEPS, SHARE_FOR_FEW = 100, 8


class Pieces(NamedTuple):
    """A system as the kernels see it: three block functions, the sizes and arrays they need.

    `n_scratch` and `n_slopes` count rows of a block: of scratch space, and of what `observe` can
    keep for `find_drift` (none if zero). `panel` is the number of blocks that the block functions
    take at a time: several if they call BLAS, else one. `prepare` reads `data`. `observe` and
    `find_drift` read `inputs`, in the precision in which they and all blocks are computed.
    """

    observe: int
    prepare: int
    drift: int
    dim: int
    n_observables: int
    n_weights: int
    n_scratch: int
    n_slopes: int
    panel: int
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
def observe(pieces: Pieces, blocks: Any, count: int, sums: Any, scratch: Any, kept: int) -> None:
    """Add the observables of the first `count` lanes of some blocks, a row each, to their sums.

    `kept` is the address where slopes are kept, or 0.
    """
    call_block(
        pieces.observe,
        pieces.shape.ctypes.data,
        pieces.inputs.ctypes.data,
        blocks.ctypes.data,
        count,
        sums.ctypes.data,
        scratch.ctypes.data,
        kept,
        pieces.data.ctypes.data,
    )


@expanded
def prepare(pieces: Pieces, mean_field: Any, weights: Any) -> None:
    """Write what the drift needs to know of a mean field, rounded to the precision of `weights`."""
    exact = np.empty(weights.size)
    call_block(
        pieces.prepare,
        pieces.shape.ctypes.data,
        pieces.data.ctypes.data,
        mean_field.ctypes.data,
        exact.ctypes.data,
        0,
        0,
        0,
        0,
    )
    for i in range(weights.size):  # a cast of arrays takes seconds to compile
        weights[i] = exact[i]


@expanded
def find_drift(
    pieces: Pieces, blocks: Any, count: int, weights: Any, forces: Any, scratch: Any, kept: int
) -> None:
    """Write the drift of as many blocks as have `count` lanes, a row each.

    `kept` is the address of their kept slopes, or 0.
    """
    call_block(
        pieces.drift,
        pieces.shape.ctypes.data,
        pieces.inputs.ctypes.data,
        blocks.ctypes.data,
        weights.ctypes.data,
        forces.ctypes.data,
        scratch.ctypes.data,
        kept,
        count,
    )


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
    """Where the blocks of a panel, their forces, the noise of one of them, and the rest lie."""

    blocks: Any
    forces: Any
    noise: Any
    scratch: Any


@expanded
def room_size(pieces: Pieces) -> int:
    """Return the bytes of a room."""
    panel = pieces.panel * pieces.dim * WIDTH * pieces.inputs.itemsize
    scratch = max(SCRATCH, pieces.n_scratch * WIDTH)
    return 2 * panel + (pieces.dim * WIDTH + scratch) * pieces.data.itemsize


@expanded
def room_at(place: int, pieces: Pieces) -> Room:
    """View memory at an address as a room."""
    shape, number = (pieces.panel, pieces.dim * WIDTH), pieces.inputs.dtype
    size = pieces.panel * pieces.dim * WIDTH * pieces.inputs.itemsize
    noise = floats_at(place + 2 * size, pieces.dim * WIDTH)
    scratch = floats_at(
        place + 2 * size + 8 * pieces.dim * WIDTH, max(SCRATCH, pieces.n_scratch * WIDTH)
    )
    blocks, forces = array_at(place, shape, number), array_at(place + size, shape, number)
    return Room(blocks, forces, noise, scratch)


@expanded
def empty_blocks(pieces: Pieces) -> Any:
    """Return room for the blocks of a panel, a row each, in the precision of the pieces."""
    room = aligned(pieces.panel * pieces.dim * WIDTH, pieces.inputs.dtype)
    return room.reshape(pieces.panel, pieces.dim * WIDTH)


@expanded
def place_in(theta: Any, first: int, count: int, copies: Any, turn: Turn) -> int:
    """Return the address of the panel of the `count` particles from `first` on, or 0.

    They can be worked on where they lie if they fill the panel, are arranged and stay so, and start
    a cache line. Else there is room for their copies.
    """
    place: int = theta.ctypes.data + first * theta.shape[1] * copies.itemsize
    staying = turn.arranged and turn.arranging and count == copies.shape[0] * WIDTH
    return place if staying and place % CACHE_LINE == 0 else 0


@expanded
def load_blocks(theta: Any, first: int, count: int, blocks: Any, arranged: bool) -> None:
    """Copy the `count` particles from `first` on to as many blocks as they fill.

    If `arranged`, the memory of each full block of particles holds a row a coordinate already.
    """
    for b in range((count + WIDTH - 1) // WIDTH):
        start, lanes = first + b * WIDTH, min(WIDTH, count - b * WIDTH)
        if arranged and lanes == WIDTH:
            _copy(_block_at(theta, start // WIDTH, blocks), _block_at(blocks, b, blocks), blocks)
        else:
            load(theta, start, lanes, blocks[b])


@expanded
def store_blocks(blocks: Any, first: int, count: int, theta: Any, arranged: bool) -> None:
    """Copy what `load_blocks` copied back; leave full blocks arranged if asked to."""
    for b in range((count + WIDTH - 1) // WIDTH):
        start, lanes = first + b * WIDTH, min(WIDTH, count - b * WIDTH)
        if arranged and lanes == WIDTH:
            _copy(_block_at(blocks, b, blocks), _block_at(theta, start // WIDTH, blocks), blocks)
        else:
            store(blocks[b], start, lanes, theta)


@expanded
def _block_at(array: Any, number: int, blocks: Any) -> int:
    """Return the address of a block in an array that consists of blocks."""
    address: int = array.ctypes.data + number * blocks.shape[1] * blocks.itemsize
    return address


@compiled()
def _copy(source: int, target: int, blocks: Any) -> None:
    """Copy a block from one address to another."""
    size, number = blocks.shape[1], blocks.dtype
    from_row, to_row = array_at(source, (size,), number), array_at(target, (size,), number)
    for i in range(size):
        to_row[i] = from_row[i]


@expanded
def empty_scratch(pieces: Pieces) -> Any:
    """Return the scratch space that a panel needs."""
    return aligned(max(SCRATCH, pieces.n_scratch * WIDTH), pieces.data.dtype)


@expanded
def kept_at(slopes: Any, block: int) -> int:
    """Return the address of the slopes kept for the blocks from this one on, or 0 if none are."""
    return slopes[block].ctypes.data if len(slopes) > 0 else 0


def can_keep_slopes(pieces: Pieces, n: int, steps: int) -> bool:
    """Return whether the slopes of n particles are worth keeping from each step to the next."""
    size = pieces.inputs.itemsize * n * pieces.n_slopes
    pays = steps >= MANY_STEPS or pieces.panel > 1
    return 0 < size <= (KEPT if pays else KEPT // SHARE_FOR_FEW)


def room_for_slopes(pieces: Pieces, n: int, steps: int) -> NDArray[Any]:
    """Return an array for the slopes of n particles; it is empty if they are not to be kept."""
    blocks = (n + WIDTH - 1) // WIDTH if can_keep_slopes(pieces, n, steps) else 0
    return spare_memory.empty((blocks, pieces.n_slopes * WIDTH), pieces.inputs.dtype)
