"""Run what is missing of a calibration, and write down each item when it is finished."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path
from statistics import median_low
from time import monotonic, process_time

import numba
from rich.console import Console

from theory_checks.calibration import records, tables
from theory_checks.calibration.records import STOPPED, Item, Record
from theory_checks.calibration.summary import Summary, summarize
from theory_checks.claim import Claim, Settings
from theory_checks.mutants import MUTANTS, Mutant
from theory_checks.runner import default_console, prepare_folder, version
from theory_checks.sources import check_modules, digest
from theory_checks.verdict import decide

__all__ = ["calibrate"]

#: Checks of each claim after which the time of the rest can be told: the first also compiles.
TIMED = 2
#: Seeds that every claim gets before any gets more, so that an unfinished calibration tells most.
ROUND = 10


def calibrate(
    claims: Sequence[Claim],
    mutants: Sequence[Mutant],
    seeds: range,
    out: str | Path,
    console: Console | None = None,
    *,
    coverage_seeds: range | None = None,
    workers: int = 1,
    minutes: float = math.inf,
) -> Summary:
    """
    Check each claim for each seed (quick profile), without mutants and with each.

    With a mutant, the claims that it touches are checked in turn until one catches it.

    Parameters
    ----------
    claims : sequence of Claim
        At least one.
    mutants : sequence of Mutant
        Those that touch none of the claims are left out.
    seeds : range
        At least one seed.
    coverage_seeds : range, optional
        Seeds for the claims without mutants, from the same first seed; by default `seeds`. The
        share of intervals that cover needs more of them than a verdict or a mutant.
    out : path
        Folder for `calibration.jsonl`, to which every finished check is appended, and for the
        tables `calibration.md` and `calibration.json`. What an earlier call with the same sources
        left there is not run again.
    console : rich.console.Console, optional
        Where progress and tables go; by default the standard output.
    workers : int
        Number of processes that check side by side, each with an equal share of the threads. More
        than one need claims that can be pickled, and mutants of `theory_checks.mutants`.
    minutes : float
        Time after which no check is begun: the tables are then of those that are finished.

    Returns
    -------
    Summary
        Verdicts, coverage and power.

    Raises
    ------
    FolderError, RecordsError
        If `out` cannot be written to, or holds other records.

    Examples
    --------
    >>> import io, tempfile
    >>> from theory_checks.verdict import Evidence, Quantity
    >>> printed = Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">=", role="printed")
    >>> control = Quantity("slope, independent noise", 0.0, -0.1, 0.1, 0.2, "<=")
    >>> claim = Claim(
    ...     "theorem-0", "Zero", "A slope.", "slope >= 0.5", "holds",
    ...     lambda settings: Evidence((printed,), (control,)),
    ... )
    >>> with tempfile.TemporaryDirectory() as out:
    ...     found = calibrate([claim], [], range(3), out, Console(file=io.StringIO()))
    >>> found.claims[0].right
    3
    """
    if not claims or not seeds:
        raise ValueError(f"need a claim and a seed or more, got {len(claims)} and {len(seeds)}")
    coverage_seeds = coverage_seeds or seeds
    if coverage_seeds[0] != seeds[0] or len(coverage_seeds) < len(seeds):
        raise ValueError(f"need coverage_seeds that begin with {seeds}, got {coverage_seeds}")
    console = console or default_console()
    path = prepare_folder(Path(out)) / records.FILE_NAME
    plan = _Plan(tuple(claims), tuple(mutants), seeds, coverage_seeds)
    done = plan.done(path)
    _run(plan, done, path, console, _Effort(workers, monotonic() + 60 * minutes))
    missing = len(plan.missing(done))
    summary = summarize(done.values(), claims, mutants, (seeds, coverage_seeds), version(), missing)
    tables.write(summary, path.parent)
    for table in tables.terminal(summary):
        console.print(table)
    return summary


@dataclass(frozen=True)
class _Plan:
    """Which checks to run."""

    claims: tuple[Claim, ...]
    mutants: tuple[Mutant, ...]
    seeds: range
    coverage_seeds: range

    def items(self) -> Iterator[Item]:
        """Yield all checks that may be run."""
        for seed in self.coverage_seeds:
            yield from (Item(claim.id, "", seed) for claim in self.claims)
        for seed in self.seeds:
            for mutant in self.mutants:
                yield from (Item(claim, mutant.name, seed) for claim in self.touched(mutant))

    def touched(self, mutant: Mutant) -> list[str]:
        """Return the ids of the claims that must notice a mutant, in the order of their turns."""
        return [claim for claim in mutant.claims if claim in self._recorded]

    @cached_property
    def _recorded(self) -> dict[str, str]:
        """Verdicts on record."""
        return {claim.id: claim.recorded for claim in self.claims}

    def timing(self) -> list[Item]:
        """Return the checks that tell how long the others will take."""
        return [Item(claim.id, "", seed) for seed in self.seeds[:TIMED] for claim in self.claims]

    def missing(self, done: Mapping[Item, Record]) -> list[Item]:
        """Return the checks to run next, in the order in which they tell most if time is short.

        In rounds of seeds, first the claims as they are, then each mutant with the claim whose turn
        it is; cheap claims first.
        """
        found = [item for item in self.items() if not item.mutant and item not in done]
        turns = (self._turn(each, seed, done) for seed in self.seeds for each in self.mutants)
        found += (item for item in turns if item)
        seconds = {claim: each for claim, _, each in _times(list(self.items()), done)}

        def key(item: Item) -> tuple[int, bool, float, int]:
            round_ = (item.seed - self.seeds[0]) // ROUND
            return round_, item.mutant != "", seconds[item.claim], item.seed

        return sorted(found, key=key)

    def _turn(self, mutant: Mutant, seed: int, done: Mapping[Item, Record]) -> Item | None:
        """Return the check of a mutant whose turn it is; None if it was caught, or never was."""
        for claim in self.touched(mutant):
            item = Item(claim, mutant.name, seed)
            if item not in done:
                return item
            if done[item].verdict != self._recorded[claim]:
                return None
        return None

    def done(self, path: Path) -> dict[Item, Record]:
        """Return what the file holds of these checks, with sources as they are now."""
        wanted = {item: self.source(item) for item in self.items()}
        found = records.read(path)
        return {r.item: r for r in found if r.item in wanted and wanted[r.item] == r.source}

    def source(self, item: Item) -> str:
        """Return the digest of the sources that a check depends on."""
        return self._sources[item.claim, bool(item.mutant)]

    @cached_property
    def _sources(self) -> dict[tuple[str, bool], str]:
        """Digests for each claim, without and with mutants."""
        sources = {}
        for claim in self.claims:
            modules = check_modules(claim.check)
            sources[claim.id, False] = digest(*modules)
            sources[claim.id, True] = digest(*modules, "theory_checks.mutants")
        return sources

    def task(self, item: Item) -> "_Task":
        """Return what a check needs."""
        claim = next(each for each in self.claims if each.id == item.claim)
        return _Task(claim, item, self.source(item))


@dataclass(frozen=True)
class _Task:
    """One check to run, wherever that is."""

    claim: Claim
    item: Item
    source: str

    def run(self, mutant: Mutant | None) -> Record:
        """Run the check; what it raises is part of the record."""
        start = process_time()
        try:
            with mutant.active() if mutant else nullcontext():
                evidence = self.claim.check(Settings("quick", self.item.seed, lambda *_: None))
            verdict = decide(evidence)
        except Exception as error:
            seconds, text = round(process_time() - start, 3), f"{type(error).__name__}: {error}"
            return Record(*self.item, self.source, STOPPED, seconds, error=text)
        seconds, found = round(process_time() - start, 3), (evidence.quantities, evidence.controls)
        return Record(*self.item, self.source, verdict, seconds, *found)


def _run_task(task: _Task) -> Record:
    """Run a check in a worker, which knows the mutants by their names."""
    return task.run(MUTANTS[task.item.mutant] if task.item.mutant else None)


@dataclass(frozen=True)
class _Effort:
    """How many processes check side by side, and until when."""

    workers: int
    end: float

    @property
    def spent(self) -> bool:
        """Whether no check is to be begun."""
        return monotonic() >= self.end


def _records(plan: _Plan, items: Sequence[Item], effort: _Effort) -> Iterator[Record]:
    """Run checks, and yield their records as they are finished."""
    tasks = (plan.task(item) for item in takewhile(lambda _: not effort.spent, items))
    if effort.workers == 1:
        mutants = {mutant.name: mutant for mutant in plan.mutants}
        yield from (task.run(mutants.get(task.item.mutant)) for task in tasks)
        return
    threads = max(1, numba.get_num_threads() // effort.workers)
    # a process that has run kernels cannot be forked: GNU OpenMP forbids it
    context, start = get_context("spawn"), partial(numba.set_num_threads, threads)
    with ProcessPoolExecutor(effort.workers, context, start) as pool:
        running: set[Future[Record]] = set()
        for task in tasks:
            running.add(pool.submit(_run_task, task))
            if len(running) == effort.workers:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        yield from (future.result() for future in as_completed(running))


def _run(
    plan: _Plan, done: dict[Item, Record], path: Path, console: Console, effort: _Effort
) -> None:
    """Run what is not done, and add its records to the file and to `done`."""
    console.print(f"{len(done)} checks done, {len(plan.missing(done))} to do.")
    first = [item for item in plan.timing() if item not in done]
    if first:
        console.print("The first checks of each claim tell how long the others will take.")
        _run_items(plan, first, done, path, console, effort)
    # a mutant that a claim missed has its turn with the next one
    while (missing := plan.missing(done)) and not effort.spent:
        console.print(tables.times(_times(missing, done)))
        _run_items(plan, missing, done, path, console, effort)


def _run_items(
    plan: _Plan,
    items: Sequence[Item],
    done: dict[Item, Record],
    path: Path,
    console: Console,
    effort: _Effort,
) -> None:
    """Run checks, and say after each how much is left."""
    for record in _records(plan, items, effort):
        records.append(path, record)
        done[record.item] = record
        missing = plan.missing(done)
        left = sum(row[1] * row[2] for row in _times(missing, done))
        count = f"{len(done)}/{len(done) + len(missing)}"
        text = f"{count} {_line(record)}, {left / 60:.1f} CPU min left"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _times(missing: Sequence[Item], done: Mapping[Item, Record]) -> list[tuple[str, int, float]]:
    """Return the claims with checks to do, how many, and the CPU seconds that one takes."""
    rows = []
    for claim in dict.fromkeys(item.claim for item in missing):
        seconds = [record.seconds for item, record in done.items() if item.claim == claim]
        count = sum(item.claim == claim for item in missing)
        # of two, the lower: the first check also compiles
        rows.append((claim, count, median_low(seconds) if seconds else 0.0))
    return rows


def _line(record: Record) -> str:
    """Return what a check found, in a line."""
    mutant = f" with mutant {record.mutant}" if record.mutant else ""
    why = f" ({record.error})" if record.error else ""
    what = f"{record.claim}{mutant}, seed {record.seed}: {record.verdict}{why}"
    return f"{what}, {record.seconds:.1f} s CPU"
