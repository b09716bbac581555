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
#: seen for the first time, a tenth of 16 steps: hence the steps along p). Along n and m, slopes are
#: never kept: where they begin not to fit, the time of a particle jumps by a quarter.
RANGES: dict[str, tuple[dict[str, int], tuple[int, ...]]] = {
    "n": ({"p": 4, "m": 32, "steps": 4}, (2**19, 2**20, 2**21, 2**22)),
    "steps": ({"p": 4, "m": 32, "n": 2**14}, (64, 128, 256, 512, 1024)),
    "m": ({"p": 4, "n": 2**13, "steps": 2}, (2048, 4096, 8192, 16384)),
    "p": ({"m": 32, "n": 2**13, "steps": 64}, (128, 256, 512, 1024)),
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
    """Return the slope of log time against log value, median of the rounds, and its interval.

    A slope is taken within a round, as ratios are: a machine that is slow for a while is slow for
    all values. The interval is that of the bootstrap, which resamples rounds.

    Parameters
    ----------
    values : sequence of int, length L
        What was varied.
    seconds : (rounds, L) float64 array
        Times.

    Examples
    --------
    >>> exponent([1, 2, 4], np.array([[1.0, 4.0, 16.0]] * 7))
    (2.0, 2.0, 2.0)
    """
    slopes = np.polyfit(np.log(values), np.log(seconds).T, 1)[0].round(12)
    picks = np.random.default_rng(0).choice(slopes, size=(RESAMPLES, len(slopes)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.median(picks, axis=1), [tail, 1 - tail]).tolist()
    return float(np.median(slopes)), low, high
