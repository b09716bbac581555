r"""Lemma C.3: for nonnegative i.i.d. X of infinite mean, P[(X_1 + ... + X_n)/n <= C] -> 0.

With the Laplace transform L(s) = E e^{-sX} and I(C) = sup_{s>0} (-sC - log L(s)), which is positive
for every C when the mean is infinite, the probability is at most exp(-n I(C)) for every n. Inverted
along the line through the maximizer a, where nothing oscillates at the peak, L gives it exactly:

    P = (1/π) ∫_0^∞ Re[ e^{nsC} L(s)^n / s ] dω,   s = a + iω.

So it falls exponentially, with the rate I(C). For all C at once: when P(X > x) ~ c x^{-β}, β < 1,

    n^{-1/β} (X_1 + ... + X_n) -> c^{1/β} S,   E e^{-sS} = e^{-Γ(1-β) s^β},

and P[mean <= C] is about P[S <= C n^{1 - 1/β} c^{-1/β}], which vanishes too.

X is the squared norm of a stable vector θ, as in the proof of Theorem 3.1 (β = α/2, c = C(p)), and
Pareto's x^{-β}, x > 1, with β = 1/2 and with β = 1, just not integrable. Since E e^{-s‖θ‖²} is the
mean of the characteristic function at sqrt(2s) G, G standard normal, L is known by quadrature.

The proof truncates with max(X, K), whose mean is infinite for every K; min(X, K) is meant.

Control: for Gaussian θ the mean is 2p, and the probability tends to 1 for every C above it.
"""

import cmath
import math
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize_scalar
from scipy.special import erfc, exp1

import sde
from sde.positive_stable import log_positive_stable_quantile, positive_stable_cdf
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Figure, Panel, Series
from theory_checks.series import points
from theory_checks.statistics import Interval, ks_distance, proportion_interval
from theory_checks.verdict import Evidence, Quantity

DIM = 2


class Variable(NamedTuple):
    """A law of X, and the C at which the probability is measured against n."""

    name: str
    beta: float
    bound: float  # C
    noise: sde.StableNoise | None = None  # of θ, X = ‖θ‖²; none for Pareto's law

    def draw(self, rows: int, columns: int, seed: int, replicate: int) -> NDArray[np.float64]:
        """Return independent draws."""
        if self.noise is None:
            rng = np.random.default_rng([seed, replicate])
            return np.asarray((1.0 - rng.random((rows, columns))) ** (-1 / self.beta))
        theta = self.noise.increments(columns, DIM, 1.0, rows, seed=seed, replicate=replicate)
        return np.asarray(np.einsum("rij,rij->ri", theta, theta))

    @property
    def tail_constant(self) -> float:
        """The constant c of P(X > x) ~ c x^{-β}."""
        return 1.0 if self.noise is None else self.noise.tail_constant(DIM)

    def laplace(self) -> Callable[[complex], complex]:
        """Return s -> E e^{-sX}, for s of positive real part."""
        if self.noise is None:
            return _pareto_laplace(self.beta)
        return _square_laplace(self.noise)


def _stable(alpha: float, kind: str, bound: float) -> Variable:
    noise = sde.StableNoise(alpha, kind)
    return Variable(f"‖θ‖², α = {alpha}, Type {kind}", alpha / 2, bound, noise)


#: The bounds C make I(C) about 0.06, so that probabilities can be measured up to n = 64.
SQUARES = (_stable(1.2, "I", 5.5), _stable(1.5, "II", 4.6), _stable(1.8, "III", 3.0))
VARIABLES = (*SQUARES, Variable("Pareto, β = 0.5", 0.5, 14.0), Variable("Pareto, β = 1", 1.0, 2.7))
GAUSSIAN = sde.StableNoise(2.0, "II")
#: Controls: bounds above and below the mean of ‖θ‖² for Gaussian θ, which is 2p.
CONTROLS = tuple(
    Variable(f"Gaussian ‖θ‖², C = {share} E X", 1.0, share * 2.0 * DIM, GAUSSIAN)
    for share in (1.3, 0.7)
)
WIDTHS = 2 ** np.arange(2, 9)
#: Number of terms at which the probability is compared with its exact value.
AT = 32
ROWS = {"quick": 20_000, "standard": 100_000, "deep": 1_000_000}
BATCH = 2000
#: Of the probability over its exact value: an interval of 0.04 in the quick profile, and noise.
RATIO_TOLERANCE = 0.12
#: Of the distance from the stable law at 256 terms: up to 0.02 of approach, noise of 0.01 and an
#: interval of 0.012; a tail constant that is off by 10 % moves the law by 0.05 or more.
DISTANCE = 0.045


class Decay(NamedTuple):
    """The probability that a mean of n terms is at most C, and its rate I(C)."""

    laplace: Callable[[complex], complex]
    bound: float
    point: float  # the maximizer a
    rate: float

    @classmethod
    @cache  # no seed changes it
    def of(cls, variable: Variable) -> "Decay":
        """Maximize -sC - log L(s)."""
        laplace, bound = variable.laplace(), variable.bound
        found = minimize_scalar(
            lambda x: math.exp(x) * bound + math.log(laplace(math.exp(x)).real),
            bounds=(-12.0, 4.0),
            method="bounded",
        )
        return cls(laplace, bound, math.exp(float(found.x)), -float(found.fun))

    def chernoff(self, n: float) -> float:
        """Return the bound exp(-n I(C))."""
        return math.exp(-n * self.rate)

    def probability(self, n: int) -> float:
        """Return the exact probability, by inversion."""
        return _probability(self, n)


@cache
def _probability(decay: Decay, n: int) -> float:
    """Return P[mean <= C], by integration along the line through the maximizer."""
    peak = decay.chernoff(n)

    def integrand(t: float) -> float:
        s = decay.point * (1 + 1j * t)
        relative = (cmath.exp(s * decay.bound) * decay.laplace(s)) ** n / peak
        return (relative / (1 + 1j * t)).real

    # t is ω over the distance of the line from the pole at 0
    value, _ = quad(integrand, 0.0, np.inf, limit=400, epsrel=1e-4, epsabs=1e-6)
    return peak * float(value) / math.pi


def _pareto_laplace(beta: float) -> Callable[[complex], complex]:
    """Return E e^{-sX} for P(X > x) = x^{-β}: e^{-s} - s^β Γ(1 - β, s), at β = 1/2 and 1."""
    if beta == 1:
        return lambda s: cmath.exp(-s) - s * complex(exp1(s))
    return lambda s: cmath.exp(-s) - cmath.sqrt(math.pi * s) * complex(erfc(cmath.sqrt(s)))


def _square_laplace(noise: sde.StableNoise) -> Callable[[complex], complex]:
    """Return E e^{-s‖θ‖²}, by quadrature over G in polar coordinates (p = 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    radius = 4.5 * (nodes + 1)  # beyond 9 the normal law has nothing left
    weights = 4.5 * weights * radius * np.exp(-(radius**2) / 2)
    angle = (np.arange(128) + 0.5) * np.pi / 128
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # the exponent of the characteristic function is homogeneous of degree α
    exponents = -np.log(noise.characteristic_function(circle))
    powers = radius[:, None] ** noise.alpha * exponents

    def laplace(s: complex) -> complex:
        values = np.exp(-((2 * s) ** (noise.alpha / 2)) * powers)
        return complex(weights @ values.mean(axis=1))

    return laplace


@cache
def _log_cdf(beta: float) -> tuple[float, float, PchipInterpolator]:
    """Return the distribution function of log S between two quantiles, by interpolation."""
    # 97 values and a monotone interpolation between them: errors below 1e-4
    ends = [log_positive_stable_quantile(beta, q) for q in (1e-5, 1 - 1e-5)]
    grid = np.linspace(ends[0], ends[1], 97)
    values = [positive_stable_cdf(beta, math.exp(x)) for x in grid]
    return ends[0], ends[1], PchipInterpolator(grid, values)


def sum_cdf(variable: Variable, n: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the distribution function of the stable law that the sum of n terms has for large n.

    Examples
    --------
    >>> half = sum_cdf(Variable("Pareto", 0.5, 1.0), 1)  # a Lévy law of scale π/2
    >>> round(float(half(np.array([np.pi / 2 / 0.454936]))[0]), 4)
    0.5
    """
    beta = variable.beta
    low, high, log_cdf = _log_cdf(beta)
    shift = (math.log(n * variable.tail_constant) + math.lgamma(1 - beta)) / beta
    return lambda x: np.asarray(log_cdf(np.clip(np.log(x) - shift, low, high)))


class _Found(NamedTuple):
    """Shares of means at most C, one a width, and sums of the largest number of terms."""

    variable: Variable
    shares: list[Interval]
    sums: NDArray[np.float64]
    decay: Decay

    @classmethod
    def of(cls, variable: Variable, drawn: tuple[list[Interval], NDArray[np.float64]]) -> "_Found":
        return cls(variable, *drawn, Decay.of(variable))


def _draw(settings: Settings, variable: Variable) -> tuple[list[Interval], NDArray[np.float64]]:
    """Return the shares of means at most C, one a width, and the sums."""
    counts, trials, sums = np.zeros(len(WIDTHS), int), np.zeros(len(WIDTHS), int), []
    for first in range(0, ROWS[settings.profile], BATCH):
        blocks = variable.draw(BATCH, int(WIDTHS[-1]), settings.seed, first)
        for k, n in enumerate(WIDTHS):
            totals = blocks.reshape(-1, n).sum(axis=1)
            counts[k] += int((totals <= n * variable.bound).sum())
            trials[k] += len(totals)
        sums.append(totals)
    shares = [proportion_interval(int(c), int(t)) for c, t in zip(counts, trials, strict=True)]
    return shares, np.concatenate(sums)


def parts(settings: Settings) -> Parts:
    """Return the simulations: one for each variable, the controls last."""
    return {
        f"means of {variable.name}": partial(_draw, settings, variable)
        for variable in (*VARIABLES, *CONTROLS)
    }


def check(settings: Settings) -> Evidence:
    """Measure the probability against n for squares of stable vectors, Pareto laws, a control."""
    drawn = settings.compute(parts(settings)).values()
    variables = (*VARIABLES, *CONTROLS)
    *found, above, below = map(_Found.of, variables, drawn)
    controls = (
        Quantity.of(
            f"P[mean <= C] at α = 2, C = 1.3 E X, n = {WIDTHS[-1]}", above.shares[-1], 0.99, ">="
        ),
    )
    quantities = [quantity for each in found for quantity in _quantities(each)]
    quantities.append(
        Quantity.of(
            f"P[mean <= C] at α = 2, C = 0.7 E X, n = {WIDTHS[-1]}",
            below.shares[-1],
            None,
            "reported",
        )
    )
    return Evidence(tuple(quantities), controls, (_figure(found, above),))


def _quantities(found: _Found) -> list[Quantity]:
    name, at = found.variable.name, WIDTHS.tolist().index(AT)
    bounds = [found.decay.chernoff(int(n)) for n in WIDTHS]
    ratios = [share.times(1 / bound) for share, bound in zip(found.shares, bounds, strict=True)]
    # ratios at larger n have intervals that say little
    worst = max(ratios[: at + 1], key=lambda ratio: ratio.high)
    c = f"C = {found.variable.bound:g}"
    quantities = [
        Quantity.of(
            f"P[mean <= C], {c}, n = {WIDTHS[-1]} ({name})",
            found.shares[-1],
            0.001,
            "<=",
            role="printed",
        ),
        Quantity.of(
            f"largest ratio of the probability to exp(-n I(C)), n <= {AT} ({name})",
            worst,
            1.0,
            "<=",
            role="printed",
        ),
        Quantity.of(
            f"probability over its exact value, n = {AT} ({name})",
            found.shares[at].times(1 / found.decay.probability(AT)),
            1.0,
            "=",
            tolerance=RATIO_TOLERANCE,
        ),
    ]
    if found.variable.beta < 1:
        n = int(WIDTHS[-1])
        distance = ks_distance(found.sums, sum_cdf(found.variable, n))
        text = f"distance of the sum's law from the stable one, n = {n} ({name})"
        quantities.append(Quantity.of(text, distance, DISTANCE, "<="))
    return quantities


def _figure(found: list[_Found], control: _Found) -> Figure:
    caption = (
        "Left: the probability that a mean of n terms stays below C falls exponentially, as its "
        "exact value says (no fit), for squared norms of stable vectors and for Pareto laws; with "
        "a finite mean below C it tends to 1. Right: for all C at once, the law of the sum of 256 "
        "squared norms beside the stable law. Bars: 99 % intervals."
    )
    return Figure("lemma-C.3", caption, (_falling(found, control), _sums(found)))


def _falling(found: list[_Found], control: _Found) -> Panel:
    shown = WIDTHS.tolist()[:5]  # beyond, the probabilities are too small to be measured
    series = []
    for k, each in enumerate(found):
        law = [each.decay.probability(n) for n in shown]
        name = f"{each.variable.name}, C = {each.variable.bound:g}"
        series += [
            points(name, shown, each.shares[: len(shown)]),
            Series("" if k else "exact", shown, law, style="line", emphasis="law"),
        ]
    chernoff = [found[0].decay.chernoff(n) for n in shown]
    return Panel(
        "Probability that the mean of n terms is at most C",
        "number of terms n",
        "P[mean <= C]",
        (
            *series,
            Series("exp(-n I(C)), α = 1.2", shown, chernoff, style="line", emphasis="guarantee"),
            points(
                "control: α = 2, C = 1.3 E X", shown, control.shares[: len(shown)], control=True
            ),
        ),
        y_scale="log",
    )


def _sums(found: list[_Found]) -> Panel:
    n, grid, fine = int(WIDTHS[-1]), np.geomspace(1.0, 1e4, 25), np.geomspace(1.0, 1e4, 150)
    series = []
    for k, each in enumerate(found[: len(SQUARES)]):
        below = [int((each.sums <= n * c).sum()) for c in grid]
        shares = [proportion_interval(count, len(each.sums)) for count in below]
        law = sum_cdf(each.variable, n)(n * fine)
        series += [
            points(each.variable.name, grid, shares),
            Series("" if k else "stable law", fine, law, style="line", emphasis="law"),
        ]
    return Panel(
        f"The same for every C, n = {n}", "C", "P[mean <= C]", tuple(series), x_scale="log"
    )


CLAIM = Claim(
    id="lemma-C.3",
    title="Means of variables of infinite mean",
    statement="A sample mean of nonnegative variables of infinite mean leaves every bound.",
    printed_form="P[(1/n) Σ_{i<=n} X_i <= C] -> 0 if E[X] = +∞, for every C > 0",
    recorded="holds",
    check=check,
    parts=parts,
    setting=(
        f"squared norms of stable vectors, p = {DIM}, σ = 1, and Pareto variables; n = "
        f"{WIDTHS[0]} to {WIDTHS[-1]}, {ROWS['quick']} rows of {WIDTHS[-1]} terms, cut into means "
        "of n terms (quick profile)."
    ),
    method=__doc__,
)
