"""What training does between products of matrices: activations, slopes, and the noisy step.

Arrays are float32 or float64, one row a datum or a hidden unit. Arithmetic is in float64 and
rounded once, where it is stored. Loops are cut into parts whose number depends on the shapes alone,
and nothing is summed across parts, so that results do not depend on the number of threads.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from sde.features import Feature
from sde.lanes import WIDTH
from sde.losses import Loss
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import SCRATCH, Draws, draw_block

__all__ = ["activation", "loss_slopes", "move", "pull_back"]

#: Parts of a loop: enough to balance many threads.
PARTS = 64

#: Numbers below which a loop is left to the calling thread: waking the others takes longer.
FEW = 1 << 15

#: Numbers of a row that are worked on at a time while they stay in the first-level cache.
TILE = 1024


@compiled()
def _bounds(part: int, size: int) -> tuple[int, int]:
    """Return the first of a part's items and the one after its last."""
    parts = min(PARTS, size)
    return part * size // parts, (part + 1) * size // parts


class BySize:
    """A kernel with and without threads, chosen by how many numbers there are to work on.

    Parameters
    ----------
    make : callable
        `make(together)` compiles the kernel. It must close over `together`, so that the compiler's
        cache does not take one for the other.
    """

    def __init__(self, make: Callable[[bool], Any]) -> None:
        self._kernel = functools.cache(make)

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel; the size of the first argument decides."""
        return self._kernel(arguments[0].size > FEW)(*arguments)


@functools.cache
def activation(feature: Feature) -> BySize:
    """Return the kernel `activate(values, slopes)`: features in place of arguments, and slopes.

    `slopes` may be empty, if they are not wanted.
    """
    digest, g, derivative = SOURCE_DIGEST, feature.value, feature.derivative

    def make(together: bool) -> Any:
        @compiled(cache=feature.builtin, parallel=PARALLEL if together else False)
        def activate(values: Any, slopes: Any) -> None:
            _ = digest, together
            rows, keeping = values.shape[0], len(slopes) > 0
            for part in numba.prange(min(PARTS, rows)):
                first, last = _bounds(part, rows)
                for j in range(first, last):
                    row = values[j]
                    if keeping:
                        slope = slopes[j]
                        for i in range(len(row)):
                            argument = float(row[i])
                            row[i], slope[i] = g(argument), derivative(argument)
                    else:
                        for i in range(len(row)):
                            row[i] = g(float(row[i]))

        return activate

    return BySize(make)


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


def _make_pull_back(together: bool) -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL if together else False)
    def pull_back(slopes: Any, above: Any, weights: Any, rectified: bool) -> None:
        """Turn slopes of features, in place, into the gradient in their arguments.

        `above` is the gradient in the outputs, (m, l), and `weights` leads to them, (l, n): a
        product with few inner terms, of which BLAS makes a second array as large as the slopes. If
        `rectified`, the array holds the features of relu, whose slopes are their signs.
        """
        _ = digest, together
        rows, size = slopes.shape
        for part in numba.prange(min(PARTS, rows)):
            first, last = _bounds(part, rows)
            total = np.empty(TILE, dtype=slopes.dtype)
            for j in range(first, last):
                for start in range(0, size, TILE):
                    row = slopes[j, start : start + TILE]
                    total[: len(row)] = 0
                    for k in range(above.shape[1]):
                        # a view: an index start + i might wrap, and then the loop takes no vectors
                        factor, towards = above[j, k], weights[k, start : start + TILE]
                        for i in range(len(row)):
                            total[i] += factor * towards[i]
                    if rectified:
                        for i in range(len(row)):
                            row[i] = total[i] if row[i] > 0 else 0
                    else:
                        for i in range(len(row)):
                            row[i] *= total[i]

    return pull_back


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
                    kicks[:] = 0.0
                    draw_block(draws, first + start, step, rows, kicks, scratch)
                finite[part] &= _move_rows(rate, kicks, weights[start:stop], gradient[start:stop])
        return bool(finite.all())

    return move


pull_back, move = BySize(_make_pull_back), BySize(_make_move)
