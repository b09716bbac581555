"""Products of a small matrix and a block, in tiles that stay in registers.

A thread multiplies the same matrix by many blocks, so it is arranged once, as the loops read it:
`pack`, in groups of `GROUP` rows, each group column by column. BLAS arranges a matrix anew for each
product, a tenth to a quarter of its time where the other factor is a block. A tile is some rows of
the product by a few vectors of lanes; its sums never leave the registers while a row of the block
after another is added to them.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from sde.addresses import TO_SECOND_LEVEL, emit_prefetch
from sde.intrinsics import fma, like
from sde.lanes import WIDE, WIDTH, for_lanes, has_wide_vectors, loop_request
from sde.native import compiled, expanded

__all__ = ["GROUP", "add_square", "multiply", "pack", "packed_place"]

#: Rows of a group: with AVX-512, sums of so many rows by two vectors stay in registers.
GROUP = 12

#: Rows of a block that are added up at a time. A group's numbers for them, 24 KB, fit the
#: first-level cache, and the rows, 256 KB, the second.
DEPTH = 256

#: Vectors of lanes in a tile of so many rows, if it is not halved. A sum waits four cycles for its
#: last term, so two units need eight sums, and more sums use what is loaded more often; AVX-512 has
#: registers for 32 vectors, others for 16 of half the width.
_VECTORS_WIDE = {12: 2, 8: 2, 4: 4, 2: 4, 1: 8}
_VECTORS = {6: 2, 4: 2, 2: 4, 1: 8}

_WORD = ir.IntType(64)


@expanded
def packed_place(i: int, j: int, rows: int, columns: int) -> int:
    """Return where the entry (i, j) of a matrix of this shape lies when it is packed."""
    first = i - i % GROUP
    return first * columns + j * min(GROUP, rows - first) + i - first


def pack(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the entries of a matrix as `multiply` reads them.

    Examples
    --------
    >>> pack(np.arange(6).reshape(2, 3)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    groups = [matrix[i : i + GROUP].T.ravel() for i in range(0, len(matrix), GROUP)]
    return np.concatenate(groups)


def _loop(builder: Any, end: Any, step: int, carried: list[Any], body: Any) -> list[Any]:
    """Emit a loop over 0, step, ... below `end`, of one round at least; return what it carries.

    `body(index, carried)` emits a round, and returns what is carried to the next. The compiler is
    asked not to unroll: compiling the copies takes a tenth of a first call, and they run slower.
    """
    before, loop = builder.block, builder.append_basic_block("loop")
    after = builder.append_basic_block("loop.end")
    builder.branch(loop)
    builder.position_at_end(loop)
    index, held = builder.phi(_WORD), [builder.phi(value.type) for value in carried]
    found: list[Any] = body(index, held)
    following = builder.add(index, _WORD(step))
    for phi, first, last in zip(
        (index, *held), (_WORD(0), *carried), (following, *found), strict=True
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(last, builder.block)
    back = builder.cbranch(builder.icmp_signed("<", following, end), loop, after)
    back.set_metadata("llvm.loop", loop_request(builder.module, {"unroll.count": 1}))
    builder.position_at_end(after)
    return found


class _Tiles:
    """Emits the product of some rows of a group and the rows of a block, tile by tile.

    A tile's sums are vectors, one row of the product after another.
    """

    def __init__(self, builder: Any, number: Any, wide: bool) -> None:
        self.builder, self.bytes = builder, 8 if isinstance(number, ir.DoubleType) else 4
        self.width = (WIDE if wide else WIDE // 2) // (8 * self.bytes)
        self.vectors = _VECTORS_WIDE if wide else _VECTORS
        self.vector = ir.VectorType(number, self.width)
        name = f"llvm.fma.v{self.width}f{8 * self.bytes}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)

    def emit(
        self, height: int, count: Any, stride: Any, places: Any, fresh: Any, following: Any
    ) -> None:
        """Emit the product of `height` rows with `count` rows of a block, for all lanes.

        Meanwhile as many columns of the group at `following` are brought to the cache, if it is not
        None.
        """
        builder, (matrix, rows, out) = self.builder, places
        if height not in self.vectors:  # in halves
            for part in (0, height // 2):
                some = builder.gep(matrix, [_WORD(part)])
                below = builder.gep(out, [_WORD(part * WIDTH)])
                self.emit(height // 2, count, stride, (some, rows, below), fresh, None)
            return
        lanes = self.vectors[height] * self.width

        def tile(lane: Any, _carried: list[Any]) -> list[Any]:
            ours = [builder.gep(place, [lane]) for place in (rows, out)]
            cells = self._cells(height, ours[1])
            passed = builder.mul(lane, count)

            def add_row(j: Any, sums: list[Any]) -> list[Any]:
                if following is not None:  # a few numbers at a time: a cache line in some rounds
                    done = builder.add(passed, builder.mul(j, _WORD(lanes)))
                    share = builder.udiv(builder.mul(done, stride), _WORD(WIDTH))
                    emit_prefetch(builder, builder.gep(following, [share]), TO_SECOND_LEVEL)
                column = builder.gep(matrix, [builder.mul(j, stride)])
                row = builder.gep(ours[0], [builder.mul(j, _WORD(WIDTH))])
                return self._add_row(height, column, row, sums)

            sums = _loop(builder, count, 1, self._first_sums(cells, fresh), add_row)
            for cell, total in zip(cells, sums, strict=True):
                builder.store(total, cell, align=self.bytes)
            return []

        _loop(builder, _WORD(WIDTH), lanes, [], tile)

    def _cells(self, height: int, out: Any) -> list[Any]:
        """Return the pointers to the vectors of a tile."""
        return [
            self._vector_at(out, i * WIDTH + v * self.width)
            for i in range(height)
            for v in range(self.vectors[height])
        ]

    def _vector_at(self, place: Any, index: int) -> Any:
        pointer = self.builder.gep(place, [_WORD(index)])
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def _first_sums(self, cells: list[Any], fresh: Any) -> list[Any]:
        """Return zeros, or what a tile holds already."""
        builder, before = self.builder, self.builder.block
        reading, after = (builder.append_basic_block(name) for name in ("reading", "read"))
        builder.cbranch(fresh, after, reading)
        builder.position_at_end(reading)
        held = [builder.load(cell, align=self.bytes) for cell in cells]
        builder.branch(after)
        builder.position_at_end(after)
        sums = [builder.phi(self.vector) for _ in cells]
        zero = ir.Constant(self.vector, [0.0] * self.width)
        for total, value in zip(sums, held, strict=True):
            total.add_incoming(zero, before)
            total.add_incoming(value, reading)
        return sums

    def _add_row(self, height: int, column: Any, row: Any, sums: list[Any]) -> list[Any]:
        """Return the sums and a column of the matrix times a row of the block.

        A number of the column is loaded next to its products: with all of them before, there were
        not registers enough, and a sum was kept in memory (1.3 times as long on Intel's AVX-512).
        """
        builder, vectors = self.builder, range(self.vectors[height])
        places = [self._vector_at(row, v * self.width) for v in vectors]
        terms = [builder.load(place, align=self.bytes) for place in places]
        found: list[Any] = []
        for i in range(height):
            factor = self._spread(builder.load(builder.gep(column, [_WORD(i)])))
            for term in terms:
                found.append(builder.call(self.fma, [factor, term, sums[len(found)]]))
        return found

    def _spread(self, number: Any) -> Any:
        """Return a vector of one number."""
        nothing, half = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(nothing, number, half(0))
        zeros = ir.Constant(ir.VectorType(half, self.width), [0] * self.width)
        return self.builder.shuffle_vector(one, nothing, zeros)


def _product_of(height: int) -> Any:
    """Return the function that multiplies so many rows of a packed group and rows of a block.

    It is called with how many rows, the step from a column of the group to the next, the addresses
    of the group, the rows and the product, the type of all numbers, whether the product is written,
    not added to, and the address of the same columns of the next group. There must be a row.
    """

    @intrinsic
    def product(
        _typing: Any,
        _count: Any,
        _stride: Any,
        _matrix: Any,
        _rows: Any,
        _out: Any,
        number: Any,
        _fresh: Any,
        _following: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            kind = context.get_value_type(number.dtype)
            tiles = _Tiles(builder, kind, has_wide_vectors(context))
            *places, following = (
                builder.inttoptr(place, kind.as_pointer()) for place in (*values[2:5], values[7])
            )
            # after fewer rows comes no group; if a group is halved, both halves would ask for it
            ahead = following if height == GROUP and height in tiles.vectors else None
            tiles.emit(height, values[0], values[1], places, values[6], ahead)
            return context.get_dummy_value()

        words = (types.intp,) * 5
        return types.void(*words, number, types.boolean, types.intp), generate

    return product


_twelve, _eight, _four, _two, _one = (_product_of(height) for height in (12, 8, 4, 2, 1))


@compiled()
def multiply(
    matrix: Any,
    shape: tuple[int, int],
    some: tuple[int, int],
    columns: tuple[int, int],
    rows: Any,
    out: Any,
    fresh: bool,
) -> None:
    """Add rows `some` of a packed matrix, times rows of a block, to rows of another.

    Parameters
    ----------
    matrix : array
        The packed matrix, in one row.
    shape : (int, int)
        Its rows and columns.
    some, columns : (int, int)
        The first of its rows and columns to be used, and the one after the last. `some` begin a
        group, and end with one or with the last row. There is at least one column.
    rows, out : (., WIDTH) arrays
        One row for each of these columns, and one for each of these rows.
    fresh : bool
        Whether `out` is written, not added to.
    """
    item, number = out.itemsize, out.dtype
    for j in range(columns[0], columns[1], DEPTH):
        count, new = min(DEPTH, columns[1] - j), fresh and j == columns[0]
        terms = rows.ctypes.data + item * WIDTH * (j - columns[0])
        for i in range(some[0], some[1], GROUP):
            height = min(GROUP, shape[0] - i)
            group = matrix.ctypes.data + item * (i * shape[1] + j * height)
            target = out.ctypes.data + item * WIDTH * (i - some[0])
            following = group + item * height * shape[1]
            if height == GROUP:
                _twelve(count, height, group, terms, target, number, new, following)
                continue
            if height & 8:
                _eight(count, height, group, terms, target, number, new, following)
                group, target = group + 8 * item, target + 8 * item * WIDTH
            if height & 4:
                _four(count, height, group, terms, target, number, new, following)
                group, target = group + 4 * item, target + 4 * item * WIDTH
            if height & 2:
                _two(count, height, group, terms, target, number, new, following)
                group, target = group + 2 * item, target + 2 * item * WIDTH
            if height & 1:
                _one(count, height, group, terms, target, number, new, following)


@compiled(forceinline=True)
def _add_square(lane: int, x: float, row: Any, out: Any) -> None:
    out[lane] = fma(like(x, 0.5) * (row[lane] - x), row[lane] - x, out[lane])


@compiled()
def add_square(x: float, row: Any, out: Any) -> None:
    """Add half the square of the distance of a row to x to another row."""
    for_lanes(_add_square, (x, row, out))
