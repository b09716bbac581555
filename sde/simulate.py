"""Simulate the particle system: recursion (2), the Euler scheme of system (4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import kernels, random, validation
from sde.block_steps import Pieces, room_for_slopes
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.stable import StableNoise
from sde.systems import System

if TYPE_CHECKING:
    import xarray

__all__ = ["Solution", "simulate"]

DTYPES = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class Solution:
    """The end of a simulation, and what was kept on the way.

    Attributes
    ----------
    theta : (n, p) array
        State of the particles at the last time.
    times : (K + 1,) array
        Times of the grid.
    mean_field : (K + 1, q) array
        Mean field at the times of the grid: the particles' own, or that of the flow for
        `simulate_limit`.
    saved : (len(save_at), n, p) array
        States at the times that were asked for.
    saved_times : (len(save_at),) array
        Those times.
    parameters : dict
        What was run, for the record.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1])
    >>> sol = sde.simulate(net, sde.StableNoise(1.5, "I"), n=3, t1=1.0, dt=0.5, save_at=[0.5])
    >>> sol.times.tolist(), sol.saved_times.tolist()
    ([0.0, 0.5, 1.0], [0.5])
    """

    theta: NDArray[Any]
    times: NDArray[np.float64]
    mean_field: NDArray[np.float64]
    saved: NDArray[Any]
    saved_times: NDArray[np.float64]
    parameters: dict[str, str | int | float]

    def __repr__(self) -> str:
        n, dim = self.theta.shape
        steps, saved = len(self.times) - 1, len(self.saved_times)
        return f"Solution(n={n}, dim={dim}, t1={self.times[-1]:g}, steps={steps}, saved={saved})"

    def to_xarray(self) -> "xarray.Dataset":
        """Return the solution as labelled data.

        Returns
        -------
        xarray.Dataset
            Variables `theta` (particle, coordinate), `mean_field` (time, observable) and `saved`
            (saved_time, particle, coordinate); the parameters are its attributes.

        Examples
        --------
        >>> import sde
        >>> net = sde.MeanFieldNetwork([[1.0]], [1])
        >>> sol = sde.simulate(net, sde.StableNoise(1.5, "I"), n=3, t1=1.0, dt=0.5)
        >>> dict(sol.to_xarray().sizes)["particle"]
        3
        """
        import xarray

        return xarray.Dataset(
            {
                "theta": (("particle", "coordinate"), self.theta),
                "mean_field": (("time", "observable"), self.mean_field),
                "saved": (("saved_time", "particle", "coordinate"), self.saved),
            },
            coords={"time": self.times, "saved_time": self.saved_times},
            attrs=dict(self.parameters),
        )


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

    Returns
    -------
    Solution

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or dt does not divide t1.
    FloatingPointError
        If the state stops being finite; the message names the step.

    Notes
    -----
    The result does not depend on the number of threads (`numba.set_num_threads`). In float32 a
    feature is off by a few units of 6e-8 of its size, and by its slope times the rounding of its
    argument, which is 6e-8 of the sum of the products' sizes; the mean field by a few 1e-7 of the
    features' mean size; "sine" is 0 beyond an argument of 2^20. Memory: the
    state, what `save_at` asks for, and, while they take no more than 64 MB (512 MB from dimension
    16 on), the n m l slopes of a network's features, kept from one step to the next.

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
    theta = sample_initial(
        initial, n, system.dim, seed=seed, replicate=replicate, dtype=np.dtype(dtype)
    )
    mean_field = np.empty((grid.steps + 1, system.n_observables))
    pieces = system.pieces_in(theta.dtype)
    slopes = room_for_slopes(pieces, n)
    kernels.observables(pieces, theta, mean_field[0], slopes)
    saved = run(pieces, draws, grid, saves, theta, mean_field, slopes)
    parameters = describe(system, noise, grid, initial, n, seed, replicate) | {"dtype": dtype}
    return Solution(theta, grid.times, mean_field, saved, grid.times[saves], parameters)


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
    """Refuse what is not a system and a noise."""
    if not isinstance(system, System):
        raise TypeError(
            "need a MeanFieldNetwork or McKeanVlasov system, got "
            f"{validation.show(system)}; build one first"
        )
    if not isinstance(noise, StableNoise):
        raise TypeError(
            f"need a StableNoise, got {validation.show(noise)}; pass a StableNoise(...)"
        )


def check_dimension(system: System) -> None:
    """Refuse a particle with more coordinates than the noise's counter has room for."""
    validation.count("dim", system.dim, most=random.MAX_DRAWS // 2)


def run(
    pieces: Pieces,
    draws: Any,
    grid: Grid,
    saves: NDArray[np.int64],
    theta: NDArray[Any],
    mean_field: NDArray[np.float64],
    slopes: NDArray[Any] | None,
) -> NDArray[Any]:
    """Advance `theta` in place over the grid; return its copies at the steps in `saves`.

    Particles interact if `slopes` is given: what `kernels.observables` kept, if anything.
    """
    saved = np.empty((len(saves), *theta.shape), dtype=theta.dtype)
    step = 0
    for stop in [*saves.tolist(), grid.steps]:
        failed = kernels.advance(
            pieces,
            draws,
            kernels.Task(grid.dt, grid.substeps, moving=True, interacting=slopes is not None),
            (step, stop),
            theta,
            mean_field,
            np.empty((0, 0)) if slopes is None else slopes,
        )
        if failed >= 0:
            raise FloatingPointError(
                f"the state stopped being finite at step {failed + 1} of {grid.steps} "
                f"(t={(failed + 1) * grid.dt:g}); use a smaller dt or sigma, or check "
                "that the drift is defined there, does not grow without bound, and writes all of "
                "out"
            )
        step = stop
        at = np.flatnonzero(saves == stop)
        if len(at):
            saved[at[0]] = theta
    return saved


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
        "noise": repr(noise),
        "initial": repr(initial) if isinstance(initial, InitialLaw) else "array",
        "n": n,
        "t1": grid.t1,
        "dt": grid.dt,
        "substeps": grid.substeps,
        "seed": seed,
        "replicate": replicate,
    }
