r"""Assumption 1 of the paper: the suprema that make up its bound B."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde.features import Feature
from sde.losses import Loss

__all__ = ["feature_suprema", "loss_suprema"]


def feature_suprema(feature: Feature, norm: NDArray[Any], outputs: int) -> NDArray[np.float64]:
    r"""Return the sum of the suprema of :math:`\|h_x\|, \|\nabla h_x\|, \|\nabla^2 h_x\|`.

    Parameters
    ----------
    feature : Feature
        With amplitude 1.
    norm : (m,) array
        Norms of the inputs x.
    outputs : int
        Number of outputs.

    Returns
    -------
    (m,) float64 array

    Raises
    ------
    ValueError
        If a supremum is infinite or not known.

    Examples
    --------
    >>> from sde.features import find_feature
    >>> feature_suprema(find_feature("sine"), np.array([1.0, 2.0]), outputs=1).tolist()
    [3.0, 7.0]
    """
    if feature.bounds is None:
        raise ValueError(
            f"need bounds of feature {feature.name!r} for Assumption 1, got none; pass "
            "bounds=(sup|g|, sup|g'|, sup|g''|) to register_feature"
        )
    if not all(map(math.isfinite, feature.bounds)):
        why = feature.why_unbounded or f"feature {feature.name!r} has bounds {feature.bounds}"
        raise ValueError(
            f"need a bounded feature with two bounded derivatives (Assumption 1, regularity of "
            f"the model), but {why}; use tanh, sigmoid, sine, gaussian or erf"
        )
    b0, b1, b2 = feature.bounds
    reach = norm if feature.geometry == "inner" else np.ones_like(norm)
    return np.asarray(b0 * math.sqrt(outputs) + b1 * reach + b2 * reach**2)


def loss_suprema(loss: Loss, outputs: int) -> float:
    """Return the sum of the suprema of the loss's first two derivatives in the prediction.

    Parameters
    ----------
    loss : Loss
        The loss.
    outputs : int
        Number of outputs.

    Raises
    ------
    ValueError
        If a supremum is infinite or not known.

    Examples
    --------
    >>> from sde.losses import find_loss
    >>> loss_suprema(find_loss("logistic"), outputs=1)
    1.25
    """
    if loss.bounds is None:
        raise ValueError(
            f"need bounds of loss {loss.name!r} for Assumption 1, got none; pass "
            "bounds=(sup|l'|, sup|l''|) to register_loss"
        )
    if not all(map(math.isfinite, loss.bounds)):
        raise ValueError(
            f"need a loss with bounded derivatives (Assumption 1, regularity of the loss), but "
            f"the derivative of the {loss.name} loss is unbounded; use logistic, pseudo_huber "
            "or cross_entropy"
        )
    growth = math.sqrt(outputs) if loss.separable else 1.0
    return loss.bounds[0] * growth + loss.bounds[1]
