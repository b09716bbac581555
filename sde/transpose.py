"""From particles to a block and back: a particle is a row, a coordinate of a block is one.

Squares of four by four numbers are transposed in registers. The compiler by itself moves numbers
one by one, which takes about twice as long.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sde.lanes import WIDTH
from sde.native import compiled, expanded

__all__ = ["load", "store"]

#: Rows and columns of a square.
SIDE = 4

#: Lanes that are done together, one cache line of a row, and coordinates: where there are more, the
#: rows of a block, whose places differ by 2^k bytes, drive each other from the first-level cache.
LANES, COORDINATES = 8, 64

_INT = ir.IntType(32)


def _picked(builder: Any, a: Any, b: Any, order: tuple[int, ...]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, SIDE), order))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of the square whose rows are four vectors."""
    columns = []
    for order in ((0, 4, 2, 6), (1, 5, 3, 7)):  # those of even number, and of odd number
        above, below = (_picked(builder, rows[i], rows[i + 1], order) for i in (0, 2))
        columns.append(
            [_picked(builder, above, below, half) for half in ((0, 1, 4, 5), (2, 3, 6, 7))]
        )
    return [columns[k % 2][k // 2] for k in range(SIDE)]


def _rows(context: Any, builder: Any, place: Any, step: Any, number: Any, count: int) -> list[Any]:
    """Return pointers to `count` vectors of as many numbers, `step` bytes apart."""
    kind = context.get_value_type(number.dtype)
    pointer = (kind if count == 1 else ir.VectorType(kind, count)).as_pointer()
    places = [place]
    while len(places) < count:
        places.append(builder.add(places[-1], step))
    return [builder.inttoptr(place, pointer) for place in places]


def _transposer(count: int) -> Any:
    """Return the function that copies a square of so many rows, 1 or `SIDE`.

    `copy(source, step, number, target, step, number)` copies numbers of one type, whose rows lie so
    many bytes apart, to numbers of another type, whose columns do.
    """

    @intrinsic
    def copy(
        _typing: Any, _source: Any, _apart: Any, given: Any, _target: Any, _below: Any, wanted: Any
    ) -> Any:
        word = types.intp
        sizes = [kind.dtype.bitwidth // 8 for kind in (given, wanted)]

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            sources = _rows(context, builder, values[0], values[1], given, count)
            targets = _rows(context, builder, values[3], values[4], wanted, count)
            rows = [builder.load(place, align=sizes[0]) for place in sources]
            if sizes[0] != sizes[1]:
                cast = builder.fpext if sizes[0] < sizes[1] else builder.fptrunc
                rows = [cast(row, targets[0].type.pointee) for row in rows]
            columns = rows if count == 1 else _transposed(builder, rows)
            for column, place in zip(columns, targets, strict=True):
                builder.store(column, place, align=sizes[1])
            return context.get_dummy_value()

        return types.void(word, word, given, word, word, wanted), generate

    return copy


_copy_square, _copy_number = _transposer(SIDE), _transposer(1)


@compiled()
def _copy(
    source: int,
    source_steps: tuple[int, int],
    given: Any,
    target: int,
    target_steps: tuple[int, int],
    wanted: Any,
    sizes: tuple[int, int],
    side_by_side: bool,
) -> None:
    """Copy numbers of so many lanes and coordinates.

    Of the type `given` at an address to the type `wanted` at another; the steps are the bytes from
    a lane to the next, and from a coordinate. The numbers of a particle lie side by side, or not.
    """
    apart, below = max(source_steps), max(target_steps)
    lanes, dim = sizes
    whole, fours = lanes - lanes % SIDE, dim - dim % SIDE if side_by_side else 0
    for some in range(0, fours, COORDINATES):
        for few in range(0, whole, LANES):
            for c in range(some, min(some + COORDINATES, fours), SIDE):
                for lane in range(few, min(few + LANES, whole), SIDE):
                    place = source + lane * source_steps[0] + c * source_steps[1]
                    other = target + lane * target_steps[0] + c * target_steps[1]
                    _copy_square(place, apart, given, other, below, wanted)
    for c in range(dim if whole < lanes or fours < dim else 0):
        for lane in range(whole if c < fours else 0, lanes):
            place = source + lane * source_steps[0] + c * source_steps[1]
            other = target + lane * target_steps[0] + c * target_steps[1]
            _copy_number(place, 0, given, other, 0, wanted)


@expanded
def _layout(theta: Any, first: int, block: Any) -> Any:
    """Return the address and the steps of particles, and of a block."""
    particles = np.intp(theta.ctypes.data + first * theta.strides[0])
    steps = (block.itemsize, WIDTH * block.itemsize)
    return particles, theta.strides, np.intp(block.ctypes.data), steps


@expanded
def _are_side_by_side(theta: Any) -> bool:
    """Tell whether a particle's coordinates are, and the next particle lies behind them.

    Those of a copy of a broadcast array are not, nor do the rows of such an array itself.
    """
    found: bool = theta.strides[0] >= theta.strides[1] == theta.itemsize
    return found


@compiled()
def load(theta: Any, first: int, count: int, block: Any) -> None:
    """Copy a block; repeat its last particle in lanes past the end, where a drift is finite too."""
    particles, apart, rows, below = _layout(theta, first, block)
    dim, straight = theta.shape[1], _are_side_by_side(theta)
    _copy(particles, apart, theta.dtype, rows, below, block.dtype, (count, dim), straight)
    for c in range(dim if count < WIDTH else 0):
        for lane in range(count, WIDTH):
            block[c * WIDTH + lane] = block[c * WIDTH + count - 1]


@compiled()
def store(block: Any, first: int, count: int, theta: Any) -> None:
    """Copy the first `count` lanes of a block back to the particles from `first` on.

    The block is left with what was stored, which is rounded if the particles are stored in less
    than the block's precision.
    """
    particles, apart, rows, below = _layout(theta, first, block)
    sizes, straight = (count, theta.shape[1]), _are_side_by_side(theta)
    _copy(rows, below, block.dtype, particles, apart, theta.dtype, sizes, straight)
    if theta.itemsize < block.itemsize:
        load(theta, first, count, block)
