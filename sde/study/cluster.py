"""
Items on a dask.distributed cluster: the extra `cluster`.

Workers may join, leave and die while a study runs. A cluster runs the code that it is sent: connect
only to a scheduler that you trust. Nothing listens in this process.
"""

import threading
from concurrent.futures import CancelledError
from typing import Any, Self, cast

import numba
from distributed import Client, Future, get_worker
from distributed import wait as wait_for
from distributed.comm import resolve_address
from distributed.scheduler import KilledWorker

from sde.study.items import Call, Outcome, WorkerError, perform

__all__ = ["Cluster"]

#: Seconds after which a scheduler that does not answer is given up.
PATIENCE = 10
#: Seconds after which workers that joined are noticed.
PAUSE = 1.0

_one_at_a_time = threading.Lock()


def on_worker(call: Call) -> Outcome:
    """Make a call in a worker of the cluster: one at a time, with all threads that it was given."""
    threads = get_worker().state.nthreads
    with _one_at_a_time:
        launched: int = cast(Any, numba.config).NUMBA_NUM_THREADS
        numba.set_num_threads(min(threads, launched))
        return perform(call)


class Cluster:
    """
    Compute items on an existing cluster.

    Every worker computes one item at a time, with its `nthreads`. The items of a worker that leaves
    or dies go to others; while there is no worker, they wait for one.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as tcp://127.0.0.1:8786.

    Raises
    ------
    WorkerError
        If no scheduler answers, it goes away, or an item fails to reach or kills its workers.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._futures: dict[str, Future] = {}

    def __enter__(self) -> Self:
        try:
            resolve_address(self.address)  # a client of no address complains once more at its end
            self._client = Client(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise WorkerError(
                f"need a dask scheduler that answers at {self.address!r}, got "
                f"{type(error).__name__}: {error}; start one with `dask scheduler`, and give the "
                "address that it prints"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what is under way, and leave the cluster as it was."""
        self._client.close(timeout=PATIENCE)

    def slots(self) -> int:
        """Return the number of workers at present, or one, for a call that waits for a worker."""
        return max(1, self._workers())

    def _workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def __str__(self) -> str:
        found = self._workers()
        waiting = "" if found else ", waiting for some to join"
        return f"workers of the cluster at {self.address} ({found} at present{waiting})"

    def submit(self, call: Call) -> None:
        """Send a call to a worker."""
        self._futures[call.name] = self._client.submit(on_worker, call, pure=False)

    def wait(self) -> list[Outcome]:
        """Return what is finished, if anything is within a second."""
        if self._client.status != "running":
            raise self._lost()
        try:
            with self._client.as_current():
                waited: Any = wait_for(
                    list(self._futures.values()), timeout=PAUSE, return_when="FIRST_COMPLETED"
                )
        except TimeoutError:
            return []
        except CancelledError as error:
            raise self._lost() from error
        names = [name for name, future in self._futures.items() if future in waited.done]
        return [outcome for name in names if (outcome := self._outcome(name))]

    def _outcome(self, name: str) -> Outcome | None:
        """Return what became of a call that is finished; nothing if its worker died with it."""
        try:
            outcome: Outcome = self._futures[name].result(timeout=PATIENCE)
        except TimeoutError:
            return None  # the scheduler has it computed again
        except (CancelledError, OSError) as error:
            raise self._lost() from error
        except KilledWorker as error:
            raise WorkerError(
                f"several workers died over {name}; everything finished before is kept: see their "
                "logs (a lack of memory?), and go on with --resume"
            ) from error
        except Exception as error:
            raise WorkerError(
                f"need workers that can compute {name}, got {type(error).__name__}: {error}; "
                "install the same version there as here"
            ) from error
        del self._futures[name]
        return outcome

    def _lost(self) -> WorkerError:
        return WorkerError(
            f"need the scheduler at {self.address}, got no answer any more; everything finished "
            "before is kept: go on with --resume"
        )
