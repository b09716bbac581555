r"""Samplers of stable noise, of Types I, II and III and along directions, a block at a time.

They are made of rows of scalar numbers (`sde.scalar_draws`). A block may be drawn in parts of a few
coordinates, one call after another: what vectors have in common, their one number or their length,
is drawn with the first part, and waits where that left it.
"""

import functools
import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from sde.addresses import floats_at, matrix_at
from sde.lanes import WIDTH, for_lanes
from sde.native import SOURCE_DIGEST, BlockFunction, call_at, compiled, typed_function
from sde.quantiles import LEAST_ALPHA
from sde.scalar_draws import (
    BEHIND,
    PARAMETERS,
    ROOTS,
    ROW,
    TABLE,
    Source,
    invert,
    scalar_parameters,
    transform,
)

__all__ = ["KINDS", "SCRATCH", "Draws", "draw_block", "sampler", "sampler_parameters"]

#: Types of noise: equal coordinates, independent coordinates, rotationally invariant.
KINDS = ("I", "II", "III")

#: Numbers of scratch space that a sampler is handed: two rows of values and one of cells.
SCRATCH = 3 * WIDTH


class Draws(NamedTuple):
    """What a kernel needs to draw noise: the address of a sampler, its parameters, and a key.

    `in_parts` tells whether parts of the coordinates cost no more than all at once.
    """

    address: int
    parameters: NDArray[np.float64]
    key: np.uint64
    in_parts: bool


def sampler_parameters(kind: str, alpha: float, scale: float) -> NDArray[np.float64]:
    """Return the parameters of a sampler, not to be changed.

    Behind them come directions, where there are any: how many, and their coordinates.
    """
    return scalar_parameters(alpha, scale, radial=kind == "III")


@compiled(forceinline=True)
def _copy_stage(lane: int, draws: Any, row: Any) -> None:
    row[lane] = draws[lane]


@compiled(forceinline=True)
def _add_stage(lane: int, draws: Any, row: Any) -> None:
    row[lane] += draws[lane]


@compiled(forceinline=True)
def _scale_stage(lane: int, scale: float, draws: Any, row: Any) -> None:
    row[lane] = scale * draws[lane]


@compiled(forceinline=True)
def _add_scaled_stage(lane: int, scale: float, draws: Any, row: Any) -> None:
    # not contracted, so that increments sum exactly
    row[lane] += scale * draws[lane]


@compiled(forceinline=True)
def _scale_each_stage(lane: int, scales: Any, draws: Any, row: Any) -> None:
    row[lane] = scales[lane] * draws[lane]


@compiled(forceinline=True)
def _add_each_stage(lane: int, scales: Any, draws: Any, row: Any) -> None:
    row[lane] += scales[lane] * draws[lane]


def _compile(sampler: Any) -> BlockFunction:
    """Compile a sampler, which writes coordinates of a block, or adds to them."""
    given = Source(0, np.uint64(0), np.uint64(0), np.uint64(0)), (0, 0), 0, 0, False
    return typed_function(types.void, *map(numba.typeof, given))(sampler)


def _make_symmetric(*, common: bool, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    def symmetric(
        source: Source, some: tuple[int, int], out: int, scratch: int, adding: bool
    ) -> None:
        _ = digest
        begin, end = some
        x, block = floats_at(scratch, WIDTH), matrix_at(out, end - begin, WIDTH)
        if common and begin > 0:  # all parts have the same number, which is there
            return
        for c in range(begin, begin + 1 if common else end):
            place = scratch if adding else out + ROW * (c - begin)
            if tabulated:
                invert(source, TABLE, np.uint64(c), place, scratch + ROW)
            else:
                transform(source, np.uint64(c), False, place, scratch + ROW)
            if adding:
                for_lanes(_add_stage, (x, block[c - begin]))
        if common:  # coordinates stay equal
            for i in range(1, end - begin):
                for_lanes(_copy_stage, (block[0], block[i]))

    return _compile(symmetric)


def _make_directional(*, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    def directional(
        source: Source, some: tuple[int, int], out: int, scratch: int, adding: bool
    ) -> None:
        _ = digest
        place = source.parameters + 8 * int(floats_at(source.parameters, PARAMETERS)[BEHIND])
        count, dim = int(floats_at(place, 1)[0]), some[1]  # always all coordinates
        directions = matrix_at(place + 8, count, dim)
        x, block = floats_at(scratch, WIDTH), matrix_at(out, dim, WIDTH)
        for i in range(count):
            if tabulated:
                invert(source, TABLE, np.uint64(i), scratch, scratch + ROW)
            else:
                transform(source, np.uint64(i), False, scratch, scratch + ROW)
            for c in range(dim):
                if adding or i > 0:
                    for_lanes(_add_scaled_stage, (directions[i, c], x, block[c]))
                else:
                    for_lanes(_scale_stage, (directions[i, c], x, block[c]))

    return _compile(directional)


def _make_isotropic(*, normal: bool, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    def isotropic(
        source: Source, some: tuple[int, int], out: int, scratch: int, adding: bool
    ) -> None:
        _ = digest
        radii = scratch + 2 * ROW
        begin, end = some
        x, radius = floats_at(scratch, WIDTH), floats_at(radii, WIDTH)
        block = matrix_at(out, end - begin, WIDTH)
        if begin == 0:
            if normal:  # A = 2
                radius[:] = floats_at(source.parameters, PARAMETERS)[0] * math.sqrt(2.0)
            elif tabulated:
                invert(source, ROOTS, np.uint64(0), radii, scratch + ROW)
            else:
                transform(source, np.uint64(0), True, radii, scratch + ROW)
        for c in range(begin, end):
            invert(source, TABLE, np.uint64(c + 1), scratch, scratch + ROW)
            if adding:
                for_lanes(_add_each_stage, (radius, x, block[c - begin]))
            else:
                for_lanes(_scale_each_stage, (radius, x, block[c - begin]))

    return _compile(isotropic)


@functools.cache
def _compile_sampler(kind: str, *, tabulated: bool, normal: bool) -> BlockFunction:
    if kind == "III":
        return _make_isotropic(normal=normal, tabulated=tabulated)
    if kind == "directions":
        return _make_directional(tabulated=tabulated)
    return _make_symmetric(common=kind == "I", tabulated=tabulated)


def sampler(kind: str, alpha: float) -> BlockFunction:
    """Return the function that draws noise for a block; compile it once."""
    normal = kind == "III" and alpha == 2
    return _compile_sampler(kind, tabulated=alpha >= LEAST_ALPHA, normal=normal)


@compiled()
def draw_block(
    draws: Draws,
    first: int,
    step: int,
    some: tuple[int, int],
    block: Any,
    scratch: Any,
    adding: bool,
) -> None:
    """Write, or add, the noise of one step to a block of particles from `first` on.

    Its rows are the coordinates from the first of `some` up to the second. They may be drawn in
    parts of one size if `draws.in_parts`: in order, with `block` and `scratch` left as they are. A
    part of numbers to be added has all coordinates.
    """
    source = Source(draws.parameters.ctypes.data, draws.key, np.uint64(first), np.uint64(step))
    call_at(
        draws.address,
        (source, some, block.ctypes.data, scratch.ctypes.data, adding),
        None,
    )
