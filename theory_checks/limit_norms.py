"""Norms of i.i.d. copies of the limit (5), in chunks, for claims about their law."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import sde

__all__ = ["limit_norms"]

#: Size and number of the systems whose average is the flow.
FLOW_SIZE, FLOW_RUNS = 2**15, 4


def limit_norms(
    system: sde.System,
    noise: sde.StableNoise,
    *,
    t1: float,
    dt: float,
    n: int,
    chunks: range,
    initial: sde.InitialLaw = sde.Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    supremum: bool = False,
    seed: int = 0,
    flow_seed: int = 1,
) -> Iterator[NDArray[np.float64]]:
    """Yield norms of copies of (5) at the last time, or their suprema over the grid.

    Parameters
    ----------
    system, noise, t1, dt, initial, seed
        As for `sde.mean_field_flow` and `sde.simulate_limit`.
    n : int
        Copies in a chunk.
    chunks : range
        Numbers of the chunks, which are replicates of `sde.simulate_limit`.
    supremum : bool
        Whether to take the supremum of the norm over the times of the grid.
    flow_seed : int
        Seed of the flow, other than `seed`.

    Yields
    ------
    (n,) float64 array

    Examples
    --------
    >>> from theory_checks.networks import circle_network
    >>> noise = sde.StableNoise(1.5, "II")
    >>> network = circle_network()
    >>> chunks = limit_norms(network, noise, t1=1.0, dt=0.5, n=10, chunks=range(3))
    >>> [norms.shape for norms in chunks]
    [(10,), (10,), (10,)]
    """
    flow = sde.mean_field_flow(
        system, noise, t1=t1, dt=dt, initial=initial, n=FLOW_SIZE, runs=FLOW_RUNS, seed=flow_seed
    )
    save_at = flow.times if supremum else [t1]
    for chunk in chunks:
        saved = sde.simulate_limit(
            system, noise, flow, n=n, seed=seed, replicate=chunk, save_at=save_at
        ).saved
        yield np.sqrt(np.einsum("kij,kij->ki", saved, saved).max(axis=0))
