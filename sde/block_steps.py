"""What is done to one block of particles: load, observe, drift, update, store."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde.native import call_block, compiled
from sde.sampling import WIDTH

__all__ = ["Pieces", "find_drift", "load", "observe", "prepare", "store", "update"]


class Pieces(NamedTuple):
    """A system as the kernels see it: three block functions and the arrays they read."""

    observe: int
    prepare: int
    drift: int
    dim: int
    n_observables: int
    n_weights: int
    shape: NDArray[np.int64]
    data: NDArray[np.float64]


@compiled()
def load(theta: Any, first: int, count: int, block: Any) -> None:
    """Copy a block; repeat its last particle in lanes past the end, where a drift is finite too."""
    dim = theta.shape[1]
    for c in range(dim):
        for lane in range(count):
            block[c * WIDTH + lane] = theta[first + lane, c]
        for lane in range(count, WIDTH):
            block[c * WIDTH + lane] = block[c * WIDTH + count - 1]


@compiled()
def store(block: Any, first: int, count: int, theta: Any) -> None:
    """Copy the first `count` lanes of a block back to the particles from `first` on."""
    dim = theta.shape[1]
    for c in range(dim):
        for lane in range(count):
            theta[first + lane, c] = block[c * WIDTH + lane]


@compiled()
def observe(pieces: Pieces, block: Any, count: int, sums: Any, scratch: Any) -> None:
    """Add the observables of the first `count` lanes of a block to their sums."""
    call_block(
        pieces.observe,
        pieces.shape.ctypes.data,
        pieces.data.ctypes.data,
        block.ctypes.data,
        count,
        sums.ctypes.data,
        scratch.ctypes.data,
        0,
        0,
    )


@compiled()
def prepare(pieces: Pieces, mean_field: Any, weights: Any) -> None:
    """Write what the drift needs to know of a mean field."""
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
def find_drift(pieces: Pieces, block: Any, weights: Any, force: Any, scratch: Any) -> None:
    """Write the drift of a block."""
    call_block(
        pieces.drift,
        pieces.shape.ctypes.data,
        pieces.data.ctypes.data,
        block.ctypes.data,
        weights.ctypes.data,
        force.ctypes.data,
        scratch.ctypes.data,
        0,
        0,
    )


@compiled()
def update(block: Any, dt: float, force: Any, noise: Any, count: int, largest: float) -> bool:
    """Take an Euler step of a block; return whether `count` particles are finite when stored."""
    outside = 0
    for c in range(0, block.size, WIDTH):
        row, push, kick = block[c : c + WIDTH], force[c : c + WIDTH], noise[c : c + WIDTH]
        for lane in range(WIDTH):
            row[lane] += dt * push[lane] + kick[lane]
            # false for NaN as well
            outside += (lane < count) & (not abs(row[lane]) <= largest)
    return outside == 0
