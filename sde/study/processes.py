"""Local processes that compute items."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Self

from sde.study.items import Call, Outcome, WorkerError, perform

__all__ = ["Processes", "cores"]

#: What libraries read the number of their threads from, when they are loaded.
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """
    Return the number of cores that this process may run on.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Worker:
    """A process, this end of the pipe to it, and what it works on."""

    process: SpawnProcess
    pipe: Connection
    call: Call | None = None


class Processes:
    """
    Compute items in processes of this machine.

    A process that dies is replaced and its item computed again, once. Processes end with the
    process that started them, however it ends. Each has its share of the cores: processes times
    threads never exceed them.

    Parameters
    ----------
    count : int
        Number of processes, at least 1 and at most the cores that this process may run on.

    Raises
    ------
    ValueError
        If there are more processes than cores.
    WorkerError
        If a process dies twice over the same item.

    Examples
    --------
    >>> from sde.study.items import Call
    >>> with Processes(1) as crew:
    ...     crew.submit(Call("row-3", str.encode, ("0.25",)))
    ...     [outcome.payload for outcome in crew.wait()]
    [b'0.25']
    """

    def __init__(self, count: int) -> None:
        given = cores()
        if not 1 <= count <= given:
            raise ValueError(
                f"need from 1 to {given} workers, as many as there are cores, got {count}; each "
                "needs a core of its own"
            )
        wanted = int(os.environ.get("NUMBA_NUM_THREADS", given))
        self.count, self.threads = count, min(given // count, wanted)
        self._workers: list[_Worker] = []
        self._died: set[str] = set()

    def __str__(self) -> str:
        return f"{self.count} processes with {self.threads} of {cores()} cores each"

    def slots(self) -> int:
        """Return the number of processes."""
        return self.count

    def submit(self, call: Call) -> None:
        """Give a call to a process that has none."""
        worker = next(each for each in self._workers if each.call is None)
        try:
            worker.pipe.send(call)
        except OSError:
            pass  # it has died meanwhile: `wait` sees that
        except Exception as error:
            raise WorkerError(
                f"need functions that workers can import, got {call.function!r} with arguments "
                f"that cannot be sent to them ({error}); define them in a module, or use no workers"
            ) from error
        worker.call = call

    def wait(self) -> list[Outcome]:
        """Wait until a call or more are finished."""
        busy = {worker.pipe: worker for worker in self._workers if worker.call}
        found: list[Outcome] = []
        for pipe in connection.wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]  # what went in
            try:
                found.append(worker.pipe.recv())
                worker.call = None
            except (EOFError, OSError):
                self._replace(worker)
        return found

    def _replace(self, worker: _Worker) -> None:
        """Give the call of a process that has died to a new one, once."""
        call = worker.call
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        if call is None:
            return
        if call.name in self._died:
            raise WorkerError(
                f"two processes died over {call.name}, the last with exit code "
                f"{worker.process.exitcode} (a negative one is a signal; -9 is often a lack of "
                "memory); everything finished before is kept: go on with --resume and fewer workers"
            )
        self._died.add(call.name)
        self._workers.append(self._start())
        self.submit(call)

    def _start(self) -> _Worker:
        """Start a process with its share of the cores."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _environment(dict.fromkeys(THREADS, str(self.threads))):
            process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        return _Worker(process, ours)

    def __enter__(self) -> Self:
        self._workers = [self._start() for _ in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes, whatever they are doing."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers = []


def _serve(pipe: Connection) -> None:
    """Make the calls that come through the pipe, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(perform(pipe.recv()))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment, for processes started meanwhile."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
