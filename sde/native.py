"""Typed access to the compiler: what every kernel of the package is built with.

A kernel is assembled at run time from small compiled pieces (a noise law, a feature, a loss).
The pieces meet through plain C function pointers, so that the parallel drivers are compiled once
and cached on disk, whichever pieces a user combines. `compiled`, `expanded`,
`block_function` and `typed_function` compile, `call_block` and `call_at` call.
"""

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, register_jitable, typeof_impl

__all__ = [
    "PARALLEL",
    "SOURCE_DIGEST",
    "WORD",
    "BlockFunction",
    "Callee",
    "block_function",
    "call_at",
    "call_block",
    "compiled",
    "expanded",
    "inlined",
    "read_only",
    "typed_function",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def _source_digest() -> str:
    """Hash the sources of this package.

    Numba's disk cache notices an edit of the file a kernel is defined in, not of the files whose
    functions it inlines. Kernels close over this value, and so are compiled anew after any edit.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCE_DIGEST = _source_digest()


class Callee:
    """A function that compiled code calls.

    Numba gives each function a second form for Python code to call and a third for C, which takes
    the compiler a seventh of the time. The first is compiled when Python code calls it.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self._options = function, options
        settings = {"error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True, **options}
        self.outer = numba.njit(**settings)(function)
        settings["no_cpython_wrapper"] = True
        self.inner = numba.njit(**settings)(function)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function from Python code."""
        return self.outer(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a function that may have no name, as numba does."""
        return _callee_of, (self.outer, self._options)


def _callee_of(outer: Any, options: dict[str, Any]) -> Callee:
    return Callee(outer.py_func, **options)


@typeof_impl.register(Callee)
def _type_callee(callee: Callee, _context: Any) -> Any:
    return types.Dispatcher(callee.inner)


def compiled(*, fastmath: Any = False, **options: Any) -> Callable[[Function], Function]:
    """Compile a function in nopython mode: a typed `numba.njit`.

    One that is not cached is a `Callee`. Division by zero follows IEEE 754. The floating-point
    rules are always stated: a function without rules of its own would inherit those of whichever
    caller compiles it first.
    """

    def decorate(function: Function) -> Function:
        if "cache" in options or "inline" in options:
            native = numba.njit(error_model="numpy", fastmath=fastmath, **options)(function)
            return cast(Function, native)
        return cast(Function, Callee(function, fastmath=fastmath, **options))

    return decorate


def expanded(function: Function) -> Function:
    """Write a short function out in every compiled function that calls it.

    Compiled by itself it would take a tenth of a second, however short it is.
    """
    return compiled(inline="always")(function)


#: Options of a driver whose only parallel loops are its `prange`s: looking for others takes the
#: compiler a while.
PARALLEL = {
    "comprehension": False,
    "fusion": False,
    "inplace_binop": False,
    "numpy": False,
    "prange": True,
    "reduction": False,
    "setitem": False,
    "stencil": False,
}


class BlockFunction:
    """A compiled function and its address; the address is valid while the object lives."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self.address = int(native.address)

    def draws_numbers(self) -> bool:
        """Return whether it uses numba's random numbers, of which every thread has its own."""
        return re.search(r"@numba_get_\w+_random_state\b", self._native.inspect_llvm()) is not None


ARGUMENTS = 8

#: Bits of a machine word.
WORD = 8 * np.dtype(np.intp).itemsize


def block_function(
    *, cache: bool, **options: Any
) -> Callable[[Callable[..., None]], BlockFunction]:
    """Compile a function of eight machine words, callable from a kernel through its address.

    Arguments are passed as integers: counts as they are, arrays as addresses that the function
    reads with `floats_at`. Division by zero gives an infinity or NaN, never an exception, because
    an exception has nowhere to go inside a parallel kernel; `simulate` finds the NaN.
    """
    signature = types.void(*[types.intp] * ARGUMENTS)

    def decorate(function: Callable[..., None]) -> BlockFunction:
        native = numba.cfunc(signature, cache=cache, error_model="numpy", **options)(function)
        return BlockFunction(native)

    return decorate


@intrinsic
def _call_block(
    _typing: Any,
    _address: Any,
    _a: Any,
    _b: Any,
    _c: Any,
    _d: Any,
    _e: Any,
    _f: Any,
    _g: Any,
    _h: Any,
) -> tuple[Any, Any]:
    signature = types.void(*[types.intp] * (ARGUMENTS + 1))

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(WORD)
        pointer = ir.FunctionType(ir.VoidType(), [word] * ARGUMENTS).as_pointer()
        builder.call(builder.inttoptr(arguments[0], pointer), arguments[1:])
        return context.get_dummy_value()

    return signature, generate


#: Call the block function at an address, the first argument, with eight machine words. The
#: compiler supplies the intrinsic's own first argument, which a type checker cannot know.
call_block: Any = _call_block


def typed_function(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], BlockFunction]:
    """Compile a function of these numba types, callable from a kernel through its address.

    Numba would copy it to each function that calls it, and compile each copy.
    """

    def decorate(function: Callable[..., Any]) -> BlockFunction:
        native = numba.cfunc(result(*arguments), cache=True, error_model="numpy")(function)
        return BlockFunction(native)

    return decorate


@intrinsic
def _call_typed(_typing: Any, _address: Any, arguments: Any, number: Any) -> tuple[Any, Any]:
    result = types.void if isinstance(number, types.NoneType) else number.dtype

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in arguments.types]
        returned = ir.VoidType() if result == types.void else context.get_value_type(result)
        function = ir.FunctionType(returned, kinds)
        given = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        found = builder.call(builder.inttoptr(values[0], function.as_pointer()), given)
        return context.get_dummy_value() if result == types.void else found

    return result(types.intp, arguments, number), generate


#: `call_at(address, (a, b, ...), number)` calls a `typed_function` of the types of a, b, ..., which
#: returns a number of this type, as np.bool_, or nothing if that is None.
call_at: Any = _call_typed


@intrinsic
def _as_read_only(_typing: Any, array: Any) -> tuple[Any, Any]:
    signature = array.copy(readonly=True)(array)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        borrowed: Any = impl_ret_borrowed
        return borrowed(context, builder, signature.return_type, arguments[0])

    return signature, generate


#: View an array as one that the compiler lets nobody write to.
read_only: Any = _as_read_only


def inlined(function: Function) -> Function:
    """Let a function be called from compiled code while it stays a plain Python function.

    Unlike a compiled function, a plain one has a stable identity on disk, so that a kernel which
    closes over it can be cached.
    """
    options = {"forceinline": True, "error_model": "numpy", "fastmath": False}
    return register_jitable(no_cfunc_wrapper=True, **options)(function)
