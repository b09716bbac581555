"""Timing by turns: contestants alternate round by round, and ratios are taken within a round.

A slow spell of the machine then hits all contestants of a round, and cancels in the ratio.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Settings", "Spread", "Timing", "alternate", "best_seconds", "ratios", "seconds_of"]

Call = Callable[[], Any]
Clock = Callable[[], float]

#: Idle threads of the last contestant may spin for some 20 ms (OpenBLAS) before they sleep.
PAUSE = 0.03


@dataclass(frozen=True)
class Settings:
    """How to measure: rounds, shortest round in seconds, threads, and the clock."""

    rounds: int = 7
    seconds: float = 0.2
    threads: int = 2
    clock: Clock = time.perf_counter
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and extremes of a sample.

    Examples
    --------
    >>> Spread.of([3.0, 1.0, 2.0])
    Spread(median=2.0, q1=1.5, q3=2.5, min=1.0, max=3.0)
    """

    median: float
    q1: float
    q3: float
    min: float
    max: float

    @classmethod
    def of(cls, sample: Sequence[float]) -> "Spread":
        """Summarise a sample."""
        q1, median, q3 = np.quantile(sample, [0.25, 0.5, 0.75]).tolist()
        return cls(median, q1, q3, float(min(sample)), float(max(sample)))


@dataclass(frozen=True)
class Timing:
    """Seconds a call, one number a round, and how many calls a round had."""

    calls: int
    rounds: tuple[float, ...]


def seconds_of(call: Call, calls: int, clock: Clock) -> float:
    """Return the seconds that one of `calls` calls took on average."""
    start = clock()
    for _ in range(calls):
        call()
    return (clock() - start) / calls


def best_seconds(call: Call, settings: Settings) -> float:
    """Return the least seconds of three warm calls; of fewer, once they took ten rounds' time."""
    found = [seconds_of(call, 1, settings.clock)]
    while len(found) < 3 and sum(found) < 10 * settings.seconds:
        found.append(seconds_of(call, 1, settings.clock))
    return min(found)


def alternate(calls: Mapping[str, Call], settings: Settings) -> dict[str, Timing]:
    """Time warm contestants by turns: A B C, A B C, ..., each after a call that is not timed.

    Examples
    --------
    >>> ticks = iter(range(1000))
    >>> fake = Settings(rounds=7, seconds=0.0, clock=lambda: next(ticks), pause=lambda _: None)
    >>> alternate({"a": list}, fake)["a"].rounds
    (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    """
    repeats = {name: _calls_a_round(call, settings) for name, call in calls.items()}
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(settings.rounds):
        for name, call in calls.items():
            settings.pause(PAUSE)
            call()  # a virtual machine takes back memory that is not used for two seconds
            rounds[name].append(seconds_of(call, repeats[name], settings.clock))
    return {name: Timing(repeats[name], tuple(rounds[name])) for name in calls}


def _calls_a_round(call: Call, settings: Settings) -> int:
    """Return how many calls last as long as the shortest round."""
    once = best_seconds(call, settings)
    if once <= 0:
        return 1
    return max(1, math.ceil(settings.seconds / once))


def ratios(peer: Timing, ours: Timing) -> list[float]:
    """Return peer / ours, round by round.

    Examples
    --------
    >>> ratios(Timing(1, (4.0, 9.0)), Timing(1, (2.0, 3.0)))
    [2.0, 3.0]
    """
    return [theirs / own for theirs, own in zip(peer.rounds, ours.rounds, strict=True)]
