"""Arrays of noise, filled in parallel: what `StableNoise` returns."""

from typing import Any

import numba

from sde.addresses import aligned
from sde.lanes import WIDTH, store
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import SCRATCH, Draws, draw_block

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
def _fill_blocks(
    draws: Draws, blocks: tuple[int, int], substeps: int, common: bool, out: Any
) -> None:
    steps, n, dim = out.shape
    drawn = 1 if common else dim
    number = draws.parameters.dtype
    scratch, block = aligned(SCRATCH, number), aligned(drawn * WIDTH, number)
    for b in range(blocks[0], blocks[1]):
        first = b * WIDTH
        last = min(first + WIDTH, n)
        for k in range(steps):
            for s in range(substeps):
                draw_block(draws, first, k * substeps + s, drawn, block, scratch, s > 0)
            if common:
                _spread(block, out[k, first:last])
            else:
                store(block, first, last - first, out[k])


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
