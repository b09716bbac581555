r"""Samplers of stable noise, of Types I, II and III and along directions, a block at a time.

They are block functions, made of rows of scalar numbers (`sde.scalar_draws`).
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sde.addresses import floats_at, matrix_at
from sde.lanes import WIDTH, for_lanes
from sde.native import SOURCE_DIGEST, BlockFunction, block_function, call_block, compiled
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
    """What a kernel needs to draw noise: a block function and its parameters."""

    address: int
    parameters: NDArray[np.float64]
    key: np.uint64


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
        source = Source(parameters, np.uint64(key), np.uint64(first), np.uint64(step))
        x, block = floats_at(scratch, WIDTH), matrix_at(out, dim, WIDTH)
        for c in range(1 if common else dim):
            place = scratch if adding != 0 else out + ROW * c
            if tabulated:
                invert(source, TABLE, np.uint64(c), place, scratch + ROW)
            else:
                transform(source, np.uint64(c), False, place, scratch + ROW)
            if adding != 0:
                for_lanes(_add_stage, (x, block[c]))
        if common:  # coordinates stay equal
            for c in range(1, dim):
                for_lanes(_copy_stage, (block[0], block[c]))

    return symmetric


def _make_directional(*, tabulated: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

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
        source = Source(parameters, np.uint64(key), np.uint64(first), np.uint64(step))
        place = parameters + 8 * int(floats_at(parameters, PARAMETERS)[BEHIND])
        count = int(floats_at(place, 1)[0])
        directions = matrix_at(place + 8, count, dim)
        x, block = floats_at(scratch, WIDTH), matrix_at(out, dim, WIDTH)
        for i in range(count):
            if tabulated:
                invert(source, TABLE, np.uint64(i), scratch, scratch + ROW)
            else:
                transform(source, np.uint64(i), False, scratch, scratch + ROW)
            for c in range(dim):
                if adding != 0 or i > 0:
                    for_lanes(_add_scaled_stage, (directions[i, c], x, block[c]))
                else:
                    for_lanes(_scale_stage, (directions[i, c], x, block[c]))

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
        source = Source(parameters, np.uint64(key), np.uint64(first), np.uint64(step))
        radii = scratch + 2 * ROW
        x, radius = floats_at(scratch, WIDTH), floats_at(radii, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        if normal:  # A = 2
            radius[:] = floats_at(parameters, PARAMETERS)[0] * math.sqrt(2.0)
        elif tabulated:
            invert(source, ROOTS, np.uint64(0), radii, scratch + ROW)
        else:
            transform(source, np.uint64(0), True, radii, scratch + ROW)
        for c in range(dim):
            invert(source, TABLE, np.uint64(c + 1), scratch, scratch + ROW)
            if adding != 0:
                for_lanes(_add_each_stage, (radius, x, block[c]))
            else:
                for_lanes(_scale_each_stage, (radius, x, block[c]))

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
