"""Memory, compilation, and what a call costs beside its arithmetic."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import sde
from sde.features import FEATURES
from sde.losses import LOSSES

from . import peers_ours
from .measure import Settings, Spread, alternate
from .measurement import Measurement
from .work import NetworkWork

__all__ = ["call_cost", "compile_cost", "memory_cost", "probe"]

#: Particles that a step of 16 particles computes: kernels work on blocks of this size.
BLOCK = 128


def probe(what: str, *arguments: str, cache: str | None = None) -> dict[str, Any]:
    """Run `probe.py` in a fresh process, and return what it measured."""
    environment = dict(os.environ)
    paths = [str(Path(sde.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    script = Path(__file__).with_name("probe.py")
    # -P: modules beside the script do not shadow others
    command = [sys.executable, "-P", str(script), what, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"probe {what} {' '.join(arguments)} stopped:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def memory_cost(settings: Settings) -> list[Measurement]:
    """Return the peak memory of a large simulation in units of its state."""
    found = probe("memory", str(settings.threads))
    share = found["growth"] / found["state"]
    note = f"state {found['state'] / 2**20:.0f} MiB, growth {found['growth'] / 2**20:.0f} MiB"
    return [
        Measurement("peak memory over the state", share, share, share, "", "at most", (1.3,), note)
    ]


def compile_cost(settings: Settings) -> list[Measurement]:
    """Return the time of a first call: every feature with one loss, every loss with one feature.

    Both are in few coordinates, summed where the feature is evaluated; one is in many.
    """
    calls = [(feature, "logistic", 2) for feature, f in FEATURES.items() if f.builtin]
    calls += [("tanh", loss, 2) for loss, f in LOSSES.items() if f.builtin and loss != "logistic"]
    calls.append(("tanh", "logistic", 64))
    return [row for call in calls for row in _compile(*call, settings.threads)]


def _compile(feature: str, loss: str, dim: int, threads: int) -> list[Measurement]:
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for what, limit in (("first call", 8.0), ("from the cache", 0.5)):
            given = feature, loss, str(dim), str(threads)
            seconds = probe("compile", *given, cache=cache)["seconds"]
            name = f"{what}, {feature} with {loss}, p = {dim}"
            rows.append(Measurement(name, seconds, seconds, seconds, "s", "at most", (limit,)))
    return rows


def call_cost(settings: Settings) -> list[Measurement]:
    """Return the time of a small call, and what of it is not arithmetic.

    The arithmetic of a step of 16 particles is that of one block on one thread, at the rate of a
    simulation large enough for all else to vanish.
    """

    def call(n: int, steps: int, threads: int) -> Any:
        work = NetworkWork.random(p=4, m=32, n=n, steps=steps, threads=threads)
        prepared = peers_ours.network()["simulate"](work).call
        prepared()
        return prepared

    large = 2**16
    timings = alternate(
        {
            "small": call(16, 100, settings.threads),
            "single": call(16, 1, settings.threads),
            "large": call(large, 8, 1),
        },
        settings,
    )
    small, single, bulk = (timings[name].rounds for name in ("small", "single", "large"))
    arithmetic = [100 * BLOCK * seconds / (large * 8) for seconds in bulk]
    over = [whole - part for whole, part in zip(small, arithmetic, strict=True)]
    return [
        _row("a call with n = 16 and 100 steps", small),
        _row("its arithmetic: 100 blocks at the rate of n = 65,536", arithmetic),
        _row("the rest of it", over, 1.0),
        _row("a call with n = 16 and 1 step", single),
    ]


def _row(name: str, seconds: Any, limit: float | None = None) -> Measurement:
    spread = Spread.of([1e3 * value for value in seconds])
    row = (name, spread.median, spread.min, spread.max, "ms")
    return Measurement(*row) if limit is None else Measurement(*row, "at most", (limit,))
