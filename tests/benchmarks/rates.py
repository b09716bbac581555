"""The machine's rate of multiply-adds, and the share of it that a step reaches."""

from typing import Any

import numba
import numpy as np

from sde.addresses import PAGE, aligned
from sde.intrinsics import fma
from sde.lanes import WIDTH, for_lanes
from sde.native import compiled

from . import peers_ours
from .measure import Settings, Spread, alternate
from .measurement import Measurement
from .work import NetworkWork

__all__ = ["multiply_add_share", "peak_call"]

#: Chains a lane, and their length. Four vectors of three chains and their factors fill the 16
#: registers of AVX2; two units that take four cycles need eight chains.
LANES, DEPTH, CHAINS, PASSES = WIDTH, 8, 3, 40_000

#: Numbers in a page.
ROOM = PAGE // 8


@compiled(forceinline=True)
def _chains(lane: int, x: Any, out: Any) -> None:
    """Run chains y -> y x + 1/2 in registers."""
    v = x[lane]
    a, b, c = 0.1, 0.2, 0.3
    for _ in range(DEPTH):
        a, b, c = fma(a, v, 0.5), fma(b, v, 0.5), fma(c, v, 0.5)
    out[lane] = a + b + c


@numba.njit(parallel=True)
def _multiply_adds(x: Any, passes: int, out: Any) -> None:
    """Run chains over the lanes, in vectors as wide as the kernels', in every thread."""
    for thread in numba.prange(len(out)):
        for _ in range(passes):
            for_lanes(_chains, (x[thread], out[thread]))


def peak_call(threads: int) -> tuple[Any, int]:
    """Return a call that does nothing but multiply-adds, and its floating-point operations."""
    # a page or more for each thread: two that store to the same cache line wait for each other
    x, out = (aligned(threads * ROOM, np.float64).reshape(threads, ROOM) for _ in range(2))
    x[:] = 0.5

    def call() -> None:
        numba.set_num_threads(threads)
        _multiply_adds(x, PASSES, out)

    return call, 2 * CHAINS * DEPTH * LANES * PASSES * threads


def multiply_add_share(settings: Settings) -> list[Measurement]:
    """Return the measured peak, and the share of it that steps of three sizes reach."""
    peak, flops = peak_call(settings.threads)
    alone, fewer = peak_call(1)
    peak()
    found: list[Measurement] = []
    if settings.threads > 1:
        timings = alternate({"all": peak, "one": alone}, settings)
        rounds = list(zip(timings["all"].rounds, timings["one"].rounds, strict=True))
        gain = [flops / seconds * one / fewer for seconds, one in rounds]
        found.append(_row(f"multiply-adds, {settings.threads} threads over 1", gain, "times"))
    for p, m, n, steps in ((4, 32, 65_536, 16), (16, 128, 65_536, 4), (140, 500, 10_000, 4)):
        work = NetworkWork.random(p=p, m=m, n=n, steps=steps, threads=settings.threads)
        call = peers_ours.network()["simulate"](work).call
        call()
        timings = alternate({"ours": call, "peak": peak}, settings)
        rates = [flops / seconds for seconds in timings["peak"].rounds]
        if p == 4:
            found.append(_row("multiply-add rate, measured", [r / 1e9 for r in rates], "Gflop/s"))
        rounds = list(zip(timings["ours"].rounds, rates, strict=True))
        share = [100 * 4 * m * p * work.units / seconds / rate for seconds, rate in rounds]
        found.append(_row(f"share of it, p = {p}, m = {m}: the two products", share, "%"))
    return found


def _row(name: str, sample: list[float], unit: str) -> Measurement:
    spread = Spread.of(sample)
    return Measurement(name, spread.median, spread.min, spread.max, unit)
