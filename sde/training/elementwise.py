"""What training does beside products of matrices: the loss and its slopes, and the noisy step.

Arrays are float32 or float64. Arithmetic is in float64 and rounded once, where it is stored. Loops
are cut into parts whose number depends on the shapes alone, and nothing is summed across parts, so
that results do not depend on the number of threads.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from sde.lanes import WIDTH
from sde.losses import Loss
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import SCRATCH, Draws, draw_block

__all__ = ["BySize", "loss_slopes", "move"]

#: Parts of a loop: enough to balance many threads.
PARTS = 64

#: Numbers below which a loop is left to the calling thread: waking the others takes longer.
FEW = 1 << 15


@compiled()
def _bounds(part: int, size: int) -> tuple[int, int]:
    """Return the first of a part's items and the one after its last."""
    parts = min(PARTS, size)
    return part * size // parts, (part + 1) * size // parts


class BySize:
    """A kernel with and without threads, chosen by how much there is to do.

    Parameters
    ----------
    make : callable
        `make(together)` compiles the kernel. It must close over `together`, so that the compiler's
        cache does not take one for the other.
    work : callable
        What there is to do for the kernel's arguments: a number.
    few : int
        That number up to which the calling thread does it.
    """

    def __init__(self, make: Callable[[bool], Any], work: Callable[..., int], few: int) -> None:
        self._kernel, self._work, self._few = functools.cache(make), work, few

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel."""
        return self._kernel(self._work(*arguments) > self._few)(*arguments)


@functools.cache
def loss_slopes(loss: Loss) -> Callable[[Any, Any, Any], float]:
    """Return the kernel `slopes(outputs, targets, out)`: the mean loss, and its gradient in `out`.

    `out` may be empty, if the gradient is not wanted.
    """
    digest, value, gradient = SOURCE_DIGEST, loss.value, loss.gradient

    @compiled(cache=loss.builtin)
    def slopes(outputs: Any, targets: Any, out: Any) -> float:
        _ = digest
        m, size = outputs.shape
        prediction, slope = np.empty(size), np.empty(size)
        total = 0.0
        for j in range(m):
            for k in range(size):
                prediction[k] = outputs[j, k]
            total += value(prediction, targets[j])
            if len(out) > 0:
                gradient(prediction, targets[j], slope)
                for k in range(size):
                    out[j, k] = slope[k] / m
        mean: float = total / m
        return mean

    return slopes


@compiled()
def _move_rows(rate: float, kicks: Any, rows: Any, slopes: Any) -> bool:
    """Take one step of the rows of a block; `kicks` has one row a coordinate, or one for all."""
    count, dim = rows.shape
    stride, outside = 0 if len(kicks) == 1 else 1, 0.0
    largest = np.finfo(rows.dtype).max
    for i in range(count):
        row, slope = rows[i], slopes[i]
        for c in range(dim):
            moved = row[c] + (kicks[stride * c, i] - rate * slope[c])
            outside += 0.0 if abs(moved) <= largest else 1.0
            row[c] = moved
    return outside == 0.0


def _make_move(together: bool) -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL if together else False)
    def move(
        weights: Any, gradient: Any, rate: float, draws: Draws, first: int, step: int, rows: int
    ) -> bool:
        """Add noise minus `rate` times the gradient, in place; return whether all stays finite.

        Row i is particle `first` + i of the noise, `first` a multiple of `WIDTH`. `rows` is how
        many coordinates of noise are drawn: all of them, 1 if they are equal, 0 for no noise.
        """
        _ = digest, together
        n = len(weights)
        blocks = (n + WIDTH - 1) // WIDTH
        finite = np.ones(min(PARTS, blocks), dtype=np.bool_)
        for part in numba.prange(len(finite)):
            low, high = _bounds(part, blocks)
            kicks, scratch = np.zeros((max(rows, 1), WIDTH)), np.empty(SCRATCH)
            for b in range(low, high):
                start, stop = b * WIDTH, min((b + 1) * WIDTH, n)
                if rows > 0:
                    draw_block(draws, first + start, step, (0, rows), kicks, scratch, False)
                finite[part] &= _move_rows(rate, kicks, weights[start:stop], gradient[start:stop])
        return bool(finite.all())

    return move


move = BySize(_make_move, lambda weights, *_: weights.size, FEW)
