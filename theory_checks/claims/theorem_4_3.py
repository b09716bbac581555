r"""Theorem 4.3: the limit (5) has an infinite second moment, E‖θ_t‖² = ∞.

A moment cannot be measured to be infinite; the tail that makes it infinite can. The drift is
bounded, so it moves a particle by at most Bt, and one big jump carries the tail:

    P(‖θ_t‖ > x) ~ t σ^α C(p) x^{-α},

with the constant of the noise (theory of one big jump). Both the index, which must be below 2, and
the constant are measured beyond fixed thresholds; for stable noise with 1 < α <= 1.8 the next term
of the tail is below 3 % beyond the thresholds used. Hill's estimator is reported only: it is
biased for α near 2.

Control: at α = 2 the tail is Gaussian and its index beyond a threshold is well above 2.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Figure, Panel, Series
from theory_checks.networks import circle_network
from theory_checks.series import points
from theory_checks.statistics import hill_index, proportion_interval, tail_constant, tail_index
from theory_checks.verdict import Evidence, Quantity

T1, DT, DIM = 1.0, 2.0**-1, 2


class Case(NamedTuple):
    """A noise law, and the threshold from which on the tail is within 3 % of its power law."""

    alpha: float
    kind: str
    threshold: float
    chunks: int  # samples, in chunks: lighter tails need more
    tolerance: float  # of the constant: what is left of the next term, and the interval


CASES = (
    Case(1.2, "I", 30.0, 2, 0.05),
    Case(1.5, "II", 30.0, 6, 0.06),
    Case(1.8, "III", 20.0, 12, 0.08),
)
#: Where the index of a Gaussian tail, which grows with x, is measured. At 5 it is 10, at 3 it is
#: 4.5 and known 8 times as well, which half-widths of 0.02 need. The quick profile has no such
#: target, and a calibration on record.
CONTROL_THRESHOLD = {"quick": 5.0, "standard": 3.0, "deep": 3.0}
CHUNK = {"quick": 2**20, "standard": 2**22, "deep": 2**26}
FLOW_SIZE = 2**15


class _Tail(NamedTuple):
    """What was measured of one noise law; the norms themselves would not fit in a store."""

    quantities: tuple[Quantity, ...]
    series: tuple[Series, ...]


def parts(settings: Settings) -> Parts:
    """Return the simulations: one for each noise law, the control last."""
    cases = {
        f"tail of the limit, α = {case.alpha}, Type {case.kind}": partial(_tail, settings, k)
        for k, case in enumerate(CASES)
    }
    return {**cases, "control: Gaussian noise": partial(_control, settings)}


def check(settings: Settings) -> Evidence:
    """Measure tail index and constant of the limit for three noise laws, and the control."""
    *tails, control = settings.compute(parts(settings)).values()
    quantities = [quantity for tail in tails for quantity in tail.quantities]
    series = [each for tail in (*tails, control) for each in tail.series]
    return Evidence(tuple(quantities), control.quantities, (_figure(series),))


def _tail(settings: Settings, k: int) -> _Tail:
    """Measure the k-th noise law."""
    case = CASES[k]
    label, noise = f"α = {case.alpha}, Type {case.kind}", sde.StableNoise(case.alpha, case.kind)
    norms = _norms(settings, noise, range(16 * k, 16 * k + case.chunks))
    return _Tail(_quantities(label, noise, norms, case), _tail_series(label, noise, norms))


def _control(settings: Settings) -> _Tail:
    """Measure Gaussian noise."""
    norms = _norms(settings, sde.StableNoise(2.0, "III"), range(16 * len(CASES), 49))
    threshold = CONTROL_THRESHOLD[settings.profile]
    index = tail_index(norms, threshold)
    name = f"tail index at α = 2 beyond x = {threshold:g}"
    series = _survival("control: α = 2", norms, control=True)
    return _Tail((Quantity.of(name, index, 3, ">="),), (series,))


def _norms(settings: Settings, noise: sde.StableNoise, replicates: range) -> NDArray[np.float64]:
    """Return norms of i.i.d. copies of the limit at the last time, one chunk a replicate."""
    network = circle_network()
    flow = sde.mean_field_flow(
        network, noise, t1=T1, dt=DT, n=FLOW_SIZE, runs=4, seed=settings.other_seed(1)
    )
    n = CHUNK[settings.profile]
    norms = np.empty((len(replicates), n))  # states, twice as large, are kept one chunk at a time
    for row, r in zip(norms, replicates, strict=True):
        copies = sde.simulate_limit(network, noise, flow, n=n, seed=settings.seed, replicate=r)
        row[:] = np.hypot(*copies.theta.T)
    return norms.ravel()


def _quantities(
    label: str, noise: sde.StableNoise, norms: NDArray[np.float64], case: Case
) -> tuple[Quantity, ...]:
    predicted = T1 * noise.tail_constant(DIM)
    index = tail_index(norms, case.threshold)
    constant = tail_constant(norms, noise.alpha, case.threshold).times(1 / predicted)
    return (
        Quantity.of(f"tail index, below 2 ({label})", index, 2.0, "<=", role="printed"),
        Quantity.of(f"tail index ({label})", index, noise.alpha, "=", tolerance=0.1),
        Quantity.of(
            f"tail constant over t σ^α C(p) ({label})",
            constant,
            1.0,
            "=",
            tolerance=case.tolerance,
        ),
        Quantity.of(
            f"Hill's estimate from the largest 1 %, biased near α = 2 ({label})",
            hill_index(norms, len(norms) // 100),
            noise.alpha,
            "reported",
        ),
    )


def _survival(label: str, norms: NDArray[np.float64], *, control: bool = False) -> Series:
    """Return P(W > x) on a grid of x, with intervals, while at least ten draws are beyond."""
    grid = np.geomspace(3.0, 2e4, 40)
    large = np.sort(norms[norms > grid[0]])
    beyond = len(large) - np.searchsorted(large, grid, side="right")
    grid, beyond = grid[beyond >= 10], beyond[beyond >= 10]
    shares = [proportion_interval(int(count), len(norms)) for count in beyond]
    return points(label, grid, shares, control=control)


def _tail_series(
    label: str, noise: sde.StableNoise, norms: NDArray[np.float64]
) -> tuple[Series, Series]:
    measured = _survival(label, norms)
    x = np.geomspace(3, max(np.asarray(measured.x)), 30)
    law = T1 * noise.tail_constant(DIM) * x**-noise.alpha
    first = noise.alpha == CASES[0].alpha
    name = "law t σ^α C(p) x^(-α)" if first else ""
    return measured, Series(name, x, law, style="line", emphasis="law")


def _figure(series: list[Series]) -> Figure:
    panel = Panel(
        "Tail of one particle of the limit (5) at t = 1",
        "x",
        "P(‖θ_t‖ > x)",
        tuple(series),
        x_scale="log",
        y_scale="log",
    )
    caption = (
        "The tail of the limit is a power law with the index and the constant of the noise (lines, "
        "no fit): one big jump makes a large particle, and the second moment is infinite. Bars: 99 "
        "% intervals. With Gaussian noise there is no such tail."
    )
    return Figure("theorem-4.3", caption, (panel,))


CLAIM = Claim(
    id="theorem-4.3",
    title="Infinite second moment",
    statement="One particle of the limit is heavy-tailed: its second moment is infinite.",
    printed_form="E[‖θ_t^∞‖²] = +∞",
    recorded="holds",
    check=check,
    parts=parts,
    setting=(
        "copies of the limit of a tanh network on 8 inputs around the unit circle, logistic loss, "
        f"p = {DIM}; standard normal initial states, σ = 1, t = {T1:g}, η = {DT:g}; 2, 6 and 12 "
        f"times {CHUNK['quick']} copies for α = 1.2, 1.5, 1.8 (quick profile)."
    ),
    method=__doc__,
)
