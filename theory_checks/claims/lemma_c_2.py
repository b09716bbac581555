r"""Lemma C.2: E sup_{t<=T} ‖X_t‖ is finite for the limit (5), when the start is integrable.

A mean cannot be measured to be finite; that sample means settle can. The supremum has the tail
T σ^α C(p) x^{-α} of one big jump, so for 1 < α < 2 the means of M copies fluctuate on the scale
M^{1/α - 1}, and do not settle for α <= 1. With a variance that is infinite, this scale is measured
by the median distance of two independent means. Its law has no free constant:

    median distance ~ (2 T σ^α C(p) M / c_α)^{1/α} M^{-1} median|S_α|,   c_α = C(1) at σ = 1.

The supremum to the power r, 1 < r < α, has a tail of index α/r > 1: its means settle too.

The approach to this law is slow: the part of the noise without big jumps acts like a Gaussian with
a variance b that may be negative (the finite part of that of the supremum), relative size
M^{1 - 2/α}. The start is uniform on a cube whose size makes b small, so that the law is reached
within the tolerance from M = 16 on. The supremum is taken over the grid, a lower bound; between
its times a particle moves by at most its drift and one increment of the same tail.

Control: at α = 0.8 the means of M copies drift apart as M grows.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Emphasis, Figure, Panel, Series
from theory_checks.limit_norms import limit_norms
from theory_checks.networks import circle_network
from theory_checks.series import order_points, power_law
from theory_checks.stable_law import absolute_quantile
from theory_checks.statistics import Order, convergence_order, median_interval
from theory_checks.verdict import Evidence, Quantity

T1, DT, DIM = 1.0, 2.0**-2, 2


class Case(NamedTuple):
    """A noise law, and the half-width of the cube on which the particles start."""

    alpha: float
    kind: str
    start: float


CASES = (Case(1.2, "I", 15.0), Case(1.5, "II", 11.0), Case(1.8, "III", 7.0))
CONTROL = Case(0.8, "II", 1.0)
#: Sizes M of the sample means.
SIZES = 4 ** np.arange(2, 6)
CHUNK = 2**20
CHUNKS = {"quick": 3, "standard": 8, "deep": 160}
CONTROL_CHUNKS = {"quick": 1, "standard": 18, "deep": 320}
#: Of an exponent: what is left of the approach, at most 0.03, and the noise and the interval of
#: the quick profile, 0.07. Of the ratio to the law: 0.08 of approach, an interval of 0.08, and
#: three standard errors of 0.03 for chance.
TOLERANCE, RATIO_TOLERANCE = 0.1, 0.25
#: The error of the bootstrap itself is then 3 % of an interval.
RESAMPLES = 500


def parts(settings: Settings) -> Parts:
    """Return the simulations: one for each noise law, the control last."""
    chunks = [(case, CHUNKS[settings.profile]) for case in CASES]
    return {
        f"means of the supremum, α = {case.alpha}, Type {case.kind}": partial(
            _spread, settings, case, count
        )
        for case, count in (*chunks, (CONTROL, CONTROL_CHUNKS[settings.profile]))
    }


def check(settings: Settings) -> Evidence:
    """Measure how fast sample means of the supremum settle, for three noise laws and a control."""
    *spreads, control = settings.compute(parts(settings)).values()
    quantities = [quantity for spread in spreads for quantity in _quantities(spread)]
    controls = (
        Quantity.of(
            f"exponent in M of the distance of two means at α = {CONTROL.alpha}",
            control.order,
            0.0,
            ">=",
        ),
    )
    return Evidence(tuple(quantities), controls, (_figure(spreads, control),))


class _Spread(NamedTuple):
    """Sample means of one case, and the distance of two of them against their size."""

    case: Case
    means: NDArray[np.float64]  # one row a replicate, one column a size
    order: Order
    power: float
    power_order: Order  # of means of the supremum to that power

    @property
    def label(self) -> str:
        """Which noise."""
        return f"α = {self.case.alpha}, Type {self.case.kind}"

    def law(self) -> NDArray[np.float64]:
        """Return the law of the median distance, one number a size."""
        alpha = self.case.alpha
        ratio = T1 * sde.StableNoise(alpha, self.case.kind).tail_constant(DIM)
        ratio /= sde.StableNoise(alpha, "I").tail_constant(1)
        scale = (2 * ratio * SIZES) ** (1 / alpha) / SIZES
        return np.asarray(scale * absolute_quantile(alpha, 0.5))


def _spread(settings: Settings, case: Case, chunks: int) -> _Spread:
    power = (1 + case.alpha) / 2
    means, power_means = [], []
    for suprema in limit_norms(
        circle_network(m=4),
        sde.StableNoise(case.alpha, case.kind),
        t1=T1,
        dt=DT,
        n=CHUNK,
        chunks=range(chunks),
        initial=sde.Uniform(-case.start, case.start),
        supremum=True,
        seed=settings.seed,
        flow_seed=settings.other_seed(1),
    ):
        means.append(_means(suprema))
        power_means.append(_means(suprema**power))
    orders = [_order(settings, np.concatenate(rows)) for rows in (means, power_means)]
    return _Spread(case, np.concatenate(means), orders[0], power, orders[1])


def _means(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means of the first M draws of each row, M in SIZES; rows are independent."""
    rows = draws.reshape(-1, SIZES[-1])
    edges = np.concatenate([[0], SIZES[:-1]])
    return np.asarray(np.add.reduceat(rows, edges, axis=1).cumsum(axis=1) / SIZES)


def _order(settings: Settings, means: NDArray[np.float64]) -> Order:
    """Return the exponent in M of the median distance of two independent means."""
    distances = np.abs(means[::2] - means[1::2])
    return convergence_order(
        SIZES,
        distances,
        statistic="median",
        resamples=RESAMPLES,
        seed=settings.seed,
        limit="infinity",
    )


def _quantities(spread: _Spread) -> tuple[Quantity, ...]:
    name = "exponent in M of the distance of two means"
    alpha, last = spread.case.alpha, spread.order.statistics[-1]
    return (
        Quantity.of(
            f"{name}, if they settle ({spread.label})", spread.order, 0.0, "<=", role="printed"
        ),
        Quantity.of(
            f"{name} is 1/α - 1 ({spread.label})",
            spread.order,
            1 / alpha - 1,
            "=",
            tolerance=TOLERANCE,
        ),
        Quantity.of(
            f"distance over its law, M = {SIZES[-1]} ({spread.label})",
            last.times(1 / float(spread.law()[-1])),
            1.0,
            "=",
            tolerance=RATIO_TOLERANCE,
        ),
        Quantity.of(
            f"{name} of the power {spread.power:g}, if they settle ({spread.label})",
            spread.power_order,
            0.0,
            "<=",
        ),
    )


def _figure(spreads: list[_Spread], control: _Spread) -> Figure:
    caption = (
        "Left: the distance of two sample means of the supremum falls with their size M, as its "
        "law with exponent 1/α - 1 says (no fit); the dashed line stands for a mean that is not "
        "finite. Right: hence the sample means settle for α = 1.5 and not for α = 0.8. Bars: 99 % "
        "intervals."
    )
    return Figure("lemma-C.2", caption, (_distances(spreads, control), _settling(spreads, control)))


def _distances(spreads: list[_Spread], control: _Spread) -> Panel:
    laws = [
        Series("" if k else "law", SIZES, spread.law(), style="line", emphasis="law")
        for k, spread in enumerate(spreads)
    ]
    return Panel(
        "Distance of two sample means of the supremum",
        "copies M in a mean",
        "median distance",
        (
            *(order_points(spread.label, spread.order) for spread in spreads),
            *laws,
            power_law("does not settle", control.order, 0.0, "guarantee"),
            order_points(f"control: α = {CONTROL.alpha}", control.order, control=True),
        ),
        x_scale="log",
        y_scale="log",
    )


def _settling(spreads: list[_Spread], control: _Spread) -> Panel:
    return Panel(
        "Sample means, and the middle 80 % of them",
        "copies M in a mean",
        "mean of sup ‖X‖",
        (
            *_band("α = 1.5, Type II", spreads[1].means),
            *_band(f"control: α = {CONTROL.alpha}", control.means, control=True),
        ),
        x_scale="log",
        y_scale="log",
    )


def _band(label: str, means: NDArray[np.float64], *, control: bool = False) -> tuple[Series, ...]:
    emphasis: Emphasis = "control" if control else "data"
    middle = [median_interval(column).estimate for column in means.T]
    low, high = np.quantile(means, [0.1, 0.9], axis=0)
    return (
        Series(label, SIZES, middle, style="line", emphasis=emphasis),
        Series("", SIZES, middle, low=low, high=high, style="band", emphasis=emphasis),
    )


CLAIM = Claim(
    id="lemma-C.2",
    title="A first moment of the limit",
    statement="The supremum over time of one particle of the limit has a finite mean.",
    printed_form="E[sup_{t<=T} ‖X_t‖] < +∞",
    recorded="holds",
    check=check,
    parts=parts,
    setting=(
        f"copies of the limit of a tanh network on 4 inputs around the unit circle, logistic loss, "
        f"p = {DIM}; σ = 1, T = {T1:g}, η = {DT:g}; start uniform on [-s, s]², s = 15, 11, 7 for "
        f"α = 1.2, 1.5, 1.8; {CHUNKS['quick'] * CHUNK // int(SIZES[-1])} means of {SIZES[-1]} "
        "copies (quick profile). The control starts with s = 1."
    ),
    method=__doc__,
)
