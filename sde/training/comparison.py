"""What a smaller network saves: its size, and its time measured beside the other's."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sde import validation
from sde.training import checks
from sde.training.fully_connected import FullyConnectedNetwork

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Sizes and times of two networks.

    Parameters
    ----------
    bytes_before, bytes_after : int
        Of the weights.
    seconds_before, seconds_after : float
        Medians of the wall time of the outputs of the same data.
    data : int
        How many they are.
    difference : float
        Largest absolute difference of outputs.
    """

    bytes_before: int
    bytes_after: int
    seconds_before: float
    seconds_after: float
    data: int
    difference: float

    @property
    def size(self) -> float:
        """Size of the second network as a share of the first's."""
        return self.bytes_after / self.bytes_before

    @property
    def speed_up(self) -> float:
        """How many times faster the second network is."""
        return self.seconds_before / self.seconds_after

    def __str__(self) -> str:
        return (
            f"size: {_bytes(self.bytes_before)} -> {_bytes(self.bytes_after)} "
            f"({100 * self.size:.1f} %)\n"
            f"time of {self.data} outputs: {1e3 * self.seconds_before:.3g} ms -> "
            f"{1e3 * self.seconds_after:.3g} ms ({self.speed_up:.1f} times faster)\n"
            f"largest difference of outputs: {self.difference:.2g}"
        )


def compare(
    full: FullyConnectedNetwork, small: FullyConnectedNetwork, x: ArrayLike, *, repeats: int = 11
) -> Comparison:
    """Compare the size and the speed of two networks on the same data.

    Parameters
    ----------
    full, small : FullyConnectedNetwork
        Before and after pruning and shrinking; of the same inputs and outputs.
    x : (k, d) array_like
        Inputs.
    repeats : int
        How often each is measured. They take turns, so that what else the machine does meets both.

    Raises
    ------
    ValueError
        If the networks have different inputs or outputs.

    Examples
    --------
    >>> import numpy as np
    >>> net = FullyConnectedNetwork((np.eye(50, 4), np.ones((1, 50))))
    >>> result = compare(net, net.shrink(), np.ones((10, 4)))
    >>> print(str(result).splitlines()[0])
    size: 2.0 kB -> 160 B (8.0 %)
    """
    repeats = validation.count("repeats", repeats)
    ends = [(each.inputs, each.outputs) for each in (full, small)]
    if ends[0] != ends[1]:
        raise ValueError(
            f"need networks of the same inputs and outputs, got {full!r} and {small!r}; compare a "
            "network with one made from it"
        )
    inputs = checks.inputs_of(x, small.weights[0])
    difference = float(np.abs(full.predict(inputs) - small.predict(inputs)).max())  # and warm up
    times: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        for network, seconds in zip((full, small), times, strict=True):
            start = time.perf_counter()
            network.raw_outputs(inputs)
            seconds.append(time.perf_counter() - start)
    before, after = map(statistics.median, times)
    return Comparison(full.nbytes, small.nbytes, before, after, len(inputs), difference)


def _bytes(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
