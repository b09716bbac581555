"""Many independent systems at once: one replicate a thread, the same bits as `simulate`."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import kernels, random, validation
from sde.addresses import aligned
from sde.block_steps import can_keep_slopes
from sde.initial import Gaussian, InitialLaw, sample_initials
from sde.simulate import Grid, check_dimension, check_kinds
from sde.stable import StableNoise
from sde.systems import System

__all__ = ["batches", "check_finite", "simulate_replicates"]

#: Numbers of state that are held at a time besides the result: 256 MB.
BATCH = 1 << 25


def simulate_replicates(
    system: System,
    noise: StableNoise,
    *,
    n: int,
    t1: float,
    dt: float,
    replicates: int,
    first: int = 0,
    initial: InitialLaw | ArrayLike = Gaussian(1.0),  # noqa: B008  # frozen, so safe to share
    substeps: int = 1,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the last states of independent runs of `simulate`, computed side by side.

    Threads share the replicates rather than the particles of one system, which is much faster for
    many systems of moderate size.

    Parameters
    ----------
    system, noise, n, t1, dt, initial, substeps, seed
        As for `simulate`.
    replicates : int
        Number of runs.
    first : int
        Number of the first replicate: run r is `simulate(..., replicate=first + r)`, to the bit.

    Returns
    -------
    (replicates, n, p) float64 array

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value, or dt does not divide t1.
    FloatingPointError
        If a state stops being finite; the message names step and replicate.

    Examples
    --------
    >>> import sde
    >>> net, noise = sde.MeanFieldNetwork([[1.0]], [1]), sde.StableNoise(1.5, "I")
    >>> ends = sde.simulate_replicates(net, noise, n=100, t1=1.0, dt=0.25, replicates=3)
    >>> one = sde.simulate(net, noise, n=100, t1=1.0, dt=0.25, replicate=2)
    >>> bool((ends[2] == one.theta).all())
    True
    """
    check_kinds(system, noise)
    n, replicates = validation.count("n", n), validation.count("replicates", replicates)
    first = validation.count("first", first, least=0, most=2**64 - 1 - replicates)
    grid = Grid.checked(t1, dt, substeps)
    check_dimension(system)
    draws = noise.draws(grid.dt / grid.substeps, seed, first)
    theta: NDArray[np.float64] = aligned(replicates * n * system.dim, np.float64)
    theta = theta.reshape(replicates, n, system.dim)
    for batch in batches(range(replicates), n * system.dim):
        numbers = range(first + batch.start, first + batch.stop)
        states = theta[batch.start : batch.stop]
        states[:] = sample_initials(initial, n, system.dim, seed=seed, replicates=numbers)
        failed = np.empty(len(batch), dtype=np.int64)
        kernels.advance_replicates(
            system.pieces,
            draws,
            random.stream_keys(seed, numbers, "noise"),
            kernels.Task(grid.dt, grid.substeps, moving=True, interacting=True),
            grid.steps,
            can_keep_slopes(system.pieces, n, 1),  # no more: as often as there are threads
            states,
            failed,
        )
        check_finite(failed, numbers, grid.dt)
    return theta


def batches(replicates: range, size: int) -> Iterator[range]:
    """Split replicates, each of `size` numbers, into ranges that fit in memory.

    Examples
    --------
    >>> list(batches(range(5), 2**24))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    count = max(1, BATCH // size)
    for first in range(0, len(replicates), count):
        yield replicates[first : first + count]


def check_finite(failed: NDArray[np.int64], replicates: range, dt: float) -> None:
    """Raise if a replicate failed: `failed` holds its step, or -1."""
    if (failed >= 0).any():
        at = int(np.flatnonzero(failed >= 0)[0])
        step = int(failed[at]) + 1
        raise FloatingPointError(
            f"the state stopped being finite at step {step} (t={step * dt:g}) of replicate "
            f"{replicates[at]}; use a smaller dt or sigma, or check that "
            "the drift is defined there, does not grow without bound, and writes all of out"
        )
