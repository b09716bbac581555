"""Run a case: check the contestants, find each one's fastest variant, time them by turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from .cases import Case
from .checks import Disagreement
from .contestants import OURS, REMEDY, Contestant
from .measure import Call, Settings, Spread, Timing, alternate, best_seconds, ratios
from .roofline import Bound, Replays
from .work import Run, Work

__all__ = ["CaseResult", "Comparison", "Entrant", "compete"]


@dataclass(frozen=True)
class Entrant:
    """A contestant that took part: its variant, its timing, and what the other variants took."""

    name: str
    variant: str
    timing: Timing
    warm_up: Mapping[str, float]  # best seconds of a few warm calls, by variant
    refused: Mapping[str, str]  # variants that could not take part, and why

    def spread(self, units: int) -> Spread:
        """Return nanoseconds a unit of work."""
        return Spread.of([1e9 * seconds / units for seconds in self.timing.rounds])


@dataclass(frozen=True)
class Comparison:
    """How many times as long a peer takes, and how many times it should at least."""

    peer: str
    rounds: tuple[float, ...]
    target: float | None

    @property
    def ratio(self) -> Spread:
        """The ratios peer / ours of all rounds."""
        return Spread.of(self.rounds)

    @property
    def met(self) -> bool | None:
        """Whether the median ratio reaches the target; None where there is none."""
        return None if self.target is None else self.ratio.median >= self.target


@dataclass(frozen=True)
class CaseResult:
    """What was found in a case."""

    name: str
    title: str
    unit: str
    units: int
    threads: int
    entrants: tuple[Entrant, ...]
    comparisons: tuple[Comparison, ...]
    absent: Mapping[str, str]  # contestants that did not take part, and why
    targets: Mapping[str, float]
    bound: Bound | None = None  # of our time, by the instructions; None if it is not known

    def reachable(self, comparison: Comparison) -> Spread | None:
        """Return the ratios to a peer that the least time of our instructions would give."""
        if self.bound is None:
            return None
        (theirs,) = (e.timing.rounds for e in self.entrants if e.name == comparison.peer)
        least = self.bound.rounds
        return Spread.of([1e9 * t / self.units / ns for t, ns in zip(theirs, least, strict=True)])

    @property
    def met(self) -> bool:
        """Whether every target was measured and is met."""
        found = {c.peer for c in self.comparisons if c.met}
        return found >= set(self.targets)


def compete(case: Case, settings: Settings, say: Callable[[str], None]) -> CaseResult:
    """Run a case; `say` is told what is being done."""
    threads = case.threads or settings.threads
    if threads < case.least_threads:
        why = f"it needs {case.least_threads} threads; pass --threads {case.least_threads}"
        absent = {contestant.name: why for contestant in case.contestants}
        return CaseResult(case.name, case.title, "", 1, threads, (), (), absent, case.targets)
    work = case.work(threads)
    chosen: dict[str, _Chosen] = {}
    absent = {}
    for contestant in case.contestants:
        found = _choose(contestant, work, settings, say)
        if isinstance(found, str):
            absent[contestant.name] = found
        else:
            chosen[contestant.name] = found
    say("timing by turns")
    calls = {name: one.run.call for name, one in chosen.items()}
    replays = _replays(case, threads)
    timings = alternate({**calls, **(_settled(replays.calls) if replays else {})}, settings)
    bound = replays.bound(timings) if replays else None
    timings = {name: timings[name] for name in calls}
    entrants = tuple(
        Entrant(name, one.variant, timings[name], one.warm_up, one.refused)
        for name, one in chosen.items()
    )
    return CaseResult(
        case.name,
        case.title,
        work.unit,
        work.units,
        threads,
        entrants,
        _compare(timings, case.targets),
        absent,
        case.targets,
        bound,
    )


def _settled(replays: Mapping[str, Call]) -> Mapping[str, Call]:
    """Return replays after one that does not count.

    What the last contestant leaves behind, such as memory that goes back to the system, slows what
    comes next for more than a turn's pause: the first replay took up to three times as long.
    """
    unused = [("a replay that does not count", call) for call in islice(replays.values(), 1)]
    return {**dict(unused), **replays}


def _replays(case: Case, threads: int) -> Replays | None:
    """Return replays of our instructions, where the processor's are known."""
    if case.stages is None:
        return None
    try:
        return Replays.of(case.stages(), threads)
    except RuntimeError:
        return None


@dataclass(frozen=True)
class _Chosen:
    run: Run
    variant: str
    warm_up: Mapping[str, float]
    refused: Mapping[str, str]


def _choose(
    contestant: Contestant, work: Work, settings: Settings, say: Callable[[str], None]
) -> _Chosen | str:
    """Check and warm up every variant; return the fastest, or why there is none."""
    if contestant.missing:
        return f"{', '.join(contestant.missing)} not installed; {REMEDY}"
    runs: dict[str, Run] = {}
    warm_up: dict[str, float] = {}
    refused: dict[str, str] = {}
    for variant, prepare in contestant.variants().items():
        say(f"{contestant.name} ({variant}): checking")
        try:
            if contestant.simulates:
                work.check(prepare)
            run = prepare(work)
            run.call()  # compiles
        except Disagreement as error:
            refused[variant] = str(error)
            continue
        except RuntimeError as error:
            refused[variant] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            continue
        runs[variant] = run
        warm_up[variant] = best_seconds(run.call, settings)
    if not warm_up:
        return "; ".join(f"{variant}: {why}" for variant, why in refused.items())
    best = min(warm_up, key=warm_up.__getitem__)
    return _Chosen(runs[best], best, warm_up, refused)


def _compare(timings: Mapping[str, Timing], targets: Mapping[str, float]) -> tuple[Comparison, ...]:
    if OURS not in timings:
        return ()
    return tuple(
        Comparison(name, tuple(ratios(timing, timings[OURS])), targets.get(name))
        for name, timing in timings.items()
        if name != OURS
    )
