r"""Samplers of stable noise, of Types I, II and III: block functions and their elementary draws.

A number is drawn by inversion, from the tables of `sde.quantiles`: 64 random bits give a side and a
tail probability. One Philox block serves two particles, half a block of particles apart. Where the
index is too small for a table, numbers come from `sde.transforms`.
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde import random
from sde.addresses import aligned, floats_at, integers_at, matrix_at
from sde.lanes import HALF, WIDTH, for_half, for_lanes
from sde.lookup import CELLS, OCTAVES, TERMS, cell_of, evaluate_cells
from sde.native import SOURCE_DIGEST, BlockFunction, block_function, call_block, compiled
from sde.quantiles import LEAST_ALPHA, quantile_table, root_table
from sde.transforms import (
    exponential,
    log_power,
    signed_angle,
    subordinator_factors,
    symmetric_factors,
)
from sde.vmath import exp_unchecked

__all__ = [
    "KINDS",
    "SCRATCH",
    "Draws",
    "draw_block",
    "in_line",
    "sampler",
    "sampler_parameters",
    "table_entry",
]

#: Types of noise: equal coordinates, independent coordinates, rotationally invariant.
KINDS = ("I", "II", "III")

#: Numbers of scratch space that a sampler is handed: two rows of values and one of cells.
SCRATCH = 3 * WIDTH

#: Numbers at the head of a sampler's parameters: the law's, and then any. A table of quantiles
#: follows, two terms of which lie in one cache line.
PARAMETERS = 8

#: Rows of a table of quantiles; those of the other side of the median follow.
ROWS = OCTAVES * CELLS + 1

#: Bytes before the first table, and before the second one, that of Type III's roots.
TABLE = 8 * PARAMETERS
ROOTS = TABLE + 2 * 8 * ROWS * TERMS


class Draws(NamedTuple):
    """What a kernel needs to draw noise: a block function and its parameters."""

    address: int
    parameters: NDArray[np.float64]
    key: np.uint64


@functools.lru_cache(maxsize=16)
def sampler_parameters(kind: str, alpha: float, scale: float) -> NDArray[np.float64]:
    """Return the parameters of a sampler, not to be changed: the law's numbers, and its table.

    The law's are the scale and what `symmetric_factors` or `subordinator_factors` needs. Behind the
    tables come directions, where there are any: their number, and their coordinates.
    """
    tables: list[NDArray[np.float64]] = []
    if kind == "III":
        half = alpha / 2
        # the table gives N(0, 2), √2 times what Type III multiplies by √A
        law = [scale / math.sqrt(2), half, 1 / half, 1 - half, 0.0]
        tables += _both_sides(quantile_table(2.0))
        if LEAST_ALPHA <= alpha < 2:
            tables += [root_table(alpha, above=above) for above in (True, False)]
    else:
        # cos((1 - alpha)U) as the sine of π(offset + slope v)
        offset = (2 - alpha) / 2 if alpha > 1 else alpha / 2
        law = [scale, alpha, 1 / alpha, offset, abs(alpha - 1)]
        if alpha >= LEAST_ALPHA:
            tables += _both_sides(quantile_table(alpha))
    law += [0.0] * (PARAMETERS - len(law))
    return in_line(law, *map(np.ravel, tables))


def _both_sides(table: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the table of a symmetric law above the median, and below."""
    return [table, -table]


def in_line(*parts: Any) -> NDArray[np.float64]:
    """Return the numbers of some parts one after the other, from the start of a cache line."""
    out: NDArray[np.float64] = aligned(sum(map(len, parts)), np.float64)
    return np.concatenate(parts, out=out)


@compiled(forceinline=True)
def table_entry(bits: Any) -> tuple[Any, Any]:
    """Turn 64 random bits into a row of a table, of either side, and a place in its cell."""
    cell, place = cell_of(random.half_unit(bits))
    return cell + np.int64(bits & np.uint64(1)) * ROWS, place


@compiled(forceinline=True)
def _table_stage(
    lane: int, word: Any, pair: Any, time: Any, index: Any, cells: Any, x: Any
) -> None:
    a, b = random.draw(word, pair, np.uint64(lane), time, index)
    cells[lane], x[lane] = table_entry(a)
    cells[HALF + lane], x[HALF + lane] = table_entry(b)


@compiled()
def _invert(table: int, word: Any, first: Any, time: Any, index: Any, x: int) -> None:
    """Write one draw a lane, from the table of quantiles at an address.

    `x` is the address of two rows: the draws, and scratch space.
    """
    cells = x + 8 * WIDTH
    place = (integers_at(cells, WIDTH), floats_at(x, WIDTH))
    for_half(_table_stage, (word, first // np.uint64(2), time, index, *place))
    evaluate_cells(cells, table, x)


@compiled(forceinline=True)
def _uniform_stage(lane: int, word: Any, first: Any, time: Any, index: Any, x: Any) -> None:
    a, b = random.draw(word, first, np.uint64(lane), time, index)
    x[0, lane], x[1, lane] = signed_angle(a), random.open_unit(b)


@compiled(forceinline=True)
def _exponential_stage(lane: int, x: Any) -> None:
    x[1, lane] = exponential(x[1, lane])


@compiled(forceinline=True)
def _symmetric_stage(lane: int, law: Any, x: Any) -> None:
    x[1, lane], x[0, lane] = symmetric_factors(law, x[0, lane], x[1, lane])


@compiled(forceinline=True)
def _subordinator_stage(lane: int, law: Any, x: Any) -> None:
    x[1, lane], x[0, lane] = subordinator_factors(law, x[0, lane], x[1, lane])


@compiled(forceinline=True)
def _logarithm_stage(lane: int, law: Any, x: Any) -> None:
    x[1, lane] = log_power(law, x[1, lane])


@compiled(forceinline=True)
def _power_stage(lane: int, x: Any) -> None:
    x[0, lane] *= exp_unchecked(x[1, lane])


@compiled()
def _transform(
    law: Any, word: Any, first: Any, time: Any, index: Any, one_sided: bool, x: Any
) -> None:
    """Write one draw for each lane to x[0]: A if one-sided, else S.

    A loop for each stage: one loop for all of them needs more constants than there are registers.
    """
    for_lanes(_uniform_stage, (word, first, time, index, x))
    for_lanes(_exponential_stage, (x,))
    if one_sided:
        for_lanes(_subordinator_stage, (law, x))
    else:
        for_lanes(_symmetric_stage, (law, x))
    for_lanes(_logarithm_stage, (law, x))
    for_lanes(_power_stage, (x,))


@compiled(forceinline=True)
def _scale_stage(lane: int, scale: float, draws: Any, row: Any) -> None:
    row[lane] = scale * draws[lane]


@compiled(forceinline=True)
def _add_stage(lane: int, scale: float, draws: Any, row: Any) -> None:
    # not contracted, so that increments sum exactly
    row[lane] += scale * draws[lane]


@compiled()
def _put(scale: float, draws: Any, row: Any, adding: bool) -> None:
    """Write scaled draws to a row, or add them."""
    if adding:
        for_lanes(_add_stage, (scale, draws, row))
    else:
        for_lanes(_scale_stage, (scale, draws, row))


@compiled(forceinline=True)
def _scale_each_stage(lane: int, scales: Any, draws: Any, row: Any) -> None:
    row[lane] = scales[lane] * draws[lane]


@compiled(forceinline=True)
def _add_each_stage(lane: int, scales: Any, draws: Any, row: Any) -> None:
    row[lane] += scales[lane] * draws[lane]


@compiled(forceinline=True)
def _scaled_root_stage(lane: int, scale: float, x: Any, radius: Any) -> None:
    radius[lane] = scale * math.sqrt(x[lane])


@compiled(forceinline=True)
def _copy_stage(lane: int, source: Any, target: Any) -> None:
    target[lane] = source[lane]


def _make_symmetric(*, common: bool, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def symmetric(
        parameters: int,
        key: int,
        first: int,
        step: int,
        dim: int,
        out: int,
        scratch: int,
        adding: int,
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 2, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        word, start, time = np.uint64(key), np.uint64(first), np.uint64(step)
        for c in range(1 if common else dim):
            if tabulated:
                _invert(parameters + TABLE, word, start, time, np.uint64(c), scratch)
            else:
                _transform(law, word, start, time, np.uint64(c), False, x)
            _put(law[0], x[0], block[c], adding != 0)
        if common:
            for c in range(1, dim):
                for_lanes(_copy_stage, (block[0], block[c]))

    return symmetric


def _make_directional(*, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST
    behind = PARAMETERS + (2 * ROWS * TERMS if tabulated else 0)

    @block_function(cache=True)
    def directional(
        parameters: int,
        key: int,
        first: int,
        step: int,
        dim: int,
        out: int,
        scratch: int,
        adding: int,
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 2, WIDTH)
        place = parameters + 8 * behind
        count = int(floats_at(place, 1)[0])
        directions, block = matrix_at(place + 8, count, dim), matrix_at(out, dim, WIDTH)
        word, start, time = np.uint64(key), np.uint64(first), np.uint64(step)
        for i in range(count):
            if tabulated:
                _invert(parameters + TABLE, word, start, time, np.uint64(i), scratch)
            else:
                _transform(law, word, start, time, np.uint64(i), False, x)
            for c in range(dim):
                _put(law[0] * directions[i, c], x[0], block[c], adding != 0 or i > 0)

    return directional


def _make_isotropic(*, normal: bool, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def isotropic(
        parameters: int,
        key: int,
        first: int,
        step: int,
        dim: int,
        out: int,
        scratch: int,
        adding: int,
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 2, WIDTH)
        radius = floats_at(scratch + 16 * WIDTH, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        word, start, time = np.uint64(key), np.uint64(first), np.uint64(step)
        if normal:  # A = 2
            radius[:] = law[0] * math.sqrt(2.0)
        elif tabulated:
            _invert(parameters + ROOTS, word, start, time, np.uint64(0), scratch)
            for_lanes(_scale_stage, (law[0], x[0], radius))
        else:
            _transform(law, word, start, time, np.uint64(0), True, x)
            for_lanes(_scaled_root_stage, (law[0], x[0], radius))
        for c in range(dim):
            _invert(parameters + TABLE, word, start, time, np.uint64(c + 1), scratch)
            if adding != 0:
                for_lanes(_add_each_stage, (radius, x[0], block[c]))
            else:
                for_lanes(_scale_each_stage, (radius, x[0], block[c]))

    return isotropic


@functools.cache
def _compile_sampler(kind: str, *, tabulated: bool, normal: bool) -> BlockFunction:
    if kind == "III":
        return _make_isotropic(normal=normal, tabulated=tabulated)
    if kind == "directions":
        return _make_directional(tabulated=tabulated)
    return _make_symmetric(common=kind == "I", tabulated=tabulated)


def sampler(kind: str, alpha: float) -> BlockFunction:
    """Return the block function that draws noise for a (dim, WIDTH) block; compile it once."""
    normal = kind == "III" and alpha == 2
    return _compile_sampler(kind, tabulated=alpha >= LEAST_ALPHA, normal=normal)


@compiled()
def draw_block(
    draws: Draws, first: int, step: int, dim: int, block: Any, scratch: Any, adding: bool
) -> None:
    """Write, or add, the noise of one step to a (dim, WIDTH) block of particles from `first` on."""
    call_block(
        draws.address,
        draws.parameters.ctypes.data,
        np.int64(draws.key),
        first,
        step,
        dim,
        block.ctypes.data,
        scratch.ctypes.data,
        1 if adding else 0,
    )
