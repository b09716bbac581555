"""Rows of scalar stable numbers, one a lane: by inversion, or by the transform of random words.

The tables are those of `sde.quantiles`: 64 random bits give a side and a tail probability. One
Philox block serves two particles, half a block of particles apart. Where the index is too small for
a table, numbers come from `sde.transforms`.
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde import random
from sde.addresses import aligned, floats_at, integers_at
from sde.lanes import HALF, WIDTH, for_half, for_lanes
from sde.lookup import CELLS, OCTAVES, TERMS, evaluate_cells, find_terms
from sde.native import compiled
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
    "BEHIND", "PARAMETERS", "ROOTS", "ROW", "ROWS", "TABLE", "Source", "in_line", "invert",
    "scalar_parameters", "table_entry", "transform",
]  # fmt: skip

#: Numbers at the head of the parameters: the law's, and then any. A table of quantiles follows, two
#: terms of which lie in one cache line.
PARAMETERS = 8

#: The place of the number of numbers before what follows the tables.
BEHIND = 5

#: Bytes of a row.
ROW = 8 * WIDTH

#: Cells of a table of quantiles, with two rows each, for the two sides of the median.
ROWS = OCTAVES * CELLS + 1

#: Bytes before the first table, and before the second one, that of the roots.
TABLE = 8 * PARAMETERS
ROOTS = TABLE + 2 * 8 * ROWS * TERMS


@functools.lru_cache(maxsize=16)
def scalar_parameters(alpha: float, scale: float, *, radial: bool) -> NDArray[np.float64]:
    """Return the parameters of a law, not to be changed: its numbers, and its tables.

    The law is that of scale S or, if `radial`, those of the scale times the root of A/2 and of
    normal numbers, N(0, 2). The numbers are the scale, what `symmetric_factors` or
    `subordinator_factors` needs, and how many numbers there are up to the end of the tables; the
    caller may add more behind them. Tables give numbers times the scale.
    """
    tables: list[NDArray[np.float64]] = []
    if radial:
        half = alpha / 2
        scale /= math.sqrt(2)
        law = [scale, half, 1 / half, 1 - half, 0.0]
        table = quantile_table(2.0)
        tables.append(_sides(table, -table))
        if LEAST_ALPHA <= alpha < 2:
            roots = [_scaled(root_table(alpha, above=above), scale) for above in (True, False)]
            tables.append(_sides(*roots))
    else:
        # cos((1 - alpha)U) as the sine of π(offset + slope v)
        offset = (2 - alpha) / 2 if alpha > 1 else alpha / 2
        law = [scale, alpha, 1 / alpha, offset, abs(alpha - 1)]
        if alpha >= LEAST_ALPHA:
            table = _scaled(quantile_table(alpha), scale)
            tables.append(_sides(table, -table))
    law.append(PARAMETERS + sum(table.size for table in tables))
    law += [0.0] * (PARAMETERS - len(law))
    return in_line(law, *map(np.ravel, tables))


def _scaled(table: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return a table of numbers times the scale, infinite in a cell that overflows."""
    with np.errstate(over="ignore"):
        scaled: NDArray[np.float64] = scale * table
    scaled[~np.isfinite(scaled).all(axis=1)] = [math.inf] + [0.0] * (TERMS - 1)
    return scaled


def _sides(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the table of a law from its rows above the median, and below."""
    return np.stack([above, below], axis=1)


def in_line(*parts: Any) -> NDArray[np.float64]:
    """Return the numbers of some parts one after the other, from the start of a cache line."""
    out: NDArray[np.float64] = aligned(sum(map(len, parts)), np.float64)
    return np.concatenate(parts, out=out)


@compiled(forceinline=True)
def table_entry(bits: Any) -> tuple[Any, Any]:
    """Turn 64 random bits into what `find_terms` returns for a tail probability and a side."""
    return find_terms(random.half_unit(bits), bits)


@compiled(forceinline=True)
def _table_stage(
    lane: int, word: Any, pair: Any, time: Any, index: Any, places: Any, x: Any
) -> None:
    a, b = random.draw(word, pair, np.uint64(lane), time, index)
    places[lane], x[lane] = table_entry(a)
    places[HALF + lane], x[HALF + lane] = table_entry(b)


class Source(NamedTuple):
    """Where numbers come from: parameters, by their address, a key, the first particle, a step."""

    parameters: int
    key: Any
    first: Any
    step: Any


# Inlined, which takes a tenth of a second of compilation and a twentieth of the time of Type III.
@compiled(forceinline=True)
def invert(source: Source, table: int, index: Any, x: int, places: int) -> None:
    """Write one draw a lane to a row, from the table of quantiles at a place in the parameters.

    `x` is the address of the row, `places` that of scratch space as large.
    """
    parameters, key, first, step = source
    rows = (integers_at(places, WIDTH), floats_at(x, WIDTH))
    for_half(_table_stage, (key, first // np.uint64(2), step, index, *rows))
    evaluate_cells(places, parameters + table, x)


@compiled(forceinline=True)
def _uniform_stage(lane: int, word: Any, first: Any, time: Any, index: Any, x: Any, y: Any) -> None:
    a, b = random.draw(word, first, np.uint64(lane), time, index)
    x[lane], y[lane] = signed_angle(a), random.open_unit(b)


@compiled(forceinline=True)
def _exponential_stage(lane: int, y: Any) -> None:
    y[lane] = exponential(y[lane])


@compiled(forceinline=True)
def _symmetric_stage(lane: int, law: Any, x: Any, y: Any) -> None:
    y[lane], x[lane] = symmetric_factors(law, x[lane], y[lane])


@compiled(forceinline=True)
def _subordinator_stage(lane: int, law: Any, x: Any, y: Any) -> None:
    y[lane], x[lane] = subordinator_factors(law, x[lane], y[lane])


@compiled(forceinline=True)
def _logarithm_stage(lane: int, law: Any, y: Any) -> None:
    y[lane] = log_power(law, y[lane])


@compiled(forceinline=True)
def _scaled_stage(lane: int, scale: float, x: Any, y: Any) -> None:
    x[lane] = scale * (x[lane] * exp_unchecked(y[lane]))


@compiled(forceinline=True)
def _scaled_root_stage(lane: int, scale: float, x: Any, y: Any) -> None:
    x[lane] = scale * math.sqrt(x[lane] * exp_unchecked(y[lane]))


@compiled()
def transform(source: Source, index: Any, one_sided: bool, x: int, y: int) -> None:
    """Write one draw a lane to a row: the scale times S or, if one-sided, times the root of A.

    `x` is the address of the row, `y` that of scratch space as large. A loop for each stage: one
    loop for all of them needs more constants than there are registers.
    """
    parameters, key, first, step = source
    law, row, other = floats_at(parameters, PARAMETERS), floats_at(x, WIDTH), floats_at(y, WIDTH)
    for_lanes(_uniform_stage, (key, first, step, index, row, other))
    for_lanes(_exponential_stage, (other,))
    if one_sided:
        for_lanes(_subordinator_stage, (law, row, other))
    else:
        for_lanes(_symmetric_stage, (law, row, other))
    for_lanes(_logarithm_stage, (law, other))
    if one_sided:
        for_lanes(_scaled_root_stage, (law[0], row, other))
    else:
        for_lanes(_scaled_stage, (law[0], row, other))
