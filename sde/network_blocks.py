"""Block functions of the network: features summed over particles, and the drift.

With a(j) the feature's argument at datum j, the observables are sums of g(a(j)) and the drift is a
sum over data of pulls x(j) w(j) times slopes g'(a(j)). The slopes of a state can be kept from its
observables to its drift, one row a datum, so that one evaluation of the feature gives both. The
arguments are computed from scaled data, where `Feature.evaluation` says so.

Both sums over coordinates or data are products of a small matrix and a block (`sde.products`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde.addresses import FIRST_LEVEL, array_at, floats_at, integers_at, matrix_at, prefetch
from sde.features import Feature
from sde.intrinsics import fma
from sde.lanes import HALF, QUARTER, WIDTH, for_half, for_lanes, for_quarter, lane_sum
from sde.native import SOURCE_DIGEST, BlockFunction, block_function, compiled, inlined
from sde.products import DEPTH, GROUP, add_square, multiply, pack

__all__ = [
    "are_near",
    "arrange",
    "drift_part",
    "fused_products",
    "in_pairs",
    "make_drift",
    "make_evaluations",
    "make_observe",
    "make_slope",
    "number_type",
    "scratch_rows",
]

#: Data whose arguments are found at a time: whole groups of a product, whose rows stay in the
#: first-level cache until their features are evaluated.
DATA = 2 * GROUP

#: Coordinates whose drift is found at a time from kept slopes, where those of a block are read fast
#: enough to be read once a part: so the drift stays in the second-level cache until it is used.
PART = 11 * GROUP

#: From here on an odd number of data, too, is evaluated in pairs.
MANY_DATA = 32

#: Kept slopes of a block are brought to the first-level cache if they take no more than this.
NEAR = 3 * FIRST_LEVEL // 4

#: Up to this dimension the products are summed where the feature is evaluated.
FUSED = 4


def fused_products(feature: Feature, dim: int) -> int:
    """Return how many coordinates are left to the loop that evaluates the feature: all, or none."""
    return dim if feature.geometry == "inner" and dim <= FUSED else 0


def scratch_rows() -> int:
    """Return the rows of scratch space that the block functions of a network need."""
    return 2 + DATA


def drift_part(feature: Feature, m: int, dim: int, outputs: int) -> int:
    """Return the number of coordinates whose drift is found at a time from kept slopes."""
    parted = feature.geometry == "inner" and outputs == 1 and m <= DEPTH
    return min(dim, PART) if parted else dim * outputs


def number_type(single: bool) -> Any:
    """Return the type of a block's numbers."""
    return np.float32 if single else np.float64


def arrange(feature: Feature, x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return the data as the block functions read them, in the precision in which they compute.

    They are packed, if the arguments are a product of their own, else row by row. Numbers that do
    not fit are infinite.
    """
    with np.errstate(over="ignore"):
        scaled = (feature.evaluation.scale * x).astype(dtype)
    rowwise = feature.geometry == "radial" or fused_products(feature, x.shape[1])
    return scaled.ravel() if rowwise else pack(scaled)


@compiled()
def _find_arguments(
    inputs: Any, m: int, some: tuple[int, int], theta: Any, radial: bool, out: Any
) -> None:
    """Write the arguments of some of m data, a row a datum, for all lanes."""
    d = len(theta)
    if radial:
        out[:] = 0.0
        for j in range(some[0], some[1]):
            for c in range(d):
                add_square(inputs[j * d + c], theta[c], out[j - some[0]])
    else:
        multiply(inputs, (m, d), some, (0, d), theta, out, True)


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


class Evaluations(NamedTuple):
    """Bodies of loops that write a feature's values at a datum, over arguments if they are given.

    The second writes the slopes as well, over the arguments. The third does so for two data at
    once, from a lane on that it is handed, and takes 0.84 to 0.99 times as long for tanh, as long
    for sine and erf: particles are loaded once for both, and there is more to do while a result is
    waited for.
    """

    values: Any
    both: Any
    pair: Any


def make_evaluations(feature: Feature, dim: int, *, single: bool = False) -> Evaluations:
    """Return the bodies of the loops that evaluate a feature."""
    _scale, g, derivative = feature.evaluation
    argument = _form(feature, dim, single).argument

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, row: Any, values: Any) -> None:
        values[lane] = g(argument(lane, x, theta, row))

    @inlined
    def evaluate_both(lane: int, x: Any, theta: Any, row: Any, values: Any) -> None:
        a = argument(lane, x, theta, row)
        values[lane], row[lane] = g(a), derivative(a)

    @inlined
    def evaluate_pair(
        step: int,
        first: int,
        x: Any,
        y: Any,
        theta: Any,
        row: Any,
        other: Any,
        values: Any,
        others: Any,
    ) -> None:
        lane = first + step
        a, b = argument(lane, x, theta, row), argument(lane, y, theta, other)
        values[lane], row[lane] = g(a), derivative(a)
        others[lane], other[lane] = g(b), derivative(b)

    return Evaluations(evaluate, evaluate_both, evaluate_pair)


def make_slope(feature: Feature, dim: int, *, single: bool = False) -> Any:
    """Return the body of the loop that writes a feature's slopes over what it is given."""
    derivative = feature.evaluation.derivative
    argument = _form(feature, dim, single).argument

    @inlined
    def evaluate(lane: int, x: Any, theta: Any, row: Any) -> None:
        row[lane] = derivative(argument(lane, x, theta, row))

    return evaluate


def in_pairs(m: int) -> bool:
    """Return whether m data are best evaluated in pairs, an odd one twice."""
    return m % 2 == 0 or m >= MANY_DATA


def are_near(slopes: int, *, single: bool = False) -> bool:
    """Return whether so many slopes a particle are best brought to the first-level cache."""
    size: int = np.dtype(number_type(single)).itemsize
    return slopes * WIDTH * size <= NEAR


def make_observe(
    feature: Feature, dim: int, *, single: bool = False, paired: bool = False, near: bool = False
) -> BlockFunction:
    """Compile the block function that adds the features of n particles, a block, to their sums.

    If it is handed an address for them, it keeps the slopes, one row an output and datum, and
    brings what is kept of the next block to the cache meanwhile, to the first level if `near`. It
    then evaluates data in pairs, if `paired`. In single precision a block is summed in float32, the
    blocks in float64.
    """
    digest = SOURCE_DIGEST
    number, size, fused, radial, _argument = _form(feature, dim, single)
    evaluate, evaluate_both, evaluate_pair = make_evaluations(feature, dim, single=single)
    few = HALF if single else QUARTER  # lanes between two requests for what is kept

    @block_function(cache=feature.builtin)
    def observe(
        shape: int, inputs: int, theta: int, n: int, sums: int, scratch: int, kept: int, data: int
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        amplitude, arranged = floats_at(data, 1)[0], array_at(inputs, (m * d,), number)
        x = array_at(inputs, (m, d), number)  # row by row if fused
        total, values = matrix_at(sums, m, outputs), array_at(scratch, (WIDTH,), number)
        others = array_at(scratch + size * WIDTH, (WIDTH,), number)
        for k in range(outputs):
            own = array_at(theta + size * WIDTH * k * d, (d, WIDTH), number)
            for first in range(0, m, DATA):
                last, place = min(first + DATA, m), scratch + 2 * size * WIDTH
                spare = array_at(place, (WIDTH,), number)
                if kept != 0:
                    place = kept + size * WIDTH * (k * m + first)
                rows = array_at(place, (last - first, WIDTH), number)
                if not fused:
                    _find_arguments(arranged, m, (first, last), own, radial, rows)
                # those of the next block lie behind, and are read next
                ahead = place + size * WIDTH * m * outputs
                if paired and kept != 0:
                    for j in range(first, last, 2):
                        i, alone = j - first, j + 1 == last
                        for lane in range(WIDTH if alone and not fused else 0):
                            spare[lane] = rows[i, lane]  # else a user's feature sees anything
                        other = spare if alone else rows[i + 1]
                        pair = (x[j], x[j + 1 - alone], own, rows[i], other, values, others)
                        for lane in range(0, WIDTH, few):
                            part = size * (WIDTH * i + 2 * lane)
                            prefetch(ahead + part, 2 * size * few, near)
                            if single:  # a loop in a variable is not found in the cache
                                for_half(evaluate_pair, (lane, *pair))
                            else:
                                for_quarter(evaluate_pair, (lane, *pair))
                        total[j, k] += amplitude * lane_sum(values, n)
                        if not alone:
                            total[j + 1, k] += amplitude * lane_sum(others, n)
                else:
                    for j in range(first, last):
                        lanes = (x[j], own, rows[j - first], values)
                        if kept != 0 and not paired:
                            prefetch(ahead + size * WIDTH * (j - first), size * WIDTH, near)
                            for_lanes(evaluate_both, lanes)
                        else:
                            for_lanes(evaluate, lanes)
                        total[j, k] += amplitude * lane_sum(values, n)

    return observe


def make_drift(feature: Feature, dim: int, *, single: bool = False) -> BlockFunction:
    """Compile the block function of the drift: a weighted sum of gradients of the features.

    If it is handed the address of kept slopes, it does not evaluate the feature, and finds only the
    drift of the coordinates from `begin` on, as many as the last of the sizes says.
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
        begin: int,
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 4)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        arranged, total = array_at(inputs, (m * d,), number), array_at(scratch, (1, WIDTH), number)
        x = array_at(inputs, (m, d), number)  # row by row if fused
        # past the slopes of the loss, which the pulls contain
        pulls, together = weights + item * m * outputs, m if kept != 0 else DATA
        columns = (begin, min(begin + sizes[3], d) if kept != 0 else d)
        for k in range(outputs):
            own = array_at(theta + item * WIDTH * k * d, (d, WIDTH), number)
            force = array_at(out + item * WIDTH * k * d, (d, WIDTH), number)
            for first in range(0, m, together):
                some = (first, min(first + together, m))
                place = kept + item * WIDTH * k * m if kept != 0 else scratch + item * WIDTH
                slopes = array_at(place, (some[1] - first, WIDTH), number)
                if kept == 0:
                    if not fused:
                        _find_arguments(arranged, m, some, own, radial, slopes)
                    for j in range(first, some[1]):
                        for_lanes(evaluate, (x[j], own, slopes[j - first]))
                pull, fresh = array_at(pulls + item * k * m * d, (d * m,), number), first == 0
                multiply(pull, (d, m), columns, some, slopes, force, fresh)
                if radial:  # the gradient is g'(a) (θ - x)
                    pull = array_at(weights + item * k * m, (m,), number)
                    multiply(pull, (1, m), (0, 1), some, slopes, total, fresh)
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
