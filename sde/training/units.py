"""Hidden units group by group: products of matrices, and what is elementwise between them.

Features and gradients have one row a unit and one column a datum. A thread takes one group of units
after another and does all that a pass does with it while it is in the cache, with a BLAS that
starts no threads: pools of threads that wait by spinning take the cores from each other, which made
steps twice as long. Groups depend on the number of units alone, and sums across them are taken in
their order, so that results do not depend on the number of threads.
"""

import functools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sde.features import Feature
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.training.elementwise import BySize

__all__ = ["activated", "pull_back", "room_for_parts"]

#: Units of a group: enough for BLAS, and few enough for the cache and for many threads.
GROUP = 256

#: Outputs up to which a unit is pulled back by our own loop: for so few inner terms BLAS is slower.
FEW_OUTPUTS = 32

#: Multiplications below which the calling thread takes all groups: waking the others takes longer.
FEW = 1 << 20


@compiled()
def _groups(units: int) -> int:
    return (units + GROUP - 1) // GROUP


@compiled()
def _range(group: int, units: int) -> tuple[int, int]:
    """Return the first of a group's units and the one after its last."""
    return group * GROUP, min((group + 1) * GROUP, units)


@compiled()
def _combine(weights: Any, rows: Any, out: Any) -> None:
    """Write the sum of rows, each times its weight."""
    out[:] = 0
    for k in range(len(rows)):
        weight, row = weights[k], rows[k]
        for j in range(len(out)):
            out[j] += weight * row[j]


def room_for_parts(units: int, outputs: int, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return room for what each group adds to the outputs, (groups, l, b)."""
    return np.empty((_groups(units), outputs, size), dtype)


@functools.cache
def activated(feature: Feature) -> BySize:
    """Return the kernel `activate(features, slopes, weights, below, outgoing, parts)`.

    It writes the features, (n, b), of a layer's weights, (n, k), and of what is below, (k, b); the
    slopes in their arguments, unless that array is empty; and what each group adds to the products
    of the outgoing weights, (l, n), and the features, unless `parts` is empty.
    """
    digest, g, derivative = SOURCE_DIGEST, feature.value, feature.derivative

    def make(together: bool) -> Any:
        @compiled(cache=feature.builtin, parallel=PARALLEL if together else False)
        def activate(
            features: Any, slopes: Any, weights: Any, below: Any, outgoing: Any, parts: Any
        ) -> None:
            _ = digest, together
            units = len(features)
            for group in numba.prange(_groups(units)):
                first, last = _range(group, units)
                np.dot(weights[first:last], below, features[first:last])
                for i in range(first, last):
                    row = features[i]
                    if len(slopes) > 0:
                        slope = slopes[i]
                        for j in range(len(row)):
                            argument = float(row[j])
                            row[j], slope[j] = g(argument), derivative(argument)
                    else:
                        for j in range(len(row)):
                            row[j] = g(float(row[j]))
                if len(parts) > 0:
                    np.dot(outgoing[:, first:last].copy(), features[first:last], parts[group])

        return activate

    return BySize(
        make, lambda features, _slopes, weights, *_: features.size * weights.shape[1], FEW
    )


def _make_pull_back(together: bool) -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL if together else False)
    def pull_back(
        slopes: Any,
        features: Any,
        above: Any,
        outgoing: Any,
        outgoing_gradient: Any,
        below: Any,
        gradient: Any,
        rectified: bool,
    ) -> None:
        """Turn slopes of features, in place, into gradients in their arguments, and in the weights.

        `above`, (l, b), is the gradient where the outgoing weights lead; these are (n, l) here, and
        their gradient, (l, n), is left out if it is empty. The layer's own weights, whose gradient
        is (n, k), were multiplied by what is below, (k, b). If `rectified`, the slopes are the
        features themselves, those of relu, whose signs they are.
        """
        _ = digest, together
        units, few = len(slopes), len(above) <= FEW_OUTPUTS
        for group in numba.prange(_groups(units)):
            first, last = _range(group, units)
            if len(outgoing_gradient) > 0:
                outgoing_gradient[:, first:last] = np.dot(above, features[first:last].T)
            if few:
                pulled = np.empty((1, slopes.shape[1]), slopes.dtype)
            else:
                pulled = np.dot(outgoing[first:last], above)
            for i in range(first, last):
                slope, factor = slopes[i], pulled[0 if few else i - first]
                if few:
                    _combine(outgoing[i], above, factor)
                if rectified:
                    for j in range(len(slope)):
                        slope[j] = factor[j] if slope[j] > 0 else 0
                else:
                    for j in range(len(slope)):
                        slope[j] *= factor[j]
            np.dot(slopes[first:last], below.T, gradient[first:last])

    return pull_back


def _multiplications(
    slopes: Any, _features: Any, _above: Any, _outgoing: Any, _gradient: Any, below: Any, *_: Any
) -> int:
    return int(slopes.size * len(below))


pull_back = BySize(_make_pull_back, _multiplications, FEW)
