"""Block functions of the systems: what the block pass calls for observables and drift.

Loops run over the lanes of a block and index rows of matrices: the compiler can then prove that
no index is negative, without which it does not vectorise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sde.features import Feature
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    block_function,
    compiled,
    floats_at,
    integers_at,
    matrix_at,
)
from sde.sampling import WIDTH

__all__ = [
    "UNROLLED",
    "lane_sum",
    "make_copy",
    "make_drift",
    "make_observe",
    "once",
    "user_drift",
    "user_observe",
]

_compiled: dict[tuple[object, ...], BlockFunction] = {}


def once(key: tuple[object, ...], make: Callable[[], BlockFunction]) -> BlockFunction:
    """Compile a block function the first time it is asked for in this process."""
    if key not in _compiled:
        _compiled[key] = make()
    return _compiled[key]


#: Sums over particles and over data may be reassociated, or they do not vectorise; the
#: elementary functions keep their own, stricter rules after inlining.
REASSOCIATE = {"reassoc", "contract", "nsz"}

#: Input dimensions up to this one get block functions of their own, with unrolled dot products.
UNROLLED = 8


@compiled(forceinline=True, fastmath=REASSOCIATE)
def _argument(x: Any, theta: Any, lane: int, dim: int, radial: bool) -> float:
    """Return the feature's argument for one datum and one lane of a block."""
    a = 0.0
    for c in range(dim):
        if radial:
            a += 0.5 * (theta[c, lane] - x[c]) ** 2
        else:
            a += x[c] * theta[c, lane]
    return a


@compiled(fastmath=REASSOCIATE)
def lane_sum(values: Any, count: int) -> float:
    """Return the sum of the first `count` lanes."""
    total = 0.0
    for lane in range(count):
        total += values[lane]
    return total


@compiled(fastmath=REASSOCIATE)
def _arguments(x: Any, theta: Any, radial: bool, out: Any) -> None:
    """Write the feature's argument for one datum and all lanes of a block."""
    dim = len(x)
    for lane in range(WIDTH):
        out[lane] = 0.0
    quads = dim - dim % 4
    for c in range(0, quads, 4):
        weights, rows = x[c : c + 4], theta[c : c + 4]
        for lane in range(WIDTH):
            out[lane] += _argument(weights, rows, lane, 4, radial)
    for c in range(quads, dim):
        weights, rows = x[c : c + 1], theta[c : c + 1]
        for lane in range(WIDTH):
            out[lane] += _argument(weights, rows, lane, 1, radial)


def make_observe(feature: Feature, dim: int) -> BlockFunction:
    """Compile the block function that adds a block's features to their sums over particles."""
    digest, value = SOURCE_DIGEST, feature.value
    radial, fixed = feature.geometry == "radial", dim if dim <= UNROLLED else 0

    @block_function(cache=feature.builtin, fastmath=REASSOCIATE)
    def observe(
        shape: int, data: int, theta: int, valid: int, sums: int, scratch: int, _g: int, _h: int
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        amplitude = floats_at(data, 1)[0]
        x = matrix_at(data + 8, m, d)
        block = matrix_at(theta, d * outputs, WIDTH)
        total = matrix_at(sums, m, outputs)
        a = floats_at(scratch, WIDTH)
        for k in range(outputs):
            own = block[k * d : (k + 1) * d]
            for j in range(m):
                if fixed > 0:
                    row = x[j]
                    for lane in range(WIDTH):
                        a[lane] = value(_argument(row, own, lane, fixed, radial))
                else:
                    _arguments(x[j], own, radial, a)
                    for lane in range(WIDTH):
                        a[lane] = value(a[lane])
                total[j, k] += amplitude * lane_sum(a, valid)

    return observe


#: Data that the drift takes at a time, so that it is loaded and stored a quarter as often.
GROUP = 4


def make_drift(feature: Feature, dim: int) -> BlockFunction:
    """Compile the block function of the drift: a weighted sum of gradients of the features."""
    digest, slope = SOURCE_DIGEST, feature.derivative
    radial, fixed = feature.geometry == "radial", dim if dim <= UNROLLED else 0

    @block_function(cache=feature.builtin, fastmath=REASSOCIATE)
    def drift(
        shape: int, data: int, theta: int, weights: int, out: int, scratch: int, _g: int, _h: int
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        x = matrix_at(data + 8, m, d)
        block, forces = matrix_at(theta, d * outputs, WIDTH), matrix_at(out, d * outputs, WIDTH)
        weight = matrix_at(weights, m, outputs)
        slopes = matrix_at(scratch, GROUP, WIDTH)
        forces[:] = 0.0
        for k in range(outputs):
            own, force = block[k * d : (k + 1) * d], forces[k * d : (k + 1) * d]
            for first in range(0, m, GROUP):
                last = min(first + GROUP, m)
                for j in range(first, last):
                    row, r, a = x[j], weight[j, k], slopes[j - first]
                    if fixed > 0:
                        for lane in range(WIDTH):
                            a[lane] = r * slope(_argument(row, own, lane, fixed, radial))
                    else:
                        _arguments(row, own, radial, a)
                        for lane in range(WIDTH):
                            a[lane] = r * slope(a[lane])
                for c in range(d):
                    _pull(x[first:last, c], slopes, own[c], radial, force[c])

    return drift


@compiled(fastmath=REASSOCIATE)
def _pull(x: Any, slopes: Any, theta: Any, radial: bool, force: Any) -> None:
    """Add what a group of data contributes to one coordinate of the drift."""
    if len(x) == GROUP:
        x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
        for lane in range(WIDTH):
            s0, s1, s2, s3 = slopes[0, lane], slopes[1, lane], slopes[2, lane], slopes[3, lane]
            if radial:
                pull = (s0 + s1 + s2 + s3) * theta[lane]
                force[lane] += pull - (s0 * x0 + s1 * x1 + s2 * x2 + s3 * x3)
            else:
                force[lane] += s0 * x0 + s1 * x1 + s2 * x2 + s3 * x3
        return
    for j in range(len(x)):
        xj, row = x[j], slopes[j]
        for lane in range(WIDTH):
            direction = theta[lane] - xj if radial else xj
            force[lane] += row[lane] * direction


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


def user_observe(observable: Callable[..., None], dim: int, q: int) -> BlockFunction:
    """Wrap a user's observable in the loop over the lanes of a block."""
    one = compiled(forceinline=True)(observable)

    @block_function(cache=False)
    def observe(
        _a: int, _b: int, theta: int, valid: int, sums: int, _f: int, _g: int, _h: int
    ) -> None:
        block, total = matrix_at(theta, dim, WIDTH), floats_at(sums, q)
        values = np.empty((q, WIDTH))
        _spoil(values)
        for lane in range(valid):
            one(block[:, lane], values[:, lane])
        for i in range(q):
            total[i] += lane_sum(values[i], valid)

    return observe


def user_drift(drift: Callable[..., None], dim: int, q: int) -> BlockFunction:
    """Wrap a user's drift in the loop over the lanes of a block."""
    one = compiled(forceinline=True)(drift)

    @block_function(cache=False)
    def force(
        _a: int, _b: int, theta: int, weights: int, out: int, _f: int, _g: int, _h: int
    ) -> None:
        block, forces = matrix_at(theta, dim, WIDTH), matrix_at(out, dim, WIDTH)
        mean_field = floats_at(weights, q)
        _spoil(forces)
        for lane in range(WIDTH):
            one(block[:, lane], mean_field, forces[:, lane])

    return force
