"""What needs a process of its own: peak memory, and first calls. Prints JSON."""

import json
import resource
import sys
import time
from pathlib import Path

# the state of the peak-memory probe
N, DIM, STEPS = 10_000_000, 4, 10


def memory(threads: str) -> dict[str, int]:
    """Return by how many bytes a large simulation raises the process, and the state's bytes.

    A small run comes first, so that libraries, compiled code and threads are there. The growth is
    from the memory held then, not from the peak so far, which compiling may have set.
    """
    import numba

    import sde

    numba.set_num_threads(int(threads))
    net = sde.MeanFieldNetwork([[0.3] * DIM, [-0.2] * DIM], [1, -1])
    noise = sde.StableNoise(1.5, "II")
    sde.simulate(net, noise, n=1000, t1=STEPS / 32, dt=1 / 32)
    before = _status("VmRSS")
    sde.simulate(net, noise, n=N, t1=STEPS / 32, dt=1 / 32)
    return {"growth": _status("VmHWM") - before, "state": 8 * N * DIM}


def _status(key: str) -> int:
    """Return an entry of /proc/self/status in bytes; the peak where there is no such file.

    Not `ru_maxrss` on Linux: a process inherits that from the one that started it.
    """
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in text.splitlines() if line.startswith(key))
    return 1024 * int(line.split()[1])


def first_call(feature: str, loss: str, dim: str, threads: str) -> dict[str, float]:
    """Return the seconds of building a network and simulating it, after the import."""
    import numba

    import sde

    numba.set_num_threads(int(threads))
    y = {"logistic": [1, -1], "cross_entropy": [0, 1]}.get(loss, [0.3, -0.4])
    x = [[0.3] * int(dim), [-0.2] * int(dim)]
    start = time.perf_counter()
    net = sde.MeanFieldNetwork(x, y, feature=feature, loss=loss)
    sde.simulate(net, sde.StableNoise(1.5, "II"), n=1000, t1=0.25, dt=1 / 32)
    return {"seconds": time.perf_counter() - start}


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    print(json.dumps(memory(*rest) if what == "memory" else first_call(*rest)))
