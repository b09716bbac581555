"""The tables of a calibration: on the terminal, as Markdown and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theory_checks.calibration.summary import (
    COVERAGE_TARGET,
    ENOUGH,
    VERDICT_TARGET,
    ClaimSummary,
    Coverage,
    Summary,
)

__all__ = ["JSON_NAME", "MARKDOWN_NAME", "markdown", "terminal", "times", "to_dict", "write"]

JSON_NAME, MARKDOWN_NAME = "calibration.json", "calibration.md"

NOTE = f"""\
Each claim was checked in the quick profile, once for each seed. With a mutant, the claims that it
touches were checked in turn until one caught it. Targets: the verdict on record, and a mutant
caught, for {100 * VERDICT_TARGET:.0f} of 100 seeds; {100 * COVERAGE_TARGET:.0f} of 100 intervals at
the 99 % level cover the long-run value. The long-run value of an estimate, for the interval of one
seed, is the mean over all other seeds: a bias that every seed shares does not show in the coverage.
Its own error should be small beside an interval; the table gives it as a share of a half-width, and
says so above {100 * ENOUGH:.0f} %. The margin is the least distance of an interval from the nearest
end of its region, in half-widths.
"""


@dataclass(frozen=True)
class _Rows:
    """One table: a title, the heads of its columns, and its rows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write(summary: Summary, folder: Path) -> None:
    """Write `calibration.md` and `calibration.json` into the folder."""
    (folder / MARKDOWN_NAME).write_text(markdown(summary), encoding="utf-8")
    text = json.dumps(to_dict(summary), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8")


def markdown(summary: Summary) -> str:
    """
    Return the tables as Markdown.

    Examples
    --------
    >>> print(markdown(Summary("0.1.0", range(3), range(3), (), ())).splitlines()[0])
    # Calibration
    """
    seeds = f"seeds {summary.coverage_seeds[0]} to {summary.coverage_seeds[-1]}"
    if len(summary.seeds) < len(summary.coverage_seeds):
        seeds += f" ({summary.seeds[0]} to {summary.seeds[-1]} with mutants)"
    what = f"levychaos {summary.version}, quick profile, {seeds}, {_today()}:"
    parts = ["# Calibration", f"{what} `{_command(summary)}`.", NOTE.strip()]
    if any(claim.coverages for claim in summary.claims):
        parts.append(_in_all(summary))
    if summary.missing:
        parts.append(f"Not finished: {summary.missing} checks are missing, mostly of later seeds.")
    for table in (_verdicts(summary), _mutants(summary), _coverages(summary)):
        parts.append(f"## {table.title}")
        lines = [table.heads, ("---",) * len(table.heads), *table.rows]
        parts.append("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    parts += [f"Seeds of {c.id} with another verdict:\n\n{_others(c)}" for c in _differing(summary)]
    return "\n\n".join(parts) + "\n"


def terminal(summary: Summary) -> list[Table]:
    """Return the tables of verdicts and mutants, and that of intervals below their target."""
    few = [c for claim in summary.claims for c in claim.coverages if not c.met]
    tables = [_verdicts(summary), _mutants(summary)]
    if few:
        tables.append(_coverages(summary, only=few))
    return [_rich(table) for table in tables if table.rows]


def times(rows: Sequence[tuple[str, int, float]]) -> Table:
    """
    Return a table of the CPU time that is still needed: claims, checks to do and seconds of one.

    Examples
    --------
    >>> times([("theorem-4.2", 60, 4.0)]).row_count
    2
    """
    lines = [(name, str(n), f"{each:.1f}", f"{n * each / 60:.1f}") for name, n, each in rows]
    total = sum(n * each for _, n, each in rows)
    lines.append(("total", str(sum(n for _, n, _ in rows)), "", f"{total / 60:.1f}"))
    heads = ("claim", "checks to do", "CPU seconds each", "CPU minutes")
    return _rich(_Rows("Estimated time", heads, tuple(lines)))


def to_dict(summary: Summary) -> dict[str, Any]:
    """
    Return the summary as plain JSON values; an infinite margin becomes None.

    Examples
    --------
    >>> to_dict(Summary("0.1.0", range(3), range(3), (), ()))["seeds"]
    [0, 1, 2]
    """
    claims = [
        {
            **asdict(claim),
            "coverages": [
                {key: _finite(value) for key, value in asdict(coverage).items()}
                | {"met": coverage.met, "enough": coverage.enough}
                for coverage in claim.coverages
            ],
            "met": claim.met,
        }
        for claim in summary.claims
    ]
    return {
        "version": summary.version,
        "profile": "quick",
        "date": _today(),
        "command": _command(summary),
        "seeds": list(summary.seeds),
        "coverage_seeds": list(summary.coverage_seeds),
        "targets": {"verdict": VERDICT_TARGET, "coverage": COVERAGE_TARGET},
        "covered": summary.covered,
        "expected_misses": summary.expected_misses,
        "met": summary.met,
        "missing": summary.missing,
        "claims": claims,
        "mutants": [{**asdict(mutant), "met": mutant.met} for mutant in summary.mutants],
    }


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _command(summary: Summary) -> str:
    first, seeds = summary.seeds[0], len(summary.seeds)
    more = len(summary.coverage_seeds)
    options = f" --coverage-seeds {more}" if more > seeds else ""
    options += f" --first-seed {first}" if first else ""
    return f"theory-checks calibrate --seeds {seeds}{options}"


def _in_all(summary: Summary) -> str:
    """Say how many intervals cover and how many are below the target, and what chance gives."""
    covered, seeds = summary.covered
    coverages = [coverage for claim in summary.claims for coverage in claim.coverages]
    below = sum(not coverage.met for coverage in coverages)
    return (
        f"In all, {covered} of {seeds} intervals ({100 * covered / seeds:.1f} %) cover. Of the "
        f"{len(coverages)} rows of the table of coverage, {below} are below the target; "
        f"{summary.expected_misses:.1f} would be on average if every interval covered with the "
        "probability that it states."
    )


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value


def _verdicts(summary: Summary) -> _Rows:
    heads = (
        "claim",
        "on record",
        "seeds with it",
        "intervals that meet the target",
        "least coverage",
        "least margin",
        "CPU seconds",
        "met",
    )
    rows = []
    for claim in summary.claims:
        shares = [f"{c.covered}/{c.seeds}" for c in sorted(claim.coverages, key=_share)]
        met = sum(each.met for each in claim.coverages)
        margin = min((each.margin for each in claim.coverages), default=float("inf"))
        found = (
            f"{claim.right}/{claim.seeds}",
            f"{met}/{len(shares)}",
            shares[0] if shares else "",
        )
        tail = (f"{margin:.2g}", f"{claim.seconds:.1f}", _yes(claim.met))
        rows.append((claim.id, claim.recorded, *found, *tail))
    return _Rows("Verdicts", heads, tuple(rows))


def _mutants(summary: Summary) -> _Rows:
    rows = []
    for mutant in summary.mutants:
        by_claim = ", ".join(f"{c} {caught}/{seeds}" for c, seeds, caught in mutant.by_claim)
        caught = f"{mutant.caught}/{mutant.seeds}"
        rows.append((mutant.name, mutant.description, caught, by_claim, _yes(mutant.met)))
    heads = ("mutant", "what is wrong", "seeds caught", "by claim", "met")
    return _Rows("Power against mutants", heads, tuple(rows))


def _coverages(summary: Summary, only: Sequence[Coverage] | None = None) -> _Rows:
    heads = ("claim", "quantity", "role", "covered", "long-run value", "its error", "margin")
    rows = tuple(
        (
            claim.id,
            each.name,
            each.kind,
            f"{each.covered}/{each.seeds}" + ("" if each.met else ", below the target"),
            f"{each.value:.5g}",
            f"{100 * each.error_share:.0f} %" + ("" if each.enough else ", too large"),
            f"{each.margin:.2g}" if isfinite(each.margin) else "",
        )
        for claim in summary.claims
        for each in claim.coverages
        if only is None or each in only
    )
    return _Rows("Coverage of the intervals", heads, rows)


def _differing(summary: Summary) -> Iterator[ClaimSummary]:
    return (claim for claim in summary.claims if claim.others)


def _others(claim: ClaimSummary) -> str:
    return "\n".join(f"- {seed}: {verdict} ({why})" for seed, verdict, why in claim.others)


def _share(coverage: Coverage) -> float:
    return coverage.covered / coverage.seeds


def _yes(met: bool) -> str:
    return "yes" if met else "NO"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _rich(rows: _Rows) -> Table:
    table = Table(*rows.heads, title=rows.title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows.rows:
        table.add_row(*row)
    return table
