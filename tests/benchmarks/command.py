"""What `sde bench` does once its arguments are read."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from . import machine
from .cases import Case, Entry, find
from .compete import CaseResult, compete
from .machine import BusyError
from .measure import Settings
from .report import Report, StudyResult, list_table, result_table

__all__ = ["BusyError", "Settings", "find", "list_table", "run", "write"]

#: Above this load a core the table is shown with a warning.
QUIET = 0.3


def run(entries: Sequence[Entry], settings: Settings, version: str, console: Console) -> Report:
    """Measure the chosen cases and show the table of each when it is finished.

    Raises
    ------
    BusyError
        If there are fewer cores than threads, or the environment changes a peer's kernels.
    """
    load = machine.load_share()
    with machine.held_to_cores(settings.threads):
        results = tuple(_shown(entry, settings, console) for entry in entries)
        description = machine.describe() | {"load_before": load}
    command = shlex.join(["sde", *sys.argv[1:]])
    report = Report(version, command, description, settings, results)
    if load > QUIET:
        console.print(
            f"The machine was busy (load {load:.2f} a core before the first case): the ratios are "
            "rough.",
            style="yellow",
        )
    return report


def _shown(entry: Entry, settings: Settings, console: Console) -> CaseResult | StudyResult:
    result = _measure(entry, settings, console)
    console.print(result_table(result))
    return result


def _measure(entry: Entry, settings: Settings, console: Console) -> CaseResult | StudyResult:
    """Measure one entry, and say what is being done."""
    with console.status(entry.name) as status:
        console.print(f"{entry.name}: {entry.title}", markup=False, highlight=False)
        if isinstance(entry, Case):
            return compete(entry, settings, lambda what: status.update(f"{entry.name}: {what}"))
        try:
            return StudyResult(entry.name, entry.title, tuple(entry.measure(settings)))
        except RuntimeError as error:
            return StudyResult(entry.name, entry.title, (), str(error))


def write(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    text = json.dumps(report.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
