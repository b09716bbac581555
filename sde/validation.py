"""Refuse what makes no sense, before anything is computed.

Every message states the condition, the value received and the remedy. The wrong kind of object
is a `TypeError`, the wrong value a `ValueError`.
"""

import difflib
import math
import operator
from collections.abc import Iterable
from typing import Any, SupportsFloat, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["count", "grid_steps", "known_name", "positive", "real", "real_array"]


def count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return `value` as an int if it is a whole number from `least` to `most`."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(cast(SupportsIndex, value))
    except TypeError:
        message = f"need an integer {name}, got {name}={value!r}; pass a whole number"
        raise TypeError(message) from None
    if number < least or (most is not None and number > most):
        upper = "" if most is None else f" and {name} <= {most}"
        raise ValueError(f"need {name} >= {least}{upper}, got {name}={number}")
    return number


def real(name: str, value: object, *, least: float = -math.inf, most: float = math.inf) -> float:
    """Return `value` as a float if it is a finite number from `least` to `most`."""
    try:
        if isinstance(value, str | bytes | bool | np.bool_) or np.ndim(cast(Any, value)) != 0:
            raise TypeError
        number = float(cast(SupportsFloat, value))
    except (TypeError, ValueError):
        message = f"need a number {name}, got {name}={value!r}; pass an int or a float"
        raise TypeError(message) from None
    if not math.isfinite(number) or number < least or number > most:
        bounds = {
            (False, False): "finite",
            (True, False): f">= {least:g} and finite",
            (False, True): f"<= {most:g} and finite",
            (True, True): f"between {least:g} and {most:g}",
        }[least > -math.inf, most < math.inf]
        raise ValueError(f"need {name} {bounds}, got {name}={number!r}")
    return number


def positive(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number above zero."""
    number = real(name, value)
    if number <= 0:
        raise ValueError(f"need {name} > 0, got {name}={number!r}")
    return number


def known_name(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known names; else suggest the nearest one."""
    names = sorted(known)
    listing = ", ".join(repr(each) for each in names)
    if not isinstance(value, str):
        raise TypeError(f"need {name} to be a name, got {value!r}; choose one of {listing}")
    if value not in names:
        near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"unknown {name} {value!r}: {hint}choose one of {listing}")
    return value


def real_array(name: str, value: object, shape: tuple[int | str, ...]) -> NDArray[np.float64]:
    """Return `value` as a new finite C-ordered float64 array of the given shape.

    Parameters
    ----------
    name : str
        What to call it in the message.
    value : array_like
        What the user passed.
    shape : tuple of int or str
        An int is a size that must match; a str names a size that may be any from 1.
    """
    expected = "(" + ", ".join(str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
        array = np.array(array, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        message = (
            f"need {name} to be an array of real numbers of shape {expected}, "
            f"got {type(value).__name__}; convert it with numpy.asarray(..., dtype=float)"
        )
        raise TypeError(message) from None
    fits = array.ndim == len(shape) and all(
        size >= 1 if isinstance(want, str) else size == want
        for size, want in zip(array.shape, shape, strict=False)
    )
    if not fits:
        raise ValueError(f"need {name} of shape {expected}, got shape {array.shape}; reshape it")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"need finite {name}, got {name}[{', '.join(map(str, where))}]={array[where]}; "
            "remove or replace NaN and infinity"
        )
    return array


def grid_steps(t1: float, dt: float, *, name: str = "dt", whole: str = "t1") -> int:
    """Return the number of steps of size `dt` in `t1` if it is whole, up to rounding."""
    ratio = t1 / dt
    steps = round(ratio)
    if steps < 1 or abs(ratio - steps) > 1e-9 * max(1.0, ratio):
        near = t1 / max(1, steps)
        raise ValueError(
            f"need {name} to divide {whole}, got {name}={dt!r} and {whole}={t1!r} "
            f"({ratio:.6g} steps); the nearest {name} that does is {near!r}"
        )
    return steps
