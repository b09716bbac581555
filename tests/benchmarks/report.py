"""The tables, and the JSON file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from .cases import Case, Entry
from .compete import CaseResult, Comparison, Entrant
from .contestants import OURS
from .measure import Settings
from .measurement import Measurement
from .roofline import Bound

__all__ = ["SCHEMA", "Report", "StudyResult", "case_table", "result_table", "study_table"]

#: Version of the JSON file's layout.
SCHEMA = 1


@dataclass(frozen=True)
class StudyResult:
    """What a study measured."""

    name: str
    title: str
    measurements: tuple[Measurement, ...]
    failed: str = ""

    @property
    def met(self) -> bool:
        """Whether it was measured and every target is met."""
        return not self.failed and all(row.met is not False for row in self.measurements)


@dataclass(frozen=True)
class Report:
    """All results of a command, and where they were measured."""

    version: str
    command: str
    machine: dict[str, Any]
    settings: Settings
    results: tuple[CaseResult | StudyResult, ...]

    @property
    def met(self) -> bool:
        """Whether every target of the chosen cases was measured and is met."""
        return all(result.met for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        settings = self.settings
        return {
            "schema": SCHEMA,
            "version": self.version,
            "command": self.command,
            "machine": self.machine,
            "settings": {
                "rounds": settings.rounds,
                "seconds": settings.seconds,
                "threads": settings.threads,
            },
            "cases": [_case_data(r) for r in self.results if isinstance(r, CaseResult)],
            "studies": [_study_data(r) for r in self.results if isinstance(r, StudyResult)],
        }


def _case_data(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "title": result.title,
        "threads": result.threads,
        "unit": result.unit,
        "units_a_call": result.units,
        "contestants": [
            {
                "name": e.name,
                "variant": e.variant,
                "calls_a_round": e.timing.calls,
                "nanoseconds_a_unit": asdict(e.spread(result.units)),
                "seconds_a_call": list(e.timing.rounds),
                "variants_warm_nanoseconds": {
                    variant: 1e9 * seconds / result.units for variant, seconds in e.warm_up.items()
                },
                "variants_refused": dict(e.refused),
            }
            for e in result.entrants
        ],
        "comparisons": [
            {
                "peer": c.peer,
                "ratio": asdict(c.ratio),
                "rounds": list(c.rounds),
                "target": c.target,
                "met": c.met,
            }
            for c in result.comparisons
        ],
        "bound": None if result.bound is None else asdict(result.bound),
        "absent": dict(result.absent),
        "targets": dict(result.targets),
        "met": result.met,
    }


def _study_data(result: StudyResult) -> dict[str, Any]:
    rows = [{**asdict(row), "met": row.met} for row in result.measurements]
    return {
        "name": result.name,
        "title": result.title,
        "measurements": rows,
        "failed": result.failed,
        "met": result.met,
    }


def list_table(entries: Sequence[Entry]) -> Table:
    """Return the table of what can be measured."""
    table = Table("case", "what is measured", "targets", box=SIMPLE_HEAD)
    for entry in entries:
        targets = entry.targets if isinstance(entry, Case) else {}
        text = ", ".join(f"{name} ≥ {least:g}" for name, least in targets.items())
        table.add_row(entry.name, entry.title, text)
    return table


def result_table(result: CaseResult | StudyResult) -> Group:
    """Return what is shown when a case or a study is finished."""
    if isinstance(result, StudyResult):
        return Group(study_table([result]))
    lines = [Text(line, style="yellow") for line in _left_out(result)]
    return Group(case_table([result]), *lines)


def _left_out(result: CaseResult) -> list[str]:
    """Say which contestants and variants did not take part, and why."""
    refused = {
        f"{entrant.name} ({variant})": why
        for entrant in result.entrants
        for variant, why in entrant.refused.items()
    }
    left_out = {**result.absent, **refused}
    return [f"{result.name}: {name} did not take part: {why}" for name, why in left_out.items()]


def case_table(results: Sequence[CaseResult]) -> Table:
    """Return the table of cases: a line for each contestant."""
    table = Table(title="Time of the peers over ours", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("case", min_width=40)
    for column in ("ns a unit", "quartiles", "millions/s"):
        table.add_column(column, justify="right")
    for column in ("peer / ours", "range", "target"):
        table.add_column(column, justify="right")
    table.add_column("", min_width=7, no_wrap=True)
    for result in results:
        head = f"{result.threads} thread{'s' * (result.threads > 1)}, a unit is a {result.unit}"
        table.add_row(Text(result.name, style="bold").append(f" ({head})", style="dim"))
        table.add_row(Text(result.title, style="dim"))
        ratios = {c.peer: c for c in result.comparisons}
        for entrant in result.entrants:
            _add_entrant(table, result, entrant, ratios.get(entrant.name))
        if result.bound is not None:
            _add_bound(table, result, result.bound)
        for name, why in result.absent.items():
            target = result.targets.get(name)
            text = "" if target is None else f"≥ {target:g}"
            table.add_row(f"· {name}", "", "", "", "", "", text, Text(_short(why), style="yellow"))
        table.add_section()
    return table


def _add_bound(table: Table, result: CaseResult, limit: Bound) -> None:
    """Say what the instructions of our code take at least, and which ratios that would give."""
    name = Text(f"· bound of our {limit.instructions:.0f} vector instructions", style="dim")
    time = limit.spread
    span = f"{_digits(time.q1)}-{_digits(time.q3)}"
    table.add_row(name, _digits(time.median), span, _digits(1e3 / time.median))
    for comparison in result.comparisons:
        ratio = result.reachable(comparison)
        if comparison.target is None or ratio is None:
            continue
        beyond = ratio.median < comparison.target
        verdict = Text("beyond", style="yellow") if beyond else Text("")
        name = Text(f"·   {comparison.peer} at the bound", style="dim")
        span = f"{_digits(ratio.min)}-{_digits(ratio.max)}"
        target = f"≥ {comparison.target:g}"
        table.add_row(name, "", "", "", _digits(ratio.median), span, target, verdict)


def _add_entrant(
    table: Table, result: CaseResult, entrant: Entrant, comparison: Comparison | None
) -> None:
    time = entrant.spread(result.units)
    name = Text(f"· {entrant.name}", style="bold" if entrant.name == OURS else "")
    name.append(f" ({entrant.variant})", style="dim")
    row = [_digits(time.median), f"{_digits(time.q1)}-{_digits(time.q3)}"]
    row.append(_digits(1e3 / time.median))
    if comparison is None:
        table.add_row(name, *row)
        return
    ratio = comparison.ratio
    target = "" if comparison.target is None else f"≥ {comparison.target:g}"
    span = f"{_digits(ratio.min)}-{_digits(ratio.max)}"
    table.add_row(name, *row, _digits(ratio.median), span, target, _verdict(comparison.met))


def study_table(results: Sequence[StudyResult]) -> Table:
    """Return the table of what was measured without a peer."""
    table = Table(title="Also measured", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("what")
    for column in ("value", "range or interval", "target"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for result in results:
        table.add_row(Text(f"{result.name}: {result.title}", style="bold"))
        if result.failed:
            table.add_row("", "", "", "", Text(result.failed, style="red"))
        for row in result.measurements:
            name = Text(f"· {row.name}").append(f" ({row.note})" if row.note else "", style="dim")
            span = "" if row.low == row.high else f"{_digits(row.low)}-{_digits(row.high)}"
            value = f"{_digits(row.value)} {row.unit}".strip()
            table.add_row(name, value, span, _target(row), _verdict(row.met))
        table.add_section()
    return table


def _target(row: Measurement) -> str:
    if row.relation == "inside":
        return f"{row.target[0]:g}-{row.target[1]:g}"
    sign = {"at most": "≤", "at least": "≥"}.get(row.relation)
    return f"{sign} {row.target[0]:g}" if sign else ""


def _verdict(met: bool | None) -> Text:
    if met is None:
        return Text("")
    return Text("met", style="green") if met else Text("not met", style="bold red")


def _short(why: str) -> str:
    return "not installed" if "not installed" in why else "did not take part"


def _digits(value: float) -> str:
    """Return three significant digits."""
    return f"{value:.3g}" if 0 < abs(value) < 100 else f"{value:,.0f}"
