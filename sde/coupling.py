r"""Runs that share one noise: the propagation-of-chaos gap and the Euler error.

Both compare schemes that are driven by the same noise path and advance side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import random, validation
from sde.flow import Flow, check_flow
from sde.initial import Gaussian, InitialLaw, sample_initials
from sde.lockstep import FIRST, FROZEN, LARGEST_MEAN, LARGEST_SUP, run_schemes
from sde.replicates import batches, check_finite
from sde.simulate import Grid, check_dimension, check_kinds
from sde.stable import StableNoise
from sde.systems import System

__all__ = ["chaos_gap", "euler_error"]


@dataclass(frozen=True)
class _Coupled:
    """What all replicates of a coupled run have in common."""

    system: System
    noise: StableNoise
    initial: InitialLaw | ArrayLike
    n: int
    seed: int

    def measure(
        self,
        replicates: int,
        dt: float,
        ratios: Sequence[int],
        steps: int,
        flow: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Run all replicates; return the measurements, shape (replicates, schemes, 4)."""
        check_dimension(self.system)
        measured = np.empty((replicates, len(ratios), 4))
        for batch in batches(range(replicates), self.n * self.system.dim):
            rows = measured[batch.start : batch.stop]
            self._measure_batch(batch, dt, ratios, steps, flow, rows)
        return measured

    def _measure_batch(
        self,
        replicates: range,
        dt: float,
        ratios: Sequence[int],
        steps: int,
        flow: NDArray[np.float64] | None,
        measured: NDArray[np.float64],
    ) -> None:
        draws = self.noise.draws(dt, self.seed, 0)
        keys = random.stream_keys(self.seed, replicates, "noise")
        initial = sample_initials(
            self.initial, self.n, self.system.dim, seed=self.seed, replicates=replicates
        )
        if flow is None:
            flow = np.empty((0, self.system.n_observables))
        failed = np.empty(len(replicates), dtype=np.int64)
        run_schemes(
            self.system.pieces,
            draws,
            keys,
            dt,
            np.array(ratios, dtype=np.int64),
            steps,
            flow,
            initial,
            measured,
            failed,
        )
        check_finite(failed, replicates, dt)
        if not np.isfinite(measured).all():
            raise FloatingPointError(
                "need states less than 1e308 apart, got two that are farther, in one of the "
                f"replicates {replicates.start} to {replicates.stop - 1}; use a smaller dt or "
                "sigma, or measure the state in a larger unit"
            )


def chaos_gap(
    system: System,
    noise: StableNoise,
    flow: Flow,
    *,
    n: int,
    replicates: int,
    seed: int = 0,
    over_particles: Literal["sup", "mean"] = "sup",
) -> NDArray[np.float64]:
    r"""Measure :math:`\sup_t \sup_i \|\theta_t^{i,n} - \theta_t^{i,\infty}\|` (Theorem 4.2).

    The particles of (4) and the i.i.d. copies of (5) share noise and initial states; the supremum
    over t is over the grid of the flow.

    Parameters
    ----------
    system : MeanFieldNetwork or McKeanVlasov
        Observables and drift.
    noise : StableNoise
        The driving noise.
    flow : Flow
        Mean-field flow of this system with this noise. Its own error adds to the gap: compare
        `flow.standard_error` with the result, or use an exact flow.
    n : int
        Number of particles.
    replicates : int
        Number of independent runs.
    seed : int
        Replicate r uses the streams of (seed, r), as `simulate` does. Runs with different n and the
        same seed share the noise of the particles they have in common.
    over_particles : {"sup", "mean"}
        The largest gap over the particles, or their mean gap.

    Returns
    -------
    (replicates,) float64 array

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or the flow is of another system or noise.
    FloatingPointError
        If a state stops being finite; the message names step and replicate.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1], feature="sine")
    >>> noise = sde.StableNoise(1.5, "I")
    >>> flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.125, method="fourier")
    >>> few = sde.chaos_gap(net, noise, flow, n=16, replicates=50)
    >>> many = sde.chaos_gap(net, noise, flow, n=1600, replicates=50)
    >>> bool(many.mean() < few.mean() / 5)
    True
    """
    check_kinds(system, noise)
    check_flow(flow, system, noise)
    n, replicates = validation.count("n", n), validation.count("replicates", replicates)
    validation.known_name("over_particles", over_particles, ("sup", "mean"))
    coupled = _Coupled(system, noise, flow.initial, n, seed)
    measured = coupled.measure(replicates, flow.dt, (1, 1), flow.grid.steps, flow.values)
    return measured[:, 1, LARGEST_SUP if over_particles == "sup" else LARGEST_MEAN]


def euler_error(
    system: System,
    noise: StableNoise,
    *,
    n: int,
    t1: float,
    dts: Sequence[float] | ArrayLike,
    dt_reference: float,
    replicates: int,
    seed: int = 0,
    norm: Literal["grid", "frozen", "one-step"] = "grid",
    initial: InitialLaw | ArrayLike = Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
) -> NDArray[np.float64]:
    r"""Measure the error of the Euler scheme (2) for system (4), in one of three norms.

    The exact solution is replaced by the same scheme with the much finer step `dt_reference`, on
    the same noise: coarse increments are sums of fine ones.

    Parameters
    ----------
    system : MeanFieldNetwork or McKeanVlasov
        Observables and drift.
    noise : StableNoise
        The driving noise.
    n : int
        Number of particles.
    t1 : float
        Last time.
    dts : (L,) sequence of float
        Time steps to test: whole multiples of `dt_reference` that divide t1.
    dt_reference : float
        Time step of the reference; it should be much smaller than the smallest of `dts`.
    replicates : int
        Number of independent runs.
    seed : int
        Replicate r uses the streams of (seed, r), as `simulate` does.
    norm : {"grid", "frozen", "one-step"}
        "grid": :math:`\sup_k \sup_i \|\theta_{k\eta}^i - \hat\theta_k^i\|`, at the scheme's grid
        points (Theorem 4.1). "frozen": the supremum over i at the fixed time just before t1, where
        the scheme, frozen since t1 - dt, lacks the noise of a whole step; its mean exists for
        alpha > 1, its variance does not. "one-step": the supremum over i after one step from the
        initial state, equation (14).
    initial : InitialLaw or (n, p) array_like
        Where the particles start.

    Returns
    -------
    (replicates, L) float64 array

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or the grids do not fit each other.
    FloatingPointError
        If a state stops being finite; the message names step and replicate.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1])
    >>> noise = sde.StableNoise(1.5, "II")
    >>> error = sde.euler_error(
    ...     net, noise, n=8, t1=1.0, dts=[0.25, 0.125], dt_reference=2**-8, replicates=50
    ... )
    >>> error.shape, bool(error[:, 0].mean() > error[:, 1].mean())
    ((50, 2), True)
    """
    check_kinds(system, noise)
    n, replicates = validation.count("n", n), validation.count("replicates", replicates)
    validation.known_name("norm", norm, ("grid", "frozen", "one-step"))
    fine = Grid.checked(t1, dt_reference)
    steps = validation.real_array("dts", dts, ("L",))
    ratios = [_ratio(float(dt), fine) for dt in steps]
    coupled = _Coupled(system, noise, initial, n, seed)
    if norm == "one-step":
        # each scheme's first step comes before the slowest has made one
        measured = coupled.measure(replicates, fine.dt, [1, *ratios], max(ratios))
        return measured[:, 1:, FIRST]
    measured = coupled.measure(replicates, fine.dt, [1, *ratios], fine.steps)
    return measured[:, 1:, FROZEN if norm == "frozen" else LARGEST_SUP]


def _ratio(dt: float, fine: Grid) -> int:
    """Return how many reference steps make one step, if the grids fit each other."""
    validation.positive("dts", dt)
    ratio = validation.grid_steps(dt, fine.dt, name="dt_reference", whole="each of dts")
    if ratio == 1:
        raise ValueError(
            f"need every one of dts larger than dt_reference={fine.dt!r}, got {dt!r}; "
            "use a finer reference"
        )
    validation.grid_steps(fine.t1, dt, name="each of dts")
    return ratio
