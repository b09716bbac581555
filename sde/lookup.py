"""Read a table of piecewise polynomials, four lanes at a time.

A cell is found from the exponent and the first bits of the mantissa of u, so that cells shrink with
u. The coefficients of a cell lie side by side and are loaded as vectors and transposed in
registers: that costs a third of loading them one by one, which is what the compiler would do.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from sde.intrinsics import from_bits, to_bits
from sde.lanes import WIDTH
from sde.native import compiled

__all__ = ["CELLS", "OCTAVES", "TERMS", "cell_of", "evaluate_cells"]

#: Octaves [2^-65, 2^-1) of u, cells an octave, and terms of a cell's polynomial.
OCTAVES, CELLS, TERMS = 64, 8, 8

CELL_BITS = 3
_SHIFT = 52 - CELL_BITS
_FIRST_CELL = (1023 - OCTAVES - 1) << CELL_BITS
_MANTISSA, _ONE = (1 << 52) - 1, 1023 << 52
_CENTRE = 1 << (_SHIFT - 1)
_CELL_MASK = _MANTISSA ^ ((1 << _SHIFT) - 1)


@compiled(forceinline=True)
def cell_of(u: float) -> tuple[int, float]:
    """Return the cell of u, 2^-65 <= u < 1/2, and the distance of its mantissa from the centre."""
    bits = to_bits(u)
    mantissa = from_bits(bits & _MANTISSA | _ONE)
    centre = from_bits(bits & _CELL_MASK | (_ONE | _CENTRE))
    return (bits >> _SHIFT) - _FIRST_CELL, mantissa - centre


_LANES = 4
_DOUBLE, _WORD, _INT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_DOUBLE, _LANES)


def _shuffle(builder: Any, a: Any, b: Any, order: Any) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, _LANES), order))


def _transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose four vectors of four."""
    low = [_shuffle(builder, rows[i], rows[i + 1], (0, 4, 2, 6)) for i in (0, 2)]
    high = [_shuffle(builder, rows[i], rows[i + 1], (1, 5, 3, 7)) for i in (0, 2)]
    return [
        _shuffle(builder, pair[0], pair[1], order)
        for order in ((0, 1, 4, 5), (2, 3, 6, 7))
        for pair in (low, high)
    ]


def _vector_at(builder: Any, base: Any, offset: Any) -> Any:
    """Return the pointer to the vector that begins `offset` doubles after an address."""
    address = builder.add(base, builder.shl(offset, _WORD(3)))
    return builder.inttoptr(address, _VECTOR.as_pointer())


def _load_vector(builder: Any, base: Any, offset: Any) -> Any:
    loaded = builder.load(_vector_at(builder, base, offset))
    loaded.align = 8
    return loaded


def _emit_lanes(builder: Any, cells: Any, table: Any, row: Any, lane: Any) -> None:
    """Replace four arguments by the values of their cells' polynomials."""
    numbers = builder.bitcast(_load_vector(builder, cells, lane), ir.VectorType(_WORD, _LANES))
    starts = [
        builder.mul(builder.extract_element(numbers, _INT(i)), _WORD(TERMS)) for i in range(_LANES)
    ]
    terms = []
    for first in range(0, TERMS, _LANES):
        offsets = [builder.add(start, _WORD(first)) for start in starts]
        rows = [_load_vector(builder, table, offset) for offset in offsets]
        terms += _transpose(builder, rows)
    argument = _load_vector(builder, row, lane)
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    insert: Any = get_or_insert_function
    fused = insert(builder.module, kind, f"llvm.fma.v{_LANES}f64")
    value = terms[-1]
    for term in reversed(terms[:-1]):
        value = builder.call(fused, (value, argument, term))
    stored = builder.store(value, _vector_at(builder, row, lane))
    stored.align = 8


@intrinsic
def _evaluate_cells(_typing: Any, _cells: Any, _table: Any, _row: Any) -> tuple[Any, Any]:
    signature = types.void(types.intp, types.intp, types.intp)

    def generate(context: Any, builder: Any, _signature: Any, addresses: Any) -> Any:
        before = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("cells", "cells.end"))
        builder.branch(loop)
        builder.position_at_end(loop)
        lane = builder.phi(_WORD)
        lane.add_incoming(_WORD(0), before)
        cells, table, row = addresses
        _emit_lanes(builder, cells, table, row, lane)
        following = builder.add(lane, _WORD(_LANES))
        lane.add_incoming(following, loop)
        builder.cbranch(builder.icmp_unsigned("<", following, _WORD(WIDTH)), loop, after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return signature, generate


#: `evaluate_cells(cells, table, row)`, three addresses: `cells` holds the numbers of the lanes'
#: cells as integers, `row` their distances from the centres, which the values replace.
evaluate_cells: Any = _evaluate_cells
