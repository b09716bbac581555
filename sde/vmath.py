"""Elementary functions that LLVM can vectorise.

Numba without SVML calls the scalar libm from a loop, 14 ns for a ``tanh``.  These functions
are straight-line code of fused multiply-adds, bit-casts and selects; a loop that calls them
inside any ``@njit`` function inlines them and becomes AVX2 or AVX-512 code.

Error bounds are relative, and hold where the result is a normal double.  The fused operations
are explicit and no fast-math flag is set, so that no flag of the caller changes a result.

Polynomials were fitted by Remez's algorithm (mpmath, 50 digits, to the relative error of the
function itself), then rounded to double; coefficients start from the lowest power.
"""

import math
from typing import Final

from sde.intrinsics import fma, from_bits, polynomial, straight_line, to_bits

__all__ = [
    "TRIG_LIMIT", "cos", "erf", "exp", "exp_unchecked", "log", "log_unchecked",
    "sigmoid", "sin", "sinpi_half", "tanh",
]  # fmt: skip

_SIGN_BIT, _MANTISSA_BITS = -(2**63), 2**52 - 1
_SQRT_HALF_BITS: Final = 0x3FE6A09E667F3BCD
_ONE_BITS, _EXPONENT_MASK = 1023 << 52, 0xFFF
# Adding 3 * 2^51 rounds to an integer, and leaves that integer in the low bits of the sum.
_ROUND: Final = 3.0 * 2.0**51
_ROUND_BITS: Final = 0x4338000000000000
# With the exponent bias on top the low bits, shifted by 52, are the double 2^k itself.
_ROUND_BIASED: Final = _ROUND + 1023.0
_ROUND_HALF: Final = _ROUND + 1022.0  # 2^(k - 1)
# log2(e) and ln 2 are each the sum of two doubles, to 107 bits; pi of three, to 161.
_LOG2_E, _LOG2_E_LOW = 1.4426950408889634, 2.0355273740931033e-17
_LN2, _LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17
_PI_1, _PI_2, _PI_3 = 3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33
_INV_PI: Final = 0.3183098861837907
_TWO_LOG2_E: Final = 2.0 * _LOG2_E

# exp(x) is the largest finite double, and the smallest normal one.
_EXP_MAX, _EXP_MIN = 709.782712893384, -708.3964185322641
_SMALLEST_NORMAL: Final = 2.0**-1022
# Up to here rounding x / pi leaves |r| <= 1.65, where the polynomial holds.
TRIG_LIMIT: Final = 2.0**48

# fmt: off
# (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2; error 2.9e-16 of e^r.
_EXP: Final = (
    0.49999999999998324, 0.1666666666661151, 0.04166666666813777, 0.008333333370892837,
    0.0013888888515983752, 0.0001984118520204445, 2.480193186844523e-05, 2.7635006465882444e-06,
    2.747677844825575e-07,
)
# f coth(f ln 2 / 2), even, in f^2 on |f| <= 1/2; error 7.6e-19.  Its poles are twice as far
# away as those of tanh, hence half the terms.
_COTH: Final = (
    2.8853900817779268, 0.11552453009332359, -0.0009250684777173125, 1.0582188497317735e-05,
    -1.271021920015818e-07, 1.5281535077217257e-09,
)
# (2 artanh(d) / d - 2) / d^2 in d^2, on |d| <= 3 - 2 sqrt(2); error 1.9e-16 of artanh(d).
_LOG: Final = (
    0.6666666666658716, 0.4000000005230091, 0.2857141712501071, 0.22223372045607262,
    0.18123630222396359, 0.16819977089933827,
)
# (sin(r) / r - 1) / r^2 in r^2, on |r| <= 1.65; error 6.8e-19 of sin(r).
_SIN: Final = (
    -0.16666666666666663, 0.008333333333333052, -0.0001984126984115943, 2.7557319202834764e-06,
    -2.5052106133825193e-08, 1.6058903624658652e-10, -7.642079984567064e-13, 2.711862310163018e-15,
)
# sin(pi x) / x in x^2, on [0, 1/2]; error 1.5e-16 of sin(pi x).
_SINPI: Final = (
    3.141592653589793, -5.1677127800498015, 2.550164039861843, -0.5992645288143827,
    0.08214587862841903, -0.0073703629897987856, 0.00046598266397254284, -2.1128272851598132e-05,
)
# -log2(erfc(y)) / y on [0, 5.9], a quotient of polynomials in y; error 2.0e-16 of erf(y).
_ERF_TOP: Final = (
    1.6279070286111152, 2.9192670196548423, 2.4884855276157603, 1.2515352285398973,
    0.3892866100453302, 0.07143912822403516, 0.006339509474359968, 8.916767364488995e-05,
)
_ERF_BOTTOM: Final = (
    1.0, 1.2290743856763124, 0.74413024706549, 0.25397788942089505, 0.04908708651237888,
    0.004396589413200377, 6.17445893710466e-05,
)
# fmt: on


@straight_line
def _with_sign(magnitude: float, x: float) -> float:
    """Return `magnitude`, which is not negative, with the sign of x."""
    return from_bits(to_bits(magnitude) | (to_bits(x) & _SIGN_BIT))


@straight_line
def _half_minus_one(g: float) -> tuple[float, float]:
    """Return p and q with 2^g - 1 = 2 p / q, for 0 <= g <= 1022; both are positive.

    With g = k + f and D = f coth(f ln 2 / 2), 2^f = (D + f) / (D - f).
    """
    shifted = g + _ROUND_HALF
    f = g - (shifted - _ROUND_HALF)
    d = polynomial(f * f, _COTH)
    s = from_bits(to_bits(shifted) << 52)  # 2^k / 2
    # For k = 0 the first factor vanishes, so that small g lose nothing.
    return fma(s - 0.5, d, (s + 0.5) * f), d - f


@straight_line
def exp_unchecked(x: float) -> float:
    """Return e^x where it is a normal double.

    Domain: -708 <= x <= 709 only.  Error: 1e-15.
    Method: x = k ln 2 + r, a polynomial in r, and k added to the exponent field.

    Examples
    --------
    >>> exp_unchecked(0.0)
    1.0
    """
    shifted = fma(x, _LOG2_E, _ROUND)
    k = shifted - _ROUND
    r = fma(-k, _LN2_LOW, fma(-k, _LN2, x))
    value = 1.0 + fma(r * r, polynomial(r, _EXP), r)
    return from_bits(to_bits(value) + (to_bits(shifted) << 52))


@straight_line
def exp(x: float) -> float:
    """Return e^x.

    Domain: every double.  Error: 1e-15.  A subnormal result becomes 0.
    Method: that of `exp_unchecked`.

    Examples
    --------
    >>> exp(0.0), exp(-800.0), exp(800.0)
    (1.0, 0.0, inf)
    """
    value = exp_unchecked(x)
    value = value if x <= _EXP_MAX else x + math.inf  # a NaN stays one
    return 0.0 if x < _EXP_MIN else value


@straight_line
def log_unchecked(x: float) -> float:
    """Return the natural logarithm of x, a normal positive number.

    Domain: 2^-1022 <= x < inf only.  Error: 1e-15, next to 1 too.
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
    k = from_bits((offset >> 52 & _EXPONENT_MASK) | _ROUND_BITS) - (_ROUND + 1023.0)
    d = (m - 1.0) / (m + 1.0)
    z = d * d
    return fma(k, _LN2, fma(d * z, polynomial(z, _LOG), d + d))


@straight_line
def log(x: float) -> float:
    """Return the natural logarithm of x.

    Domain: every double, NaN below 0.  Error: 1e-15, of a subnormal number too.
    Method: `log_unchecked`, of 2^52 x where x is subnormal.

    Examples
    --------
    >>> log(1.0), log(0.0)
    (0.0, -inf)
    """
    tiny = x < _SMALLEST_NORMAL
    value = log_unchecked(x * 2.0**52 if tiny else x) - (52.0 * _LN2 if tiny else 0.0)
    value = value if x < math.inf else x  # infinity and NaN
    low = -math.inf if x == 0.0 else math.nan
    return low if x <= 0.0 else value


@straight_line
def _sin_reduced(x: float, h: float, shifted: float) -> float:
    """Return sin(x - h pi), with its sign flipped where the integer in `shifted` is odd."""
    # The first difference is exact, the second is small next to what cancellation leaves.
    r = fma(-h, _PI_3, fma(-h, _PI_2, fma(-h, _PI_1, x)))
    z = r * r
    value = fma(r * z, polynomial(z, _SIN), r)
    return from_bits(to_bits(value) ^ (to_bits(shifted) << 63))


@straight_line
def sin(x: float) -> float:
    """Return sin(x).

    Domain: |x| <= TRIG_LIMIT, 0 beyond.  Error: 1e-15, next to the zeros too; a maximum may
    exceed 1 by one unit in the last place.
    Method: x = k pi + r with pi in three doubles (Cody and Waite), a polynomial in r.

    Examples
    --------
    >>> sin(0.0), sin(1e300)
    (0.0, 0.0)
    """
    x = x if abs(x) <= TRIG_LIMIT else x * 0.0
    shifted = fma(x, _INV_PI, _ROUND)
    return _sin_reduced(x, shifted - _ROUND, shifted)


@straight_line
def cos(x: float) -> float:
    """Return cos(x).

    Domain: |x| <= TRIG_LIMIT, 1 beyond.  Error: 1e-15, next to the zeros too.
    Method: that of `sin`, with the zeros at (k - 1/2) pi.

    Examples
    --------
    >>> cos(0.0), cos(1e300)
    (1.0, 1.0)
    """
    x = x if abs(x) <= TRIG_LIMIT else x * 0.0
    shifted = fma(x, _INV_PI, 0.5) + _ROUND
    return _sin_reduced(x, shifted - _ROUND - 0.5, shifted)


@straight_line
def sinpi_half(x: float) -> float:
    """Return sin(pi x) for x in [0, 1/2].

    Domain: [0, 1/2] only.  Error: 1e-15, next to 0 too.  Method: one odd polynomial.

    Examples
    --------
    >>> sinpi_half(0.0)
    0.0
    """
    return x * polynomial(x * x, _SINPI)


@straight_line
def tanh(x: float) -> float:
    """Return the hyperbolic tangent of x.

    Domain: every double.  Error: 1e-15, next to 0 too.  Odd, within [-1, 1], 1 from 20 on.
    Method: (e^(2x) - 1) / (e^(2x) + 1) by `_half_minus_one`, with a single division.

    Examples
    --------
    >>> tanh(0.0), tanh(-30.0)
    (0.0, -1.0)
    """
    g = abs(x) * _TWO_LOG2_E
    g = 55.0 if g > 55.0 else g  # a NaN stays one
    top, bottom = _half_minus_one(g)
    # Adding to the top, rather than rounding both on their own, keeps the quotient below 1.
    return _with_sign(top / (top + bottom), x)


@straight_line
def sigmoid(x: float) -> float:
    """Return the logistic function 1 / (1 + e^-x).

    Domain: every double.  Error: 1e-15, in the tail too.  A subnormal result becomes 0.
    Method: e^x / (1 + e^x), where e^x = 2^k (D + f) / (D - f) as in `_half_minus_one`.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(50.0), sigmoid(-750.0)
    (0.5, 1.0, 0.0)
    """
    y = 40.0 if x > 40.0 else x
    scaled = y * _LOG2_E
    low = fma(y, _LOG2_E_LOW, fma(y, _LOG2_E, -scaled))  # what rounding took from it
    shifted = scaled + _ROUND_BIASED
    f = (scaled - (shifted - _ROUND_BIASED)) + low
    d = polynomial(f * f, _COTH)
    top = from_bits(to_bits(shifted) << 52) * (d + f)
    return 0.0 if x < _EXP_MIN else top / (top + (d - f))


@straight_line
def erf(x: float) -> float:
    """Return the error function of x.

    Domain: every double.  Error: 1e-15, next to 0 too.  Odd, within [-1, 1], 1 from 6 on.
    Method: erf(y) = 1 - 2^-g for y = |x|, g / y a quotient of polynomials fitted to the
    error of erf, and 2^g - 1 by `_half_minus_one`.

    Examples
    --------
    >>> erf(0.0), erf(-10.0)
    (0.0, -1.0)
    """
    y = abs(x)
    y = 6.0 if y > 6.0 else y
    g = y * (polynomial(y, _ERF_TOP) / polynomial(y, _ERF_BOTTOM))
    top, bottom = _half_minus_one(g)
    top = top + top
    return _with_sign(top / (top + bottom), x)
