"""Arrays of noise, filled in parallel: what `StableNoise` returns."""

from typing import Any

import numba

from sde.addresses import aligned, array_at, prefetch
from sde.lanes import WIDTH
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import SCRATCH, Draws, draw_block
from sde.transpose import store

__all__ = ["fill"]

#: Parts in which an array is filled: enough to balance many threads.
PARTS = 64

#: From this dimension on a row is written as a whole, shorter ones a few places at a time: with 16
#: coordinates that takes 5 ns a row, the other way 9.
LONG = 8


@compiled()
def _spread(numbers: Any, rows: Any) -> None:
    """Write one number a row to all its places."""
    dim = rows.shape[1]
    if dim >= LONG:
        for i in range(len(rows)):
            row, number = rows[i], numbers[i]
            for c in range(dim):
                row[c] = number
        return
    fours = dim - dim % 4
    for c in range(0, fours, 4):  # four at a time, for the compiler to store them as a vector
        for i in range(len(rows)):
            row, number = rows[i], numbers[i]
            row[c], row[c + 1], row[c + 2], row[c + 3] = number, number, number, number
    for c in range(fours, dim):
        for i in range(len(rows)):
            rows[i, c] = numbers[i]


@compiled()
def _draw_one_by_one(
    draws: Draws, first: int, step: int, block: Any, scratch: Any, rows: Any
) -> None:
    """Draw the noise of a block, and bring the memory of its rows to the cache meanwhile.

    A quarter less time where many rows are written, beyond the second-level cache.
    """
    line, drawn = WIDTH * block.itemsize, block.size // WIDTH
    share = rows.nbytes // drawn
    for c in range(drawn):
        prefetch(rows.ctypes.data + c * share, share, False)
        row = array_at(block.ctypes.data + c * line, (WIDTH,), block.dtype)
        draw_block(draws, first, step, (c, c + 1), row, scratch, False)


@compiled()
def _fill_blocks(
    draws: Draws, blocks: tuple[int, int], substeps: int, common: bool, out: Any
) -> None:
    steps, n, dim = out.shape
    drawn = 1 if common else dim
    number = draws.parameters.dtype
    scratch, room = aligned(SCRATCH, number), aligned(drawn * WIDTH, number)
    for b in range(blocks[0], blocks[1]):
        first = b * WIDTH
        last = min(first + WIDTH, n)
        for k in range(steps):
            rows = out[k, first:last]
            # full blocks of one coordinate lie in memory as they are drawn
            lying = dim == 1 and last - first == WIDTH
            place = rows.ctypes.data if lying else room.ctypes.data
            block = array_at(place, (drawn * WIDTH,), number)
            if draws.in_parts and substeps == 1 and not common:
                _draw_one_by_one(draws, first, k, block, scratch, rows)
            else:
                for s in range(substeps):
                    draw_block(draws, first, k * substeps + s, (0, drawn), block, scratch, s > 0)
            if common and not lying:
                _spread(room, rows)
            elif not lying:
                store(room, first, last - first, out[k])


def _make_fill() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL)
    def fill(draws: Draws, substeps: int, common: bool, out: Any) -> None:
        """Write increments, (steps, n, dim); if `common`, coordinates are equal and drawn once."""
        _ = digest
        blocks = (out.shape[1] + WIDTH - 1) // WIDTH
        parts = min(PARTS, blocks)
        for part in numba.prange(parts):
            bounds = (part * blocks // parts, (part + 1) * blocks // parts)
            _fill_blocks(draws, bounds, substeps, common, out)

    return fill


fill = _make_fill()
