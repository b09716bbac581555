"""Studies on a real dask cluster on loopback, whose workers join, leave and are killed."""

import io
import json
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from rich.console import Console
from simulated_claims import CLAIMS, LEDGER, PAUSE
from test_interrupted import TESTS, ledger_lines, quiet, timeless, wait_for

import sde.study.cluster
from sde.study import WorkerError
from theory_checks.runner import run

pytest.importorskip("distributed", reason="needs the extra 'cluster'")
LOOPBACK = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]


class Machines:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder):
        path = [str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path),
            LEDGER: str(folder / "ledger"),
            PAUSE: "0.02",
        }
        self.file, self.log = folder / "scheduler.json", (folder / "log").open("w")
        self.processes = []
        self.scheduler = self._start("dask_scheduler", "--port", "0")
        wait_for(self.file.exists)

    def _start(self, module, *options):
        command = [sys.executable, "-m", f"distributed.cli.{module}", *LOOPBACK]
        process = subprocess.Popen(
            [*command, "--scheduler-file", str(self.file), *options],
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
        )
        self.processes.append(process)
        return process

    def worker(self, threads=1):
        """Let a worker join."""
        return self._start("dask_worker", "--no-nanny", "--nthreads", str(threads))

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    def listening(self):
        """Return the addresses that any of the processes, or this one, listens on."""
        found = set()
        for pid in [os.getpid(), *(each.pid for each in self.processes if each.poll() is None)]:
            for each in psutil.Process(pid).net_connections("inet"):
                if each.status == psutil.CONN_LISTEN:
                    found.add((pid, each.laddr.ip))
        return found

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.log.close()


@pytest.fixture
def machines(tmp_path):
    found = Machines(tmp_path)
    yield found
    found.stop()


def test_workers_join_and_die_while_a_study_runs(tmp_path, machines):
    undisturbed, out, ledger = tmp_path / "undisturbed", tmp_path / "out", tmp_path / "ledger"
    run(CLAIMS, "quick", 0, undisturbed, quiet())
    workers, listening = [machines.worker(), machines.worker()], set()

    def disturb():
        wait_for(lambda: len(ledger_lines(ledger)) >= 10)
        listening.update(machines.listening())
        workers.append(machines.worker(threads=2))
        workers[0].kill()
        wait_for(lambda: len(ledger_lines(ledger)) >= 30)
        workers[1].kill()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    run(CLAIMS, "quick", 0, out, quiet(), scheduler=machines.address)
    disturber.join()
    assert [worker.poll() for worker in workers] == [-signal.SIGKILL, -signal.SIGKILL, None]
    assert timeless(out) == timeless(undisturbed)
    assert {address for _, address in listening} == {"127.0.0.1"}
    assert os.getpid() not in {pid for pid, _ in listening}

    # the scheduler dies: what is finished is kept, and the rest needs no cluster
    lost, seen = tmp_path / "lost", len(ledger_lines(ledger))

    def end():
        wait_for(lambda: len(ledger_lines(ledger)) >= seen + 5)
        machines.scheduler.kill()

    disturber = threading.Thread(target=end)
    disturber.start()
    with pytest.raises(WorkerError, match="go on with --resume"):
        run(CLAIMS, "quick", 0, lost, quiet(), scheduler=machines.address)
    disturber.join()
    said = Console(file=io.StringIO(), width=200)
    run(CLAIMS, "quick", 0, lost, said, resume=True)
    assert "items are finished." in said.file.getvalue()
    assert timeless(lost) == timeless(undisturbed)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sde.study.cluster, "PATIENCE", 0.5)
    with pytest.raises(WorkerError, match=r"need a dask scheduler that answers at 'tcp://127"):
        run(CLAIMS, "quick", 0, tmp_path, quiet(), scheduler="tcp://127.0.0.1:9")


def test_an_address_without_a_port_is_refused_before_a_client_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(sde.study.cluster, "Client", None)
    with pytest.raises(WorkerError, match="missing port number"):
        run(CLAIMS, "quick", 0, tmp_path, quiet(), scheduler="localhost")
