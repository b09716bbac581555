"""Block functions of a user's system: what the block pass calls for observables and drift."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from sde.addresses import floats_at, integers_at, matrix_at
from sde.lanes import WIDTH, for_lanes, lane_sum
from sde.native import SOURCE_DIGEST, BlockFunction, Callee, block_function, compiled, read_only

__all__ = [
    "lane_drift",
    "lane_observable",
    "make_copy",
    "once",
    "user_drift",
    "user_observe",
    "why_not_compiled",
]

_compiled: dict[tuple[object, ...], BlockFunction] = {}


def once(key: tuple[object, ...], make: Callable[[], BlockFunction]) -> BlockFunction:
    """Compile a block function the first time it is asked for in this process."""
    if key not in _compiled:
        _compiled[key] = make()
    return _compiled[key]


def make_copy() -> BlockFunction:
    """Compile the block function of a system whose drift reads the mean field as it is."""
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def copy(
        shape: int, _b: int, mean_field: int, weights: int, _e: int, _f: int, _g: int, _h: int
    ) -> None:
        _ = digest
        q = integers_at(shape, 2)[1]
        source, target = floats_at(mean_field, q), floats_at(weights, q)
        for i in range(q):
            target[i] = source[i]

    return copy


@compiled()
def _spoil(rows: Any) -> None:
    """Write NaN, so that an entry which a user's function does not write is found out."""
    for i in range(rows.shape[0]):
        for lane in range(WIDTH):
            rows[i, lane] = np.nan


def lane_observable(observable: Callable[..., None]) -> Any:
    """Return the body of the loop that writes a user's observables of every lane."""
    one = compiled(forceinline=True)(observable)

    @compiled(forceinline=True)
    def observe_lane(lane: int, block: Any, values: Any) -> None:
        one(read_only(block[:, lane]), values[:, lane])

    return observe_lane


def lane_drift(drift: Callable[..., None]) -> Any:
    """Return the body of the loop that writes a user's drift of every lane."""
    one = compiled(forceinline=True)(drift)

    @compiled(forceinline=True)
    def drift_lane(lane: int, block: Any, mean_field: Any, forces: Any) -> None:
        one(read_only(block[:, lane]), read_only(mean_field), forces[:, lane])

    return drift_lane


def user_observe(observable: Callable[..., None], dim: int, q: int) -> BlockFunction:
    """Wrap a user's observable in the loop over the lanes of a block."""
    observe_lane = lane_observable(observable)

    @block_function(cache=False)
    def observe(
        _a: int, _b: int, theta: int, valid: int, sums: int, scratch: int, _g: int, _h: int
    ) -> None:
        block, total = matrix_at(theta, dim, WIDTH), floats_at(sums, q)
        values = matrix_at(scratch, q, WIDTH)
        _spoil(values)
        for_lanes(observe_lane, (block, values))
        for i in range(q):
            total[i] += lane_sum(values[i], valid)

    return observe


def user_drift(drift: Callable[..., None], dim: int, q: int) -> BlockFunction:
    """Wrap a user's drift in the loop over the lanes of a block."""
    drift_lane = lane_drift(drift)

    @block_function(cache=False)
    def force(
        _a: int, _b: int, theta: int, weights: int, out: int, _f: int, _g: int, _h: int
    ) -> None:
        block, forces = matrix_at(theta, dim, WIDTH), matrix_at(out, dim, WIDTH)
        _spoil(forces)
        for_lanes(drift_lane, (block, floats_at(weights, q), forces))

    return force


def why_not_compiled(function: Callable[..., None], inputs: int) -> str:
    """Return what numba says of a user's function by itself, without our loop around it.

    It reads `inputs` arrays and writes to one.
    """
    given = types.Array(types.float64, 1, "A", readonly=True)
    out = types.Array(types.float64, 1, "A")
    try:
        Callee(function).inner.compile((given,) * inputs + (out,))
    except NumbaError as error:
        lines = str(error).splitlines()
        failed = lines[0].startswith("Failed in nopython mode")  # whatever the reason is
        return "\n".join(lines[failed:]).strip()
    return "nothing of the function by itself"
