"""Simulate the particle system: recursion (2), the Euler scheme of system (4)."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import kernels, random, validation
from sde.block_steps import room_for_slopes
from sde.checkpoint import Checkpoints
from sde.crew import Crew, crew_of
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.journal import Journal, Keeping, State
from sde.labelled import Trajectory
from sde.solution import Solution
from sde.stable import StableNoise
from sde.systems import System

__all__ = ["Solution", "simulate"]

DTYPES = ("float32", "float64")


def simulate(
    system: System,
    noise: StableNoise,
    *,
    n: int,
    t1: float,
    dt: float,
    initial: InitialLaw | ArrayLike = Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    substeps: int = 1,
    seed: int = 0,
    replicate: int = 0,
    save_at: Sequence[float] | ArrayLike | None = None,
    dtype: Literal["float32", "float64"] = "float64",
    checkpoint: str | os.PathLike[str] | Checkpoints | None = None,
    every_seconds: float = 60.0,
    save_to: str | os.PathLike[str] | None = None,
    comm: Any = None,
) -> Solution:
    r"""Simulate n interacting particles by the Euler scheme (2) of system (4).

    .. math:: \theta_{k+1}^i = \theta_k^i + \eta\, b(\theta_k^i, \mu_k^n) + \sigma\,(\Delta L)_k^i.

    Parameters
    ----------
    system : MeanFieldNetwork or McKeanVlasov
        Observables and drift.
    noise : StableNoise
        The driving noise.
    n : int
        Number of particles.
    t1, dt : float
        Last time and time step (the paper's t and η); dt must divide t1.
    initial : InitialLaw or (n, p) array_like
        Where the particles start.
    substeps : int
        The noise is drawn on the grid `dt / substeps` and summed, so that a run at `dt` and one
        at `dt / substeps` share one noise path.
    seed, replicate : int
        Select the streams of noise and initial states.
    save_at : sequence of float, optional
        Times of the grid at which to keep the whole state.
    dtype : {"float64", "float32"}
        How the state is stored, and how a network's features and drift are computed. Noise is drawn
        and added in float64, the mean field is a float64 average, and the state is rounded once a
        step. A `McKeanVlasov` computes in float64 always.
    checkpoint : path or Checkpoints, optional
        A folder in which the state is kept while the run goes on, for a run of this one that was
        ended by whatever: called again in the same way, it goes on from there, to the same bits.
    every_seconds : float
        Time between two checkpoints.
    save_to : path, optional
        A new Zarr store (package `zarr`) that the states at `save_at` go to as they are computed,
        rather than to memory.
    comm : mpi4py.MPI.Comm, optional
        Share the particles out among the processes of an MPI communicator (package `mpi4py`), each
        of which calls this function with the same arguments. Every process gets its own particles,
        those from number `sol.parameters["first"]` on, and the same mean field. The bits are those
        of one process. Checkpoints and stores are in a subfolder for each process.

    Returns
    -------
    Solution

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or dt does not divide t1.
    FloatingPointError
        If the state stops being finite; the message names the step.
    CheckpointError
        A `ValueError`: if checkpoints are of another run, in use, damaged, or can't be written.
    OSError
        If states can't be saved.

    Notes
    -----
    The result does not depend on the number of threads (`numba.set_num_threads`). Memory: the
    state, what `save_at` asks for, and the n m l slopes of a network's features, kept from one
    step to the next while they take no more than 512 MB (64 MB in fewer than 100 steps, if data
    have less than 32 coordinates).

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0, 0.0], [0.6, -0.8]], [1, -1])
    >>> noise = sde.StableNoise(alpha=1.5, kind="II", sigma=0.5)
    >>> sol = sde.simulate(net, noise, n=1000, t1=1.0, dt=0.125, save_at=[0.5, 1.0])
    >>> sol.theta.shape, sol.mean_field.shape, sol.saved.shape
    ((1000, 2), (9, 2), (2, 1000, 2))
    """
    check_kinds(system, noise)
    n = validation.count("n", n)
    validation.known_name("dtype", dtype, DTYPES)
    grid = Grid.checked(t1, dt, substeps)
    draws = noise.draws(grid.dt / grid.substeps, seed, replicate)
    check_dimension(system)
    saves = grid.indices(save_at)
    keeping = Keeping.checked(checkpoint, every_seconds, save_to)
    crew = crew_of(comm, n)
    theta = sample_initial(
        initial,
        n,
        system.dim,
        seed=seed,
        replicate=replicate,
        dtype=np.dtype(dtype),
        rows=crew.rows,
    )
    parameters = describe(system, noise, grid, initial, n, seed, replicate) | {"dtype": dtype}
    mean_field = np.empty((grid.steps + 1, system.n_observables))
    slopes = room_for_slopes(system.pieces_in(theta.dtype), len(theta), grid.steps)
    state = State(theta, mean_field, saves)
    return solve(system, draws, grid, state, slopes, parameters, keeping, crew)


@dataclass(frozen=True)
class Grid:
    """An equidistant time grid and how finely the noise is drawn on it."""

    t1: float
    dt: float
    steps: int
    substeps: int = 1

    @classmethod
    def checked(cls, t1: object, dt: object, substeps: object = 1) -> "Grid":
        """Make a grid of what a user passed."""
        end, step = validation.positive("t1", t1), validation.positive("dt", dt)
        steps = validation.grid_steps(end, step)
        fine = validation.count("substeps", substeps)
        if steps * fine >= random.MAX_STEPS:
            raise ValueError(
                f"need fewer than 2**48 noise steps, got {steps} * {fine}; use a larger dt"
            )
        return cls(end, step, steps, fine)

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the grid, shape (steps + 1,)."""
        return self.dt * np.arange(self.steps + 1, dtype=np.float64)

    def indices(self, save_at: object) -> NDArray[np.int64]:
        """Return the step numbers of the times to save; refuse a time off the grid."""
        if save_at is None:
            return np.empty(0, dtype=np.int64)
        wanted: list[float] = validation.real_array("save_at", save_at, ("k",), empty=True).tolist()
        indices = [round(min(max(time / self.dt, 0.0), float(self.steps))) for time in wanted]
        for time, index in zip(wanted, indices, strict=True):
            if not abs(time - index * self.dt) <= 1e-9 * max(self.dt, abs(time)):
                raise ValueError(
                    f"need save_at on the grid 0, dt, ..., t1 with dt={self.dt!r} and "
                    f"t1={self.t1!r}, got {time!r}; the nearest time is {index * self.dt!r}"
                )
        nearest = np.array(indices, dtype=np.int64)
        if (np.diff(nearest) <= 0).any():
            raise ValueError(f"need save_at in increasing order, got {wanted}; sort it")
        return nearest


def check_kinds(system: object, noise: object) -> None:
    """Refuse what is not a system and a noise of its dimension."""
    if not isinstance(system, System):
        raise TypeError(
            "need a MeanFieldNetwork or McKeanVlasov system, got "
            f"{validation.show(system)}; build one first"
        )
    if not isinstance(noise, StableNoise):
        raise TypeError(
            f"need a StableNoise, got {validation.show(noise)}; pass a StableNoise(...)"
        )
    noise.require_dimension(system.dim)


def check_dimension(system: System) -> None:
    """Refuse a particle with more coordinates than the noise's counter has room for."""
    validation.count("dim", system.dim, most=random.MAX_DRAWS // 2)


def solve(
    system: System,
    draws: Any,
    grid: Grid,
    state: State,
    slopes: NDArray[Any] | None,
    parameters: dict[str, str | int | float],
    keeping: Keeping,
    crew: Crew,
) -> Solution:
    """Run a system from its initial state, and keep what is to be kept, where it is to be.

    Particles interact if `slopes` is given: room for what `kernels.observables` keeps, if any.
    """
    times = grid.times[state.saves]
    crew.agree(parameters)
    parameters |= crew.parameters
    with keeping.of(state, times, parameters, crew) as journal:
        run(system, draws, grid, state, slopes, journal, crew)
    ends = {"theta": state.theta, "time": grid.times, "mean_field": state.mean_field}
    saved = state.saved.finish(ends) if isinstance(state.saved, Trajectory) else state.saved
    return Solution(state.theta, grid.times, state.mean_field, saved, times, parameters)


def run(
    system: System,
    draws: Any,
    grid: Grid,
    state: State,
    slopes: NDArray[Any] | None,
    journal: Journal | None,
    crew: Crew,
) -> None:
    """Advance a state over the grid, from its beginning or its last checkpoint."""
    pieces = system.pieces_in(state.theta.dtype)
    task = kernels.Task(
        grid.dt, grid.substeps, moving=True, interacting=slopes is not None, first=crew.rows.start
    )
    step = 0 if journal is None else journal.resume(state)
    if slopes is not None:
        crew.observables(pieces, state.theta, state.mean_field[step], slopes)
    state.keep(step)
    pauses = [*state.saves.tolist(), grid.steps]
    while step < grid.steps:
        stop = pauses[bisect_right(pauses, step)]
        if journal is not None:
            stop = min(stop, journal.next_look(step))
        failed = crew.advance(
            pieces,
            draws,
            task,
            (step, stop),
            state.theta,
            state.mean_field,
            np.empty((0, 0), pieces.inputs.dtype) if slopes is None else slopes,
        )
        last = stop if failed < 0 else failed  # a mean that overflows is why the state does
        check_observables(state.mean_field[step : last + 1], step, grid)
        check_finite(failed, grid)
        step = stop
        state.keep(step)
        if journal is not None:
            journal.look(step, state, last=step == grid.steps)


def check_finite(failed: int, grid: Grid) -> None:
    """Raise if a step failed: `failed` is its number, or -1."""
    if failed >= 0:
        raise FloatingPointError(
            f"the state stopped being finite at step {failed + 1} of {grid.steps} "
            f"(t={(failed + 1) * grid.dt:g}); use a smaller dt or sigma, or check "
            "that the drift is defined there, does not grow without bound, and writes all of "
            "out"
        )


def check_observables(mean_field: NDArray[np.float64], first: int, grid: Grid) -> None:
    """Raise if a mean field of the steps from `first` on is not finite while the state is."""
    finite = np.isfinite(mean_field).all(axis=1)
    if not finite.all():
        step = first + int(np.argmin(finite))
        raise FloatingPointError(
            f"the mean of an observable is not finite at step {step} of {grid.steps} "
            f"(t={step * grid.dt:g}), where the state is; use a smaller dt or sigma, a state "
            "nearer to 0, or an observable that is defined there and does not overflow"
        )


def describe(
    system: System,
    noise: StableNoise,
    grid: Grid,
    initial: object,
    n: int,
    seed: int,
    replicate: int,
) -> dict[str, str | int | float]:
    """Return the parameters of a run, for the record."""
    return {
        "system": repr(system),
        "fingerprint": system.fingerprint,
        "noise": repr(noise),
        "initial": repr(initial) if isinstance(initial, InitialLaw) else "array",
        "n": n,
        "t1": grid.t1,
        "dt": grid.dt,
        "substeps": grid.substeps,
        "seed": seed,
        "replicate": replicate,
    }
