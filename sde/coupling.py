r"""Runs that share one noise: the propagation-of-chaos gap and the Euler error.

Both compare schemes that are driven by the same noise path. The kernel below advances them side by
side on the finest grid, draws every increment once, and keeps for each scheme the distance to a
reference: no path is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import random, validation
from sde.flow import Flow, check_flow
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.kernels import (
    Pieces,
    average,
    chunk_bounds,
    chunk_count,
    find_drift,
    load,
    observe,
    observe_chunk,
    prepare,
    store,
    update,
)
from sde.native import SOURCE_DIGEST, compiled
from sde.simulate import Grid, check_dimension, check_kinds
from sde.stable import SCRATCH, WIDTH, Draws, StableNoise, draw_block
from sde.systems import System

__all__ = ["chaos_gap", "euler_error"]

#: Numbers of initial state that are drawn at a time: 256 MB.
BATCH = 1 << 25

#: What the kernel measures for each scheme: the distance to the reference after its first step,
#: just before its last step, the largest on its grid (each a supremum over particles), and the
#: largest on its grid of the mean over particles.
FIRST, FROZEN, LARGEST_SUP, LARGEST_MEAN = range(4)


@compiled()
def _measure_empirical(pieces: Pieces, theta: Any, sums: Any, mean_field: Any) -> None:
    n = theta.shape[0]
    blocks, chunks = (n + WIDTH - 1) // WIDTH, chunk_count(n)
    for chunk in range(chunks):
        observe_chunk(pieces, theta, sums[chunk], chunk_bounds(chunk, chunks, blocks))
    average(sums, n, mean_field)


@compiled()
def _draw_pending(draws: Draws, step: int, n: int, pending: Any, noise: Any, scratch: Any) -> None:
    """Draw the noise of one fine step and add it to what waits for each scheme."""
    schemes, blocks, size = pending.shape
    for b in range(blocks):
        noise[:] = 0.0
        draw_block(draws, b * WIDTH, step, size // WIDTH, noise, scratch)
        for s in range(schemes):
            for i in range(size):
                pending[s, b, i] += noise[i]


@compiled()
def _take_step(
    pieces: Pieces, dt: float, weights: Any, pending: Any, theta: Any, buffers: Any, scratch: Any
) -> bool:
    """Advance one scheme by one of its steps, using up its noise; return whether it is finite."""
    n = theta.shape[0]
    block, force = buffers
    finite = True
    for b in range(pending.shape[0]):
        count = min(WIDTH, n - b * WIDTH)
        load(theta, b * WIDTH, count, block)
        find_drift(pieces, block, weights, force, scratch)
        finite &= update(block, dt, force, pending[b])
        store(block, b * WIDTH, count, theta)
        pending[b, :] = 0.0
    return finite


@compiled()
def _distances(a: Any, b: Any) -> tuple[float, float]:
    """Return the supremum and the mean over particles of the distance between two states."""
    n, dim = a.shape
    largest = total = 0.0
    for i in range(n):
        square = 0.0
        for c in range(dim):
            square += (a[i, c] - b[i, c]) ** 2
        distance = np.sqrt(square)
        largest = max(largest, distance)
        total += distance
    return largest, total / n


@compiled()
def _run_replicate(
    pieces: Pieces,
    draws: Draws,
    dt: float,
    ratios: Any,
    steps: int,
    flow: Any,
    initial: Any,
    measured: Any,
) -> int:
    """Run all schemes of one replicate; return the failing step, or -1.

    Scheme s takes a step every `ratios[s]` fine steps; scheme 0 is the reference. If `flow` has
    rows, scheme 1 reads it in place of its own mean field.
    """
    n, dim = initial.shape
    schemes, blocks, size = len(ratios), (n + WIDTH - 1) // WIDTH, dim * WIDTH
    theta = np.empty((schemes, n, dim))
    pending = np.zeros((schemes, blocks, size))
    weights = np.empty((schemes, pieces.n_weights))
    sums = np.empty((chunk_count(n), pieces.n_observables))
    mean_field = np.empty(pieces.n_observables)
    noise, scratch = np.empty(size), np.empty(SCRATCH)
    buffers = (np.empty(size), np.empty(size))
    given = flow.shape[0] > 0
    _measure_empirical(pieces, initial, sums, mean_field)
    for s in range(schemes):
        theta[s] = initial
        prepare(pieces, flow[0] if given and s == 1 else mean_field, weights[s])
    measured[:] = 0.0
    for step in range(steps):
        _draw_pending(draws, step, n, pending, noise, scratch)
        for s in range(schemes):
            if (step + 1) % ratios[s] != 0:
                continue
            if step + 1 == steps:
                measured[s, FROZEN] = _distances(theta[0], theta[s])[0]
            spacing = dt * ratios[s]
            if not _take_step(pieces, spacing, weights[s], pending[s], theta[s], buffers, scratch):
                return step
            if given and s == 1:
                prepare(pieces, flow[step + 1], weights[s])
            else:
                _measure_empirical(pieces, theta[s], sums, mean_field)
                prepare(pieces, mean_field, weights[s])
            largest, mean = _distances(theta[0], theta[s])
            if step + 1 == ratios[s]:
                measured[s, FIRST] = largest
            measured[s, LARGEST_SUP] = max(measured[s, LARGEST_SUP], largest)
            measured[s, LARGEST_MEAN] = max(measured[s, LARGEST_MEAN], mean)
    return -1


def _make_run_replicates() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=True)
    def run_replicates(
        pieces: Pieces,
        draws: Draws,
        keys: Any,
        dt: float,
        ratios: Any,
        steps: int,
        flow: Any,
        initial: Any,
        measured: Any,
        failed: Any,
    ) -> None:
        _ = digest
        for r in numba.prange(len(keys)):
            own = Draws(draws.address, draws.parameters, keys[r])
            failed[r] = _run_replicate(
                pieces, own, dt, ratios, steps, flow, initial[r], measured[r]
            )

    return run_replicates


_run_replicates = _make_run_replicates()


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
        size = max(1, BATCH // (self.n * self.system.dim))
        measured = np.empty((replicates, len(ratios), 4))
        for first in range(0, replicates, size):
            last = min(first + size, replicates)
            self._measure_batch(range(first, last), dt, ratios, steps, flow, measured[first:last])
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
        keys = np.array(
            [random.stream_key(self.seed, r, "noise") for r in replicates], dtype=np.uint64
        )
        initial = np.stack(
            [
                sample_initial(self.initial, self.n, self.system.dim, seed=self.seed, replicate=r)
                for r in replicates
            ]
        )
        if flow is None:
            flow = np.empty((0, self.system.n_observables))
        failed = np.empty(len(replicates), dtype=np.int64)
        _run_replicates(
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
        if (failed >= 0).any():
            at = int(np.flatnonzero(failed >= 0)[0])
            step = int(failed[at]) + 1
            raise FloatingPointError(
                f"the state stopped being finite at step {step} (t={step * dt:g}) of replicate "
                f"{replicates[at]}; use a smaller dt or sigma, or a drift that does not grow"
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
