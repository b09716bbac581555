"""Block functions of the network: features summed over particles, and the drift.

With a(j) the feature's argument at datum j, the observables are sums of g(a(j)) and the drift is a
sum over data of pulls x(j) w(j) times slopes g'(a(j)). The slopes of a state can be kept from its
observables to its drift, one row a datum, so that one evaluation of the feature gives both.

Both sums over coordinates or data are products of a small matrix and a block. BLAS takes them where
particles have many coordinates, a loop over the lanes elsewhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sde.features import Feature
from sde.intrinsics import fma, like
from sde.lanes import WIDTH, for_lanes, lane_sum
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    array_at,
    block_function,
    compiled,
    floats_at,
    inlined,
    integers_at,
    matrix_at,
)

__all__ = [
    "GROUP",
    "fused_products",
    "is_matrix_work",
    "make_drift",
    "make_evaluations",
    "make_observe",
    "scratch_rows",
]

#: Rows that a loop over the lanes adds up at a time.
GROUP = 8

#: From this dimension on BLAS is faster than the loops.
MATRIX_DIM = 16

#: Coordinates, the last ones, whose products are summed where the feature is evaluated.
FUSED = 4


def is_matrix_work(feature: Feature, dim: int) -> bool:
    """Return whether the sums of a network are left to BLAS."""
    return feature.geometry == "inner" and dim >= MATRIX_DIM


def fused_products(feature: Feature, dim: int) -> int:
    """Return how many coordinates are left to the loop that evaluates the feature."""
    loops = feature.geometry == "inner" and not is_matrix_work(feature, dim)
    return min(FUSED, dim) if loops else 0


def scratch_rows(feature: Feature, dim: int, m: int) -> int:
    """Return the rows of scratch space that the block functions of a network need."""
    return 1 + m if is_matrix_work(feature, dim) else 2 + GROUP


@compiled(forceinline=True)
def _add_eight(lane: int, w: Any, rows: Any, out: Any) -> None:
    total = out[lane]
    for g in range(GROUP):
        total = fma(w[g], rows[g, lane], total)
    out[lane] = total


@compiled(forceinline=True)
def _add_four(lane: int, w: Any, rows: Any, out: Any) -> None:
    total = out[lane]
    for g in range(4):
        total = fma(w[g], rows[g, lane], total)
    out[lane] = total


@compiled(forceinline=True)
def _add_one(lane: int, w: float, row: Any, out: Any) -> None:
    out[lane] = fma(w, row[lane], out[lane])


@compiled(forceinline=True)
def _add_square(lane: int, x: float, row: Any, out: Any) -> None:
    out[lane] = fma(like(x, 0.5) * (row[lane] - x), row[lane] - x, out[lane])


@compiled()
def _add_rows(w: Any, rows: Any, out: Any) -> None:
    """Add weighted rows to one row."""
    count = len(w)
    eights = count - count % GROUP
    for g in range(0, eights, GROUP):
        for_lanes(_add_eight, (w[g : g + GROUP], rows[g : g + GROUP], out))
    rest = eights
    if count - rest >= 4:
        for_lanes(_add_four, (w[rest : rest + 4], rows[rest : rest + 4], out))
        rest += 4
    for g in range(rest, count):
        for_lanes(_add_one, (w[g], rows[g], out))


@compiled()
def _begin_argument(x: Any, theta: Any, radial: bool, out: Any) -> None:
    """Sum the coordinates of x into the feature's argument, for one datum and all lanes."""
    out[:] = 0.0
    if radial:
        for c in range(len(x)):
            for_lanes(_add_square, (x[c], theta[c], out))
    else:
        _add_rows(x, theta, out)


@inlined
def _add_product(x: float, y: float, total: float) -> float:
    """Return x y + total: a function that names an intrinsic itself is not found in the cache."""
    return fma(x, y, total)


class _Form(NamedTuple):
    """What is fixed when a block function is compiled.

    `number` is the type of a block's numbers and `size` its bytes. `fused` counts the last
    coordinates, which are left to the loop that evaluates the feature.
    """

    number: Any
    size: int
    fused: int
    radial: bool
    blas: bool
    argument: Callable[..., Any]


def _form(feature: Feature, dim: int, single: bool) -> _Form:
    number: Any = np.float32 if single else np.float64
    # a user's feature is written for float64
    taken: Any = number if feature.builtin else np.float64
    fused = fused_products(feature, dim)

    @inlined
    def argument(lane: int, x: Any, theta: Any, begun: Any) -> Any:
        total = begun[lane]
        for c in range(fused):
            total = _add_product(x[c], theta[c, lane], total)
        return taken(total)

    radial, blas = feature.geometry == "radial", is_matrix_work(feature, dim)
    return _Form(number, np.dtype(number).itemsize, fused, radial, blas, argument)


def make_evaluations(feature: Feature, dim: int, *, single: bool = False) -> tuple[Any, Any]:
    """Return the bodies of the loops that write a feature's values, and values and slopes."""
    g, derivative, argument = (
        feature.value,
        feature.derivative,
        _form(feature, dim, single).argument,
    )

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, begun: Any, values: Any) -> None:
        values[lane] = g(argument(lane, x, theta, begun))

    @inlined
    def evaluate_both(lane: int, x: Any, theta: Any, begun: Any, values: Any, slopes: Any) -> None:
        a = argument(lane, x, theta, begun)
        values[lane], slopes[lane] = g(a), derivative(a)

    return evaluate, evaluate_both


def make_observe(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function that adds a block's features to their sums over particles.

    If it is handed an address for them, it keeps the slopes, one row an output and datum. In single
    precision a block is summed in float32, the blocks in float64.
    """
    digest = SOURCE_DIGEST
    number, size, fused, radial, blas, _argument = _form(feature, dim, single)
    evaluate, evaluate_both = make_evaluations(feature, dim, single=single)

    @block_function(cache=feature.builtin)
    def observe(
        shape: int,
        inputs: int,
        theta: int,
        valid: int,
        sums: int,
        scratch: int,
        kept: int,
        data: int,
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        amplitude, x = floats_at(data, 1)[0], array_at(inputs, (m, d), number)
        total, values = matrix_at(sums, m, outputs), array_at(scratch, (WIDTH,), number)
        slopes = array_at(kept, (m * outputs, WIDTH), number)
        a = array_at(scratch + size * WIDTH, (m if blas else 1, WIDTH), number)
        split = d - fused
        for k in range(outputs):
            own = array_at(theta + size * WIDTH * k * d, (d, WIDTH), number)
            if blas:
                np.dot(x, own, a)
            else:
                a[:] = 0.0
            for j in range(m):
                row = a[j] if blas else a[0]
                if not blas and split > 0:
                    _begin_argument(x[j, :split], own, radial, row)
                given = (x[j, split:], own[split:], row, values)
                if kept != 0:
                    for_lanes(evaluate_both, (*given, slopes[k * m + j]))
                else:
                    for_lanes(evaluate, given)
                total[j, k] += amplitude * lane_sum(values, valid)

    return observe


def make_drift(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function of the drift: a weighted sum of gradients of the features.

    If it is handed the address of kept slopes, it does not evaluate the feature.
    """
    digest, derivative = SOURCE_DIGEST, feature.derivative
    number, item, fused, radial, blas, argument = _form(feature, dim, single)

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, begun: Any, slopes: Any) -> None:
        slopes[lane] = derivative(argument(lane, x, theta, begun))

    @block_function(cache=feature.builtin)
    def drift(
        shape: int,
        inputs: int,
        theta: int,
        weights: int,
        out: int,
        scratch: int,
        kept: int,
        _h: int,
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        x, weight = array_at(inputs, (m, d), number), array_at(weights, (outputs, m), number)
        pulls, total = weights + item * m * outputs, array_at(scratch, (WIDTH,), number)
        size, split = m if blas else 4 * GROUP if kept != 0 else GROUP, d - fused
        spare = array_at(scratch + item * WIDTH * (1 + GROUP), (WIDTH,), number)
        if not blas:
            spare[:] = 0.0
        for k in range(outputs):
            own = array_at(theta + item * WIDTH * k * d, (d, WIDTH), number)
            force = array_at(out + item * WIDTH * k * d, (d, WIDTH), number)
            pull = array_at(pulls + item * k * m * d, (d, m), number)
            force[:], total[:] = 0.0, 0.0
            for first in range(0, m, size):
                last = min(first + size, m)
                count = last - first
                if kept != 0:
                    place = kept + item * WIDTH * (k * m + first)
                    slopes = array_at(place, (count, WIDTH), number)
                else:
                    slopes = array_at(scratch + item * WIDTH, (count, WIDTH), number)
                    if blas:
                        np.dot(x, own, slopes)
                    for j in range(count):
                        row, begun = x[first + j], slopes[j] if blas else spare
                        if not blas and split > 0:
                            _begin_argument(row[:split], own, radial, begun)
                        for_lanes(evaluate, (row[split:], own[split:], begun, slopes[j]))
                if blas:
                    np.dot(pull, slopes, force)
                else:
                    for c in range(d):
                        _add_rows(pull[c, first:last], slopes, force[c])
                if radial:  # the gradient is g'(a) (θ - x)
                    _add_rows(weight[k, first:last], slopes, total)
            if radial:
                for c in range(d):
                    _turn(total, own[c], force[c])

    return drift


@compiled(forceinline=True)
def _turn_stage(lane: int, total: Any, theta: Any, force: Any) -> None:
    force[lane] = fma(total[lane], theta[lane], -force[lane])


@compiled()
def _turn(total: Any, theta: Any, force: Any) -> None:
    """Turn a sum of w g'(a) x into one of w g'(a) (θ - x)."""
    for_lanes(_turn_stage, (total, theta, force))
