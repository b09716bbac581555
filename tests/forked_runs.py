"""
Run the simulated claims in forked processes, and kill each after a while.

Imports and compilation are paid for once: numba's own pool of threads survives a fork. A line of
the standard input is a folder, a number of parts to wait for, and a delay in seconds after them;
the answer is "killed" or "done".
"""

import io
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from simulated_claims import CLAIMS, LEDGER

from theory_checks.runner import run


def check(folder):
    """Go on with the study in the folder."""
    run(CLAIMS, "quick", 0, folder, Console(file=io.StringIO()), resume=True)


def computed():
    """Return the size of the ledger: how much was computed."""
    ledger = Path(os.environ[LEDGER])
    return ledger.stat().st_size if ledger.exists() else 0


def check_and_die(folder, parts, delay):
    """Go on with the study in a process of its own; return whether it was killed."""
    end = computed() + parts * len("3 10\n")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check(folder)
            status = 0
        finally:
            os._exit(status)
    pid = status = 0
    while not pid and computed() < end:
        time.sleep(0.001)
        pid, status = os.waitpid(child, os.WNOHANG)
    if not pid:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)  # does nothing to one that is done
        _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a run failed by itself")
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as unused:
        check(unused)
    print("ready", flush=True)
    for line in sys.stdin:
        folder, parts, delay = line.rstrip("\n").split("\t")
        killed = check_and_die(folder, int(parts), float(delay))
        print("killed" if killed else "done", flush=True)
