"""Refuse what makes no sense, before anything is computed.

Every message states the condition, the value received and the remedy. The wrong kind of object
is a `TypeError`, the wrong value a `ValueError`.
"""

import difflib
import inspect
import math
import operator
import reprlib
from collections.abc import Callable, Iterable
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "boolean",
    "bounds",
    "count",
    "function_of",
    "grid_steps",
    "indices",
    "known_name",
    "new_name",
    "positive",
    "probability",
    "real",
    "real_array",
    "show",
]

#: Largest count that makes sense: above it, sizes in bytes do not fit a machine word.
LARGEST_COUNT = 2**62


def count(name: str, value: object, *, least: int = 1, most: int = LARGEST_COUNT) -> int:
    """Return `value` as an int if it is a whole number from `least` to `most`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(cast(SupportsIndex, value))
    except TypeError:
        message = f"need an integer {name}, got {name}={show(value)}; pass a whole number"
        raise TypeError(message) from None
    if number < least:
        raise ValueError(f"need {name} >= {least}, got {name}={show(number)}; pass a larger one")
    if number > most:
        raise ValueError(f"need {name} <= {most}, got {name}={show(number)}; pass a smaller one")
    return number


def real(name: str, value: object, *, least: float = -math.inf, most: float = math.inf) -> float:
    """Return `value` as a float if it is a finite number from `least` to `most`."""
    try:
        array = np.asarray(value)
        # kind O holds integers of any size, fractions, decimals, and what is no number at all
        if array.ndim != 0 or array.dtype.kind not in "iufO":
            raise TypeError
        number = float(cast(SupportsFloat, value))
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError):
        message = f"need a number {name}, got {name}={show(value)}; pass an int or a float"
        raise TypeError(message) from None
    if not math.isfinite(number) or number < least or number > most:
        bounds = {
            (False, False): "finite",
            (True, False): f">= {least:g} and finite",
            (False, True): f"<= {most:g} and finite",
            (True, True): f"between {least:g} and {most:g}",
        }[least > -math.inf, most < math.inf]
        raise ValueError(f"need {name} {bounds}, got {name}={show(value)}; pass such a number")
    return number


def positive(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number above zero."""
    number = real(name, value)
    if number <= 0:
        raise ValueError(f"need {name} > 0, got {name}={number!r}; pass a positive number")
    return number


def probability(name: str, value: object) -> float:
    """Return `value` as a float if it is above 0 and below 1, and not closer to them than 1e-12."""
    number = real(name, value)
    if not 1e-12 <= number <= 1 - 1e-12:
        raise ValueError(
            f"need 0 < {name} < 1 (by 1e-12 or more), got {name}={number!r}; pass a share such as "
            "0.5"
        )
    return number


def boolean(name: str, value: object) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"need {name} to be True or False, got {name}={show(value)}; pass a bool")
    return bool(value)


def bounds(value: object, size: int) -> tuple[float, ...]:
    """Return suprema as a tuple of floats at least 0."""
    array = real_array("bounds", value, (size,))
    if array.min() < 0:
        raise ValueError(f"need bounds >= 0, got bounds={array.tolist()}; pass suprema of norms")
    return tuple(array.tolist())


def known_name(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known names; else suggest the nearest one."""
    names = sorted(known)
    listing = ", ".join(repr(each) for each in names)
    if not isinstance(value, str):
        raise TypeError(f"need {name} to be a name, got {show(value)}; choose one of {listing}")
    if value not in names:
        lower = {each.lower(): each for each in names}
        near = difflib.get_close_matches(value.lower(), lower, n=1, cutoff=0.4)
        hint = f"did you mean {lower[near[0]]!r}? " if near else ""
        raise ValueError(f"unknown {name} {show(value)}: {hint}choose one of {listing}")
    return value


def new_name(name: str, value: object, taken: Iterable[str]) -> str:
    """Return `value` if it is a name like a variable's that is not taken."""
    if not isinstance(value, str):
        raise TypeError(f"need {name} to be a name, got {show(value)}; pass a string")
    if not value.isidentifier():
        raise ValueError(
            f"need {name} like a variable's, got {show(value)}; use letters, digits, _"
        )
    if value in taken:
        raise ValueError(f"need a new {name}, got {value!r}, which is taken; choose another")
    return value


def function_of(name: str, value: object, arguments: tuple[str, ...]) -> Callable[..., Any]:
    """Return `value` if it is a plain Python function of as many arguments as named."""
    form = f"{name}({', '.join(arguments)})"
    if not inspect.isfunction(value):
        raise TypeError(
            f"need a plain Python function {form}, got {show(value)}; write one with def"
        )
    code = value.__code__
    if code.co_argcount != len(arguments) or code.co_flags & 0x0C or code.co_kwonlyargcount:
        raise TypeError(
            f"need {form}, got a function of ({', '.join(code.co_varnames[: code.co_argcount])}); "
            f"give it {len(arguments)} positional arguments"
        )
    return cast(Callable[..., Any], value)


def indices(name: str, function: Callable[..., None], *sizes: int) -> None:
    """Run a user's function as plain Python: compiled, an index out of range is not found out."""
    try:
        with np.errstate(all="ignore"):
            function(*(np.full(size, 0.5) for size in sizes))
    except IndexError as error:
        raise ValueError(
            f"need {name} to index arrays of sizes {', '.join(map(str, sizes))}, got: {error}; "
            "correct its indices, dim or n_observables"
        ) from None
    except Exception:  # the compiler, and a run of what it makes, judge the rest
        return


def real_array(
    name: str,
    value: object,
    shape: tuple[int | str | EllipsisType, ...],
    *,
    empty: bool = False,
    copy: bool = True,
) -> NDArray[np.float64]:
    """Return `value` as a new finite C-ordered float64 array of the given shape.

    Parameters
    ----------
    name : str
        What to call it in the message.
    value : array_like
        What the user passed.
    shape : tuple
        An int is a size that must match; a str names a size that may be any from 1; a leading
        ellipsis stands for any number of sizes.
    empty : bool
        Whether named sizes may be 0.
    copy : bool
        Whether it is new where `value` is such an array already.
    """
    sizes = ["..." if size is ... else str(size) for size in shape]
    expected = "(" + ", ".join(sizes) + ("," if len(sizes) == 1 else "") + ")"
    try:
        array = np.asarray(value)
        if array.size and array.dtype.kind not in "iuf":
            raise TypeError
        make = np.array if copy else np.asarray
        array = make(array, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        message = (
            f"need {name} to be an array of real numbers of shape {expected}, got {show(value)}; "
            "convert it with numpy.asarray(..., dtype=float)"
        )
        raise TypeError(message) from None
    if not _fits(array.shape, shape, least=0 if empty else 1):
        raise ValueError(f"need {name} of shape {expected}, got shape {array.shape}; reshape it")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"need finite {name}, got {name}[{', '.join(map(str, where))}]={array[where]}; "
            "remove or replace NaN and infinity"
        )
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | str | EllipsisType, ...], least: int) -> bool:
    if wanted[0] is ...:
        wanted = wanted[1:]
        shape = shape[max(0, len(shape) - len(wanted)) :]
    return len(shape) == len(wanted) and all(
        size >= least if isinstance(want, str) else size == want
        for size, want in zip(shape, wanted, strict=True)
    )


def show(value: object) -> str:
    """Return what a message shows of a value: short, and never more than a line."""
    return " ".join(reprlib.repr(value).split())


def grid_steps(t1: float, dt: float, *, name: str = "dt", whole: str = "t1") -> int:
    """Return the number of steps of size `dt` in `t1` if it is whole, up to rounding."""
    ratio = t1 / dt
    if ratio >= LARGEST_COUNT:
        raise ValueError(
            f"need fewer than 2**62 steps, got {name}={dt!r} and {whole}={t1!r}; "
            f"use a larger {name}"
        )
    steps = round(ratio)
    if steps < 1 or abs(ratio - steps) > 1e-9 * max(1.0, ratio):
        near = t1 / max(1, steps)
        raise ValueError(
            f"need {name} to divide {whole}, got {name}={dt!r} and {whole}={t1!r} "
            f"({ratio:.6g} steps); the nearest {name} that does is {near!r}"
        )
    return steps
