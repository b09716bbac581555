"""Compiled loops over the elementary functions, for the tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from sde import vmath


def compiled(function: Callable[..., Any]) -> Any:
    """Return a compiled loop over one argument array."""

    @njit
    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


@njit
def pair_loop(u: Any, c: Any, s: Any) -> None:
    for i in range(u.size):
        c[i], s[i] = vmath.cos_sin_2pi(u[i])


#: Functions of one argument with one value; `cos_sin_2pi` is tested as cos_2pi and sin_2pi.
UNARY = ("exp", "log", "log_inside", "sin", "cos", "sinpi_half", "tanh", "sigmoid", "erf")
NAMES = (*UNARY, "cos_2pi", "sin_2pi")
LOOPS = {name: compiled(getattr(vmath, name)) for name in UNARY}


def values(name: str, x: Any) -> Any:
    """Return the values of a function in `NAMES` at an array of doubles."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    out, other = np.empty_like(x), np.empty_like(x)
    if name in UNARY:
        LOOPS[name](x, out)
        return out
    pair_loop(x, out, other)
    return out if name == "cos_2pi" else other
