"""Coefficients of the polynomials of `sde.vmath`, lowest power first, for both precisions.

They were fitted by Remez's algorithm (mpmath, 40 digits or more, to the relative error of the
function itself), then rounded. Errors are quoted before rounding, for double and single precision.
"""

from sde.intrinsics import both

__all__ = [
    "ERF_BOTTOM",
    "ERF_SINGLE",
    "ERF_TOP",
    "EXP",
    "LOG",
    "SIN",
    "SINPI",
    "TANH_BOTTOM",
    "TANH_TOP",
]

# fmt: off
# (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2; error 2.9e-16 and 3.1e-9 of e^r.
EXP = both(
    (
        0.49999999999998324, 0.1666666666661151, 0.04166666666813777, 0.008333333370892837,
        0.0013888888515983752, 0.0001984118520204445, 2.480193186844523e-05,
        2.7635006465882444e-06, 2.747677844825575e-07,
    ),
    (0.499999934529, 0.166665206914, 0.0416683871172, 0.00836870981839, 0.00138146262107),
)
# tanh(f ln 2 / 2) / f, even, a quotient of polynomials in f^2 on |f| <= 1/2; error 4.8e-18, and
# 1.8e-9 for the one below alone: poles of the inverse are twice as far away. The first terms are
# two doubles whose quotient is ln 2 / 2 to 2e-18, so that rounding them costs nothing.
TANH_TOP = both((65550.94758449348, 874.7427900438375, 1.0), (1.0,))
TANH_BOTTOM = both(
    (189140.05401144223, 10096.716587369794, 43.30052456310446),
    (2.88539008689, 0.115524160443, -0.000921116211554),
)
# (2 artanh(d) / d - 2) / d^2 in d^2, on |d| <= 3 - 2 sqrt(2); error 1.9e-16 of artanh(d).
LOG = both((
    0.6666666666658716, 0.4000000005230091, 0.2857141712501071, 0.22223372045607262,
    0.18123630222396359, 0.16819977089933827,
))
# (sin(r) / r - 1) / r^2 in r^2, on |r| <= 1.65; error 6.8e-19 and 1.0e-8 of sin(r); the
# latter's were moved by a few units in the last place, so that sin(pi / 2) is 1.
SIN = both(
    (
        -0.16666666666666663, 0.008333333333333052, -0.0001984126984115943,
        2.7557319202834764e-06, -2.5052106133825193e-08, 1.6058903624658652e-10,
        -7.642079984567064e-13, 2.711862310163018e-15,
    ),
    (-0.16666655242443085, 0.008332970552146435, -0.00019802662427537143, 2.5903270852722926e-06),
)
# sin(pi x) / x in x^2, on [0, 1/2]; error 1.5e-16 of sin(pi x).
SINPI = both((
    3.141592653589793, -5.1677127800498015, 2.550164039861843, -0.5992645288143827,
    0.08214587862841903, -0.0073703629897987856, 0.00046598266397254284, -2.1128272851598132e-05,
))
# -log2(erfc(y)) / y on [0, 5.9], a quotient of polynomials in y; error 2.0e-16 of erf(y).
ERF_TOP = both((
    1.6279070286111152, 2.9192670196548423, 2.4884855276157603, 1.2515352285398973,
    0.3892866100453302, 0.07143912822403516, 0.006339509474359968, 8.916767364488995e-05,
))
ERF_BOTTOM = both((
    1.0, 1.2290743856763124, 0.74413024706549, 0.25397788942089505, 0.04908708651237888,
    0.004396589413200377, 6.17445893710466e-05,
))
# The same on [0, 3.95], one polynomial; error 4.0e-9.
ERF_SINGLE = both((), (
    1.62790703512, 0.918447625258, 0.148277067088, -0.0276320341132, -0.000231393481081,
    0.00240500123155, -0.000912983674062, 0.000169718330023, -1.33537077046e-5,
))
# fmt: on
