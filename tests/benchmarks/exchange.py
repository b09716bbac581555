"""What MPI costs a step: `mpiexec -n 2 python -m mpi4py -m sde.benchmarks.exchange`.

A step of `sde.simulate(..., comm=...)` is a sweep over the particles of a process, an exchange of
the sums of all chunks, and their fold. Each is timed on its own, after the processes have waited
for each other; the least of many times is that of a step which nothing else disturbed.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import sde
from sde import kernels, ranks
from sde.block_steps import room_for_slopes
from sde.crew import Ranks
from sde.initial import sample_initial

STEPS = 300

#: Particles and data: small and large sums of chunks, and a system that keeps processes busy.
SIZES = ((32_768, 32), (32_768, 1000), (1_000_000, 32))


def timed(comm: Any, call: Callable[[], object]) -> list[float]:
    """Return the seconds of many calls, each begun together."""
    seconds = []
    for _ in range(STEPS):
        comm.barrier()
        before = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - before)
    return seconds


def measure(comm: Any, n: int, m: int) -> dict[str, list[float]]:
    """Time the three parts of a step."""
    rng = np.random.default_rng(0)
    net = sde.MeanFieldNetwork(rng.normal(size=(m, 4)), rng.choice([-1, 1], m))
    pieces = net.pieces
    crew = Ranks(comm, n)
    draws = sde.StableNoise(1.5, "II", 0.1).draws(1e-3, 0, 0)
    task = kernels.Task(1e-3, 1, moving=True, interacting=True, first=crew.rows.start)
    theta = sample_initial(sde.Gaussian(), n, net.dim, seed=0, replicate=0, rows=crew.rows)
    slopes, sums = room_for_slopes(pieces, len(theta), 1), ranks.room_for_sums(pieces, n)
    mean_field = np.zeros(net.n_observables)
    counts = [len(chunks) * sums.shape[1] for chunks in crew.chunks]
    crew.observables(pieces, theta, mean_field, slopes)

    def sweep() -> None:
        ranks.sweep(pieces, draws, task, 0, theta, mean_field, slopes, n, crew.mine, sums)

    def exchange() -> None:
        comm.Allgatherv(crew.in_place, [sums, counts])

    def fold() -> None:
        ranks.fold(sums, n, True, np.empty_like(mean_field))

    calls = {"sweep": sweep, "exchange": exchange, "fold": fold}
    return {name: timed(comm, call) for name, call in calls.items()}


def main() -> None:
    """Print the least and the median time of each part, in microseconds."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    for n, m in SIZES:
        for name, seconds in measure(comm, n, m).items():
            # a part is over when the last process has finished it
            slowest = np.max(comm.gather(seconds) or [seconds], axis=0)
            if comm.rank == 0:
                least, median = 1e6 * slowest.min(), 1e6 * np.median(slowest)
                size = f"{comm.size} processes, n={n}, m={m}"
                print(f"{size}: {name} {least:.0f} µs, median {median:.0f} µs", flush=True)


if __name__ == "__main__":
    main()
