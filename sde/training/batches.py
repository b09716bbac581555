"""Mini-batches: pure functions of the seed and the number of the step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sde import random

__all__ = ["Batches"]


@dataclass
class Batches:
    """A random order of the data for each epoch, cut into batches; the last may be smaller.

    Parameters
    ----------
    m : int
        Number of data.
    size : int
        Of a batch. From m on every batch is full, and in the order of the data.
    seed, replicate : int
        Select the stream.

    Examples
    --------
    >>> batches = Batches(5, 2, seed=0, replicate=0)
    >>> sorted(np.concatenate([batches.rows(step) for step in range(3)]).tolist())
    [0, 1, 2, 3, 4]
    """

    m: int
    size: int
    seed: int
    replicate: int
    _epoch: int = field(default=-1, init=False, repr=False)
    _order: NDArray[np.int64] = field(init=False, repr=False)

    @property
    def full(self) -> bool:
        """Whether a batch is all of the data."""
        return self.size >= self.m

    @property
    def steps_per_epoch(self) -> int:
        """How many batches make one pass over the data."""
        return -(-self.m // self.size)

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the data of a step, as indices."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        return self._order[place * self.size : (place + 1) * self.size]

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        u = random.uniforms(
            self.m,
            1,
            seed=self.seed,
            replicate=self.replicate,
            stream="batch",
            first=epoch * self.m,
        )
        return np.argsort(u[:, 0], kind="stable")
