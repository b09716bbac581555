"""A fully connected network in training: forward, backward, and the noisy step of its layers.

Its kernels are in `sde.training.units`, and in `sde.training.elementwise`.
Hidden unit i of layer l is a particle of the noise: its number is i, plus the sizes of the layers
before it rounded up to whole blocks, so that the first layer has the noise of `simulate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde import random
from sde.blas import one_thread
from sde.features import Feature
from sde.lanes import WIDTH
from sde.losses import Loss
from sde.sampling import Draws
from sde.stable import StableNoise
from sde.training.elementwise import loss_slopes, move
from sde.training.fully_connected import FullyConnectedNetwork
from sde.training.units import forward, pull_back, room_for_parts

__all__ = ["Kicks", "Layers", "first_particles", "uniform_weights"]

_SILENT = Draws(0, np.zeros(1), np.uint64(0), in_parts=False)


def first_particles(sizes: Sequence[int]) -> list[int]:
    """Return the number of the particle that each layer's first unit is."""
    blocks = [0]
    for size in sizes:
        blocks.append(blocks[-1] + (size + WIDTH - 1) // WIDTH)
    return [WIDTH * count for count in blocks[:-1]]


def uniform_weights(
    shapes: Sequence[tuple[int, int]], *, seed: int, replicate: int, dtype: str
) -> list[NDArray[Any]]:
    r"""Draw the weights of each layer uniformly from :math:`\pm 1/\sqrt{\text{fan-in}}`.

    Parameters
    ----------
    shapes : sequence of (units, inputs)
        Of the layers.
    seed, replicate : int
        Select the stream of initial states.
    dtype : {"float32", "float64"}
        Of the weights.
    """
    weights = []
    firsts = first_particles([units for units, _ in shapes])
    for (units, inputs), first in zip(shapes, firsts, strict=True):
        u = random.uniforms(
            units, inputs, seed=seed, replicate=replicate, stream="initial", first=first
        )
        weights.append(((2 * u - 1) / np.sqrt(inputs)).astype(dtype))
    return weights


@dataclass(frozen=True)
class Kicks:
    """The noise of a training: which layers are noisy, and the streams of their numbers."""

    noise: StableNoise
    layers: tuple[int, ...]
    seed: int
    replicate: int

    def draws(self, rate: float) -> Draws:
        """Return what a kernel needs to draw the noise of a step."""
        return self.noise.draws(rate, self.seed, self.replicate)

    def coordinates(self, layer: int, inputs: int) -> int:
        """Return how many coordinates of a unit are drawn: 1 if all are equal, 0 for no noise."""
        if layer not in self.layers or self.noise.sigma == 0:
            return 0
        return 1 if self.noise.kind == "I" else inputs


class Layers:
    """Weights of a fully connected network, changed in place, and the memory of a step.

    Parameters
    ----------
    weights : sequence of (units, inputs) arrays
        Of the hidden layers, then of the readout.
    feature : Feature
        Of every hidden unit.
    loss : Loss
        Of the outputs.
    kicks : Kicks or None
        The noise.
    whole : (m, d) array, optional
        The data, if every step is on all of them: the next step uses what an evaluation has found.
    """

    def __init__(
        self,
        weights: Sequence[NDArray[Any]],
        feature: Feature,
        loss: Loss,
        kicks: Kicks | None,
        whole: NDArray[Any] | None = None,
    ) -> None:
        self.weights = [np.ascontiguousarray(each) for each in weights]
        self.feature, self.loss, self.kicks = feature, loss, kicks
        self.dtype = self.weights[0].dtype
        self.gradients = [np.empty_like(each) for each in self.weights]
        self.rectified = feature.name == "relu" and feature.builtin
        self.first = first_particles([len(each) for each in self.weights])
        self._whole = whole
        self._observed = False  # whether buffers hold the features of all data, with these weights
        self._buffers: dict[int, _Buffers] = {}
        self._rate, self._draws = 0.0, _SILENT

    def step(
        self, index: int, rate: float, x: NDArray[Any], y: NDArray[np.float64], *, noisy: bool
    ) -> tuple[float, bool]:
        """Take step `index` on a batch; return its loss before, and whether all stays finite.

        Parameters
        ----------
        index : int
            Number of the step.
        rate : float
            Learning rate η.
        x : (b, d) array
            Inputs of the batch, in the type of the weights.
        y : (b, l) array
            Targets.
        noisy : bool
            Whether the noise of this step is added too.
        """
        with one_thread():
            loss = self._find_gradients(x, y)
        return loss, self._move(index, rate, rate, noisy=noisy)

    def kick(self, index: int, rate: float) -> bool:
        """Add nothing but the noise of step `index`; return whether all stays finite."""
        self._observed = False
        return self._move(index, 0.0, rate, noisy=True)

    @property
    def network(self) -> FullyConnectedNetwork:
        """A copy of the network as it is now."""
        return FullyConnectedNetwork(tuple(each.copy() for each in self.weights), self.feature.name)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays from which training can go on."""
        return {f"weights_{layer}": each for layer, each in enumerate(self.weights)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from the arrays of `state`."""
        for layer, each in enumerate(self.weights):
            each[:] = state[f"weights_{layer}"]
        self._observed = False

    def outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, (b, l); of inputs that are not stepped on, with bounded memory."""
        if x is not self._whole:
            return self.live.raw_outputs(x)
        with one_thread():
            return self._observe(x).outputs

    @cached_property
    def live(self) -> FullyConnectedNetwork:
        """The network whose weights are being changed."""
        return FullyConnectedNetwork(tuple(self.weights), self.feature.name)

    def _observe(self, x: NDArray[Any]) -> "_Buffers":
        """Return the buffers of a batch, filled on the way forward."""
        if len(x) not in self._buffers:
            self._buffers[len(x)] = _Buffers.of(self, len(x))
        buffers = self._buffers[len(x)]
        if not self._observed:
            forward(
                self.feature, self.weights, x, buffers.features, buffers.slopes, buffers.parts,
                buffers.outputs,
            )  # fmt: skip
            self._observed = x is self._whole
        return buffers

    def _find_gradients(self, x: NDArray[Any], y: NDArray[np.float64]) -> float:
        buffers = self._observe(x)
        self._observed = False  # what follows overwrites features, and weights
        loss = loss_slopes(self.loss)(buffers.outputs, y, buffers.above)
        below, last = [x.T, *buffers.features], len(buffers.features) - 1
        above = np.ascontiguousarray(buffers.above.T)
        for layer in range(last, -1, -1):
            features = buffers.features[layer]
            # features are not needed any more, so those of relu make room for the gradient
            slopes = features if self.rectified else buffers.slopes[layer]
            outgoing = self.weights[layer + 1]
            read_out = self.gradients[-1] if layer == last else self.gradients[-1][:0]
            pull_back(
                slopes, below[layer], self.gradients[layer], above, outgoing, features, read_out,
                self.rectified,
            )  # fmt: skip
            above = slopes
        return loss

    def _move(self, index: int, rate: float, noise_rate: float, *, noisy: bool) -> bool:
        finite = True
        kicks = self.kicks if noisy else None
        draws = _SILENT if kicks is None else self._draws_of(kicks, noise_rate)
        for layer, (weights, gradient) in enumerate(zip(self.weights, self.gradients, strict=True)):
            rows = 0 if kicks is None else kicks.coordinates(layer, weights.shape[1])
            if rate != 0 or rows > 0:
                finite &= move(weights, gradient, rate, draws, self.first[layer], index, rows)
        return finite

    def _draws_of(self, kicks: Kicks, rate: float) -> Draws:
        if rate != self._rate:
            self._rate, self._draws = rate, kicks.draws(rate)
        return self._draws


@dataclass(frozen=True)
class _Buffers:
    """Memory of a step on so many data: features, slopes, sums, outputs, and their gradient."""

    features: list[NDArray[Any]]
    slopes: list[NDArray[Any]]
    parts: NDArray[Any]
    outputs: NDArray[Any]
    above: NDArray[Any]

    @classmethod
    def of(cls, layers: Layers, size: int) -> "_Buffers":
        *hidden, outputs = [len(each) for each in layers.weights]
        dtype = layers.dtype
        return cls(
            [np.empty((units, size), dtype) for units in hidden],
            [np.empty((0 if layers.rectified else units, size), dtype) for units in hidden],
            room_for_parts(hidden[-1], outputs, size, dtype),
            np.empty((size, outputs), dtype),
            np.empty((size, outputs), dtype),
        )
