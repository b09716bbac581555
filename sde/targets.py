"""Targets of the network: checked against what the loss admits."""

import numpy as np
from numpy.typing import NDArray

from sde import validation
from sde.losses import Loss

__all__ = ["targets"]


def targets(loss: Loss, y: object, m: int) -> NDArray[np.float64]:
    """Return the targets as an (m, l) array, refused if the loss does not admit them.

    Parameters
    ----------
    loss : Loss
        Says which labels are admissible.
    y : (m,) or (m, l) array_like
        For labels "class", (m,) holds classes 0, ..., l - 1.
    m : int
        Number of data.
    """
    array = validation.real_array("y", y, (..., "l"))
    flat = array.ndim == 1
    if array.ndim > 2 or len(array) != m:
        raise ValueError(
            f"need y of shape ({m},) or ({m}, l), one row a datum of x, got shape {array.shape}; "
            "pass as many targets as inputs"
        )
    if loss.labels == "class":
        return _one_hot(array) if flat else _checked_rows(array)
    if loss.labels == "sign" and not np.isin(array, (-1.0, 1.0)).all():
        wrong = array[~np.isin(array, (-1.0, 1.0))][0]
        raise ValueError(
            f"need labels -1 or +1 for the {loss.name} loss, got a label {float(wrong)!r}; "
            "for labels 0 and 1 pass 2 * y - 1"
        )
    return array.reshape(m, -1)


def _one_hot(classes: NDArray[np.float64]) -> NDArray[np.float64]:
    if (classes != np.floor(classes)).any() or classes.min() < 0:
        wrong = classes[(classes != np.floor(classes)) | (classes < 0)][0]
        raise ValueError(
            f"need classes 0, 1, ... for the cross_entropy loss, got a label {float(wrong)!r}; "
            "number the classes with numpy.unique(y, return_inverse=True)"
        )
    outputs = max(2, int(classes.max()) + 1)
    if outputs > 10 * len(classes) + 10:
        raise ValueError(
            f"need classes numbered without large gaps, got a label {float(classes.max())!r} in "
            f"{len(classes)} data; number them with numpy.unique(y, return_inverse=True)"
        )
    return np.eye(outputs)[classes.astype(np.int64)]


def _checked_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    if rows.shape[1] < 2:
        raise ValueError(
            f"need at least two classes for the cross_entropy loss, got rows of {rows.shape[1]}; "
            "pass classes as an (m,) array, or one-hot rows"
        )
    bad = (rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1.0) > 1e-9)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ValueError(
            "need rows of probabilities, at least 0 and of sum 1, for the cross_entropy loss, got "
            f"y[{at}]={rows[at].tolist()}; pass classes as an (m,) array, or one-hot rows"
        )
    return rows
