"""Does a contestant compute what the others compute? Asked before anything is timed."""

import numpy as np
from numpy.typing import NDArray

from sde import StableNoise

__all__ = ["Disagreement", "check_drift", "check_law"]

Array = NDArray[np.float64]

#: Standard errors allowed to an empirical characteristic function: a right contestant is refused
#: with probability 6e-7 for each frequency, and all seeds but torch's compiled kernels' are fixed.
STANDARD_ERRORS = 5.0


class Disagreement(Exception):  # says what happened
    """A contestant does not compute what the case is about."""


def check_drift(found: Array, expected: Array, tolerance: float) -> None:
    """Refuse a drift that differs from the formula's by more than a share of its largest entry.

    Examples
    --------
    >>> import numpy as np
    >>> check_drift(np.array([[1.0 + 1e-12]]), np.array([[1.0]]), 1e-10)
    >>> check_drift(np.array([[1.1]]), np.array([[1.0]]), 1e-10)
    Traceback (most recent call last):
    ...
    benchmarks.checks.Disagreement: need the drift to 1e-10 of its largest entry, got 0.1
    """
    if found.shape != expected.shape:
        raise Disagreement(f"need a drift of shape {expected.shape}, got {found.shape}")
    gap = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not gap <= tolerance:
        raise Disagreement(f"need the drift to {tolerance:g} of its largest entry, got {gap:.2g}")


def check_law(draws: Array, noise: StableNoise) -> None:
    """Refuse draws whose empirical characteristic function is not that of the law."""
    n, dim = draws.shape
    for u in _frequencies(dim):
        expected, double = noise.characteristic_function([u, 2 * u]).tolist()
        with np.errstate(invalid="ignore"):  # a NaN is refused below
            found = float(np.cos(draws @ u).mean())
        # cos^2(x) = (1 + cos(2x)) / 2; the last term covers rounding where the law is degenerate
        error = float(np.sqrt(max((1 + double) / 2 - expected**2, 0.0) / n))
        if not abs(found - expected) <= STANDARD_ERRORS * error + 1e-6:
            raise Disagreement(
                f"need draws of the law, E cos<u, X> = {expected:.6f} at |u| = "
                f"{np.linalg.norm(u):.3g}, got {found:.6f} (standard error {error:.1g})"
            )


def _frequencies(dim: int) -> list[Array]:
    """Return frequencies along the first and last axis, and across up to four coordinates."""
    first, last, plus, minus = np.zeros((4, dim))
    first[0] = last[-1] = 1.0
    few = min(dim, 4)
    plus[:few] = 1.0
    minus[:few] = (-1.0) ** np.arange(few)
    return [size * u for u in (first, last, plus, minus) for size in (0.2, 0.6, 1.5)]
