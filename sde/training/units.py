"""Hidden units group by group: products of matrices, and what is elementwise between them.

Features and gradients have one row a unit and one column a datum. A thread takes one group of units
after another and does all that a pass does with it, from the cache if it fits, with a BLAS that
starts no threads: pools of threads that wait by spinning take the cores from each other, which made
steps twice as long. Groups, and the order in which they are added up, depend on the shapes alone:
results do not depend on the number of threads.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sde.features import Feature
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.training.elementwise import BySize

__all__ = ["forward", "pull_back", "room_for_parts", "value_at_zero"]

#: Units of a group: BLAS arranges the inputs anew for each, which few units do not pay for; and of
#: a narrow layer there shall be four groups, for as many threads.
LEAST, MOST, SHARE = 64, 512, 4

#: Outputs up to which a unit is pulled back by our own loop: for so few inner terms BLAS is slower.
FEW_OUTPUTS = 32

#: Multiplications below which the calling thread takes all groups: waking the others takes longer.
FEW = 1 << 20


@compiled()
def _size(units: int) -> int:
    """Return how many units a group has."""
    return max(LEAST, min(MOST, units // SHARE))


@compiled()
def _groups(units: int) -> int:
    return (units + _size(units) - 1) // _size(units)


@compiled()
def _range(group: int, units: int) -> tuple[int, int]:
    """Return the first of a group's units and the one after its last."""
    return group * _size(units), min((group + 1) * _size(units), units)


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
def _activated(feature: Feature) -> BySize:
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


def forward(
    feature: Feature,
    weights: Sequence[NDArray[Any]],
    x: NDArray[Any],
    features: Iterable[NDArray[Any]],
    slopes: Iterable[NDArray[Any]],
    parts: NDArray[Any],
    outputs: NDArray[Any],
) -> None:
    """Write the features of all hidden layers, their slopes, and the outputs, which may overflow.

    Parameters
    ----------
    feature : Feature
        Of the hidden units.
    weights : sequence of (units, inputs) arrays
        Of the hidden layers, then of the readout.
    x : (b, d) array
        Inputs.
    features : iterable of (units, b) arrays
        Room for them, one array a hidden layer.
    slopes : iterable of arrays
        The same for slopes; empty arrays if they are not wanted.
    parts : array
        What `room_for_parts` returns.
    outputs : (b, l) array
        Room for them.
    """
    activate, below, hidden = _activated(feature), x.T, len(weights) - 1
    layers = zip(itertools.count(1), itertools.pairwise(weights), features, slopes, strict=False)
    for layer, (incoming, outgoing), values, derivatives in layers:
        room = parts if layer == hidden else parts[:0]
        activate(values, derivatives, incoming, below, outgoing, room)
        below = values
    with np.errstate(over="ignore", invalid="ignore"):
        outputs[:] = parts.sum(axis=0).T


def value_at_zero(feature: Feature) -> float:
    """Return the feature of a unit without weights."""
    value, zero = np.empty((1, 1)), np.zeros((1, 1))
    _activated(feature)(value, value[:0], zero, zero, zero, np.empty((0, 1, 1)))
    return float(value.item())


def _make_pull_back(together: bool) -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL if together else False)
    def pull_back(
        slopes: Any,
        below: Any,
        gradient: Any,
        above: Any,
        outgoing: Any,
        features: Any,
        outgoing_gradient: Any,
        rectified: bool,
    ) -> None:
        """Turn slopes of features, in place, into gradients in their arguments, and in the weights.

        The layer's own weights, whose gradient is (n, k), were multiplied by what is below, (k, b).
        `above`, (l, b), is the gradient where the outgoing weights, (l, n), lead; theirs, of the
        features, is left out if that array is empty. If `rectified`, the slopes are the features
        themselves, those of relu, whose signs they are.
        """
        _ = digest, together
        units, few = len(slopes), len(above) <= FEW_OUTPUTS
        for group in numba.prange(_groups(units)):
            first, last = _range(group, units)
            if len(outgoing_gradient) > 0:
                outgoing_gradient[:, first:last] = np.dot(above, features[first:last].T)
            back = np.ascontiguousarray(outgoing[:, first:last].T)
            pulled = np.empty((1, slopes.shape[1]), slopes.dtype) if few else np.dot(back, above)
            for i in range(first, last):
                slope, factor = slopes[i], pulled[0 if few else i - first]
                if few:
                    _combine(back[i - first], above, factor)
                if rectified:
                    for j in range(len(slope)):
                        slope[j] = factor[j] if slope[j] > 0 else 0
                else:
                    for j in range(len(slope)):
                        slope[j] *= factor[j]
            np.dot(slopes[first:last], below.T, gradient[first:last])

    return pull_back


pull_back = BySize(_make_pull_back, lambda slopes, below, *_: slopes.size * len(below), FEW)
