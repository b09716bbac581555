"""What straight-line numerical code is made of: fused multiply-adds, Horner's rule, rounding, bits.

Numba has none of them.  Each becomes one instruction a number, or a chain of them, which LLVM
packs where a loop is vectorised.

All work in double and in single precision, that of their first argument.  A literal such as 0.5 is
a double in compiled code and would make doubles of all it meets: `like` gives it another's type.
A constant that differs between the precisions is a `both`: a pair, for double and for single.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from sde.native import Callee

__all__ = [
    "bits_like", "both", "by_precision", "fma", "from_bits", "integer_like", "like",
    "polynomial", "rint", "straight_line", "to_bits",
]  # fmt: skip

_F = TypeVar("_F", bound=Callable[..., Any])


def straight_line(function: _F) -> _F:
    """Compile lazily; inline into every caller, without which no loop is vectorised."""
    return cast(_F, Callee(function, forceinline=True))


def both(double: Any, single: Any = None) -> tuple[Any, Any]:
    """Return a constant for both precisions: `single`, or else `double`, is rounded.

    Examples
    --------
    >>> tenth = both(0.1)
    >>> float(tenth[0]) == 0.1, float(tenth[1]) == 0.1
    (True, False)
    >>> [float(term) for term in both((0.5, 0.25, 0.125), (0.5, 0.25))[1]]
    [0.5, 0.25]
    """
    single = double if single is None else single
    if isinstance(single, tuple):
        return double, tuple(np.float32(term) for term in single)
    return double, single if isinstance(single, int) else np.float32(single)


def _member(x: Any, constant: Any) -> int | None:
    """Return the place of a constant for the precision of x, or None if it has but one value."""
    is_pair = isinstance(constant, types.BaseTuple) and len(constant) == 2
    return int(x == types.float32) if is_pair else None


def _type_like(_context: Any, x: Any, constant: Any) -> Any:
    """Type and emit a number in the precision of x; of a pair, the one for that precision."""
    member = _member(x, constant)
    result: Any = x if member is None else constant[member]

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if member is None:
            return context.cast(builder, args[1], constant, x)
        return builder.extract_value(args[1], member)

    return result(x, constant), emit


def _type_by_precision(typing: Any, double: Any, single: Any, given: Any) -> Any:
    """Type and emit a call of the function that is meant for the arguments' precision."""
    _check_floating(given[0])
    function = single if given[0] == types.float32 else double
    inner = typing.resolve_function_type(function, given.types, {})

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        unpacked = [builder.extract_value(args[2], i) for i in range(len(given))]
        return context.get_function(function, inner)(builder, unpacked)

    return inner.return_type(double, single, given), emit


_INTEGERS: dict[Any, Any] = {types.float64: types.int64, types.float32: types.int32}
_KINDS: dict[Any, Any] = {types.float64: ir.DoubleType(), types.float32: ir.FloatType()}


def _check_floating(x: Any) -> None:
    """Refuse a type that is neither double nor single precision."""
    if x not in _INTEGERS:
        raise TypingError(f"need a float64 or a float32, got {x}; convert it with float()")


def _type_fma(_context: Any, a: Any, _b: Any, _c: Any) -> Any:
    """Type and emit ``a * b + c``, rounded once."""
    _check_floating(a)
    return a(a, a, a), lambda _context, builder, _signature, args: builder.fma(*args)


def _type_polynomial(_context: Any, x: Any, coefficients: Any) -> Any:
    """Type and emit Horner's rule over a pair of tuples of coefficients, lowest power first."""
    _check_floating(x)
    member = int(x == types.float32)
    count = len(coefficients[member])

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        x, terms = args[0], builder.extract_value(args[1], member)
        total = builder.extract_value(terms, count - 1)
        for power in reversed(range(count - 1)):
            total = builder.fma(total, x, builder.extract_value(terms, power))
        return total

    return x(x, coefficients), emit


def _type_rint(_context: Any, x: Any) -> Any:
    """Type and emit the nearest integer, the even one of two."""
    _check_floating(x)

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        rounding = builder.module.declare_intrinsic("llvm.rint", [_KINDS[x]])
        return builder.call(rounding, args)

    return x(x), emit


def _type_to_bits(_context: Any, x: Any) -> Any:
    """Type and emit the bits of x, as an integer of its width."""
    _check_floating(x)
    kind = ir.IntType(x.bitwidth)
    return _INTEGERS[x](x), lambda _context, builder, _signature, args: builder.bitcast(*args, kind)


def _type_bits_like(_context: Any, x: Any, bits: Any) -> Any:
    """Type and emit the number of the type of x that has these bits, or the low ones of these."""
    _check_floating(x)

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        # numba's arithmetic on integers of 32 bits gives 64; LLVM undoes the detour
        low = context.cast(builder, args[1], bits, _INTEGERS[x])
        return builder.bitcast(low, _KINDS[x])

    return x(x, bits), emit


def _type_from_bits(_context: Any, _bits: Any) -> Any:
    """Type and emit the double with these bits."""
    signature = types.float64(types.int64)
    kind = _KINDS[types.float64]
    return signature, lambda _context, builder, _signature, args: builder.bitcast(*args, kind)


# The casts give the intrinsics the types that they have inside compiled code.
like = cast(Callable[[float, Any], float], intrinsic(_type_like))
integer_like = cast(Callable[[float, tuple[int, int]], int], like)
#: `by_precision(double, single, (x, ...))` calls one of two functions; the other is not compiled.
by_precision = cast(Callable[[Any, Any, tuple[Any, ...]], float], intrinsic(_type_by_precision))
fma = cast(Callable[[float, float, float], float], intrinsic(_type_fma))
polynomial = cast(Callable[[float, tuple[Any, Any]], float], intrinsic(_type_polynomial))
rint = cast(Callable[[float], float], intrinsic(_type_rint))
to_bits = cast(Callable[[float], int], intrinsic(_type_to_bits))
bits_like = cast(Callable[[float, int], float], intrinsic(_type_bits_like))
from_bits = cast(Callable[[int], float], intrinsic(_type_from_bits))
