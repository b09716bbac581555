"""Elementary functions that LLVM can vectorise, in double and in single precision.

Numba without SVML calls the scalar libm from a loop, 14 ns for a ``tanh``.  These functions
are straight-line code of fused multiply-adds, bit-casts and selects; a loop that calls them
inside any ``@njit`` function inlines them and becomes AVX2 or AVX-512 code.

The precision is that of the argument.  Error bounds are relative, and hold where the result is a
normal number: 1e-15 in double precision, 2.4e-7 (four roundings) in single.  `log`, its unchecked
form and `sinpi_half` exist in double precision only.  The fused operations are explicit and no
fast-math flag is set, so that no flag of the caller changes a result.

The polynomials are those of `sde.coefficients`.
"""

import math
from typing import Final

from sde.coefficients import (
    ERF_BOTTOM,
    ERF_SINGLE,
    ERF_TOP,
    EXP,
    LOG,
    SIN,
    SINPI,
    TANH_BOTTOM,
    TANH_TOP,
)
from sde.intrinsics import (
    bits_like,
    both,
    by_precision,
    fma,
    from_bits,
    integer_like,
    like,
    polynomial,
    rint,
    straight_line,
    to_bits,
)

__all__ = [
    "TANH2_SCALE", "TRIG_LIMIT", "TRIG_LIMIT_SINGLE", "cos", "erf", "exp", "exp_unchecked", "log",
    "log_unchecked", "sigmoid", "sin", "sinpi_half", "tanh", "tanh2",
]  # fmt: skip

_MANTISSA_BITS = 2**52 - 1
_SQRT_HALF_BITS: Final = 0x3FE6A09E667F3BCD
_ONE_BITS, _EXPONENT_MASK = 1023 << 52, 0xFFF
# The sign bit, and the shifts that take the lowest bit to the exponent and to the sign.
_SIGN_BIT, _TO_EXPONENT, _TO_SIGN = both(-(2**63), -(2**31)), both(52, 23), both(63, 31)
# Adding 3 * 2^51 rounds to an integer, and leaves that integer in the low bits of the sum.
_ROUND_DOUBLE, _ROUND_SINGLE = 3.0 * 2.0**51, 3.0 * 2.0**22
_ROUND: Final = both(_ROUND_DOUBLE, _ROUND_SINGLE)
_ROUND_BITS: Final = 0x4338000000000000
# With the exponent bias on top the low bits, shifted to the exponent, are the number 2^k itself.
_ROUND_BIASED: Final = both(_ROUND_DOUBLE + 1023.0, _ROUND_SINGLE + 127.0)
_ROUND_HALF: Final = both(_ROUND_DOUBLE + 1022.0, _ROUND_SINGLE + 126.0)  # 2^(k - 1)
# log2(e) and ln 2 are each the sum of two numbers, pi of three: to 107 and 161 bits, 48 and 72.
_LOG2_E = both(1.4426950408889634)
_LOG2_E_LOW = both(2.0355273740931033e-17, 1.925963033500011e-08)
_LN2_DOUBLE: Final = 0.6931471805599453
_LN2 = both(_LN2_DOUBLE)
_LN2_LOW = both(2.3190468138462996e-17, -1.9046542121259336e-09)
_PI_1 = both(3.141592653589793)
_PI_2 = both(1.2246467991473532e-16, -8.742277657347586e-08)
_PI_3 = both(-2.9947698097183397e-33, -3.4302490200117637e-15)
_INV_PI: Final = both(0.3183098861837907)
#: tanh(x) is `tanh2` of this times x.
TANH2_SCALE: Final = 2.0 * 1.4426950408889634
_TWO_LOG2_E = both(TANH2_SCALE)
_HALF: Final = both(0.5)[1]

# exp(x) is the largest finite number, and the smallest normal one.
_EXP_MAX, _EXP_MIN = both(709.782712893384, 88.72283), both(-708.3964185322641, -87.33654)
_SMALLEST_NORMAL: Final = 2.0**-1022
# Up to here rounding x / pi leaves |r| <= 1.65, where the polynomial holds.
TRIG_LIMIT: Final = 2.0**48
TRIG_LIMIT_SINGLE: Final = 2.0**20
_TRIG_LIMITS: Final = both(TRIG_LIMIT, TRIG_LIMIT_SINGLE)
# From here on the functions round to 1.
_SIGMOID_ONE, _ERF_ONE = both(40.0, 20.0), both(6.0, 3.95)
_TANH_ONE, _TANH2_ONE = both(20.0, 9.7), both(58.0, 28.0)


@straight_line
def _with_sign(magnitude: float, x: float) -> float:
    """Return `magnitude`, which is not negative, with the sign of x."""
    return bits_like(x, to_bits(magnitude) | (to_bits(x) & integer_like(x, _SIGN_BIT)))


@straight_line
def _quotient(f: float) -> tuple[float, float]:
    """Return N and D, with N / D = tanh(f ln 2 / 2), for |f| <= 1/2."""
    z = f * f
    return f * polynomial(z, TANH_TOP), polynomial(z, TANH_BOTTOM)


@straight_line
def _power(x: float, factor: float) -> tuple[float, float, float]:
    """Return s = 2^k / 2, N and D, with k + f = g = x factor and N / D = tanh(f ln 2 / 2).

    Then 2^g = (D + N) / (D - N) 2^k, for any g whose 2^g is a normal number: of three numbers that
    have one quotient, 2^g is s h, 2^g - 1 is (s - 1/2) h + N, and 2^g + 1 is (s - 1/2) h + D, where
    h = D + N. For k = 0 the factor s - 1/2 vanishes, so that small g lose nothing. The product x
    factor is fused, which saves a rounding.
    """
    g = x * factor
    n, d = _quotient(fma(x, factor, -rint(g)))
    s = bits_like(x, to_bits(g + like(x, _ROUND_HALF)) << integer_like(x, _TO_EXPONENT))
    return s, n, d


@straight_line
def exp_unchecked(x: float) -> float:
    """Return e^x where it is a normal double.

    Domain: -708 <= x <= 709 only, in single precision -87 <= x <= 88.
    Method: x = k ln 2 + r, a polynomial in r, and k added to the exponent field.

    Examples
    --------
    >>> exp_unchecked(0.0)
    1.0
    """
    shifted = fma(x, like(x, _LOG2_E), like(x, _ROUND))
    k = shifted - like(x, _ROUND)
    r = fma(-k, like(x, _LN2_LOW), fma(-k, like(x, _LN2), x))
    value = like(x, 1.0) + fma(r * r, polynomial(r, EXP), r)
    return bits_like(x, to_bits(value) + (to_bits(shifted) << integer_like(x, _TO_EXPONENT)))


@straight_line
def exp(x: float) -> float:
    """Return e^x.

    Domain: every number.  A subnormal result becomes 0.  Method: that of `exp_unchecked`.

    Examples
    --------
    >>> exp(0.0), exp(-800.0), exp(800.0)
    (1.0, 0.0, inf)
    """
    value = exp_unchecked(x)
    value = value if x <= like(x, _EXP_MAX) else x + like(x, math.inf)  # a NaN stays one
    return like(x, 0.0) if x < like(x, _EXP_MIN) else value


@straight_line
def log_unchecked(x: float) -> float:
    """Return the natural logarithm of x, a normal positive number.

    Domain: 2^-1022 <= x < inf only.  Accurate next to 1 too.
    Method: x = 2^k m with m near 1, and log(m) = 2 artanh((m - 1) / (m + 1)).

    Examples
    --------
    >>> log_unchecked(1.0)
    0.0
    """
    # Subtracting the bits of sqrt(1/2) puts k, floored, in the exponent field; biased by 1023 it
    # is positive, for a logical shift (AVX2 has no arithmetic one).
    offset = to_bits(x) + (_ONE_BITS - _SQRT_HALF_BITS)
    m = from_bits((offset & _MANTISSA_BITS) + _SQRT_HALF_BITS)
    k = from_bits((offset >> 52 & _EXPONENT_MASK) | _ROUND_BITS) - (_ROUND_DOUBLE + 1023.0)
    d = (m - 1.0) / (m + 1.0)
    z = d * d
    return fma(k, like(x, _LN2), fma(d * z, polynomial(z, LOG), d + d))


@straight_line
def log(x: float) -> float:
    """Return the natural logarithm of x.

    Domain: every double, NaN below 0.  Accurate for a subnormal number too.
    Method: `log_unchecked`, of 2^52 x where x is subnormal.

    Examples
    --------
    >>> log(1.0), log(0.0)
    (0.0, -inf)
    """
    tiny = x < _SMALLEST_NORMAL
    value = log_unchecked(x * 2.0**52 if tiny else x) - (52.0 * _LN2_DOUBLE if tiny else 0.0)
    value = value if x < math.inf else x  # infinity and NaN
    low = -math.inf if x == 0.0 else math.nan
    return low if x <= 0.0 else value


@straight_line
def _sin_reduced(x: float, h: float, shifted: float) -> float:
    """Return sin(x - h pi), with its sign flipped where the integer in `shifted` is odd."""
    # The first difference is exact, the second is small next to what cancellation leaves.
    r = fma(-h, like(x, _PI_3), fma(-h, like(x, _PI_2), fma(-h, like(x, _PI_1), x)))
    z = r * r
    value = fma(r * z, polynomial(z, SIN), r)
    return bits_like(x, to_bits(value) ^ (to_bits(shifted) << integer_like(x, _TO_SIGN)))


@straight_line
def sin(x: float) -> float:
    """Return sin(x).

    Domain: |x| <= TRIG_LIMIT (single precision: TRIG_LIMIT_SINGLE), 0 beyond.  Accurate next to
    the zeros too; a maximum may exceed 1 by one unit in the last place.
    Method: x = k pi + r with pi in three numbers (Cody and Waite), a polynomial in r.

    Examples
    --------
    >>> sin(0.0), sin(1e300)
    (0.0, 0.0)
    """
    x = x if abs(x) <= like(x, _TRIG_LIMITS) else x * like(x, 0.0)
    shifted = fma(x, like(x, _INV_PI), like(x, _ROUND))
    return _sin_reduced(x, shifted - like(x, _ROUND), shifted)


@straight_line
def cos(x: float) -> float:
    """Return cos(x).

    Domain: |x| <= TRIG_LIMIT (single precision: TRIG_LIMIT_SINGLE), 1 beyond.  Accurate next to
    the zeros too.
    Method: that of `sin`, with the zeros at (k - 1/2) pi.

    Examples
    --------
    >>> cos(0.0), cos(1e300)
    (1.0, 1.0)
    """
    x = x if abs(x) <= like(x, _TRIG_LIMITS) else x * like(x, 0.0)
    half = like(x, 0.5)
    shifted = fma(x, like(x, _INV_PI), half) + like(x, _ROUND)
    return _sin_reduced(x, shifted - like(x, _ROUND) - half, shifted)


@straight_line
def sinpi_half(x: float) -> float:
    """Return sin(pi x) for x in [0, 1/2].

    Domain: [0, 1/2] only.  Accurate next to 0 too.  Method: one odd polynomial.

    Examples
    --------
    >>> sinpi_half(0.0)
    0.0
    """
    return x * polynomial(x * x, SINPI)


@straight_line
def _tanh_double(x: float, factor: float, one: float) -> float:
    y = abs(x)
    s, n, d = _power(one if y > one else y, factor)  # a NaN stays one
    common = (s - 0.5) * (d + n)
    # sums that differ in the last term: rounding can't take the quotient above 1
    return _with_sign((common + n) / (common + d), x)


@straight_line
def _tanh_single(x: float, factor: float, one: float) -> float:
    # The integer k may be negative as well, which saves taking the sign off and on; the form of
    # `_tanh_double` has errors above four roundings.
    y = one if x > one else x
    s, n, d = _power(-one if y < -one else y, factor)
    return fma(s - _HALF, d, (s + _HALF) * n) / fma(s + _HALF, d, (s - _HALF) * n)


@straight_line
def tanh(x: float) -> float:
    """Return the hyperbolic tangent of x.

    Domain: every number.  Accurate next to 0 too.  Odd, within [-1, 1], 1 from 20 on.
    Method: (e^(2x) - 1) / (e^(2x) + 1), numerator and denominator as in `_power`.

    Examples
    --------
    >>> tanh(0.0), tanh(-30.0)
    (0.0, -1.0)
    """
    return by_precision(_tanh_double, _tanh_single, (x, like(x, _TWO_LOG2_E), like(x, _TANH_ONE)))


@straight_line
def tanh2(g: float) -> float:
    """Return (2^g - 1) / (2^g + 1), which is tanh(x) for g = `TANH2_SCALE` x, in less time.

    Domain: every number.  Accurate next to 0 too.  Odd, within [-1, 1], 1 from 58 on.
    Method: that of `tanh`.

    Examples
    --------
    >>> tanh2(0.0), tanh2(-80.0)
    (0.0, -1.0)
    """
    return by_precision(_tanh_double, _tanh_single, (g, like(g, 1.0), like(g, _TANH2_ONE)))


@straight_line
def sigmoid(x: float) -> float:
    """Return the logistic function 1 / (1 + e^-x).

    Domain: every number.  Accurate in the tail too.  A subnormal result becomes 0.
    Method: e^x / (1 + e^x), where e^x = 2^k (D + N) / (D - N) as in `_power`.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(50.0), sigmoid(-750.0)
    (0.5, 1.0, 0.0)
    """
    one = like(x, _SIGMOID_ONE)
    y = one if x > one else x
    scaled = y * like(x, _LOG2_E)
    # what rounding took from it
    low = fma(y, like(x, _LOG2_E_LOW), fma(y, like(x, _LOG2_E), -scaled))
    shifted = scaled + like(x, _ROUND_BIASED)
    n, d = _quotient((scaled - (shifted - like(x, _ROUND_BIASED))) + low)
    top = bits_like(x, to_bits(shifted) << integer_like(x, _TO_EXPONENT)) * (d + n)
    return like(x, 0.0) if x < like(x, _EXP_MIN) else top / (top + (d - n))


@straight_line
def _one_minus_inverse(s: float, n: float, d: float) -> float:
    """Return 1 - 2^-g for what `_power` returns."""
    h = d + n
    return fma(s - like(s, 0.5), h, n) / (s * h)


@straight_line
def _erf_double(x: float) -> float:
    y, one = abs(x), like(x, _ERF_ONE)
    y = one if y > one else y
    s, n, d = _power(y, polynomial(y, ERF_TOP) / polynomial(y, ERF_BOTTOM))
    return _with_sign(_one_minus_inverse(s, n, d), x)


@straight_line
def _erf_single(x: float) -> float:
    y, one = abs(x), like(x, _ERF_ONE)
    y = one if y > one else y
    s, n, d = _power(y, polynomial(y, ERF_SINGLE))
    return _with_sign(_one_minus_inverse(s, n, d), x)


@straight_line
def erf(x: float) -> float:
    """Return the error function of x.

    Domain: every number.  Accurate next to 0 too.  Odd, within [-1, 1], 1 from 6 on.
    Method: erf(y) = 1 - 2^-g for y = |x|, g / y a quotient of polynomials fitted to the
    error of erf, and 2^g by `_power`.

    Examples
    --------
    >>> erf(0.0), erf(-10.0)
    (0.0, -1.0)
    """
    return by_precision(_erf_double, _erf_single, (x,))
