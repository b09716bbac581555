r"""The limit (5): its mean-field flow :math:`t \mapsto \mu_t(\varphi)`, and i.i.d. copies of it.

The flow is found in one of two ways: by averaging large particle systems, with a standard error;
or, for one-dimensional trigonometric features, exactly (`sde.fourier`).
"""

import math
import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import validation
from sde.checkpoint import Checkpoints
from sde.crew import Alone
from sde.fourier import flow_by_modes
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.journal import Keeping, State, digest
from sde.simulate import Grid, Solution, check_dimension, check_kinds, describe, simulate, solve
from sde.stable import StableNoise
from sde.systems import System

__all__ = ["Flow", "mean_field_flow", "simulate_limit"]

METHODS = ("particles", "fourier", "fourier-continuous")


@dataclass(frozen=True, eq=False)
class Flow:
    r"""The mean-field flow of the limit (5) on a time grid.

    Attributes
    ----------
    times : (K + 1,) array
        Times of the grid.
    values : (K + 1, q) array
        :math:`\mu_t(\varphi)` at those times.
    standard_error : (K + 1, q) array
        Standard error of `values`; for the exact methods the change when the number of modes was
        last doubled.
    system, noise, initial, dt, t1, method
        What it is the flow of: checked when it is used.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1], feature="sine")
    >>> noise = sde.StableNoise(1.5, "I")
    >>> flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, method="fourier")
    >>> flow.values.shape, flow(0.1).shape
    ((5, 1), (1,))
    """

    system: System
    noise: StableNoise
    initial: InitialLaw
    t1: float
    dt: float
    method: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    standard_error: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_kinds(self.system, self.noise)
        check_law(self.initial)
        rows = self.grid.steps + 1
        shape = (rows, self.system.n_observables)
        for name, size in (("times", (rows,)), ("values", shape), ("standard_error", shape)):
            object.__setattr__(self, name, validation.real_array(name, getattr(self, name), size))

    def __repr__(self) -> str:
        return (
            f"Flow(system={self.system!r}, noise={self.noise!r}, initial={self.initial!r}, "
            f"t1={self.t1!r}, dt={self.dt!r}, method={self.method!r})"
        )

    @classmethod
    def from_values(
        cls,
        system: System,
        noise: StableNoise,
        values: ArrayLike,
        *,
        t1: float,
        dt: float,
        initial: InitialLaw = Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    ) -> "Flow":
        r"""Make a flow that is known by other means, such as symmetry or an exact solution.

        Parameters
        ----------
        system, noise, t1, dt, initial
            What it is the flow of.
        values : (K + 1, q) array_like
            :math:`\mu_t(\varphi)` at the times 0, dt, ..., t1.

        Returns
        -------
        Flow
            With a standard error of zero.

        Examples
        --------
        >>> import sde
        >>> net = sde.MeanFieldNetwork([[1.0]], [0.0], "sine", "squared")  # odd: the mean stays 0
        >>> noise = sde.StableNoise(1.5, "I")
        >>> flow = sde.Flow.from_values(net, noise, [[0.0], [0.0], [0.0]], t1=1.0, dt=0.5)
        >>> sde.simulate_limit(net, noise, flow, n=5).theta.shape
        (5, 1)
        """
        grid, array = Grid.checked(t1, dt), np.asarray(values)
        zero = np.zeros(array.shape)
        return cls(system, noise, initial, grid.t1, grid.dt, "given", grid.times, array, zero)

    def __call__(self, t: float) -> NDArray[np.float64]:
        """Return the mean field at time t, interpolated linearly between times of the grid.

        Parameters
        ----------
        t : float
            From 0 to t1.

        Returns
        -------
        (q,) array
        """
        t = validation.real("t", t, least=0.0, most=self.t1)
        return np.array([np.interp(t, self.times, column) for column in self.values.T])

    @property
    def grid(self) -> Grid:
        """The time grid."""
        return Grid.checked(self.t1, self.dt)

    def check(self, system: System, noise: StableNoise) -> None:
        """Refuse to be used with another system or noise law."""
        if system.fingerprint != self.system.fingerprint:
            raise ValueError(
                f"need the flow of the same system, got a flow of {self.system!r} for {system!r} "
                "(if they look the same, their data or the content of their functions differ); "
                "compute mean_field_flow for this system"
            )
        if noise != self.noise:
            raise ValueError(
                f"need the flow of the same noise, got a flow with {self.noise!r} for {noise!r}; "
                "compute mean_field_flow with this noise"
            )


def mean_field_flow(
    system: System,
    noise: StableNoise,
    *,
    t1: float,
    dt: float,
    initial: InitialLaw = Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    method: Literal["particles", "fourier", "fourier-continuous"] = "particles",
    n: int = 2**20,
    runs: int = 8,
    seed: int = 0,
) -> Flow:
    r"""Compute the mean-field flow :math:`t \mapsto \mu_t(\varphi)` of the limit (5).

    Parameters
    ----------
    system : MeanFieldNetwork or McKeanVlasov
        Observables and drift.
    noise : StableNoise
        The driving noise.
    t1, dt : float
        Last time and time step of the grid.
    initial : InitialLaw
        Law of the initial states.
    method : {"particles", "fourier", "fourier-continuous"}
        "particles" averages `runs` independent systems of n particles: bias O(1/n), standard error
        O((n runs)^(-1/2)), reported. "fourier" is exact for the Euler chain with step dt,
        "fourier-continuous" for continuous time; both need a `MeanFieldNetwork` with one input,
        feature "sine", and inputs that are whole multiples of a common frequency.
    n, runs : int
        Size and number of the particle systems, at least 2 runs.
    seed : int
        Of the particle systems, whose replicates are 2^63, 2^63 + 1, ...: no noise in common with
        replicates a user is likely to number.

    Returns
    -------
    Flow

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or the method does not apply.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0], [2.0]], [1, -1], feature="sine")
    >>> noise = sde.StableNoise(1.5, "II")
    >>> exact = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, method="fourier")
    >>> large = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, n=2**14, runs=4)
    >>> distance = abs(exact.values - large.values)
    >>> bool((distance <= 6 * large.standard_error + 1e-12).all())
    True
    """
    check_kinds(system, noise)
    validation.known_name("method", method, METHODS)
    n, runs = validation.count("n", n), validation.count("runs", runs, least=2)
    grid = Grid.checked(t1, dt)
    check_law(initial)
    seed = validation.count("seed", seed, least=0, most=2**64 - 1)
    if method == "particles":
        values, error = _by_particles(system, noise, grid, initial, n, runs, seed)
    else:
        values, error = flow_by_modes(system, noise, grid, initial, method)
    return Flow(system, noise, initial, grid.t1, grid.dt, method, grid.times, values, error)


def _by_particles(
    system: System,
    noise: StableNoise,
    grid: Grid,
    initial: InitialLaw,
    n: int,
    runs: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fields = np.stack(
        [
            simulate(
                system,
                noise,
                n=n,
                t1=grid.t1,
                dt=grid.dt,
                initial=initial,
                seed=seed,
                replicate=2**63 + r,
            ).mean_field
            for r in range(runs)
        ]
    )
    # by a power of two, so that neither sums nor squares overflow
    unit = 2.0**600 if np.abs(fields).max() > 2.0**450 else 1.0
    fields /= unit
    return unit * fields.mean(axis=0), unit * (fields.std(axis=0, ddof=1) / math.sqrt(runs))


def simulate_limit(
    system: System,
    noise: StableNoise,
    flow: Flow,
    *,
    n: int,
    seed: int = 0,
    replicate: int = 0,
    save_at: ArrayLike | None = None,
    checkpoint: str | os.PathLike[str] | Checkpoints | None = None,
    every_seconds: float = 60.0,
    save_to: str | os.PathLike[str] | None = None,
) -> Solution:
    r"""Simulate n i.i.d. copies of the limit (5), on the noise and initial states of `simulate`.

    Parameters
    ----------
    system : MeanFieldNetwork or McKeanVlasov
        Observables and drift.
    noise : StableNoise
        The driving noise.
    flow : Flow
        Mean-field flow of this system with this noise; its grid and initial law are used.
    n : int
        Number of copies.
    seed, replicate : int
        Copy i has the noise and the initial state of particle i of `simulate` with the same two.
    save_at : sequence of float, optional
        Times of the grid at which to keep all copies.
    checkpoint, every_seconds, save_to
        As for `simulate`.

    Returns
    -------
    Solution
        Its `mean_field` is the flow.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or the flow is of another system or noise.
    CheckpointError, OSError
        As for `simulate`.
    FloatingPointError
        If a copy stops being finite; the message names the step.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1], feature="sine")
    >>> noise = sde.StableNoise(1.5, "I")
    >>> flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.25, method="fourier")
    >>> sde.simulate_limit(net, noise, flow, n=100).theta.shape
    (100, 1)
    """
    check_kinds(system, noise)
    check_flow(flow, system, noise)
    check_dimension(system)
    n = validation.count("n", n)
    grid = flow.grid
    saves = grid.indices(save_at)
    draws = noise.draws(grid.dt, seed, replicate)
    keeping = Keeping.checked(checkpoint, every_seconds, save_to)
    theta = sample_initial(flow.initial, n, system.dim, seed=seed, replicate=replicate)
    parameters = describe(system, noise, grid, flow.initial, n, seed, replicate)
    parameters["flow"] = digest(flow.values)
    state = State(theta, flow.values.copy(), saves)
    return solve(system, draws, grid, state, None, parameters, keeping, Alone(n))


def check_law(initial: object) -> None:
    """Refuse what is not a law of initial states."""
    if not isinstance(initial, InitialLaw):
        raise TypeError(
            f"need an initial law for the limit, got {validation.show(initial)}; an array is not a "
            "law: pass Gaussian, Uniform, Point or your own InitialLaw"
        )


def check_flow(flow: Any, system: System, noise: StableNoise) -> None:
    """Refuse what is not a flow, or is the flow of something else."""
    if not isinstance(flow, Flow):
        raise TypeError(
            f"need a Flow, got {validation.show(flow)}; compute it with mean_field_flow"
        )
    flow.check(system, noise)
