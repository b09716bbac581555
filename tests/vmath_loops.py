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


NAMES = (
    "exp", "exp_unchecked", "log", "log_unchecked", "sin", "cos", "sinpi_half", "tanh", "tanh2",
    "sigmoid", "erf",
)  # fmt: skip
LOOPS = {name: compiled(getattr(vmath, name)) for name in NAMES}


#: Functions that exist in double precision only: noise is not drawn in another.
DOUBLE_ONLY = ("log", "log_unchecked", "sinpi_half")


def values(name: str, x: Any, dtype: Any = np.float64) -> Any:
    """Return the values of a function in `NAMES` at an array, in double or single precision."""
    x = np.ascontiguousarray(x, dtype=dtype)
    out = np.empty_like(x)
    LOOPS[name](x, out)
    return out
