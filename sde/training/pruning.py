"""Pruning of hidden units, on the weights of layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde import compression

__all__ = ["RATIOS", "PruningCurve", "shrunk", "smallest", "zeroed"]

#: Shares of units to prune in a curve.
RATIOS = tuple(k / 20 for k in range(20))


def smallest(norms: NDArray[np.float64], ratio: float) -> NDArray[np.bool_]:
    """Return which units go if a share is pruned, those of smallest norm.

    Parameters
    ----------
    norms : (n,) float64 array
        Of the units.
    ratio : float
        The share to prune, from 0 to 1: at most (1 - ratio) n units are kept, as in section 3 of
        the paper.
    """
    n = len(norms)
    # a share that is a quotient of whole numbers must not prune one more for its rounding
    pruned = math.ceil(ratio * n * (1 - 4 * np.finfo(float).eps))
    kept = compression.prune(norms[:, None], (n - pruned) / n)
    return np.equal(kept[:, 0], 0.0)


def zeroed(weights: NDArray[Any], rows: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the weights with some rows set to zero."""
    return np.where(rows[:, None], weights.dtype.type(0), weights)


def shrunk(
    weights: Sequence[NDArray[Any]], rows_per_unit: int, *, constant: bool
) -> tuple[NDArray[Any], ...]:
    """Return weights of the same function without the hidden units whose weights are all zero.

    Parameters
    ----------
    weights : sequence of arrays
        Of the layers, the readout last.
    rows_per_unit : int
        Rows of a hidden unit.
    constant : bool
        Whether a unit without weights has a value other than 0.
    """
    out: list[NDArray[Any]] = []
    below = weights[0]
    for above in weights[1:]:
        left, below = _merged(below, above, rows_per_unit, constant=constant)
        out.append(left)
    return (*out, below)


def _merged(
    below: NDArray[Any], above: NDArray[Any], rows: int, *, constant: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a layer with one silent unit at most, and the weights that read it."""
    units = below.reshape(len(below) // rows, -1)
    silent = np.flatnonzero(~units.any(axis=1))
    stays = 1 if len(silent) and (constant or len(silent) == len(units)) else 0
    readers = above.reshape(len(above), len(units), rows)
    if stays and constant:
        readers = readers.copy()
        readers[:, silent[0]] = readers[:, silent].sum(axis=1, dtype=np.float64)
    gone = silent[stays:]
    left = np.delete(units, gone, axis=0).reshape(-1, below.shape[1])
    return left, np.delete(readers, gone, axis=1).reshape(len(above), -1)


@dataclass(frozen=True, eq=False)
class PruningCurve:
    """Accuracy after pruning, by the share of hidden units pruned (Figure 2).

    Parameters
    ----------
    ratios : (k,) float64 array
        Shares of units pruned.
    accuracies : (k,) float64 array
        Share of data that are classified rightly after that.
    unpruned : float
        Accuracy before.
    """

    ratios: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    unpruned: float

    @property
    def relative(self) -> NDArray[np.float64]:
        """Accuracies in proportion to that before; NaN if that is 0."""
        return self.accuracies / (self.unpruned or np.nan)
