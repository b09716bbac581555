r"""Random words turned into stable numbers (Chambers, Mallows and Stuck 1976; Kanter 1975).

The symmetric number :math:`S` and the positive number :math:`A` of `sde.stable` have the form
:math:`s_2\,(E/s_3)\,(E s_1/s_3)^{-1/\alpha}` with an exponential :math:`E` and three sines of a
uniform angle, rearranged so that one logarithm and one exponential serve both powers and no
difference cancels: it holds at alpha = 1 and alpha = 2 as it stands.

The parameters `law` of a transform are made by `sde.scalar_draws.scalar_parameters`.
"""

import math
from typing import Any

import numpy as np

from sde import random
from sde.intrinsics import from_bits, to_bits
from sde.native import compiled
from sde.vmath import exp_unchecked, log_unchecked, sinpi_half

__all__ = [
    "exponential",
    "log_power",
    "signed_angle",
    "subordinator_factors",
    "subordinator_of",
    "symmetric_factors",
    "symmetric_of",
]

_BELOW_HALF = 0.5 - 2.0**-54

#: Powers are cut at exp(±600), so that no draw overflows; reached only for alpha below 1/4.
MAX_EXPONENT = 600.0


@compiled(forceinline=True)
def signed_angle(a: Any) -> Any:
    """Turn 64 random bits into ±v, v uniform in (0, 1/2)."""
    sign: Any = np.int64(a << np.uint64(63))
    return from_bits(to_bits(min(random.half_unit(a), _BELOW_HALF)) | sign)


@compiled(forceinline=True)
def exponential(u: Any) -> Any:
    """Turn a uniform into an exponential number."""
    return -log_unchecked(u)


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
    return max(min(-law[2] * log_unchecked(base), MAX_EXPONENT), -MAX_EXPONENT)


@compiled(forceinline=True)
def symmetric_of(law: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into one symmetric stable number of scale 1.

    Parameters
    ----------
    law : (5,) float64 array
        Parameters as `scalar_parameters` makes them for S.
    a, b : uint64
        Random bits: the angle and its sign, and the exponential.
    """
    e = exponential(random.open_unit(b))
    base, front = symmetric_factors(law, signed_angle(a), e)
    return front * exp_unchecked(log_power(law, base))


@compiled(forceinline=True)
def subordinator_of(law: Any, a: Any, b: Any) -> Any:
    """Turn 128 random bits into sqrt(A), A positive with E exp(-sA) = exp(-(2s)^(alpha/2)).

    Parameters
    ----------
    law : (5,) float64 array
        Parameters as `scalar_parameters` makes them if radial.
    a, b : uint64
        Random bits: the angle, and the exponential.
    """
    e = exponential(random.open_unit(b))
    base, front = subordinator_factors(law, signed_angle(a), e)
    return math.sqrt(front * exp_unchecked(log_power(law, base)))
