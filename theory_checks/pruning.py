"""Compression errors of many independent networks, shared by the claims about compressibility."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import sde

__all__ = ["compression_errors"]

#: Numbers of state held at a time: 128 MB.
BATCH = 1 << 24


def compression_errors(
    network: sde.MeanFieldNetwork,
    noise: sde.StableNoise,
    keeps: Sequence[float],
    *,
    n: int,
    t1: float,
    dt: float,
    replicates: int,
    first: int = 0,
    initial: sde.InitialLaw = sde.Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    substeps: int = 1,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the errors of pruning simulated networks to each of several shares.

    Parameters
    ----------
    network, noise, n, t1, dt, replicates, first, initial, substeps, seed
        As for `sde.simulate_replicates`.
    keeps : sequence of float
        Shares κ of particles to keep.

    Returns
    -------
    (replicates, len(keeps)) float64 array

    Examples
    --------
    >>> from theory_checks.networks import circle_network
    >>> noise = sde.StableNoise(1.2, "II")
    >>> errors = compression_errors(
    ...     circle_network(), noise, [0.1, 0.5], n=100, t1=1.0, dt=0.5, replicates=3
    ... )
    >>> errors.shape
    (3, 2)
    """
    size = max(1, BATCH // (n * network.dim))
    rows = []
    for done in range(0, replicates, size):
        states = sde.simulate_replicates(
            network,
            noise,
            n=n,
            t1=t1,
            dt=dt,
            replicates=min(size, replicates - done),
            first=first + done,
            initial=initial,
            substeps=substeps,
            seed=seed,
        )
        rows += [[sde.compression_error(theta, float(keep)) for keep in keeps] for theta in states]
    return np.array(rows)
