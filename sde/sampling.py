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
    matrix_at,
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
def signed_angle(a: Any) -> Any:
    """Turn 64 random bits into ±v, v uniform in (0, 1/2]."""
    v = random.half_unit(a)
    return v if a & np.uint64(1) == np.uint64(0) else -v


@compiled(forceinline=True)
def exponential(u: Any) -> Any:
    """Turn a uniform into an exponential number."""
    return -log(u)


@compiled(forceinline=True)
def symmetric_factors(law: Any, angle: Any, e: Any) -> tuple[Any, Any]:
    """Return the base of the power in S and what multiplies it; the angle is ±π(1/2 - v)."""
    alpha, offset, slope = law[1], law[3], law[4]
    v = abs(angle)
    s1 = sinpi_half(v)
    # sin(απ(1/2 - v)), folded at π/2 without cancellation
    s2 = sinpi_half(min(0.5 * alpha - alpha * v, (1.0 - 0.5 * alpha) + alpha * v))
    s3 = sinpi_half(offset + slope * v)
    ratio = e / s3
    return ratio * s1, math.copysign(s2, angle) * ratio


@compiled(forceinline=True)
def subordinator_factors(law: Any, angle: Any, e: Any) -> tuple[Any, Any]:
    """Return the base of the power in A and what multiplies it; the angle is πv or π(1 - v)."""
    half, rest = law[1], law[3]
    upper, v = angle < 0.0, abs(angle)
    s1 = sinpi_half(v)
    # sin(half πu) and sin(rest πu), folded at π/2 without cancellation: half + rest = 1
    s2 = sinpi_half(min(half - half * v if upper else half * v, rest + half * v))
    s3 = sinpi_half(min(rest - rest * v if upper else rest * v, half + rest * v))
    ratio = e / s3
    return ratio * s1, 2.0 * s2 * ratio


@compiled(forceinline=True)
def log_power(law: Any, base: Any) -> Any:
    """Return the logarithm of the power of the base, cut so that it does not overflow."""
    return min(-law[2] * log(base), MAX_EXPONENT)


@compiled(forceinline=True)
def symmetric_of(law: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into one symmetric stable number of scale 1.

    Parameters
    ----------
    law : (5,) float64 array
        Parameters as `StableNoise.draws` makes them for Types I and II.
    a, b : uint64
        Random bits: the angle and its sign, and the exponential.
    """
    e = exponential(random.open_unit(b))
    base, front = symmetric_factors(law, signed_angle(a), e)
    return front * exp(log_power(law, base))


@compiled(forceinline=True)
def subordinator_of(law: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into sqrt(A), A positive with E exp(-sA) = exp(-(2s)^(alpha/2)).

    Parameters
    ----------
    law : (5,) float64 array
        Parameters as `StableNoise.draws` makes them for Type III.
    a, b : uint64
        Random bits: the angle, and the exponential.
    """
    e = exponential(random.open_unit(b))
    base, front = subordinator_factors(law, signed_angle(a), e)
    return math.sqrt(front * exp(log_power(law, base)))


@compiled(forceinline=True)
def normal_pair_of(a: Any, b: Any) -> tuple[Any, Any]:
    """Turn 128 random bits into two independent standard normal numbers (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * log(random.open_unit(b)))
    cosine, sine = cos_sin_2pi(random.open_unit(a))
    return radius * cosine, radius * sine


@compiled()
def _draw_row(
    law: Any, word: Any, first: Any, time: Any, index: Any, one_sided: bool, x: Any
) -> None:
    """Write one draw for each lane to x[0]: what `symmetric_of` gives, or `subordinator_of`.

    A loop for each stage: one loop for all of them needs more constants than there are registers.
    """
    for lane in range(WIDTH):
        a, b = random.draw(word, first + np.uint64(lane), time, index)
        x[0, lane], x[1, lane] = signed_angle(a), random.open_unit(b)
    for lane in range(WIDTH):
        x[1, lane] = exponential(x[1, lane])
    if one_sided:
        for lane in range(WIDTH):
            x[1, lane], x[0, lane] = subordinator_factors(law, x[0, lane], x[1, lane])
    else:
        for lane in range(WIDTH):
            x[1, lane], x[0, lane] = symmetric_factors(law, x[0, lane], x[1, lane])
    for lane in range(WIDTH):
        x[1, lane] = log_power(law, x[1, lane])
    for lane in range(WIDTH):
        x[0, lane] *= exp(x[1, lane])
    if one_sided:
        for lane in range(WIDTH):
            x[0, lane] = math.sqrt(x[0, lane])


@compiled(forceinline=True)
def _normal_pair(key: Any, particle: Any, step: Any, index: Any) -> tuple[Any, Any]:
    a, b = random.draw(key, particle, step, index)
    return normal_pair_of(a, b)


def _make_common() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def common(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, scratch: int, _h: int
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 2, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        word, time = np.uint64(key), np.uint64(step)
        _draw_row(law, word, np.uint64(first), time, np.uint64(0), False, x)
        _add(law[0], x[0], block[0])
        for c in range(1, dim):
            for lane in range(WIDTH):
                block[c, lane] = block[0, lane]

    return common


@compiled()
def _add(scale: float, draws: Any, row: Any) -> None:
    """Add scaled draws to a row; not contracted, so that increments sum exactly."""
    for lane in range(WIDTH):
        row[lane] += scale * draws[lane]


def _make_independent() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def independent(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, scratch: int, _h: int
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 2, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        word, time = np.uint64(key), np.uint64(step)
        for c in range(dim):
            _draw_row(law, word, np.uint64(first), time, np.uint64(c), False, x)
            _add(law[0], x[0], block[c])

    return independent


def _make_isotropic(*, normal: bool) -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def isotropic(
        parameters: int, key: int, first: int, step: int, dim: int, out: int, scratch: int, _h: int
    ) -> None:
        _ = digest
        law, x = floats_at(parameters, PARAMETERS), matrix_at(scratch, 4, WIDTH)
        block = matrix_at(out, dim, WIDTH)
        word, time, start = np.uint64(key), np.uint64(step), np.uint64(first)
        if not normal:
            _draw_row(law, word, start, time, np.uint64(0), True, x)
        for lane in range(WIDTH):
            x[1, lane] = law[0] * (math.sqrt(2.0) if normal else x[0, lane])
        for c in range(0, dim, 2):
            for lane in range(WIDTH):
                g0, g1 = _normal_pair(word, start + np.uint64(lane), time, np.uint64(c // 2 + 1))
                x[2, lane], x[3, lane] = x[1, lane] * g0, x[1, lane] * g1
            _add(1.0, x[2], block[c])
            if c + 1 < dim:
                _add(1.0, x[3], block[c + 1])

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
