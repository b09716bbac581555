"""The error of one Euler step and its explicit bound, shared by Theorem 4.1 and equation (14)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

import sde
from theory_checks.statistics import proportion_interval

__all__ = ["one_step_bound", "one_step_distances", "one_step_errors", "tail_bound"]

#: Reference steps in every step: what the reference misses is the same share of each.
SUBSTEPS = 32


def one_step_errors(
    system: sde.System,
    noise: sde.StableNoise,
    *,
    n: int,
    steps: ArrayLike,
    replicates: int,
    seed: int,
    initial: sde.InitialLaw = sde.Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    substeps: int = SUBSTEPS,
) -> NDArray[np.float64]:
    """Return sup_i of the error after one step, one row a replicate and one column a step.

    Every column is measured against a reference of as many substeps, under the same draws: rows
    are replicates that share their noise up to its scale.

    Parameters
    ----------
    system, noise, n, replicates, seed, initial
        As for `sde.euler_error`.
    steps : (L,) array_like
        Step sizes.
    substeps : int
        Reference steps in one step.

    Examples
    --------
    >>> from theory_checks.networks import circle_network
    >>> noise = sde.StableNoise(1.5, "II")
    >>> errors = one_step_errors(circle_network(), noise, n=4, steps=[0.1], replicates=3, seed=0)
    >>> errors.shape
    (3, 1)
    """
    columns = [
        sde.euler_error(
            system,
            noise,
            n=n,
            t1=float(dt),
            dts=[float(dt)],
            dt_reference=float(dt) / substeps,
            replicates=replicates,
            seed=seed,
            norm="one-step",
            initial=initial,
        )
        for dt in np.asarray(steps)
    ]
    return np.hstack(columns)


def one_step_distances(
    system: sde.System,
    noise: sde.StableNoise,
    *,
    n: int,
    steps: ArrayLike,
    replicates: int,
    seeds: tuple[int, int],
    initial: sde.InitialLaw,
    substeps: int = 8,
) -> NDArray[np.float64]:
    """Return sup_i of the distance after one step from a reference with noise of its own.

    Parameters
    ----------
    system, noise, n, steps, replicates, initial, substeps
        As for `one_step_errors`.
    seeds : pair of int
        The seed of the step, and that of the reference.

    Examples
    --------
    >>> from theory_checks.networks import circle_network
    >>> noise, start = sde.StableNoise(1.5, "II"), sde.Point(0.0)
    >>> one_step_distances(
    ...     circle_network(), noise, n=4, steps=[0.1], replicates=3, seeds=(0, 1), initial=start
    ... ).shape
    (3, 1)
    """

    def ends(dt: float, t1: float, seed: int) -> NDArray[np.float64]:
        return sde.simulate_replicates(
            system,
            noise,
            n=n,
            t1=t1,
            dt=dt,
            replicates=replicates,
            initial=initial,
            seed=seed,
        )

    gaps = [ends(dt, dt, seeds[0]) - ends(dt / substeps, dt, seeds[1]) for dt in np.asarray(steps)]
    return np.column_stack([np.linalg.norm(gap, axis=2).max(axis=1) for gap in gaps])


def one_step_bound(
    bound: float,
    noise: sde.StableNoise,
    n: int,
    dt: float,
    tail: float,
    *,
    measure: float | None = None,
) -> float:
    r"""Return the right-hand side of equation (14) with every constant written out.

    With A the Lipschitz constant of the drift in the measure (A/n in each particle), and
    M_k = E max of k norms ‖σ L_1‖, at most (k K)^{1/α} α/(α - 1),

        (B + A) B η²/2 + α/(α + 1) η^{1 + 1/α} (B M_n + A M_1).

    Parameters
    ----------
    bound : float
        B of Assumption 1.
    noise : StableNoise
        With 1 < alpha < 2.
    n : int
        Number of particles.
    dt : float
        Step η.
    tail : float
        Upper bound K of x^α P(‖σ L_1‖ > x) over x: see `tail_bound`.
    measure : float, optional
        A: by default B², which is true; B gives what is printed.

    Examples
    --------
    >>> noise = sde.StableNoise(1.5, "II")
    >>> one_step_bound(2.0, noise, 8, 0.1, 2.0) > one_step_bound(2.0, noise, 8, 0.05, 2.0)
    True
    """
    alpha, other = noise.alpha, bound**2 if measure is None else measure
    largest, single = ((k * tail) ** (1 / alpha) * alpha / (alpha - 1) for k in (n, 1))
    drift = (bound + other) * bound * dt**2 / 2
    jumps = (bound * largest + other * single) * dt ** (1 + 1 / alpha)
    return float(drift + alpha / (alpha + 1) * jumps)


def tail_bound(noise: sde.StableNoise, dim: int, seed: int) -> float:
    """Return an upper confidence bound of sup_x x^α P(‖σ L_1‖ > x), from a sample.

    Beyond the sample's last threshold the product falls to its limit, the tail constant.

    Examples
    --------
    >>> noise = sde.StableNoise(1.5, "II")
    >>> tail_bound(noise, 2, 0) >= noise.tail_constant(2)
    True
    """
    norms = np.sort(np.linalg.norm(noise.sample(2**18, dim, seed=seed), axis=1))
    bounds = []
    for share in 2.0 ** -np.arange(0, 12):
        # between two of these thresholds x^α grows at most by the ratio of their powers
        index = min(len(norms) - 1, int((1 - share) * len(norms)))
        after = norms[min(len(norms) - 1, int((1 - share / 2) * len(norms)))]
        upper = proportion_interval(len(norms) - index, len(norms), 0.999).high
        bounds.append(upper * after**noise.alpha)
    return float(max(*bounds, noise.tail_constant(dim)))
