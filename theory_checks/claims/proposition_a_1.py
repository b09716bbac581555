r"""Proposition A.1: with Gaussian noise the network is not compressible.

Printed: one ε works for every κ > 0. That fails: as κ → 1 nothing is pruned and the error
vanishes, like (1 - κ)^{1/2 + 1/p} for a law with a positive density at the origin. Corrected: for
each κ < 1 the error tends to

    G(κ) = sqrt(E[W²; W <= q_{1-κ}] / E W²) > 0,

W the norm of one particle of the limit; for free particles started at 0, W² is a chi-square with p
degrees of freedom, scaled, and G² = F_{p+2}(F_p^{-1}(1 - κ)).

Control: at α < 2 the error at a fixed κ vanishes as n grows.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import sde
from theory_checks.claim import Claim, Settings
from theory_checks.figures import Figure, Panel, Series
from theory_checks.networks import circle_network
from theory_checks.pruning import compression_errors
from theory_checks.series import order_points, points, power_law
from theory_checks.statistics import Order, convergence_order, mean_interval
from theory_checks.verdict import Evidence, Quantity

T1, DT, DIM = 1.0, 2.0**-4, 2
#: Weak noise and strong features, so that the drift shapes the law of a particle.
SIGMA, AMPLITUDE = 0.3, 4.0
KEEPS = (0.1, 0.3, 0.5, 0.7, 0.9)
NEAR_ONE = 1 - 2.0 ** -np.arange(4, 9)
WIDTH = 2**14
WIDTHS = 4 ** np.arange(4, 8)
REPLICATES = {"quick": 48, "standard": 500, "deep": 10_000}
LIMIT_SIZE = {"quick": 2**20, "standard": 2**23, "deep": 2**26}


def chi_square_limit(keep: NDArray[np.float64] | float, dim: int) -> NDArray[np.float64]:
    """Return G(κ) of free Gaussian particles started at 0.

    Examples
    --------
    >>> bool(chi_square_limit(0.1, 2) > chi_square_limit(0.9, 2) > 0)
    True
    """
    quantile = stats.chi2.ppf(1 - np.asarray(keep), dim)
    return np.asarray(np.sqrt(stats.chi2.cdf(quantile, dim + 2)))


def check(settings: Settings) -> Evidence:
    """Measure the error against κ and against n, for a network and for free particles."""
    advance = settings.advance
    gaussian = sde.StableNoise(2.0, "II", SIGMA)
    advance(0.0, "free particles")
    free = _free_errors(settings, gaussian)
    advance(0.1, "interacting network")
    network = _network_errors(settings, gaussian, WIDTH, KEEPS)
    advance(0.35, "its limit (5)")
    limit = _limit_errors(settings, gaussian)
    advance(0.6, "error as κ approaches 1")
    near = _network_errors(settings, gaussian, WIDTH, tuple(NEAR_ONE.tolist()))
    vanishing = convergence_order(1 - NEAR_ONE, near, seed=settings.seed)
    advance(0.8, "error against the width")
    orders = {
        alpha: _width_order(settings, sde.StableNoise(alpha, "II", SIGMA)) for alpha in (2.0, 1.5)
    }
    control = Quantity.of(
        "exponent of the error in n at α = 1.5, κ = 0.5", orders[1.5], -0.05, "<="
    )
    quantities = _quantities(free, network, limit, vanishing, orders[2.0])
    return Evidence(tuple(quantities), (control,), (_figure(free, network, limit, vanishing),))


def _free_errors(settings: Settings, noise: sde.StableNoise) -> NDArray[np.float64]:
    rows = [
        [sde.compression_error(theta, keep) for keep in KEEPS]
        for theta in noise.increments(
            WIDTH, DIM, T1, REPLICATES[settings.profile], seed=settings.seed
        )
    ]
    return np.array(rows)


def _network_errors(
    settings: Settings, noise: sde.StableNoise, n: int, keeps: tuple[float, ...], factor: int = 1
) -> NDArray[np.float64]:
    """Return errors of the interacting system, one row a replicate and one column a κ."""
    return compression_errors(
        circle_network(amplitude=AMPLITUDE),
        noise,
        keeps,
        n=n,
        t1=T1,
        dt=DT,
        replicates=factor * REPLICATES[settings.profile],
        seed=settings.seed,
    )


def _limit_errors(settings: Settings, noise: sde.StableNoise) -> NDArray[np.float64]:
    """Return G(κ) of the network, from independent copies of its limit."""
    network = circle_network(amplitude=AMPLITUDE)
    flow = sde.mean_field_flow(
        network, noise, t1=T1, dt=DT, n=2**17, runs=4, seed=settings.other_seed(1)
    )
    theta = sde.simulate_limit(
        network, noise, flow, n=LIMIT_SIZE[settings.profile], seed=settings.other_seed(2)
    ).theta
    return np.array([sde.compression_error(theta, keep) for keep in KEEPS])


def _width_order(settings: Settings, noise: sde.StableNoise) -> Order:
    factor = 1 if noise.alpha == 2 else 4  # heavy tails spread the error
    columns = [_network_errors(settings, noise, int(n), (0.5,), factor)[:, 0] for n in WIDTHS]
    return convergence_order(WIDTHS, np.column_stack(columns), seed=settings.seed)


def _quantities(
    free: NDArray[np.float64],
    network: NDArray[np.float64],
    limit: NDArray[np.float64],
    vanishing: Order,
    flat: Order,
) -> list[Quantity]:
    quantities = [
        Quantity.of(
            "exponent of the error in 1 - κ, if it stayed above one ε",
            vanishing,
            0.0,
            "<=",
            role="printed",
        ),
        Quantity.of(
            "exponent of the error in 1 - κ is 1/2 + 1/p",
            vanishing,
            0.5 + 1 / DIM,
            "=",
            tolerance=0.1,
        ),
        Quantity.of(
            "exponent of the error in n, κ = 0.5", flat, 0.0, "=", tolerance=0.01, role="corrected"
        ),
    ]
    for k, keep in enumerate(KEEPS):
        exact = float(chi_square_limit(keep, DIM))
        quantities += [
            Quantity.of(
                f"error over G(κ), κ = {keep}, free particles",
                mean_interval(free[:, k] / exact),
                1.0,
                "=",
                tolerance=0.02,
                role="corrected",
            ),
            Quantity.of(
                f"error over G(κ), κ = {keep}, network",
                mean_interval(network[:, k] / limit[k]),
                1.0,
                "=",
                tolerance=0.02,
                role="corrected",
            ),
        ]
    return quantities


def _figure(
    free: NDArray[np.float64],
    network: NDArray[np.float64],
    limit: NDArray[np.float64],
    vanishing: Order,
) -> Figure:
    caption = (
        "With Gaussian noise the error tends to a positive limit G(κ) for every κ below 1: the "
        "network is not compressible. But the limit vanishes as κ approaches 1, so no single ε "
        "serves all κ, as the printed statement says. Bars: 99 % intervals."
    )
    return Figure("proposition-A.1", caption, (_levels(free, network, limit), _end(vanishing)))


def _levels(
    free: NDArray[np.float64], network: NDArray[np.float64], limit: NDArray[np.float64]
) -> Panel:
    grid = np.linspace(0.01, 0.99, 99)
    exact = chi_square_limit(grid, DIM)
    return Panel(
        "Gaussian noise: error of keeping a share κ",
        "share κ of units kept",
        f"relative error at n = {WIDTH}",
        (
            points("free particles", KEEPS, [mean_interval(column) for column in free.T]),
            points("network", KEEPS, [mean_interval(column) for column in network.T]),
            Series("G(κ), chi-square", grid, exact, style="line", emphasis="law"),
            Series("G(κ) of the network's limit", KEEPS, limit, style="line", emphasis="law"),
        ),
    )


def _end(vanishing: Order) -> Panel:
    return Panel(
        "No single ε: the error vanishes as κ → 1",
        "share 1 - κ of units pruned",
        "relative error",
        (
            order_points("network", vanishing),
            power_law("(1 - κ)^(1/2 + 1/p)", vanishing, 0.5 + 1 / DIM, "law"),
            power_law("printed: above one ε", vanishing, 0.0, "guarantee"),
        ),
        x_scale="log",
        y_scale="log",
    )


CLAIM = Claim(
    id="proposition-A.1",
    title="Gaussian noise does not compress",
    statement="With Gaussian noise the error of pruning to a share κ < 1 has a positive limit.",
    printed_form="exists ε, for all κ > 0: limsup_n ‖Θ̂^(κn) - Θ̂‖_F / ‖Θ̂‖_F > ε",
    recorded="fails as printed",
    check=check,
    setting=(
        f"free particles, and a tanh network with features of amplitude {AMPLITUDE:g} on 8 inputs "
        f"around the unit circle, logistic loss; p = {DIM}, standard normal initial states of the "
        f"network, σ = {SIGMA}, Type II, t = {T1:g}, η = {DT:g}; {REPLICATES['quick']} replicates "
        "(quick profile)."
    ),
    method=__doc__,
)
