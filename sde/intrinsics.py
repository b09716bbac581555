"""What straight-line numerical code is made of: fused multiply-adds, Horner's rule, bit-casts.

Numba has none of them.  Each becomes one instruction a number, or a chain of them, which LLVM
packs where a loop is vectorised.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["fma", "from_bits", "polynomial", "straight_line", "to_bits"]

_F = TypeVar("_F", bound=Callable[..., Any])


def straight_line(function: _F) -> _F:
    """Compile lazily; inline into every caller, without which no loop is vectorised."""
    # No branch to a ZeroDivisionError; and stated, since numba else inherits the first caller's
    # fastmath, whose reassociation undoes the rounding trick.
    return cast(_F, njit(forceinline=True, error_model="numpy", fastmath=False)(function))


def _type_fma(_context: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """Type and emit ``a * b + c``, rounded once."""
    signature = types.float64(types.float64, types.float64, types.float64)
    return signature, lambda _context, builder, _signature, args: builder.fma(*args)


def _type_polynomial(_context: Any, _x: Any, coefficients: Any) -> Any:
    """Type and emit Horner's rule over a tuple of coefficients, lowest power first."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        x, terms = args
        total = builder.extract_value(terms, len(coefficients) - 1)
        for power in reversed(range(len(coefficients) - 1)):
            total = builder.fma(total, x, builder.extract_value(terms, power))
        return total

    return types.float64(types.float64, coefficients), emit


def _bitcast(source: Any, target: Any, kind: Any) -> Any:
    """Return the intrinsic that takes the bits of `source` for a `target`."""

    def typed(_context: Any, _x: Any) -> Any:
        signature = target(source)
        return signature, lambda _context, builder, _signature, args: builder.bitcast(*args, kind)

    return intrinsic(typed)


# The casts give the intrinsics the types that they have inside compiled code.
fma = cast(Callable[[float, float, float], float], intrinsic(_type_fma))
polynomial = cast(Callable[[float, tuple[float, ...]], float], intrinsic(_type_polynomial))
to_bits = cast(Callable[[float], int], _bitcast(types.float64, types.int64, ir.IntType(64)))
from_bits = cast(Callable[[int], float], _bitcast(types.int64, types.float64, ir.DoubleType()))
