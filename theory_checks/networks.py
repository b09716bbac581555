"""The networks that the claims are checked on, inside Assumption 1."""

import math

import numpy as np

from sde import MeanFieldNetwork

__all__ = ["circle_network", "steep_network", "symmetric_network", "trigonometric_network"]


def circle_network(*, m: int = 8, radius: float = 1.0, amplitude: float = 1.0) -> MeanFieldNetwork:
    """Return a tanh network on m inputs around a circle, one half labelled +1.

    Parameters
    ----------
    m : int
        Number of data.
    radius : float
        Norm of the inputs.
    amplitude : float
        Factor of the features.

    Examples
    --------
    >>> circle_network().dim
    2
    """
    angle = 2 * math.pi * (np.arange(m) + 0.25) / m
    x = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return MeanFieldNetwork(x, np.where(angle < math.pi, 1.0, -1.0), amplitude=amplitude)


def trigonometric_network() -> MeanFieldNetwork:
    """Return a sine network on the line, whose limit (5) is known exactly.

    Examples
    --------
    >>> trigonometric_network().dim
    1
    """
    return MeanFieldNetwork([[1.0], [2.0], [3.0]], [1.0, -1.0, 1.0], feature="sine")


def symmetric_network() -> MeanFieldNetwork:
    """Return a sine network in the plane whose limit (5) has no drift, by symmetry.

    The features are odd and so is the derivative of the loss at target 0: from a symmetric law of
    the initial states, the mean field of the limit stays zero.

    Examples
    --------
    >>> symmetric_network().bound > 0
    True
    """
    return MeanFieldNetwork(np.eye(2), [0.0, 0.0], feature="sine", loss="pseudo_huber")


def steep_network(amplitude: float) -> MeanFieldNetwork:
    """Return c tanh on the line with one datum and the logistic loss: steep for a large c.

    Its drift has the Lipschitz constant c²/4 in the measure, beyond B ~ 4.4 c for c above 18.

    Examples
    --------
    >>> network = steep_network(40.0)
    >>> network.bound < 40.0**2 / 4
    True
    """
    return MeanFieldNetwork([[1.0]], [1.0], amplitude=amplitude)
