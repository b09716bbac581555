"""The machine: what is known of it, and holding the process to as many cores as threads."""

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["BusyError", "describe", "held_to_cores", "load_share"]

PACKAGES = (
    "levychaos",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "jax",
    "jaxlib",
    "torch",
    "threadpoolctl",
)
FLAGS = ("avx2", "fma", "avx512f", "avx512dq", "avx512vl", "neon", "asimd", "sve")

#: What makes libraries compute with other kernels or threads than they would by themselves.
ENVIRONMENT = re.compile(r"(OPENBLAS|MKL|OMP|GOMP|KMP|NUMBA|XLA|JAX|TORCH|NPY|DNNL|ONEDNN)_")


class BusyError(ValueError):
    """The machine can't measure what was asked for."""


@contextmanager
def held_to_cores(threads: int) -> Iterator[None]:
    """Let the process run on `threads` cores, each a core of its own where there are enough.

    XLA takes all cores that it may use, and has no other way of being told the number.
    """
    if os.environ.get("OPENBLAS_CORETYPE"):
        raise BusyError(
            "need OPENBLAS_CORETYPE unset, got "
            f"{os.environ['OPENBLAS_CORETYPE']!r}; NumPy would compute with another kernel than "
            "the machine's own"
        )
    allowed = _allowed()
    if threads > len(allowed):
        raise BusyError(
            f"need --threads at most {len(allowed)}, the cores that the process may run on, got "
            f"{threads}"
        )
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    os.sched_setaffinity(0, _spread_over_cores(allowed)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def load_share() -> float:
    """Return the load average of the last minute over the number of cores."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def describe() -> dict[str, Any]:
    """Return the machine and the software as plain data."""
    cpu = _cpu()
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "cores_used": _allowed(),
        "clock_mhz": cpu.get("cpu MHz"),
        "cache": cpu.get("cache size"),
        "flags": [f for f in FLAGS if f in (cpu.get("flags") or cpu.get("Features") or "").split()],
        "memory_gib": _memory(),
        "load_before": load_share(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "blas": _blas(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if ENVIRONMENT.match(k)},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _spread_over_cores(cpus: Iterable[int]) -> list[int]:
    """Order logical processors so that two of one core come last."""

    def rank(cpu: int) -> tuple[int, int]:
        path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            siblings = re.findall(r"\d+", path.read_text())
        except OSError:
            return 0, cpu
        return siblings.index(str(cpu)) if str(cpu) in siblings else 0, cpu

    return sorted(cpus, key=rank)


def _cpu() -> dict[str, str]:
    """Return the first processor's entries of /proc/cpuinfo; nothing where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _blas() -> list[str]:
    """Return the BLAS libraries loaded, with their kernels."""
    if find_spec("threadpoolctl") is None:
        return []
    from threadpoolctl import threadpool_info

    return [
        f"{info['internal_api']} {info.get('version')} {info.get('architecture', '')} "
        f"({Path(info['filepath']).name})"
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
