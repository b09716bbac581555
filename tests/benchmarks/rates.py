"""The machine's rate of multiply-adds, and the share of it that a step reaches."""

from typing import Any

import numba
import numpy as np

from . import peers_ours
from .measure import Settings, Spread, alternate
from .measurement import Measurement
from .work import NetworkWork

__all__ = ["multiply_add_share", "peak_call"]

#: With longer chains the compiler puts few of them side by side and waits for their results: 8
#: steps gave 95 % of clock times width on AMD Zen 3, 32 steps 70 %.
LANES, DEPTH, CHAINS, PASSES = 128, 8, 12, 2000


@numba.njit(fastmath={"contract"}, error_model="numpy", parallel=True)
def _multiply_adds(x: Any, passes: int, out: Any) -> None:
    """Run chains y -> y x + c over the lanes: 12 chains a lane, in registers, for every thread."""
    for thread in numba.prange(len(out)):
        for _ in range(passes):
            for lane in range(LANES):
                v = x[thread, lane]
                a, b, c, d, e, f = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6
                g, h, i, j, k, l = 0.7, 0.8, 0.9, 1.0, 1.1, 1.2  # noqa: E741
                for _ in range(DEPTH):
                    a, b, c, d = a * v + 0.5, b * v + 0.5, c * v + 0.5, d * v + 0.5
                    e, f, g, h = e * v + 0.5, f * v + 0.5, g * v + 0.5, h * v + 0.5
                    i, j, k, l = i * v + 0.5, j * v + 0.5, k * v + 0.5, l * v + 0.5  # noqa: E741
                out[thread, lane] += ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l))


def peak_call(threads: int) -> tuple[Any, int]:
    """Return a call that does nothing but multiply-adds, and its floating-point operations."""
    x, out = np.full((threads, LANES), 0.5), np.zeros((threads, LANES))

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
