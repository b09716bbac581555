"""Run what is missing of a calibration, and write down each item when it is finished."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median_low
from time import perf_counter

from rich.console import Console

from theory_checks.calibration import records, tables
from theory_checks.calibration.records import STOPPED, Item, Record
from theory_checks.calibration.summary import Summary, summarize
from theory_checks.claim import Claim, Settings
from theory_checks.mutants import Mutant
from theory_checks.runner import default_console, prepare_folder, version
from theory_checks.sources import check_modules, digest
from theory_checks.verdict import decide

__all__ = ["calibrate"]

#: Checks of each claim after which the time of the rest can be told: the first also compiles.
TIMED = 2


def calibrate(
    claims: Sequence[Claim],
    mutants: Sequence[Mutant],
    seeds: range,
    out: str | Path,
    console: Console | None = None,
) -> Summary:
    """
    Check each claim for each seed (quick profile), without a mutant and with each that touches it.

    Parameters
    ----------
    claims : sequence of Claim
        At least one.
    mutants : sequence of Mutant
        Those that touch none of the claims are left out.
    seeds : range
        At least one seed.
    out : path
        Folder for `calibration.jsonl`, to which every finished check is appended, and for the
        tables `calibration.md` and `calibration.json`. What an earlier call with the same sources
        left there is not run again.
    console : rich.console.Console, optional
        Where progress and tables go; by default the standard output.

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
    console = console or default_console()
    path = prepare_folder(Path(out)) / records.FILE_NAME
    plan = _Plan(tuple(claims), tuple(mutants), seeds)
    done = plan.done(path)
    _run(plan, done, path, console)
    kept = [done[item] for item in plan.items()]
    summary = summarize(kept, claims, mutants, seeds, version())
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

    def items(self) -> Iterator[Item]:
        """Yield the checks, a seed after the other, but first those that tell the time of all."""
        for seed in self.seeds[:TIMED]:
            yield from (Item(claim.id, "", seed) for claim in self.claims)
        for seed in self.seeds:
            if seed not in self.seeds[:TIMED]:
                yield from (Item(claim.id, "", seed) for claim in self.claims)
            for mutant in self.mutants:
                touched = (claim.id for claim in self.claims if claim.id in mutant.claims)
                yield from (Item(claim, mutant.name, seed) for claim in touched)

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

    def check(self, item: Item) -> Record:
        """Run one check; what it raises is part of the record."""
        claim = next(each for each in self.claims if each.id == item.claim)
        mutant = next((each for each in self.mutants if each.name == item.mutant), None)
        start = perf_counter()
        try:
            with mutant.active() if mutant else nullcontext():
                evidence = claim.check(Settings("quick", item.seed, lambda *_: None))
            verdict = decide(evidence)
        except Exception as error:
            seconds, text = round(perf_counter() - start, 3), f"{type(error).__name__}: {error}"
            return Record(*item, self.source(item), STOPPED, seconds, error=text)
        seconds, found = round(perf_counter() - start, 3), (evidence.quantities, evidence.controls)
        return Record(*item, self.source(item), verdict, seconds, *found)


def _run(plan: _Plan, done: dict[Item, Record], path: Path, console: Console) -> None:
    """Run what is not done, and add its records to the file and to `done`."""
    items = list(plan.items())
    missing = [item for item in items if item not in done]
    console.print(f"{len(items)} checks: {len(items) - len(missing)} done, {len(missing)} to do.")
    timing = min(TIMED, len(plan.seeds)) * len(plan.claims)
    for number, item in enumerate(missing):
        if number == 0 and len(done) < timing:
            console.print("The first checks of each claim tell how long the others will take.")
        if item not in items[:timing] and (number == 0 or missing[number - 1] in items[:timing]):
            console.print(tables.times(_times(missing[number:], done)))
        record = plan.check(item)
        records.append(path, record)
        done[item] = record
        left = sum(row[1] * row[2] for row in _times(missing[number + 1 :], done))
        text = f"{number + 1}/{len(missing)} {_line(record)}, {left / 60:.1f} min left"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _times(missing: Sequence[Item], done: dict[Item, Record]) -> list[tuple[str, int, float]]:
    """Return the claims with checks to do, how many, and the seconds that one takes."""
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
    return (
        f"{record.claim}{mutant}, seed {record.seed}: {record.verdict}{why}, {record.seconds:.1f} s"
    )
