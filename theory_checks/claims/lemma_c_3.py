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

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Figure, Panel, Series
from theory_checks.infinite_mean import DIM, Decay, Variable, sum_cdf
from theory_checks.series import points
from theory_checks.statistics import Interval, ks_distance, proportion_interval
from theory_checks.verdict import Evidence, Quantity


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
