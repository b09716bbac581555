"""Block functions of the network where BLAS takes the sums over coordinates and over data.

They do what those of `network_blocks` do, for a panel: several blocks side by side, whose products
with the data are one product of matrices. BLAS arranges the data anew for each product, which few
columns do not pay for.
"""

from typing import Any

import numpy as np

from sde.features import Feature
from sde.lanes import WIDTH, for_lanes_by_eight, lane_sum
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    array_at,
    block_function,
    compiled,
    floats_at,
    integers_at,
    matrix_at,
)
from sde.network_blocks import make_evaluations, make_slope, number_type

__all__ = ["PANEL", "is_matrix_work", "make_drift", "make_observe", "scratch_rows"]

#: From this dimension on BLAS is faster than the loops.
MATRIX_DIM = 32

#: Blocks of a panel: with 784 coordinates and 1000 data the products of a particle take 104 µs in
#: panels of one block, 101 of two, 87 of four, 84 of eight, and 73 of 32 (one thread, AVX-512).
PANEL = 4


def is_matrix_work(feature: Feature, dim: int) -> bool:
    """Return whether the sums of a network are left to BLAS."""
    return feature.geometry == "inner" and dim >= MATRIX_DIM


def scratch_rows(dim: int, m: int) -> int:
    """Return the rows of scratch space, of one block each, that the block functions need."""
    return 1 + PANEL * (dim + m)


@compiled()
def _block_count(lanes: int) -> int:
    return (lanes + WIDTH - 1) // WIDTH


@compiled()
def _side_by_side(blocks: Any, panel: Any) -> None:
    """Write the rows of some blocks, (blocks, d, WIDTH), to the long rows of a panel."""
    for c in range(len(panel)):
        for b in range(len(blocks)):
            panel[c, b * WIDTH : (b + 1) * WIDTH] = blocks[b, c]


@compiled()
def _apart(panel: Any, blocks: Any) -> None:
    """Write the long rows of a panel to the rows of its blocks."""
    for c in range(len(panel)):
        for b in range(len(blocks)):
            blocks[b, c] = panel[c, b * WIDTH : (b + 1) * WIDTH]


def make_observe(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function that adds a panel's features to their sums over particles.

    If it is handed an address for them, it keeps the slopes, one long row an output and datum.
    """
    digest, number = SOURCE_DIGEST, number_type(single)
    size = np.dtype(number).itemsize
    evaluate, evaluate_both = make_evaluations(feature, dim, single=single)

    @block_function(cache=feature.builtin)
    def observe(
        shape: int,
        inputs: int,
        theta: int,
        valid: int,
        sums: int,
        scratch: int,
        kept: int,
        data: int,
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        blocks = _block_count(valid)
        amplitude, x = floats_at(data, 1)[0], array_at(inputs, (m, d), number)
        particles = array_at(theta, (blocks, outputs, d, WIDTH), number)
        total, values = matrix_at(sums, m, outputs), array_at(scratch, (WIDTH,), number)
        room = scratch + size * WIDTH
        own = array_at(room, (d, blocks * WIDTH), number)
        room += size * WIDTH * d * blocks
        arguments = array_at(room, (m, blocks * WIDTH), number)
        # the same, and the slopes, as rows of a block
        rows = array_at(room, (m * blocks, WIDTH), number)
        slopes = array_at(kept, (outputs * m * blocks, WIDTH), number)
        for k in range(outputs):
            _side_by_side(particles[:, k], own)
            np.dot(x, own, arguments)
            for j in range(m):
                for b in range(blocks):
                    given = (x[j], own, rows[j * blocks + b], values)
                    if kept != 0:
                        slope = slopes[(k * m + j) * blocks + b]
                        for_lanes_by_eight(evaluate_both, (*given, slope))
                    else:
                        for_lanes_by_eight(evaluate, given)
                    lanes = min(WIDTH, valid - b * WIDTH)
                    total[j, k] += amplitude * lane_sum(values, lanes)

    return observe


def make_drift(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function of the drift of a panel.

    If it is handed the address of kept slopes, it does not evaluate the feature.
    """
    digest, number = SOURCE_DIGEST, number_type(single)
    size = np.dtype(number).itemsize
    evaluate = make_slope(feature, dim, single=single)

    @block_function(cache=feature.builtin)
    def drift(
        shape: int,
        inputs: int,
        theta: int,
        weights: int,
        out: int,
        scratch: int,
        kept: int,
        count: int,
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        blocks = _block_count(count)
        x = array_at(inputs, (m, d), number)
        # past the slopes of the loss, which the pulls contain
        pulls = array_at(weights + size * outputs * m, (outputs, d, m), number)
        particles = array_at(theta, (blocks, outputs, d, WIDTH), number)
        forces = array_at(out, (blocks, outputs, d, WIDTH), number)
        # the particles side by side, and then their forces
        own = array_at(scratch, (d, blocks * WIDTH), number)
        room = scratch + size * WIDTH * d * blocks
        for k in range(outputs):
            place = room if kept == 0 else kept + size * WIDTH * k * m * blocks
            slopes = array_at(place, (m, blocks * WIDTH), number)
            if kept == 0:
                _side_by_side(particles[:, k], own)
                np.dot(x, own, slopes)
                rows = array_at(place, (m * blocks, WIDTH), number)
                for i in range(len(rows)):
                    for_lanes_by_eight(evaluate, (x[0], own, rows[i]))
            np.dot(pulls[k], slopes, own)
            _apart(own, forces[:, k])

    return drift
