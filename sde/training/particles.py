"""The paper's mean-field network in training: recursion (2), by the kernels of `simulate`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde import kernels
from sde.block_steps import room_for_slopes
from sde.network import MeanFieldNetwork
from sde.stable import StableNoise
from sde.training.elementwise import loss_slopes
from sde.training.fully_connected import FullyConnectedNetwork

__all__ = ["Particles"]


class Particles:
    """State of the particles, changed in place, and their mean field.

    On full batches this is `simulate`, step by step and to the same bits.

    Parameters
    ----------
    system : MeanFieldNetwork
        With the training data.
    theta : (n, p) array
        Where the particles start.
    noise : StableNoise
        With sigma = 0 for none.
    seed, replicate : int
        Select the streams of the noise.
    steps : int
        Most steps that are taken.
    """

    def __init__(
        self,
        system: MeanFieldNetwork,
        theta: NDArray[Any],
        noise: StableNoise,
        *,
        seed: int,
        replicate: int,
        steps: int,
    ) -> None:
        self.system, self.theta, self.noise = system, theta, noise
        self.seed, self.replicate = seed, replicate
        # of steps k and k + 1: the second is written by step k
        self._mean_field = np.empty((2, system.n_observables))
        self._pieces = system.pieces_in(theta.dtype)
        self._slopes = room_for_slopes(self._pieces, len(theta), steps)
        self._observed = False

    def step(
        self, index: int, rate: float, x: NDArray[Any], y: NDArray[np.float64], *, noisy: bool
    ) -> tuple[float, bool]:
        """Take step `index` on a batch; return its loss before, and whether all stays finite.

        Parameters
        ----------
        index : int
            Number of the step.
        rate : float
            Learning rate, the η of recursion (2).
        x, y : (b, d) and (b, l) arrays
            The batch. A full batch must be the system's own arrays.
        noisy : bool
            Whether the noise of this step is added too.
        """
        task = kernels.Task(rate, int(noisy), moving=True, interacting=True, origin=index)
        if x is self.system.x:
            return self._full_step(task, rate)
        pieces = self.system.pieces_for(x, y, self.theta.dtype)
        mean_field = np.empty((2, y.size))
        slopes = room_for_slopes(pieces, len(self.theta), 1)
        kernels.observables(pieces, self.theta, mean_field[0], slopes)
        loss = self._loss(mean_field[0], y)
        finite = self._advance(pieces, task._replace(interacting=False), rate, mean_field, slopes)
        self._observed = False
        return loss, finite

    def kick(self, index: int, rate: float) -> bool:
        """Add nothing but the noise of step `index`; return whether all stays finite."""
        task = kernels.Task(0.0, 1, moving=True, interacting=True, origin=index)
        return self._full_step(task, rate)[1]

    def _full_step(self, task: kernels.Task, rate: float) -> tuple[float, bool]:
        self._observe()
        loss = self._loss(self._mean_field[0], self.system.y)
        finite = self._advance(self._pieces, task, rate, self._mean_field, self._slopes)
        self._mean_field[0] = self._mean_field[1]
        return loss, finite

    def _observe(self) -> None:
        """Find the mean field of the state, if the last step did not leave it behind."""
        if not self._observed:
            kernels.observables(self._pieces, self.theta, self._mean_field[0], self._slopes)
            self._observed = True

    def _advance(
        self,
        pieces: kernels.Pieces,
        task: kernels.Task,
        rate: float,
        mean_field: NDArray[np.float64],
        slopes: NDArray[np.float64],
    ) -> bool:
        draws = self.noise.draws(rate, self.seed, self.replicate)
        steps = (task.origin, task.origin + 1)
        return kernels.advance(pieces, draws, task, steps, self.theta, mean_field, slopes) < 0

    def _loss(self, mean_field: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        nothing = np.empty((0, 0))
        return loss_slopes(self.system.loss)(mean_field.reshape(y.shape), y, nothing)

    @property
    def live(self) -> FullyConnectedNetwork:
        """The network, whose weights may be being changed."""
        system = self.system
        return FullyConnectedNetwork.mean_field(
            self.theta, system.outputs, system.feature.name, system.amplitude
        )

    @property
    def network(self) -> FullyConnectedNetwork:
        """A copy of the network as it is now."""
        system = self.system
        return FullyConnectedNetwork.mean_field(
            self.theta.copy(), system.outputs, system.feature.name, system.amplitude
        )

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which training can go on."""
        return {"theta": self.theta}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from the arrays of `state`."""
        self.theta[:] = state["theta"]
        self._observed = False

    def outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, (b, l)."""
        if x is self.system.x:
            self._observe()
            return np.reshape(self._mean_field[0], (-1, self.system.outputs))
        return np.reshape(self.system.predict(self.theta, x), (len(x), -1))
