"""Read a table of piecewise polynomials, four lanes at a time.

A cell is found from the exponent and the first bits of the mantissa of u, so that cells shrink with
u. A table has two polynomials a cell, one behind the other, for the two sides of a law. The
coefficients of one lie side by side and are loaded in pairs and transposed in registers: that costs
a third of loading them one by one, which is what the compiler would do.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from sde.intrinsics import from_bits, to_bits
from sde.lanes import WIDTH
from sde.native import compiled

__all__ = ["CELLS", "FIRST_CELL", "OCTAVES", "TERMS", "evaluate_cells", "find_terms"]

#: Octaves [2^-65, 2^-1) of u, cells an octave, and terms of a cell's polynomial. Eight cells of
#: eight terms, a third of the memory, take a sixth longer and leave twice the error.
OCTAVES, CELLS, TERMS = 64, 32, 6

CELL_BITS = 5

#: The number of the first cell; behind the last one comes one for u = 1/2.
FIRST_CELL = (1023 - OCTAVES - 1) << CELL_BITS

_SHIFT = 52 - CELL_BITS
# the bits of the mantissa behind those of the cell, which make a number in [1, 1 + 1 / CELLS)
_REST, _ONE = (1 << _SHIFT) - 1, 1023 << 52
_CENTRE = 1.0 + 2.0 ** -(CELL_BITS + 1)
# twice the number of a cell, and one more bit
_SHIFT_TWICE, _1 = np.uint64(_SHIFT - 1), np.uint64(1)
_BYTES = np.uint64(8 * TERMS)


@compiled(forceinline=True)
def find_terms(u: float, side: Any) -> tuple[Any, float]:
    """Return where the terms for u lie, in bytes, and the distance of its mantissa from the centre.

    Domain: 2^-65 <= u <= 1/2. Of `side`, a `uint64`, the lowest bit counts. Bytes are those of a
    table that has cells from number 0 on.
    """
    bits = to_bits(u)
    number = np.uint64(bits) >> _SHIFT_TWICE & ~_1 | side & _1
    return number * _BYTES, from_bits(bits & _REST | _ONE) - _CENTRE


_LANES = 4
_DOUBLE, _WORD, _INT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _PAIR = ir.VectorType(_DOUBLE, _LANES), ir.VectorType(_DOUBLE, 2)


def _order(*lanes: int) -> Any:
    return ir.Constant(ir.VectorType(_INT, _LANES), lanes)


def _vector_at(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    """Return the pointer to the vector that begins `offset` bytes after an address."""
    return builder.inttoptr(builder.add(base, offset), kind.as_pointer())


def _load_vector(builder: Any, base: Any, offset: Any, kind: Any = _VECTOR) -> Any:
    loaded = builder.load(_vector_at(builder, base, offset, kind))
    loaded.align = 8
    return loaded


def _two_terms(builder: Any, table: Any, starts: list[Any]) -> list[Any]:
    """Return the terms at four places, and the next ones, each as a vector."""
    pairs = [_load_vector(builder, table, start, _PAIR) for start in starts]
    # put together by loads, not by shuffles, for which Intel's processors have one unit
    rows = [builder.shuffle_vector(pairs[i], pairs[i + 2], _order(0, 1, 2, 3)) for i in (0, 1)]
    return [builder.shuffle_vector(*rows, _order(k, k + 4, k + 2, k + 6)) for k in (0, 1)]


def _emit_lanes(builder: Any, places: Any, table: Any, row: Any, lane: Any) -> None:
    """Replace four arguments by the values of their polynomials."""
    offset = builder.shl(lane, _WORD(3))
    loaded = builder.bitcast(_load_vector(builder, places, offset), ir.VectorType(_WORD, _LANES))
    starts = [builder.extract_element(loaded, _INT(i)) for i in range(_LANES)]
    terms = []
    for first in range(0, 8 * TERMS, 16):
        terms += _two_terms(builder, table, [builder.add(s, _WORD(first)) for s in starts])
    argument = _load_vector(builder, row, offset)
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    insert: Any = get_or_insert_function
    fused = insert(builder.module, kind, f"llvm.fma.v{_LANES}f64")
    # Estrin's scheme, in pairs: Horner's, a chain twice as long, takes a tenth longer
    power = argument
    while len(terms) > 1:
        pairs, rest = len(terms) // 2, terms[len(terms) // 2 * 2 :]
        terms = [builder.call(fused, (terms[2 * i + 1], power, terms[2 * i])) for i in range(pairs)]
        terms += rest
        power = builder.fmul(power, power)
    (value,) = terms
    stored = builder.store(value, _vector_at(builder, row, offset, _VECTOR))
    stored.align = 8


@intrinsic
def _evaluate_cells(_typing: Any, _places: Any, _table: Any, _row: Any) -> tuple[Any, Any]:
    signature = types.void(types.intp, types.intp, types.intp)

    def generate(context: Any, builder: Any, _signature: Any, addresses: Any) -> Any:
        before = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("cells", "cells.end"))
        builder.branch(loop)
        builder.position_at_end(loop)
        lane = builder.phi(_WORD)
        lane.add_incoming(_WORD(0), before)
        places, table, row = addresses
        table = builder.sub(table, _WORD(8 * TERMS * 2 * FIRST_CELL))
        _emit_lanes(builder, places, table, row, lane)
        following = builder.add(lane, _WORD(_LANES))
        lane.add_incoming(following, loop)
        builder.cbranch(builder.icmp_unsigned("<", following, _WORD(WIDTH)), loop, after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return signature, generate


#: `evaluate_cells(places, table, row)`, three addresses: of what `find_terms` returns for a lane,
#: `places` holds the first, `row` the second, over which the values are written. The table begins
#: with the cell `FIRST_CELL`.
evaluate_cells: Any = _evaluate_cells
