r"""Samplers of stable noise, of Types I, II and III: block functions and their elementary draws.

Both the symmetric number :math:`S` and the positive number :math:`A` of `sde.stable` have the form
:math:`s_2\,(E/s_3)\,(E s_1/s_3)^{-1/\alpha}` with an exponential :math:`E` and three sines of a
uniform angle (Chambers, Mallows and Stuck 1976; Kanter 1975), rearranged so that one logarithm and
one exponential serve both powers and no difference cancels: it holds at alpha = 1 and alpha = 2 as
it stands.
"""

import functools
import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from sde import random
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    block_function,
    call_block,
    compiled,
    floats_at,
)
from sde.vmath import cos_sin_2pi, exp, log, sinpi_half

__all__ = [
    "KINDS",
    "SCRATCH",
    "WIDTH",
    "Draws",
    "draw_block",
    "fill",
    "normal_pair_of",
    "sampler",
    "subordinator_of",
    "symmetric_of",
]

#: Types of noise: equal coordinates, independent coordinates, rotationally invariant.
KINDS = ("I", "II", "III")

#: Particles in a block: one row of a block is 1 KB, so a block stays in the first-level cache.
WIDTH = 128

#: Numbers of scratch space that a block function is handed.
SCRATCH = 4 * WIDTH

#: Numbers in the parameter array of a block function.
PARAMETERS = 5

#: Powers are cut at exp(600), so that no draw overflows; reached only for alpha below 1/4.
MAX_EXPONENT = 600.0


class Draws(NamedTuple):
    """What a kernel needs to draw noise: a block function and its parameters."""

    address: int
    parameters: NDArray[np.float64]
    key: np.uint64


@compiled(forceinline=True)
def symmetric_of(parameters: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into one symmetric stable number of scale 1.

    Parameters
    ----------
    parameters : (5,) float64 array
        Of the law, as `StableNoise.draws` makes them for Types I and II.
    a, b : uint64
        Random bits: the angle and its sign, and the exponential.
    """
    alpha, inverse, offset, slope = parameters[1], parameters[2], parameters[3], parameters[4]
    sign = 1.0 - 2.0 * np.float64(a & np.uint64(1))
    v = random.half_unit(a)  # the angle is ±π(1/2 - v)
    s1 = sinpi_half(v)
    # sin(απ(1/2 - v)), folded at π/2 without cancellation
    s2 = sinpi_half(min(0.5 * alpha - alpha * v, (1.0 - 0.5 * alpha) + alpha * v))
    s3 = sinpi_half(offset + slope * v)
    ratio = -log(random.open_unit(b)) / s3
    return sign * s2 * ratio * exp(min(-inverse * log(ratio * s1), MAX_EXPONENT))


@compiled(forceinline=True)
def subordinator_of(parameters: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into sqrt(A), A positive with E exp(-sA) = exp(-(2s)^(alpha/2)).

    Parameters
    ----------
    parameters : (5,) float64 array
        Of the law, as `StableNoise.draws` makes them for Type III.
    a, b : uint64
        Random bits: the angle, and the exponential.
    """
    half, inverse, rest = parameters[1], parameters[2], parameters[3]
    v = random.half_unit(a)
    upper = a & np.uint64(1) == np.uint64(1)  # the angle is πu, with u = 1 - v or u = v
    s1 = sinpi_half(v)
    # sin(half πu) and sin(rest πu), folded at π/2 without cancellation: half + rest = 1
    s2 = sinpi_half(min(half - half * v if upper else half * v, rest + half * v))
    s3 = sinpi_half(min(rest - rest * v if upper else rest * v, half + rest * v))
    ratio = -log(random.open_unit(b)) / s3
    return math.sqrt(2.0 * s2 * ratio * exp(min(-inverse * log(ratio * s1), MAX_EXPONENT)))


@compiled(forceinline=True)
def normal_pair_of(a: Any, b: Any) -> tuple[Any, Any]:
    """Turn 128 random bits into two independent standard normal numbers (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * log(random.open_unit(b)))
    cosine, sine = cos_sin_2pi(random.open_unit(a))
    return radius * cosine, radius * sine


@compiled(forceinline=True)
def _symmetric(parameters: Any, key: Any, particle: Any, step: Any, index: Any) -> Any:
    a, b = random.draw(key, particle, step, index)
    return symmetric_of(parameters, a, b)


@compiled(forceinline=True)
def _subordinator(parameters: Any, key: Any, particle: Any, step: Any, index: Any) -> Any:
    a, b = random.draw(key, particle, step, index)
    return subordinator_of(parameters, a, b)


@compiled(forceinline=True)
def _normal_pair(key: Any, particle: Any, step: Any, index: Any) -> tuple[Any, Any]:
    a, b = random.draw(key, particle, step, index)
    return normal_pair_of(a, b)


def _make_common() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def common(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, _scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        for lane in range(WIDTH):
            particle = np.uint64(first) + np.uint64(lane)
            draw = _symmetric(law, np.uint64(key), particle, np.uint64(step), np.uint64(0))
            block[lane] += law[0] * draw
        for c in range(1, dim):
            for lane in range(WIDTH):
                block[c * WIDTH + lane] = block[lane]

    return common


def _make_independent() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def independent(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, _scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        for c in range(dim):
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                draw = _symmetric(law, np.uint64(key), particle, np.uint64(step), np.uint64(c))
                block[c * WIDTH + lane] += law[0] * draw

    return independent


def _make_isotropic(*, normal: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def isotropic(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, scratch: int, _h: int
    ) -> None:
        _ = digest
        law = floats_at(parameters, PARAMETERS)
        block = floats_at(out, dim * WIDTH)
        radius = floats_at(scratch, WIDTH)
        word, time = np.uint64(key), np.uint64(step)
        for lane in range(WIDTH):
            particle = np.uint64(first) + np.uint64(lane)
            if normal:
                radius[lane] = law[0] * math.sqrt(2.0)
            else:
                radius[lane] = law[0] * _subordinator(law, word, particle, time, np.uint64(0))
        for pair in range(dim // 2):
            row = 2 * pair * WIDTH
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                g0, g1 = _normal_pair(word, particle, time, np.uint64(pair + 1))
                block[row + lane] += radius[lane] * g0
                block[row + WIDTH + lane] += radius[lane] * g1
        if dim % 2 == 1:
            row = (dim - 1) * WIDTH
            for lane in range(WIDTH):
                particle = np.uint64(first) + np.uint64(lane)
                g0, _g1 = _normal_pair(word, particle, time, np.uint64(dim // 2 + 1))
                block[row + lane] += radius[lane] * g0

    return isotropic


@functools.cache
def sampler(kind: str, *, normal: bool) -> BlockFunction:
    """Return the block function that adds noise to a (dim, WIDTH) block; compile it once."""
    if kind == "I":
        return _make_common()
    if kind == "II":
        return _make_independent()
    return _make_isotropic(normal=normal)


def _make_fill() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=True)
    def fill(draws: Draws, steps: int, substeps: int, out: Any) -> None:
        _ = digest
        _, n, dim = out.shape
        blocks = (n + WIDTH - 1) // WIDTH
        for b in numba.prange(blocks):
            scratch = np.empty(SCRATCH)
            block = np.empty(dim * WIDTH)
            first = b * WIDTH
            for k in range(steps):
                block[:] = 0.0
                for s in range(substeps):
                    draw_block(draws, first, k * substeps + s, dim, block, scratch)
                for lane in range(min(WIDTH, n - first)):
                    for c in range(dim):
                        out[k, first + lane, c] = block[c * WIDTH + lane]

    return fill


@compiled()
def draw_block(draws: Draws, first: int, step: int, dim: int, block: Any, scratch: Any) -> None:
    """Add the noise of one step to a (dim, WIDTH) block of particles from `first` on."""
    call_block(
        draws.address,
        draws.parameters.ctypes.data,
        np.int64(draws.key),
        first,
        step,
        dim,
        block.ctypes.data,
        scratch.ctypes.data,
        0,
    )


fill = _make_fill()
