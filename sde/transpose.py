"""From particles to a block and back: a particle is a row, a coordinate of a block is one.

Squares of four by four numbers are transposed in registers. The compiler by itself moves numbers
one by one, which takes about twice as long.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sde.addresses import array_at
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


@intrinsic
def _transpose_square(
    _typing: Any, _source: Any, _apart: Any, given: Any, _target: Any, _below: Any, wanted: Any
) -> Any:
    word = types.intp
    sizes = [kind.dtype.bitwidth // 8 for kind in (given, wanted)]

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        vectors = [
            ir.VectorType(context.get_value_type(kind.dtype), SIDE) for kind in (given, wanted)
        ]

        def places(address: Any, step: Any, vector: Any) -> list[Any]:
            found = [address]
            while len(found) < SIDE:
                found.append(builder.add(found[-1], step))
            return [builder.inttoptr(place, vector.as_pointer()) for place in found]

        rows = [builder.load(p, align=sizes[0]) for p in places(values[0], values[1], vectors[0])]
        if sizes[0] != sizes[1]:
            cast = builder.fpext if sizes[0] < sizes[1] else builder.fptrunc
            rows = [cast(row, vectors[1]) for row in rows]
        targets = places(values[3], values[4], vectors[1])
        for place, column in zip(targets, _transposed(builder, rows), strict=True):
            builder.store(column, place, align=sizes[1])
        return context.get_dummy_value()

    return types.void(word, word, given, word, word, wanted), generate


#: `_square(source, apart, number, target, below, number)` copies a square of numbers of one type,
#: whose rows lie so many bytes apart, to one of another type, whose columns do.
_square: Any = _transpose_square


def _make_copy(*, loading: bool) -> Any:
    @compiled(forceinline=True)
    def copy_squares(theta: Any, first: int, count: int, block: Any) -> tuple[int, int]:
        """Copy whole squares of `count` particles to a block, or back; return their two sides."""
        dim, apart, below = theta.shape[1], theta.strides[0], WIDTH * block.itemsize
        particles, rows = theta.ctypes.data + first * apart, block.ctypes.data
        fours, whole = dim - dim % SIDE, count - count % SIDE
        for some in range(0, fours, COORDINATES):
            for lanes in range(0, whole, LANES):
                for c in range(some, min(some + COORDINATES, fours), SIDE):
                    for lane in range(lanes, min(lanes + LANES, whole), SIDE):
                        standing = particles + lane * apart + c * theta.itemsize
                        lying = rows + c * below + lane * block.itemsize
                        if loading:
                            _square(standing, apart, theta.dtype, lying, below, block.dtype)
                        else:
                            _square(lying, below, block.dtype, standing, apart, theta.dtype)
        return fours, whole

    return copy_squares


_squares_in, _squares_out = _make_copy(loading=True), _make_copy(loading=False)


@expanded
def _side_by_side(theta: Any, first: int, count: int) -> Any:
    """View particles of one coordinate, for loops that know that they lie side by side."""
    return array_at(theta.ctypes.data + first * theta.itemsize, (count,), theta.dtype)


@compiled()
def load(theta: Any, first: int, count: int, block: Any) -> None:
    """Copy a block; repeat its last particle in lanes past the end, where a drift is finite too."""
    dim, (fours, whole) = theta.shape[1], _squares_in(theta, first, count, block)
    if dim == 1:
        numbers = _side_by_side(theta, first, count)
        for lane in range(count):
            block[lane] = numbers[lane]
    else:
        for c in range(0 if whole < count else fours, dim):
            row, column = block[c * WIDTH : (c + 1) * WIDTH], theta[first : first + count, c]
            for lane in range(whole if c < fours else 0, count):
                row[lane] = column[lane]
    for c in range(dim if count < WIDTH else 0):
        row = block[c * WIDTH : (c + 1) * WIDTH]
        for lane in range(count, WIDTH):
            row[lane] = row[count - 1]


@compiled()
def store(block: Any, first: int, count: int, theta: Any) -> None:
    """Copy the first `count` lanes of a block back to the particles from `first` on.

    The block is left with what was stored, which is rounded if the particles are stored in less
    than the block's precision.
    """
    dim, (fours, whole) = theta.shape[1], _squares_out(theta, first, count, block)
    if dim == 1:
        numbers = _side_by_side(theta, first, count)
        for lane in range(count):
            numbers[lane] = block[lane]
    else:
        for c in range(0 if whole < count else fours, dim):
            row, column = block[c * WIDTH : (c + 1) * WIDTH], theta[first : first + count, c]
            for lane in range(whole if c < fours else 0, count):
                column[lane] = row[lane]
    if theta.itemsize < block.itemsize:
        load(theta, first, count, block)
