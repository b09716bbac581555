"""Products of a small matrix and a block, by loops over the lanes.

`multiply_add(w, rows, out)` adds the product of `w` and the rows of a block to the rows of another.
It works on four rows of `out` at a time, so that a number of the block, once loaded, is used four
times, and keeps the sums of two vectors in registers: more of them do not fit.
"""

from typing import Any

from sde.intrinsics import fma, like
from sde.lanes import for_lanes, for_lanes_by_two
from sde.native import compiled

__all__ = ["GROUP", "add_square", "multiply_add"]

#: Rows of a block that a loop over the lanes adds up at a time.
GROUP = 8

#: Rows of the product that it adds to at a time.
TOGETHER = 4


@compiled(forceinline=True)
def _add_eight_to_four(lane: int, w: Any, rows: Any, out: Any) -> None:
    a, b, c, d = out[0, lane], out[1, lane], out[2, lane], out[3, lane]
    for g in range(GROUP):
        term = rows[g, lane]
        a, b = fma(w[0, g], term, a), fma(w[1, g], term, b)
        c, d = fma(w[2, g], term, c), fma(w[3, g], term, d)
    out[0, lane], out[1, lane], out[2, lane], out[3, lane] = a, b, c, d


@compiled(forceinline=True)
def _add_one_to_four(lane: int, w: Any, row: Any, out: Any) -> None:
    term = row[lane]
    for i in range(TOGETHER):
        out[i, lane] = fma(w[i], term, out[i, lane])


@compiled(forceinline=True)
def _add_eight(lane: int, w: Any, rows: Any, out: Any) -> None:
    total = out[lane]
    for g in range(GROUP):
        total = fma(w[g], rows[g, lane], total)
    out[lane] = total


@compiled(forceinline=True)
def _add_one(lane: int, w: float, row: Any, out: Any) -> None:
    out[lane] = fma(w, row[lane], out[lane])


@compiled(forceinline=True)
def _add_square(lane: int, x: float, row: Any, out: Any) -> None:
    out[lane] = fma(like(x, 0.5) * (row[lane] - x), row[lane] - x, out[lane])


@compiled()
def add_square(x: float, row: Any, out: Any) -> None:
    """Add half the square of the distance of a row to x to another row."""
    for_lanes(_add_square, (x, row, out))


@compiled()
def multiply_add(w: Any, rows: Any, out: Any) -> None:
    """Add the product of an (r, k) matrix and k rows of a block to r rows."""
    r, k = w.shape
    fours, eights = r - r % TOGETHER, k - k % GROUP
    for i in range(0, fours, TOGETHER):
        some, sums = w[i : i + TOGETHER], out[i : i + TOGETHER]
        for g in range(0, eights, GROUP):
            given = (some[:, g : g + GROUP], rows[g : g + GROUP], sums)
            for_lanes_by_two(_add_eight_to_four, given)
        for g in range(eights, k):
            for_lanes_by_two(_add_one_to_four, (some[:, g], rows[g], sums))
    for i in range(fours, r):
        for g in range(0, eights, GROUP):
            for_lanes(_add_eight, (w[i, g : g + GROUP], rows[g : g + GROUP], out[i]))
        for g in range(eights, k):
            for_lanes(_add_one, (w[i, g], rows[g], out[i]))
