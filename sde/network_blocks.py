"""Block functions of the network: features summed over particles, and the drift.

With a(j) the feature's argument at datum j, the observables are sums of g(a(j)) and the drift is a
sum over data of pulls x(j) w(j) times slopes g'(a(j)). The slopes of a state can be kept from its
observables to its drift, one row a datum, so that one evaluation of the feature gives both.

Both sums over coordinates or data are products of a small matrix and a block, which loops over the
lanes compute. Where particles have many coordinates, `network_panels` leaves them to BLAS.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sde.features import Feature
from sde.intrinsics import fma
from sde.lanes import WIDTH, for_lanes, for_lanes_by_eight, lane_sum
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
    prefetch,
)
from sde.products import GROUP, add_square, multiply_add

__all__ = [
    "PANEL",
    "fused_products",
    "make_drift",
    "make_evaluations",
    "make_observe",
    "make_slope",
    "number_type",
    "scratch_rows",
]

#: Blocks that the block functions take at a time.
PANEL = 1

#: Up to this dimension the products are summed where the feature is evaluated.
FUSED = 4


def fused_products(feature: Feature, dim: int) -> int:
    """Return how many coordinates are left to the loop that evaluates the feature: all, or none."""
    return dim if feature.geometry == "inner" and dim <= FUSED else 0


def scratch_rows(_dim: int, _m: int) -> int:
    """Return the rows of scratch space that the block functions of a network need."""
    return 1 + GROUP


def number_type(single: bool) -> Any:
    """Return the type of a block's numbers."""
    return np.float32 if single else np.float64


@compiled()
def _find_arguments(x: Any, theta: Any, radial: bool, out: Any) -> None:
    """Write the feature's arguments, a row a datum, for all lanes."""
    out[:] = 0.0
    if radial:
        for j in range(len(x)):
            for c in range(x.shape[1]):
                add_square(x[j, c], theta[c], out[j])
    else:
        multiply_add(x, theta, out)


@inlined
def _add_product(x: float, y: float, total: float) -> float:
    """Return x y + total: a function that names an intrinsic itself is not found in the cache."""
    return fma(x, y, total)


class _Form(NamedTuple):
    """What is fixed when a block function is compiled.

    `number` is the type of a block's numbers and `size` its bytes. If `fused`, the loop that
    evaluates the feature sums the coordinates, else it is given a row of arguments.
    """

    number: Any
    size: int
    fused: bool
    radial: bool
    argument: Callable[..., Any]


def _form(feature: Feature, dim: int, single: bool) -> _Form:
    number = number_type(single)
    # a user's feature is written for float64
    taken: Any = number if feature.builtin else np.float64
    fused = fused_products(feature, dim)

    @inlined
    def product(lane: int, x: Any, theta: Any, _row: Any) -> Any:
        total = x[0] * theta[0, lane]
        for c in range(1, fused):
            total = _add_product(x[c], theta[c, lane], total)
        return taken(total)

    @inlined
    def given(lane: int, _x: Any, _theta: Any, row: Any) -> Any:
        return taken(row[lane])

    argument = product if fused else given
    radial = feature.geometry == "radial"
    return _Form(number, np.dtype(number).itemsize, fused > 0, radial, argument)


def make_evaluations(feature: Feature, dim: int, *, single: bool = False) -> tuple[Any, Any]:
    """Return the bodies of the loops that write a feature's values, and values and slopes."""
    g, derivative, argument = (
        feature.value,
        feature.derivative,
        _form(feature, dim, single).argument,
    )

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, row: Any, values: Any) -> None:
        values[lane] = g(argument(lane, x, theta, row))

    @inlined
    def evaluate_both(lane: int, x: Any, theta: Any, row: Any, values: Any, slopes: Any) -> None:
        a = argument(lane, x, theta, row)
        values[lane], slopes[lane] = g(a), derivative(a)

    return evaluate, evaluate_both


def make_slope(feature: Feature, dim: int, *, single: bool = False) -> Any:
    """Return the body of the loop that writes a feature's slopes over what it is given."""
    derivative, argument = feature.derivative, _form(feature, dim, single).argument

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, row: Any) -> None:
        row[lane] = derivative(argument(lane, x, theta, row))

    return evaluate


def make_observe(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function that adds a block's features to their sums over particles.

    If it is handed an address for them, it keeps the slopes, one row an output and datum, and
    brings what is kept of the next block to the cache meanwhile. In single precision a block is
    summed in float32, the blocks in float64.
    """
    digest = SOURCE_DIGEST
    number, size, fused, radial, _argument = _form(feature, dim, single)
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
        rows = array_at(scratch + size * WIDTH, (GROUP, WIDTH), number)
        for k in range(outputs):
            own = array_at(theta + size * WIDTH * k * d, (d, WIDTH), number)
            for first in range(0, m, GROUP):
                count = min(GROUP, m - first)
                if not fused:
                    _find_arguments(x[first : first + count], own, radial, rows[:count])
                for j in range(count):
                    given = (x[first + j], own, rows[j], values)
                    if kept != 0:
                        row = k * m + first + j
                        # those of the next block lie behind, and are read next
                        prefetch(kept + size * WIDTH * (m * outputs + row), size * WIDTH)
                        for_lanes_by_eight(evaluate_both, (*given, slopes[row]))
                    else:
                        for_lanes_by_eight(evaluate, given)
                    total[first + j, k] += amplitude * lane_sum(values, valid)

    return observe


def make_drift(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function of the drift: a weighted sum of gradients of the features.

    If it is handed the address of kept slopes, it does not evaluate the feature.
    """
    digest, evaluate = SOURCE_DIGEST, make_slope(feature, dim, single=single)
    number, item, fused, radial, _argument = _form(feature, dim, single)

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
        pulls, total = weights + item * m * outputs, array_at(scratch, (1, WIDTH), number)
        chunk = 2 * GROUP if kept != 0 else GROUP
        for k in range(outputs):
            own = array_at(theta + item * WIDTH * k * d, (d, WIDTH), number)
            force = array_at(out + item * WIDTH * k * d, (d, WIDTH), number)
            pull = array_at(pulls + item * k * m * d, (d, m), number)
            force[:], total[:] = 0.0, 0.0
            for first in range(0, m, chunk):
                last = min(first + chunk, m)
                count = last - first
                if kept != 0:
                    place = kept + item * WIDTH * (k * m + first)
                    slopes = array_at(place, (count, WIDTH), number)
                else:
                    slopes = array_at(scratch + item * WIDTH, (count, WIDTH), number)
                    if not fused:
                        _find_arguments(x[first:last], own, radial, slopes)
                    for j in range(count):
                        for_lanes_by_eight(evaluate, (x[first + j], own, slopes[j]))
                multiply_add(pull[:, first:last], slopes, force)
                if radial:  # the gradient is g'(a) (θ - x)
                    multiply_add(weight[k : k + 1, first:last], slopes, total)
            if radial:
                for c in range(d):
                    _turn(total[0], own[c], force[c])

    return drift


@compiled(forceinline=True)
def _turn_stage(lane: int, total: Any, theta: Any, force: Any) -> None:
    force[lane] = fma(total[lane], theta[lane], -force[lane])


@compiled()
def _turn(total: Any, theta: Any, force: Any) -> None:
    """Turn a sum of w g'(a) x into one of w g'(a) (θ - x)."""
    for_lanes(_turn_stage, (total, theta, force))
