"""Memory at an address, as compiled code sees it: arrays that lie there, and what is done to them.

Pieces of a kernel hand each other addresses (`sde.native`).
"""

from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from sde.native import WORD, expanded, inlined

__all__ = [
    "CACHE_LINE",
    "FIRST_LEVEL",
    "PAGE",
    "TO_SECOND_LEVEL",
    "aligned",
    "array_at",
    "count_up",
    "emit_prefetch",
    "floats_at",
    "integers_at",
    "matrix_at",
    "prefetch",
]

#: Bytes that a cache fetches at a time; where it takes more, some are asked for twice.
CACHE_LINE = 64


def _first_level() -> int:
    """Return the bytes of a core's first-level cache of data; where Linux does not say, of most."""
    listed = Path("/sys/devices/system/cpu/cpu0/cache/index0/size")
    try:
        return 1024 * int(listed.read_text().rstrip().removesuffix("K"))
    except (OSError, ValueError):
        return 1 << 15


#: Bytes of a core's first-level cache of data.
FIRST_LEVEL = _first_level()

#: The localities, as LLVM numbers them, of what is kept in the first- and second-level caches.
TO_FIRST_LEVEL, TO_SECOND_LEVEL = 3, 2

#: A load may have to wait for a store under way whose address differs by a multiple of this.
PAGE = 4096


@intrinsic
def _typed_pointer(_typing: Any, _address: Any, number: Any) -> tuple[Any, Any]:
    make_pointer: Any = types.CPointer
    signature = make_pointer(number.dtype)(types.intp, number)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return signature, generate


#: The intrinsic without its first argument, which the compiler supplies.
_pointer: Any = _typed_pointer


def emit_prefetch(builder: Any, place: Any, locality: int) -> None:
    """Emit a request for the cache line at a pointer, to be kept this near."""
    pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [pointer, *[number] * 3])
    request = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
    reading, data = number(0), number(1)
    builder.call(request, [builder.bitcast(place, pointer), reading, number(locality), data])


def _line_request(locality: int) -> Any:
    """Return a function that asks for the cache line at an address."""

    @intrinsic
    def request_line(_typing: Any, address: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
            emit_prefetch(builder, place, locality)
            return context.get_dummy_value()

        return types.void(address), generate

    return request_line


_line_to_first_level = _line_request(TO_FIRST_LEVEL)
_line_to_second_level = _line_request(TO_SECOND_LEVEL)


@expanded
def prefetch(address: int, size: int, near: bool) -> None:
    """Ask for `size` bytes to be brought to the second-level cache, if `near` to the first-level.

    They need not exist. A core waits for a dozen lines at a time: one that asks for many at once
    has to wait itself, which took up to a tenth of a step (Intel).
    """
    for line in range(0, size, CACHE_LINE):
        if near:
            _line_to_first_level(address + line)
        else:
            _line_to_second_level(address + line)


@intrinsic
def _fetch_and_add(_typing: Any, address: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(WORD)
        counter = builder.inttoptr(arguments[0], word.as_pointer())
        return builder.atomic_rmw("add", counter, word(1), "monotonic")

    return types.intp(address), generate


#: Add one to the integer at an address, which threads may share; return what it was. No two get the
#: same.
count_up: Any = _fetch_and_add


@expanded
def array_at(address: int, shape: tuple[int, ...], number: Any) -> Any:
    """View numbers at a memory address as an array; `number` is their type, as np.float32."""
    return carray(_pointer(address, number), shape)


@expanded
def floats_at(address: int, size: int) -> Any:
    """View `size` float64 numbers at a memory address as an array."""
    return carray(_pointer(address, np.float64), (size,))


@expanded
def matrix_at(address: int, rows: int, columns: int) -> Any:
    """View float64 numbers at a memory address as a matrix."""
    return carray(_pointer(address, np.float64), (rows, columns))


@expanded
def integers_at(address: int, size: int) -> Any:
    """View `size` int64 numbers at a memory address as an array."""
    return carray(_pointer(address, np.int64), (size,))


@inlined
def aligned(size: int, dtype: Any) -> Any:
    """Return an array like `np.empty` that starts a page.

    A vector of 64 bytes that lies in two cache lines is read twice: blocks elsewhere cost a tenth
    of a step. And rows of blocks that lie alike in their pages are stored where no loop is about to
    load: with other places the loop of a feature took up to 1.7 times as long, in some processes.
    """
    room = np.empty(size + PAGE, dtype)  # enough for numbers of a byte
    first = -room.ctypes.data % PAGE // room.itemsize
    return room[first : first + size]
