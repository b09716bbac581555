"""Schemes advanced side by side on one noise path, one replicate a thread.

Every increment is drawn once, on the finest grid, and waits for each scheme until that takes its
next step. No path is stored: the kernel keeps, for each scheme, distances to a reference.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sde.addresses import aligned
from sde.block_steps import Pieces, empty_scratch, find_drift, load, prepare, store, update
from sde.chunks import deal, empty_deal, next_item
from sde.lanes import WIDTH
from sde.native import PARALLEL, SOURCE_DIGEST, compiled
from sde.sampling import Draws, draw_block
from sde.sweeps import observe_alone, sweeper

__all__ = ["FIRST", "FROZEN", "LARGEST_MEAN", "LARGEST_SUP", "run_schemes"]

#: What the kernel measures for each scheme: the distance to the reference after its first step,
#: just before its last step, the largest on its grid (each a supremum over particles), and the
#: largest on its grid of the mean over particles.
FIRST, FROZEN, LARGEST_SUP, LARGEST_MEAN = range(4)


@compiled()
def _draw_pending(draws: Draws, step: int, pending: Any, noise: Any, scratch: Any) -> None:
    """Draw the noise of one fine step and add it to what waits for each scheme."""
    schemes, blocks, size = pending.shape
    for b in range(blocks):
        draw_block(draws, b * WIDTH, step, (0, size // WIDTH), noise, scratch, False)
        for s in range(schemes):
            for i in range(size):
                pending[s, b, i] += noise[i]


@compiled()
def _take_step(
    pieces: Pieces, dt: float, weights: Any, pending: Any, theta: Any, buffers: Any, scratch: Any
) -> bool:
    """Advance one scheme by one of its steps, using up its noise; return whether it is finite."""
    n = theta.shape[0]
    block, force = buffers
    finite = True
    for b in range(pending.shape[0]):
        count = min(WIDTH, n - b * WIDTH)
        load(theta, b * WIDTH, count, block)
        find_drift(pieces, block, weights, force, scratch, 0, (0, pieces.dim))
        finite &= update(block, dt, force, pending[b], count, np.finfo(theta.dtype).max)
        store(block, b * WIDTH, count, theta)
        pending[b, :] = 0.0
    return finite


@compiled()
def _distance(a: Any, b: Any) -> float:
    """Return the distance between two particles; squares neither overflow nor vanish."""
    square = largest = 0.0
    for c in range(len(a)):
        square += (a[c] - b[c]) ** 2
    if 1e-290 < square < 1e290:
        return float(np.sqrt(square))
    for c in range(len(a)):
        largest = max(largest, abs(a[c] - b[c]))
    if not 0.0 < largest < np.inf:
        return largest
    square = 0.0
    for c in range(len(a)):
        square += ((a[c] - b[c]) / largest) ** 2
    return float(largest * np.sqrt(square))


@compiled()
def _distances(a: Any, b: Any) -> tuple[float, float]:
    """Return the supremum and the mean over particles of the distance between two states."""
    n = len(a)
    largest = total = 0.0
    for i in range(n):
        distance = _distance(a[i], b[i])
        largest = max(largest, distance)
        total += distance
    return largest, total / n


@compiled()
def _run_replicate(
    pieces: Pieces,
    draws: Draws,
    dt: float,
    ratios: Any,
    steps: int,
    flow: Any,
    initial: Any,
    measured: Any,
    function: int,
) -> int:
    """Run all schemes of one replicate; return the failing step, or -1.

    Scheme s takes a step every `ratios[s]` fine steps; scheme 0 is the reference. If `flow` has
    rows, scheme 1 reads it in place of its own mean field.
    """
    n, dim = initial.shape
    schemes, blocks, size = len(ratios), (n + WIDTH - 1) // WIDTH, dim * WIDTH
    theta = np.empty((schemes, n, dim))
    pending = np.zeros((schemes, blocks, size))
    weights = np.empty((schemes, pieces.n_weights))
    mean_field = np.empty(pieces.n_observables)
    number = pieces.data.dtype
    noise, scratch = aligned(size, number), empty_scratch(pieces)
    nothing = np.empty((0, 0))
    buffers = (aligned(size, number), aligned(size, number))
    given = flow.shape[0] > 0
    observe_alone(function, pieces, draws, initial, nothing, mean_field)
    for s in range(schemes):
        theta[s] = initial
        prepare(pieces, flow[0] if given and s == 1 else mean_field, weights[s])
    measured[:] = 0.0
    for step in range(steps):
        _draw_pending(draws, step, pending, noise, scratch)
        for s in range(schemes):
            if (step + 1) % ratios[s] != 0:
                continue
            if step + 1 == steps:
                measured[s, FROZEN] = _distances(theta[0], theta[s])[0]
            spacing = dt * ratios[s]
            if not _take_step(pieces, spacing, weights[s], pending[s], theta[s], buffers, scratch):
                return step
            if given and s == 1:
                prepare(pieces, flow[step + 1], weights[s])
            else:
                observe_alone(function, pieces, draws, theta[s], nothing, mean_field)
                prepare(pieces, mean_field, weights[s])
            largest, mean = _distances(theta[0], theta[s])
            if step + 1 == ratios[s]:
                measured[s, FIRST] = largest
            measured[s, LARGEST_SUP] = max(measured[s, LARGEST_SUP], largest)
            measured[s, LARGEST_MEAN] = max(measured[s, LARGEST_MEAN], mean)
    return -1


def _make_run_schemes() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True, parallel=PARALLEL)
    def run_schemes(
        pieces: Pieces,
        draws: Draws,
        keys: Any,
        dt: float,
        ratios: Any,
        steps: int,
        flow: Any,
        initial: Any,
        measured: Any,
        failed: Any,
        function: int,
        threads: int,
    ) -> None:
        _ = digest
        replicates, taken = len(keys), empty_deal(threads)
        deal(taken, threads, replicates)
        for thread in numba.prange(threads):
            r = next_item(taken, thread, threads, replicates, threads)
            while r >= 0:
                own = Draws(draws.address, draws.parameters, keys[r], draws.in_parts)
                failed[r] = _run_replicate(
                    pieces, own, dt, ratios, steps, flow, initial[r], measured[r], function
                )
                r = next_item(taken, thread, threads, replicates, threads)

    return run_schemes


_run_schemes = _make_run_schemes()


def run_schemes(
    pieces: Pieces,
    draws: Draws,
    keys: NDArray[np.uint64],
    dt: float,
    ratios: NDArray[np.int64],
    steps: int,
    flow: NDArray[np.float64],
    initial: NDArray[np.float64],
    measured: NDArray[np.float64],
    failed: NDArray[np.int64],
) -> None:
    """Run all schemes of some replicates, as `_run_replicate` says; write their failing steps."""
    function = sweeper(pieces, draws, initial[0], np.empty((0, 0)))
    threads = numba.get_num_threads()
    _run_schemes(
        pieces, draws, keys, dt, ratios, steps, flow, initial, measured, failed, function, threads
    )
