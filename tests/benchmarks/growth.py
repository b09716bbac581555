"""Growth of the time of a simulation in n, m, p and the number of steps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import peers_ours
from .measure import Settings, alternate
from .measurement import Measurement
from .work import NetworkWork

__all__ = ["exponent", "growth"]

LEVEL, RESAMPLES = 0.95, 2000
LINEAR = (0.97, 1.03)

#: Times the rounds of other cases: an interval inside 3 % takes more of them than a median.
MORE_ROUNDS = 3

#: What is varied, and over which values: each range starts where the term that is linear in the
#: quantity outweighs the rest (m: tanh against the draws; p: draws and products against tanh;
#: n and steps: particles against the cost of a call, which with many coordinates is memory that is
#: seen for the first time: hence the steps along p). Along n and m, slopes are never kept: where
#: they begin not to fit, the time of a particle jumps by a quarter.
RANGES: dict[str, tuple[dict[str, int], tuple[int, ...]]] = {
    "n": ({"p": 4, "m": 32, "steps": 4}, (2**19, 2**20, 2**21, 2**22)),
    "steps": ({"p": 4, "m": 32, "n": 2**14}, (64, 128, 256, 512, 1024)),
    "m": ({"p": 4, "n": 2**13, "steps": 2}, (2048, 4096, 8192, 16384)),
    "p": ({"m": 32, "n": 2**13, "steps": 16}, (128, 256, 512, 1024)),
}


def growth(settings: Settings) -> list[Measurement]:
    """Return the exponent of the time in each quantity; it has to be 1 within 3 %."""
    return [_growth_in(name, settings) for name in RANGES]


def _growth_in(name: str, settings: Settings) -> Measurement:
    fixed, values = RANGES[name]
    calls = {}
    for value in values:
        size = {**fixed, name: value}
        work = NetworkWork.random(
            p=size["p"], m=size["m"], n=size["n"], steps=size["steps"], threads=settings.threads
        )
        call = peers_ours.network()["simulate"](work).call
        call()
        calls[str(value)] = call
    timings = alternate(calls, replace(settings, rounds=MORE_ROUNDS * settings.rounds))
    seconds = np.array([timing.rounds for timing in timings.values()]).T
    estimate, low, high = exponent(values, seconds)
    note = f"{name} from {values[0]:,} to {values[-1]:,}, " + ", ".join(
        f"{key} = {value:,}" for key, value in fixed.items()
    )
    return Measurement(
        f"exponent of the time in {name}", estimate, low, high, "", "inside", LINEAR, note
    )


def exponent(values: Sequence[int], seconds: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the slope of log median time against log value, and its bootstrap interval.

    Parameters
    ----------
    values : sequence of int, length L
        What was varied.
    seconds : (rounds, L) float64 array
        Times; rounds are resampled as a whole.

    Examples
    --------
    >>> exponent([1, 2, 4], np.array([[1.0, 4.0, 16.0]] * 7))
    (2.0, 2.0, 2.0)
    """
    rng = np.random.default_rng(0)
    picks = rng.integers(len(seconds), size=(RESAMPLES, len(seconds)))
    medians = np.median(seconds[picks], axis=1)
    logs = np.log(np.vstack([np.median(seconds, axis=0), medians]))
    slopes = np.polyfit(np.log(values), logs.T, 1)[0].round(12)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(slopes[1:], [tail, 1 - tail]).tolist()
    return float(slopes[0]), low, high
