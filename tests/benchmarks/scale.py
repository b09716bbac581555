"""What it costs to share one system out among processes: the constants of the page on scale.

    python tests/benchmarks/scale.py --n 1e10 --one-of 256           # one rank, the others made up
    mpiexec -n 2 python -m mpi4py tests/benchmarks/scale.py          # two ranks and their exchange

Each rank uses one thread. It prints JSON, one object a line.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

import sde

#: The number of ranks from which more do not help: a system has at most so many chunks.
RANKS = 256

#: Exchanges that are timed by themselves.
EXCHANGES = 200


class TimedComm:
    """A communicator that notes when each exchange of sums began and ended.

    `wall` has pairs of times, `busy` the same of the processor: waiting may be work for it.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.wall: list[tuple[float, float]] = []
        self.busy: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._comm, name)

    def Allgatherv(self, *arguments: Any) -> None:  # the name that MPI gives it
        wall, busy = time.perf_counter(), time.process_time()
        self._comm.Allgatherv(*arguments)
        self.wall.append((wall, time.perf_counter()))
        self.busy.append((busy, time.process_time()))


class LonelyComm:
    """The middle one of many ranks, whose others it takes to have the sums that it has itself."""

    def __init__(self, size: int) -> None:
        self.rank, self.size = size // 2, size

    def bcast(self, value: Any) -> Any:
        """Return what this rank has."""
        return value

    def allgather(self, value: Any) -> list[Any]:
        """Return what this rank has, once a rank."""
        return [value] * self.size

    def Allgatherv(self, _place: Any, sums: Any) -> None:  # the name that MPI gives it
        """Copy the sums of one chunk of this rank to those of the others."""
        array, chunks = sums[0], len(sums[0])
        array[:] = array[self.rank * chunks // self.size]


def tanh_network() -> sde.MeanFieldNetwork:
    """Return the network of the README's benchmark: p = 4, m = 32."""
    rng = np.random.default_rng(0)
    return sde.MeanFieldNetwork(rng.normal(size=(32, 4)), rng.choice([-1, 1], 32), "tanh")


def _position(theta: Any, out: Any) -> None:
    out[0], out[1] = theta[0], theta[1]


def _pull(theta: Any, mean_field: Any, out: Any) -> None:
    out[0], out[1] = mean_field[0] - theta[0], mean_field[1] - theta[1]


def pulled() -> sde.McKeanVlasov:
    """Return a system whose steps cost little beside their exchange: p = 2, pulled to the mean."""
    return sde.McKeanVlasov(2, 2, _position, _pull)


CASES: dict[str, Callable[[], Any]] = {"tanh": tanh_network, "pull": pulled}


def memory(key: str) -> int:
    """Return an entry of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key))


def measure(system: Any, comm: Any, n: int, steps: int, dtype: Any) -> dict[str, Any]:
    """Simulate n particles in all ranks, and return what a step of this rank took.

    The time of a step is that of the processor from one exchange to the next, on one thread: other
    work on the machine moves it little. The share of exchanges is of the time on the clock, and
    includes waiting for slower ranks. A first step, in which there may be something to compile, is
    run apart.
    """
    noise = sde.StableNoise(1.5, "II")
    options = {"dt": 1 / 32, "dtype": dtype}
    sde.simulate(system, noise, n=128 * RANKS, t1=1 / 32, comm=comm, **options)
    before, timed = memory("VmRSS"), TimedComm(comm)
    own = len(sde.simulate(system, noise, n=n, t1=steps / 32, comm=timed, **options).theta)
    work = [then[0] - last[1] for last, then in itertools.pairwise(timed.busy)]
    waits = [end - begin for begin, end in timed.wall[1:]]
    return {
        "ranks": comm.size, "n": n, "particles of a rank": own, "steps": steps, "dtype": dtype,
        "ns a particle-step": 1e9 * statistics.median(work) / own,
        "ns a particle-step, least": 1e9 * min(work) / own,
        "bytes a particle": (memory("VmHWM") - before) / own,
        "us an exchange, median": 1e6 * statistics.median(waits),
        "share of exchanges": sum(waits) / (timed.wall[-1][1] - timed.wall[0][1]),
    }  # fmt: skip


def exchange(comm: Any, observables: int) -> dict[str, Any]:
    """Time the exchange of a step alone, with nothing to wait for but the others' exchange."""
    sums = np.zeros((RANKS, observables + 1))
    shares = [sums.shape[1] * len(chunks) for chunks in _chunks(comm.size)]
    seconds = [_once(comm, sums, shares) for _ in range(EXCHANGES)]
    return {
        "bytes of an exchange": sums.nbytes,
        "us an exchange alone, median": 1e6 * statistics.median(seconds),
        "us an exchange alone, least": 1e6 * min(seconds),
    }


def _chunks(size: int) -> Iterator[range]:
    return (range(r * RANKS // size, (r + 1) * RANKS // size) for r in range(size))


def _once(comm: Any, sums: Any, shares: list[int]) -> float:
    from mpi4py import MPI

    comm.Barrier()
    start = time.perf_counter()
    comm.Allgatherv(MPI.IN_PLACE, [sums, shares])
    return time.perf_counter() - start


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=sorted(CASES), default="tanh")
    parser.add_argument("--n", type=float, default=1e6, help="particles of all ranks together")
    parser.add_argument("--one-of", type=int, help="measure one of so many ranks, alone")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    chosen = parser.parse_args()
    numba.set_num_threads(1)
    system = CASES[chosen.case]()
    comm = LonelyComm(chosen.one_of) if chosen.one_of else _world()
    found = measure(system, comm, int(chosen.n), chosen.steps, chosen.dtype)
    if not chosen.one_of:
        found |= exchange(comm, system.n_observables)
    if chosen.one_of or comm.rank == 0:
        print(json.dumps({"case": chosen.case} | found), flush=True)


def _world() -> Any:
    from mpi4py import MPI

    return MPI.COMM_WORLD


if __name__ == "__main__":
    main()
