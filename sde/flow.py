r"""The limit (5): its mean-field flow :math:`t \mapsto \mu_t(\varphi)`, and i.i.d. copies of it.

The flow is found in one of two ways: by averaging large particle systems, with a standard error; or,
for one-dimensional trigonometric features, exactly. In the second case the characteristic
coefficients :math:`c_k(t) = E e^{i k \omega \theta_t}` of the limit close among themselves, because
both the observables and the drift are trigonometric in :math:`\omega\theta`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from sde import validation
from sde.initial import Gaussian, InitialLaw, sample_initial
from sde.simulate import Grid, Solution, check_dimension, check_kinds, describe, run, simulate
from sde.stable import StableNoise
from sde.systems import MeanFieldNetwork, System

__all__ = ["Flow", "mean_field_flow", "simulate_limit"]

METHODS = ("particles", "fourier", "fourier-continuous")

#: Modes are doubled until the flow changes by less than this.
MODE_TOLERANCE = 1e-13
MAX_MODES = 4096


@dataclass(frozen=True)
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
                f"need the flow of the same system, got a flow of {self.system!r} for {system!r}; "
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
    if not isinstance(initial, InitialLaw):
        raise TypeError(
            f"need an initial law for the limit, got {type(initial).__name__}; an array is not a "
            "law: pass Gaussian, Uniform, Point or your own InitialLaw"
        )
    if method == "particles":
        values, error = _by_particles(system, noise, grid, initial, n, runs, seed)
    else:
        values, error = _by_modes(system, noise, grid, initial, method)
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
    return fields.mean(axis=0), fields.std(axis=0, ddof=1) / math.sqrt(runs)


def _by_modes(
    system: System, noise: StableNoise, grid: Grid, initial: InitialLaw, method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Double the number of modes until the flow no longer changes."""
    chain = _TrigonometricNetwork.of(system)
    solve: Callable[..., NDArray[np.float64]] = (
        chain.euler_flow if method == "fourier" else chain.continuous_flow
    )
    modes = 2 * max(8, int(np.abs(chain.multiples).max()))
    values = solve(noise, grid, initial, modes)
    while modes < MAX_MODES:
        modes *= 2
        finer = solve(noise, grid, initial, modes)
        change = np.abs(finer - values)
        values = finer
        if change.max() <= MODE_TOLERANCE * max(1.0, np.abs(values).max()):
            return values, change
    raise ValueError(
        f"need a flow that {MAX_MODES} Fourier modes resolve, but the last doubling changed it by "
        f"{change.max():.2g}; use a smoother initial law, more noise, or method='particles'"
    )


@dataclass(frozen=True)
class _TrigonometricNetwork:
    r"""A network on the line whose features are :math:`c \sin(k_j \omega \theta)`, k_j whole."""

    network: MeanFieldNetwork
    frequency: float
    multiples: NDArray[np.int64]

    @classmethod
    def of(cls, system: System) -> "_TrigonometricNetwork":
        if not isinstance(system, MeanFieldNetwork) or system.feature.name != "sine":
            raise ValueError(
                f"need a MeanFieldNetwork with feature 'sine' for the exact flow, got {system!r}; "
                "use method='particles'"
            )
        if system.dim != 1:
            raise ValueError(
                f"need particles of dimension 1 for the exact flow, got dim={system.dim}; "
                "use method='particles'"
            )
        inputs = system.x[:, 0]
        frequency = _common_frequency(inputs)
        return cls(system, frequency, np.rint(inputs / frequency).astype(np.int64))

    def observables(self, coefficients: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Return E h_x(θ) from the coefficients c_0, ..., c_K of the law of θ."""
        signs = np.sign(self.multiples)
        sines = np.imag(coefficients[np.abs(self.multiples)])
        return np.asarray(self.network.amplitude * signs * sines)

    def weights(self, mean_field: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the amplitude of cos(k_j ω θ) in the drift, for every datum."""
        out = np.empty(1)
        m = len(self.multiples)
        weights = np.empty(m)
        gradient = self.network.loss.gradient
        plain = getattr(gradient, "py_func", gradient)
        for j in range(m):
            plain(mean_field[j : j + 1], self.network.y[j], out)
            weights[j] = out[0]
        return -self.network.amplitude / m * weights * self.network.x[:, 0]

    def damping(self, noise: StableNoise, modes: int, time: float) -> NDArray[np.float64]:
        """Return what noise over `time` multiplies c_0, ..., c_K by."""
        k = np.arange(modes + 1) * self.frequency
        return np.exp(-time * (noise.sigma * k) ** noise.alpha)

    def euler_flow(
        self, noise: StableNoise, grid: Grid, initial: InitialLaw, modes: int
    ) -> NDArray[np.float64]:
        r"""Flow of the Euler chain: :math:`c_k' = d_k E e^{ik\omega(\theta + \eta b(\theta))}`.

        The factor :math:`e^{ik\omega\eta b(\theta)}` is periodic; its Fourier coefficients, by FFT,
        mix the modes.
        """
        k = np.arange(modes + 1)
        c = initial.characteristic_function(k * self.frequency)
        damping = self.damping(noise, modes, grid.dt)
        points = 4 * modes
        angle = 2 * np.pi * np.arange(points) / points  # ωθ over one period
        cosines = np.cos(np.outer(self.multiples, angle))
        rows = k[:, None] + np.arange(-modes, modes + 1)[None, :]
        values = [self.observables(c)]
        for _ in range(grid.steps):
            drift = self.weights(values[-1]) @ cosines
            phase = np.exp(1j * self.frequency * grid.dt * np.outer(k, drift))
            mixing = np.fft.fft(phase, axis=1) / points  # coefficient of e^{i l ωθ} at index l
            shifts = np.take(mixing, np.arange(-modes, modes + 1), axis=1)
            c = damping * (shifts * _mode(c, rows)).sum(axis=1)
            values.append(self.observables(c))
        return np.stack(values)

    def continuous_flow(
        self, noise: StableNoise, grid: Grid, initial: InitialLaw, modes: int
    ) -> NDArray[np.float64]:
        r"""Flow in continuous time:
        :math:`\dot c_k = i k \omega \sum_j \beta_j (c_{k + k_j} + c_{k - k_j})/2
        - (\sigma k \omega)^\alpha c_k`, in the interaction picture of the noise.
        """  # noqa: D205
        k = np.arange(modes + 1)
        rate = (noise.sigma * k * self.frequency) ** noise.alpha
        up, down = k[None, :] + self.multiples[:, None], k[None, :] - self.multiples[:, None]

        def velocity(_t: float, packed: NDArray[np.float64]) -> NDArray[np.float64]:
            c = packed[: modes + 1] + 1j * packed[modes + 1 :]
            beta = self.weights(self.observables(c))
            mixed = beta @ (_mode(c, up) + _mode(c, down)) / 2
            change = 1j * k * self.frequency * mixed - rate * c
            return np.concatenate([change.real, change.imag])

        start = initial.characteristic_function(k * self.frequency)
        solution = solve_ivp(
            velocity,
            (0.0, grid.t1),
            np.concatenate([start.real, start.imag]),
            method="LSODA",
            t_eval=np.minimum(grid.times, grid.t1),
            rtol=1e-12,
            atol=1e-14,
        )
        if not solution.success:
            raise ValueError(f"the equations of the modes were not solved: {solution.message}")
        states = solution.y[: modes + 1] + 1j * solution.y[modes + 1 :]
        return np.stack([self.observables(c) for c in states.T])


def _mode(c: NDArray[np.complex128], index: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Return c at indices of either sign: c_{-k} is the conjugate of c_k, and 0 beyond the last."""
    size = np.abs(index)
    inside = np.where(size < len(c), c[np.minimum(size, len(c) - 1)], 0.0)
    return np.where(index < 0, inside.conj(), inside)


def _common_frequency(inputs: NDArray[np.float64]) -> float:
    """Return the largest frequency of which all inputs are whole multiples."""
    frequency = 0.0
    for x in np.abs(inputs[inputs != 0]):
        a, b = float(x), frequency
        while b > 1e-9 * float(np.abs(inputs).max()):  # Euclid's algorithm, up to rounding
            a, b = b, a - b * math.floor(a / b + 1e-9)
        frequency = a
    if frequency == 0:
        raise ValueError("need at least one input that is not zero for the exact flow, got zeros")
    multiples = inputs / frequency
    if np.abs(multiples).max() > 256 or np.abs(multiples - np.rint(multiples)).max() > 1e-6:
        raise ValueError(
            "need inputs that are small whole multiples of a common frequency for the exact flow, "
            f"got {inputs.tolist()}; use method='particles'"
        )
    return frequency


def simulate_limit(
    system: System,
    noise: StableNoise,
    flow: Flow,
    *,
    n: int,
    seed: int = 0,
    replicate: int = 0,
    save_at: ArrayLike | None = None,
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

    Returns
    -------
    Solution
        Its `mean_field` is the flow.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or the flow is of another system or noise.
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
    theta = sample_initial(flow.initial, n, system.dim, seed=seed, replicate=replicate)
    mean_field = flow.values.copy()
    saved = run(system, draws, grid, saves, theta, mean_field, interacting=False)
    parameters = describe(system, noise, grid, flow.initial, n, seed, replicate)
    return Solution(theta, grid.times, mean_field, saved, grid.times[saves], parameters)


def check_flow(flow: Any, system: System, noise: StableNoise) -> None:
    """Refuse what is not a flow, or is the flow of something else."""
    if not isinstance(flow, Flow):
        raise TypeError(f"need a Flow, got {flow!r}; compute it with mean_field_flow")
    flow.check(system, noise)
