r"""Section 2 (Gribonval, Cevher and Davies 2012): l_p-compressibility of i.i.d. sequences.

Printed: when E|x|^α = ∞, the relative l_p error of keeping the κn largest of n entries vanishes for
all p >= α. With a tail c x^{-α}, the sharp law for p > α is

    error^p ~ n^{1 - p/α} m / (c^{p/α} S),   m = E[|x|^p; |x| <= q_{1-κ}],

S positive α/p-stable: the error falls like n^{1/p - 1/α}. For p < α the p-th moment is finite and
the error tends to

    G = (E[|x|^p; |x| <= q_{1-κ}] / E|x|^p)^{1/p} > 0,

so the condition is sharp. At p = α it falls like (m / (c log n))^{1/α}, which is reported only.

G is exact: by quadrature for stable sequences at p = 1, and (1 - κ^{1 - p/α})^{1/p} for the Pareto
law x^{-α}, x > 1.

Control: for Gaussian sequences, all of whose moments are finite, the error does not fall.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Figure, Panel, Series
from theory_checks.series import order_points, points
from theory_checks.stable_law import absolute_moment, absolute_quantile, truncated_mean
from theory_checks.statistics import (
    Interval,
    Order,
    convergence_order,
    mean_interval,
    median_interval,
)
from theory_checks.verdict import Evidence, Quantity

KEEP = 0.1
WIDTHS = 4 ** np.arange(3, 7)
REPLICATES = {"quick": 2000, "standard": 10_000, "deep": 100_000}
#: Errors for p <= α hardly vary, and need a fraction of the replicates.
FRACTION = 4
BATCH = 64
LAW_SAMPLE = 2**20
#: Of exponents: an interval of 0.02 in the quick profile, and the approach at n = 64.
TOLERANCE = 0.05
#: Of the median over its law: an interval of 0.067 in the quick profile, four standard errors of
#: 0.025, and the approach. Of the mean over G: the fluctuation of the mean of |x| moves it by
#: the order of n^{1-α}, 0.016 at most; the rest is noise and the interval.
MEDIAN_TOLERANCE, LIMIT_TOLERANCE = 0.17, 0.04


class Sequence(NamedTuple):
    """Law of the entries: symmetric stable, or Pareto (kind "")."""

    alpha: float
    kind: str = ""

    @property
    def label(self) -> str:
        """Which law."""
        return f"{'stable' if self.kind else 'Pareto'}, α = {self.alpha:g}"

    @property
    def tail_constant(self) -> float:
        """The constant c of P(|x| > t) ~ c t^{-α}."""
        return sde.StableNoise(self.alpha, self.kind).tail_constant(1) if self.kind else 1.0

    def draw(self, rows: int, columns: int, seed: int, replicate: int) -> NDArray[np.float64]:
        """Return sequences of absolute values, one a row."""
        if not self.kind:
            rng = np.random.default_rng([seed, replicate])
            return np.asarray((1.0 - rng.random((rows, columns))) ** (-1 / self.alpha))
        noise = sde.StableNoise(self.alpha, self.kind)
        draws = noise.increments(columns, 1, 1.0, rows, seed=seed, replicate=replicate)
        return np.abs(draws[:, :, 0])


#: Sequences with p above α, and below.
FALLING = (
    (Sequence(1.2, "I"), 2.0),
    (Sequence(1.5, "II"), 2.0),
    (Sequence(1.8, "III"), 4.0),
    (Sequence(1.0), 2.0),
)
STAYING = ((Sequence(1.5, "II"), 1.0), (Sequence(1.8, "III"), 1.0), (Sequence(1.2), 0.5))
BOUNDARY = (Sequence(1.5, "II"), 1.5)
CONTROL = (Sequence(2.0, "II"), 2.0)


def lp_errors(powers: NDArray[np.float64], p: float, keep: float) -> NDArray[np.float64]:
    """Return the relative l_p error of keeping the floor(keep n) largest entries of each row.

    Parameters
    ----------
    powers : (R, n) array
        p-th powers of the absolute values of the entries.
    p, keep : float
        The norm, and the share of entries to keep, below 1.

    Examples
    --------
    >>> lp_errors(np.array([[3.0, 1.0]]), p=1.0, keep=0.5).tolist()
    [0.25]
    """
    pruned = powers.shape[1] - math.floor(keep * powers.shape[1])
    ordered = np.partition(powers, pruned, axis=1)
    return np.asarray((ordered[:, :pruned].sum(axis=1) / ordered.sum(axis=1)) ** (1 / p))


def limit_error(law: Sequence, p: float) -> float:
    """Return G, for p < α: of a Pareto law, or of a stable one at p = 1.

    Examples
    --------
    >>> limit_error(Sequence(2.0), 1.0) == 1 - KEEP**0.5
    True
    """
    if not law.kind:
        return float((1 - KEEP ** (1 - p / law.alpha)) ** (1 / p))
    below = truncated_mean(law.alpha, absolute_quantile(law.alpha, 1 - KEEP))
    return below / absolute_moment(law.alpha, p)


def parts(settings: Settings) -> Parts:
    """Return the simulations: p above α, below α and at α, and the control."""
    return {
        f"{law.label}, p = {p:g}": partial(_Found.of, settings, law, p)
        for law, p in (*FALLING, *STAYING, BOUNDARY, CONTROL)
    }


def check(settings: Settings) -> Evidence:
    """Measure the error against n for p above, below and at α, and in the control."""
    *found, boundary, gaussian = settings.compute(parts(settings)).values()
    falling, staying = found[: len(FALLING)], found[len(FALLING) :]
    quantities = [
        *(q for each in falling for q in _falling_quantities(settings, each)),
        *(q for each in staying for q in _staying_quantities(each)),
        _boundary_quantity(settings, boundary),
    ]
    controls = (
        Quantity.of("exponent in n for Gaussian sequences, p = 2", gaussian.order, -0.02, ">="),
    )
    return Evidence(tuple(quantities), controls, (_figure(settings, falling, staying, gaussian),))


class _Found(NamedTuple):
    """Errors of one law and one p, one row a replicate and one column a width."""

    law: Sequence
    p: float
    errors: NDArray[np.float64]
    order: Order

    @classmethod
    def of(cls, settings: Settings, law: Sequence, p: float) -> "_Found":
        rows = []
        count = REPLICATES[settings.profile] // (1 if law.alpha < p else FRACTION)
        for first in range(0, count, BATCH):
            size = min(BATCH, count - first)
            powers = law.draw(size, int(WIDTHS[-1]), settings.seed, first) ** p
            rows.append(np.column_stack([lp_errors(powers[:, :n], p, KEEP) for n in WIDTHS]))
        errors = np.concatenate(rows)
        # errors lie in [0, 1], so their means and variances exist
        order = convergence_order(WIDTHS, errors, seed=settings.seed, limit="infinity")
        return cls(law, p, errors, order)

    @property
    def label(self) -> str:
        """Which law and which p."""
        return f"{self.law.label}, p = {self.p:g}"

    def error_law(self, settings: Settings) -> Callable[[int, float], float]:
        """Return the law of the error for p > α: its quantiles, a function of n and q."""
        sample = self.law.draw(1, LAW_SAMPLE, settings.other_seed(1), 0)[0]
        law = sde.CompressionLaw(
            2 * self.law.alpha / self.p, self.law.tail_constant, sample ** (self.p / 2), KEEP
        )
        return lambda n, q: law.quantile(n, q) ** (2 / self.p)


def _falling_quantities(settings: Settings, found: _Found) -> tuple[Quantity, ...]:
    rate, n = 1 / found.p - 1 / found.law.alpha, int(WIDTHS[-1])
    # for α near 2 the tail is thin, and the sum of n powers far from its limit at small n
    slow = found.law.alpha > 1.7
    median = median_interval(found.errors[:, -1])
    return (
        Quantity.of(
            f"exponent in n, if the error vanishes ({found.label})",
            found.order,
            0.0,
            "<=",
            role="printed",
        ),
        Quantity.of(
            f"exponent in n {'approaches' if slow else 'is'} 1/p - 1/α ({found.label})",
            found.order,
            rate,
            "reported" if slow else "=",
            tolerance=0.0 if slow else TOLERANCE,
        ),
        Quantity.of(
            f"median error over its law, n = {n} ({found.label})",
            median.times(1 / found.error_law(settings)(n, 0.5)),
            1.0,
            "=",
            tolerance=MEDIAN_TOLERANCE,
        ),
    )


def _staying_quantities(found: _Found) -> tuple[Quantity, ...]:
    ratio = mean_interval(found.errors[:, -1] / limit_error(found.law, found.p))
    return (
        Quantity.of(
            f"mean error over G, n = {WIDTHS[-1]} ({found.label})",
            ratio,
            1.0,
            "=",
            tolerance=LIMIT_TOLERANCE,
        ),
    )


def _boundary_quantity(settings: Settings, found: _Found) -> Quantity:
    law, n = found.law, int(WIDTHS[-1])
    sample = np.sort(law.draw(1, LAW_SAMPLE, settings.other_seed(1), 0)[0])
    below = sample[: LAW_SAMPLE - int(KEEP * LAW_SAMPLE)]
    energy = float((below**law.alpha).sum()) / LAW_SAMPLE
    limit = (energy / (law.tail_constant * np.log(n))) ** (1 / law.alpha)
    ratio: Interval = median_interval(found.errors[:, -1]).times(float(1 / limit))
    return Quantity.of(
        f"median error over (m / (c log n))^(1/α), n = {n} ({found.label})", ratio, None, "reported"
    )


def _figure(
    settings: Settings, falling: list[_Found], staying: list[_Found], gaussian: _Found
) -> Figure:
    caption = (
        "Left: for p above α the median l_p error of keeping the largest 10 % falls as its law "
        "says (no fit); for Gaussian sequences it does not. Right: for p below α the p-th moment "
        "is finite and the mean error tends to the positive number G. Bars: 99 % intervals."
    )
    panels = (_falling_panel(settings, falling, gaussian), _staying_panel(staying))
    return Figure("section-2-compressibility", caption, panels)


def _falling_panel(settings: Settings, falling: list[_Found], gaussian: _Found) -> Panel:
    series = []
    for k, found in enumerate(falling):
        law = found.error_law(settings)
        low, middle, high = ([law(int(n), q) for n in WIDTHS] for q in (0.1, 0.5, 0.9))
        medians = [median_interval(column) for column in found.errors.T]
        series += [
            points(found.label, WIDTHS, medians),
            Series("" if k else "law: median", WIDTHS, middle, style="line", emphasis="law"),
        ]
        if k == 0:  # bands of all would hide each other
            name = f"law: 10 % to 90 % of sequences, α = {found.law.alpha:g}"
            ends = {"low": low, "high": high}
            series.append(Series(name, WIDTHS, middle, style="band", emphasis="law", **ends))
    series.append(order_points("control: Gaussian, p = 2", gaussian.order, control=True))
    return Panel(
        "p above α: the error vanishes",
        "length n",
        "relative l_p error",
        tuple(series),
        x_scale="log",
        y_scale="log",
    )


def _staying_panel(staying: list[_Found]) -> Panel:
    series = []
    for k, found in enumerate(staying):
        limit = limit_error(found.law, found.p)
        ends = [int(WIDTHS[0]), int(WIDTHS[-1])]
        series += [
            order_points(found.label, found.order),
            Series("" if k else "limit G", ends, [limit, limit], style="line", emphasis="law"),
        ]
    return Panel(
        "p below α: it does not",
        "length n",
        "relative l_p error",
        tuple(series),
        x_scale="log",
    )


CLAIM = Claim(
    id="section-2-compressibility",
    title="Compressibility of i.i.d. sequences",
    statement="Sequences whose α-th moment is infinite are l_p-compressible for every p >= α.",
    printed_form="lim_n ‖X_n^(κn) - X_n‖_p / ‖X_n‖_p = 0 if E|x_1|^α = ∞, p >= α, 0 < κ <= 1",
    recorded="holds",
    check=check,
    parts=parts,
    setting=(
        f"symmetric stable sequences (drawn as Types I, II and III on the line) and Pareto ones, "
        f"κ = {KEEP}, n = {WIDTHS[0]} to {WIDTHS[-1]}, {REPLICATES['quick']} replicates (quick "
        "profile)."
    ),
    method=__doc__,
)
