r"""The mean-field flow of one-dimensional trigonometric networks, exactly, by Fourier modes.

The characteristic coefficients :math:`c_k(t) = E e^{i k \omega \theta_t}` of the limit (5) close
among themselves, because both the observables and the drift are trigonometric in
:math:`\omega\theta`.
"""

import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from sde.initial import InitialLaw
from sde.network import MeanFieldNetwork
from sde.simulate import Grid
from sde.stable import StableNoise
from sde.systems import System

__all__ = ["flow_by_modes"]

#: Modes are doubled until the flow changes by less than this: for continuous time, more than the
#: error of the solver of its equations.
MODE_TOLERANCE = {"fourier": 1e-13, "fourier-continuous": 1e-11}
MAX_MODES = 4096

#: Most modes squared times steps of the Euler chain: a quarter of an hour. A flow of interest takes
#: less than a second.
MAX_WORK = 1 << 30

#: Complex numbers in a block of rows of the matrix that mixes the modes of the Euler chain: 64 MB.
BLOCK = 1 << 22

#: Most evaluations of the equations in continuous time: some seconds. A flow of interest needs
#: thousands.
MAX_EVALUATIONS = 50_000


def flow_by_modes(
    system: System, noise: StableNoise, grid: Grid, initial: InitialLaw, method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Double the number of modes until the flow no longer changes."""
    chain = _TrigonometricNetwork.of(system)
    solve: Callable[..., NDArray[np.float64]] = (
        chain.euler_flow if method == "fourier" else chain.continuous_flow
    )
    modes = 2 * max(8, int(np.abs(chain.multiples).max()))
    values = _finite(solve, noise, grid, initial, modes)
    while True:
        modes *= 2
        finer = _finite(solve, noise, grid, initial, modes)
        change = np.abs(finer - values)
        values = finer
        if change.max() <= MODE_TOLERANCE[method] * max(1.0, np.abs(values).max()):
            return values, change
        too_long = method == "fourier" and (2 * modes) ** 2 * grid.steps > MAX_WORK
        if modes >= MAX_MODES or too_long:
            break
    raise ValueError(
        f"need a flow that {modes} Fourier modes resolve, but the last doubling changed it by "
        f"{change.max():.2g}"
        + (f", and more take too long in {grid.steps} steps" if too_long else "")
        + "; use a smoother initial law, more noise, a larger dt, or method='particles'"
    )


def _finite(
    solve: Callable[..., NDArray[np.float64]],
    noise: StableNoise,
    grid: Grid,
    initial: InitialLaw,
    modes: int,
) -> NDArray[np.float64]:
    """Return a flow; refuse a law or a noise whose modes are not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = solve(noise, grid, initial, modes)
    if not np.isfinite(values).all():
        raise ValueError(
            f"need modes that are finite, got others from {initial!r} and {noise!r} with "
            f"dt={grid.dt!r}; use laws and steps of moderate size, or method='particles'"
        )
    return values


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
        return np.asarray(-self.network.amplitude / m * weights * self.network.x[:, 0])

    def damping(self, noise: StableNoise, modes: int, time: float) -> NDArray[np.float64]:
        """Return what noise over `time` multiplies c_0, ..., c_K by."""
        k = np.arange(modes + 1) * self.frequency
        return np.asarray(np.exp(-time * noise.exponent(k[:, None])))

    def euler_flow(
        self, noise: StableNoise, grid: Grid, initial: InitialLaw, modes: int
    ) -> NDArray[np.float64]:
        r"""Flow of the Euler chain: :math:`c_k' = d_k E e^{ik\omega(\theta + \eta b(\theta))}`.

        The factor :math:`e^{ik\omega\eta b(\theta)}` is periodic; its Fourier coefficients, by FFT,
        mix the modes, some rows at a time.
        """
        k = np.arange(modes + 1)
        c = initial.characteristic_function(np.asarray(k * self.frequency, np.float64))
        damping = self.damping(noise, modes, grid.dt)
        points = 4 * modes
        angle = 2 * np.pi * np.arange(points) / points  # ωθ over one period
        cosines = np.cos(np.outer(self.multiples, angle))
        count = max(1, BLOCK // points)
        blocks = [k[first : first + count] for first in range(0, modes + 1, count)]
        unit = 1j * self.frequency * grid.dt
        values = [self.observables(c)]
        for _ in range(grid.steps):
            drift = self.weights(values[-1]) @ cosines
            c = damping * np.concatenate([_moved(c, block, unit, drift) for block in blocks])
            values.append(self.observables(c))
        return np.stack(values)

    def continuous_flow(
        self, noise: StableNoise, grid: Grid, initial: InitialLaw, modes: int
    ) -> NDArray[np.float64]:
        r"""Flow in continuous time:
        :math:`\dot c_k = i k \omega \sum_j \beta_j (c_{k + k_j} + c_{k - k_j})/2
        - (\sigma k \omega)^\alpha c_k`, by a stiff solver.
        """  # noqa: D205
        k = np.arange(modes + 1)
        rate = noise.exponent(k[:, None] * self.frequency)
        up, down = k[None, :] + self.multiples[:, None], k[None, :] - self.multiples[:, None]

        evaluations = itertools.count()

        def velocity(_t: float, packed: NDArray[np.float64]) -> NDArray[np.float64]:
            if next(evaluations) > MAX_EVALUATIONS:
                raise ValueError(
                    f"need a flow that is solved in {MAX_EVALUATIONS} evaluations, got t1="
                    f"{grid.t1!r} and a drift that is too large for it; use method='fourier'"
                )
            c = packed[: modes + 1] + 1j * packed[modes + 1 :]
            beta = self.weights(self.observables(c))
            mixed = beta @ (_mode(c, up) + _mode(c, down)) / 2
            change = 1j * k * self.frequency * mixed - rate * c
            return np.concatenate([change.real, change.imag])

        start = initial.characteristic_function(np.asarray(k * self.frequency, np.float64))
        if not np.isfinite(start).all():
            return np.full((grid.steps + 1, len(self.multiples)), np.nan)
        with warnings.catch_warnings(action="ignore"):  # what it warns of is in its message
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
            raise ValueError(
                f"the equations of the modes were not solved: {solution.message}; use a smaller "
                "t1, or method='fourier'"
            )
        states = solution.y[: modes + 1] + 1j * solution.y[modes + 1 :]
        return np.stack([self.observables(c) for c in states.T])


def _moved(
    c: NDArray[np.complex128], k: NDArray[np.int64], unit: complex, drift: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Return E exp(ikω(θ + ηb(θ))) for some k; the drift is at the points of one period."""
    near = np.arange(1 - len(c), len(c))
    mixing = np.fft.fft(np.exp(unit * np.outer(k, drift)), axis=1) / len(drift)
    shifts = np.take(mixing, near, axis=1)  # coefficient of e^{i l ωθ} at index l
    return np.asarray((shifts * _mode(c, k[:, None] + near)).sum(axis=1))


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
