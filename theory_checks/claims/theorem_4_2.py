r"""Theorem 4.2, propagation of chaos: the gap between (4) and (5) is at most C n^(-1/2).

With Lemma C.1 in the form that is true (Lipschitz constant B² in the empirical measure), the proof
gives, for the supremum D(T) over times and particles,

    D(T) <= B(1 + B) ∫ D + B T E_x[Ψ²]^(1/2) n^(-1/2),   hence by Gronwall
    E D(T) <= B² T exp(B(1 + B) T) n^(-1/2),

since E_x[Ψ²] <= B². The rate is attained for every alpha; the supremum over particles approaches it
slowly from above, because it still grows a little with n. So the smallest n are left out of its fit
while the local slope there differs from the slope of the others, and its exponent gets a one-sided
region with an allowance for what is left; the exponent of the mean over particles a two-sided one.

Two limits are exact, so their gaps have no noise floor: that of the sine network on the line, by
Fourier modes, and that of a sine network in the plane with targets 0 and an even loss, by symmetry
(its mean field vanishes; there the three types of noise differ). For the tanh
network the flow is the mean of two, each an average of large systems. What its error does to the
gap is measured as half the distance of copies of (5) run with one and the other: half a sum of two
independent errors is as large as half their difference. It widens the interval.

Two controls: without a shared noise, and with n^(-1/2) Σ in place of the mean, the gap must not
fall. The second needs an interaction that does not damp its own fluctuations: a particle in the
plane feels the sum of the sines of the first coordinates in its second coordinate only.
"""

import math
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import sde
from theory_checks.claim import Claim, Parts, Settings
from theory_checks.figures import Figure, Panel
from theory_checks.networks import circle_network, symmetric_network, trigonometric_network
from theory_checks.series import order_points, power_law
from theory_checks.statistics import Drop, Interval, Order, convergence_order, ratio_interval
from theory_checks.verdict import Evidence, Quantity

T1, DT = 1.0, 2.0**-4
#: For the supremum: what is left of the approach to -1/2 at n <= 1024, 0.015, an interval of 0.03
#: in the quick profile, and noise; for the mean over particles, an interval and noise. A rate of
#: -0.4 is 0.05 or more on the wrong side of both.
ALLOWANCE, TOLERANCE = 0.08, 0.05
WIDTHS = 2 ** np.arange(5, 11)
CONTROL_WIDTHS = np.array([16, 512])
REPLICATES = {"quick": 900, "standard": 12_000, "deep": 200_000}
CONTROL_REPLICATES = {"quick": 64, "standard": 3072, "deep": 49_152}
FLOW_SIZE = {"quick": 2**18, "standard": 2**20, "deep": 2**26}


def explicit_constant(bound: float, t1: float) -> float:
    """Return C of E sup sup <= C n^(-1/2), with corrected Lipschitz constants.

    Examples
    --------
    >>> round(explicit_constant(1.0, 1.0), 3)  # e²
    7.389
    """
    return bound**2 * t1 * math.exp(bound * (1 + bound) * t1)


def parts(settings: Settings) -> Parts:
    """Return what is simulated, in `check` order."""
    return {
        "sine networks, exact limits": partial(_exact_limits, settings),
        "tanh network, limit by large systems": partial(_simulated_limit, settings),
        "explicit constant": partial(_largest_ratio, settings),
        "control: sums of order n^(-1/2)": partial(_without_averaging, settings),
        "control: noise not shared": partial(_without_shared_noise, settings),
    }


def check(settings: Settings) -> Evidence:
    """Measure the gap against n in an exact and in a simulated limit, and in the controls."""
    exact, simulated, worst, broken, apart = settings.compute(parts(settings)).values()
    controls = (
        Quantity.of("exponent in n with n^(-1/2) Σ in place of the mean", broken, -0.1, ">="),
        Quantity.of("exponent in n without shared noise (median)", apart, -0.1, ">="),
    )
    quantities = _quantities(simulated, worst, exact)
    return Evidence(quantities, controls, (_figure(simulated, exact, broken),))


def _quantities(simulated: Order, worst: Interval, exact: list[Order]) -> tuple[Quantity, ...]:
    sup, mean, plane = exact
    bias, dropped = simulated.floor_bias, len(simulated.dropped)
    return (
        Quantity.of(
            "largest ratio of the gap to the explicit bound (weak sine network)",
            worst,
            1.0,
            "<=",
            role="printed",
        ),
        Quantity.of(
            "exponent in n, sup over particles (tanh, α = 1.5, Type III)",
            simulated,
            -0.5 + ALLOWANCE,
            "<=",
            role="printed",
        ),
        *_of_mean("sine, α = 1.2, exact limit", mean),
        *_of_mean("sine, α = 1.8, Type I, exact limit", plane),
        Quantity.of(
            "exponent in n, sup over particles (sine), still approaching -1/2",
            sup,
            -0.5,
            "reported",
        ),
        Quantity(
            "number of smallest n left out of the fit for the tanh network",
            dropped,
            dropped,
            dropped,
            None,
            "reported",
        ),
        Quantity(
            "part of the half-width for the tanh network that covers its flow's error",
            bias,
            bias,
            bias,
            None,
            "reported",
        ),
    )


def _of_mean(label: str, order: Order) -> tuple[Quantity, Quantity]:
    """Return whether the mean over particles falls fast enough, and whether at just this rate."""
    name = f"exponent in n, mean over particles ({label})"
    return (
        Quantity.of(name, order, -0.5 + TOLERANCE, "<=", role="printed"),
        Quantity.of(f"{name}, is -1/2", order, -0.5, "=", tolerance=TOLERANCE, role="sharpness"),
    )


def _gaps(
    settings: Settings,
    system: sde.System,
    noise: sde.StableNoise,
    flow: sde.Flow,
    widths: NDArray[np.int64],
    over: Literal["sup", "mean"] = "sup",
    share: float = 1.0,
) -> NDArray[np.float64]:
    """Return the gaps, one row a replicate: rows share the noise of common particles.

    A share of the replicates is enough where the gaps vary less.
    """
    columns = [
        sde.chaos_gap(
            system,
            noise,
            flow,
            n=int(n),
            replicates=round(share * REPLICATES[settings.profile]),
            seed=settings.seed,
            over_particles=over,
        )
        for n in widths
    ]
    return np.column_stack(columns)


def _exact_limits(settings: Settings) -> list[Order]:
    """Return exponents where the limit is known: sup and mean on the line, mean in the plane."""
    # σ is not 1, so that a limit without it is seen
    line, heavy = trigonometric_network(), sde.StableNoise(1.2, "II", sigma=0.5)
    plane, light = symmetric_network(), sde.StableNoise(1.8, "I")
    modes = sde.mean_field_flow(line, heavy, t1=T1, dt=DT, method="fourier")
    nothing = np.zeros((round(T1 / DT) + 1, plane.n_observables))
    zero = sde.Flow.from_values(plane, light, nothing, t1=T1, dt=DT)
    gaps = (
        _gaps(settings, line, heavy, modes, WIDTHS, "sup", share=0.2),
        _gaps(settings, line, heavy, modes, WIDTHS, "mean", share=0.75),
        _gaps(settings, plane, light, zero, WIDTHS, "mean", share=0.75),
    )
    drops: tuple[Drop, ...] = ("drift", "none", "none")
    return [_fit(settings, g, drop) for g, drop in zip(gaps, drops, strict=True)]


def _fit(settings: Settings, gaps: NDArray[np.float64], drop: Drop, floor: float = 0.0) -> Order:
    """Return the exponent of the gaps in n; "drift" leaves out the smallest n, see the module."""
    return convergence_order(
        WIDTHS, gaps, seed=settings.seed, floor=floor, drop=drop, limit="infinity"
    )


def _simulated_limit(settings: Settings) -> Order:
    """Return the exponent of the tanh network, whose limit is an average of large systems."""
    network, noise = circle_network(), sde.StableNoise(1.5, "III", sigma=0.5)
    flows = [
        sde.mean_field_flow(
            network,
            noise,
            t1=T1,
            dt=DT,
            n=FLOW_SIZE[settings.profile],
            runs=6,
            seed=settings.other_seed(1 + k),
        )
        for k in range(2)
    ]
    copies = [
        sde.simulate_limit(
            network, noise, flow, n=1024, seed=settings.seed, save_at=flow.times
        ).saved
        for flow in flows
    ]
    floor = float(np.linalg.norm(copies[0] - copies[1], axis=2).max()) / 2
    values = (flows[0].values + flows[1].values) / 2
    flow = sde.Flow.from_values(network, noise, values, t1=T1, dt=DT)
    gaps = _gaps(settings, network, noise, flow, WIDTHS)
    return _fit(settings, gaps, "drift", floor)


def _largest_ratio(settings: Settings) -> Interval:
    """Return the largest ratio of a mean gap to its explicit bound.

    The network is a weak one: the bound grows like exp(B²), and says something for small B only.
    """
    network = sde.MeanFieldNetwork([[0.5]], [1.0], "sine", amplitude=0.5)
    noise = sde.StableNoise(1.5, "II")
    flow = sde.mean_field_flow(network, noise, t1=T1, dt=DT, method="fourier")
    gaps = _gaps(settings, network, noise, flow, WIDTHS, share=0.1)
    constant = explicit_constant(network.bound, T1)
    ratios = [ratio_interval(gaps[:, k], constant / math.sqrt(n)) for k, n in enumerate(WIDTHS)]
    return max(ratios, key=lambda interval: interval.high)


def _without_averaging(settings: Settings) -> Order:
    """Return the exponent when particles feel n^(-1/2) Σ sin instead of the mean."""
    noise = sde.StableNoise(1.5, "II")
    nothing = np.zeros((round(T1 / DT) + 1, 1))
    columns = []
    for n in CONTROL_WIDTHS:
        system = _sum_system(int(n))
        # an odd observable of a symmetric law: the mean field of the limit is zero
        flow = sde.Flow.from_values(system, noise, nothing, t1=T1, dt=DT)
        columns.append(_gaps(settings, system, noise, flow, np.array([n]), share=0.25)[:, 0])
    gaps = np.column_stack(columns)
    return convergence_order(CONTROL_WIDTHS, gaps, seed=settings.seed, limit="infinity")


@cache
def _sum_system(n: int) -> sde.McKeanVlasov:
    root = math.sqrt(n)

    def observable(theta: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        out[0] = math.sin(theta[0])

    def drift(
        theta: NDArray[np.float64], mean_field: NDArray[np.float64], out: NDArray[np.float64]
    ) -> None:
        out[0] = 0.0
        out[1] = root * mean_field[0] * math.cos(theta[0])

    return sde.McKeanVlasov(2, 1, observable, drift)


def _without_shared_noise(settings: Settings) -> Order:
    """Return the exponent when the copies of the limit have noise of their own."""
    network, noise = trigonometric_network(), sde.StableNoise(1.5, "II")
    flow = sde.mean_field_flow(network, noise, t1=T1, dt=DT, method="fourier")
    columns, replicates = [], CONTROL_REPLICATES[settings.profile]
    for n in CONTROL_WIDTHS:
        particles = sde.simulate_replicates(
            network, noise, n=int(n), t1=T1, dt=DT, replicates=replicates, seed=settings.seed
        )
        copies = np.stack(
            [
                sde.simulate_limit(
                    network, noise, flow, n=int(n), seed=settings.other_seed(1), replicate=r
                ).theta
                for r in range(replicates)
            ]
        )
        columns.append(np.abs(particles - copies).max(axis=(1, 2)))
    gaps = np.column_stack(columns)
    # the largest jump makes the mean infinite in variance: the median
    return convergence_order(
        CONTROL_WIDTHS, gaps, statistic="median", seed=settings.seed, limit="infinity"
    )


def _figure(simulated: Order, exact: list[Order], broken: Order) -> Figure:
    measured = {
        "tanh network, α = 1.5: sup over particles": simulated,
        "sine network, α = 1.2: sup over particles": exact[0],
        "sine network, α = 1.2: mean over particles": exact[1],
        "sine network in the plane, α = 1.8: mean": exact[2],
    }
    guides = [
        power_law("" if k else "rate n^(-1/2)", order, -0.5, "guarantee")
        for k, order in enumerate(measured.values())
    ]
    panel = Panel(
        "Gap between the n-particle system and its limit",
        "number of particles n",
        "E sup over time of the distance",
        (
            *(order_points(name, order) for name, order in measured.items()),
            *guides,
            order_points("control: n^(-1/2) Σ for the mean", broken, control=True),
        ),
        x_scale="log",
        y_scale="log",
    )
    return Figure(
        "theorem-4.2",
        "The gap between particles of (4) and i.i.d. copies of (5) under the same noise falls like "
        "n^(-1/2) (dashed, through the first point); the supremum over particles still approaches "
        "this rate from above. Bars: 99 % intervals. When the particles feel "
        "n^(-1/2) times the sum instead of the mean, the gap does not fall.",
        (panel,),
    )


CLAIM = Claim(
    id="theorem-4.2",
    title="Propagation of chaos",
    statement="The particles follow i.i.d. copies of the limit, uniformly, at rate n^(-1/2).",
    printed_form="E[sup_{t<=T} sup_{i<=n} |θ_t^{i,n} - θ_t^{i,∞}|] <= C / sqrt(n)",
    recorded="holds",
    check=check,
    parts=parts,
    setting=(
        "sine network with inputs 1, 2, 3 on the line (exact limit; α = 1.2, Type II, σ = 0.5), "
        "sine network on two inputs in the plane with pseudo-Huber loss and targets 0 (exact "
        "limit; α = 1.8, Type I, σ = 1), and tanh network on 8 inputs around the unit circle "
        "(limit by large systems; α = 1.5, Type III, σ = 0.5); logistic loss unless named, "
        "standard normal initial states, "
        f"T = {T1:g}, η = {DT:g}, n = {WIDTHS[0]} to {WIDTHS[-1]}, {REPLICATES['quick']} "
        "replicates (quick profile; fewer of the sine networks and the controls). The explicit "
        "bound is tested on a weak network, as a sanity check: it is far from sharp."
    ),
    method=__doc__,
)
