"""What is done to one block of particles: load, observe, drift, update, store."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde.lanes import WIDTH, load, store, sum_lanes
from sde.native import call_block, compiled
from sde.sampling import SCRATCH

__all__ = [
    "Pieces",
    "can_keep_slopes",
    "empty_block",
    "find_drift",
    "kept_at",
    "load",
    "observe",
    "prepare",
    "room_for_slopes",
    "scratch_size",
    "store",
    "update",
]

#: Most bytes of slopes that are kept from the observables of a step to the drift of the next. They
#: save a second evaluation of the features (a third of the time while they fit the last-level
#: cache, a seventh beyond) for memory of several times the state. Where BLAS takes the sums, an
#: evaluation costs a product of matrices.
KEPT = 1 << 26
KEPT_BY_BLAS = 1 << 29


class Pieces(NamedTuple):
    """A system as the kernels see it: three block functions, the sizes and arrays they need.

    `n_scratch` and `n_slopes` count rows of a block: of scratch space, and of what `observe` can
    keep for `find_drift` (none if zero). `matrix` says whether the block functions call BLAS.
    `prepare` reads `data`. `observe` and `find_drift` read `inputs`, in the precision in which they
    and all blocks are computed.
    """

    observe: int
    prepare: int
    drift: int
    dim: int
    n_observables: int
    n_weights: int
    n_scratch: int
    n_slopes: int
    matrix: bool
    shape: NDArray[np.int64]
    data: NDArray[np.float64]
    inputs: NDArray[np.floating]


@compiled()
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


@compiled()
def prepare(pieces: Pieces, mean_field: Any, weights: Any) -> None:
    """Write what the drift needs to know of a mean field, rounded to the precision of `weights`."""
    if weights.itemsize == 8:
        _prepare(pieces, mean_field, weights)
    else:
        exact = np.empty(weights.size)
        _prepare(pieces, mean_field, exact)
        for i in range(weights.size):  # a cast of arrays takes seconds to compile
            weights[i] = exact[i]


@compiled()
def _prepare(pieces: Pieces, mean_field: Any, weights: Any) -> None:
    call_block(
        pieces.prepare,
        pieces.shape.ctypes.data,
        pieces.data.ctypes.data,
        mean_field.ctypes.data,
        weights.ctypes.data,
        0,
        0,
        0,
        0,
    )


@compiled()
def find_drift(
    pieces: Pieces, block: Any, weights: Any, force: Any, scratch: Any, kept: int
) -> None:
    """Write the drift of a block; `kept` is the address of its kept slopes, or 0."""
    call_block(
        pieces.drift,
        pieces.shape.ctypes.data,
        pieces.inputs.ctypes.data,
        block.ctypes.data,
        weights.ctypes.data,
        force.ctypes.data,
        scratch.ctypes.data,
        kept,
        0,
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


@compiled()
def empty_block(pieces: Pieces) -> Any:
    """Return room for one number a lane and coordinate, in the precision of the pieces."""
    return np.empty(pieces.dim * WIDTH, pieces.inputs.dtype)


@compiled()
def scratch_size(pieces: Pieces) -> int:
    """Return the numbers of scratch space that a block needs."""
    return max(SCRATCH, pieces.n_scratch * WIDTH)


@compiled()
def kept_at(slopes: Any, block: int) -> int:
    """Return the address of the slopes kept for a block, or 0 if none are."""
    return slopes[block].ctypes.data if len(slopes) > 0 else 0


def can_keep_slopes(pieces: Pieces, n: int) -> bool:
    """Return whether the slopes of n particles are worth keeping from one step to the next."""
    size = pieces.inputs.itemsize * n * pieces.n_slopes
    return 0 < size <= (KEPT_BY_BLAS if pieces.matrix else KEPT)


def room_for_slopes(pieces: Pieces, n: int) -> NDArray[Any]:
    """Return an array for the slopes of n particles; it is empty if they are not to be kept."""
    blocks = (n + WIDTH - 1) // WIDTH if can_keep_slopes(pieces, n) else 0
    return np.empty((blocks, pieces.n_slopes * WIDTH), pieces.inputs.dtype)
