"""The command `sde tables ecg5000 | mnist | cifar10`."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sde import validation
from sde.datasets import DatasetError
from sde.study import ItemError, StoreError, WorkerError, cores
from sde.tables.estimate import estimate, in_words
from sde.tables.experiment import Setting, Split, examples
from sde.tables.published import CONVENTIONS, EXPERIMENTS, Convention, Table
from sde.tables.report import markdown, rendered
from sde.tables.study import LIBRARIES, Found, measure, settings_of
from sde.tables.summary import Report, RowReport, TableReport

__all__ = ["tables"]

#: Runs of each row; the spread of those on ECG5000 is up to 35 points.
SEEDS = {"ecg5000": 200}
SEEDS_OF_IMAGES = 5
SPLITS = ("random", "archive")


def tables(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(EXPERIMENTS)}.")],
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Runs of each row; by default 200 of ECG5000, 5 of images."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default as many as there are cores.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that holds finished runs.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results; by default tables-NAME."),
    ] = None,
    convention: Annotated[
        str,
        typer.Option(
            help="What σ of Type-III noise means: 'paper', its definition, or 'reference', the "
            "implementation that accompanies it, which lacks a factor √2."
        ),
    ] = "paper",
    split: Annotated[
        str | None,
        typer.Option(
            help="Of ECG5000: 'random', anew with each seed, or 'archive', always the archive's."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="TABLE", help="Only this one, such as 'Table 3'; repeatable."
        ),
    ] = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Show the results that come with this package.")
    ] = False,
) -> None:
    """
    Repeat the paper's Tables 1-6 and Figure 2 (a), and print them beside the published numbers.

    Finished runs are kept in DIR, which also gets tables.json and tables.md. More seeds can be
    added later, with --resume.
    """
    with _usage("NAME"):
        validation.known_name("experiment", name, EXPERIMENTS)
    if recorded:
        _show_recorded(name)
        return
    chosen = _chosen(name, only or [])
    kind, way = _convention(convention), _split(name, split)
    seeds = seeds or SEEDS.get(name, SEEDS_OF_IMAGES)
    workers, out = _workers(workers), out or Path(f"tables-{name}")
    command = _command(name, seeds, kind, split, only or [])
    console = _console()
    _require_data(chosen)
    usual = settings_of(chosen, kind, way)
    with _failures(f"{command} --workers {workers} --out {shlex.quote(str(out))} --resume"):
        out.mkdir(parents=True, exist_ok=True)
        with _bar(console) as bar:
            task = bar.add_task("runs", total=None)

            def begin(missing: Counter[Setting]) -> None:
                _announce(console, missing, usual, workers)
                bar.update(task, total=missing.total())

            found = measure(
                usual, seeds, out, workers,
                resume=resume, begin=begin, advance=lambda: bar.advance(task),
            )  # fmt: skip
    report = _report(command, seeds, kind, way, chosen, found)
    (out / "tables.json").write_text(report.to_json(), encoding="utf-8")
    (out / "tables.md").write_text(markdown(report), encoding="utf-8")
    console.print(rendered(report))
    console.print(f"Everything: {out / 'tables.md'}, {out / 'tables.json'}")


def _report(
    command: str,
    seeds: int,
    convention: Convention,
    split: Split | None,
    chosen: Sequence[Table],
    found: dict[Setting, Found],
) -> Report:
    """Summarise what the runs of each row found."""
    reports = []
    for table in chosen:
        rows = []
        for row in table.rows:
            setting = table.setting(row, convention, split)
            each = found[setting]
            rows.append(RowReport.of(row, setting.sigma, each.results, each.seconds))
        reports.append(TableReport(table.title, table.curve, tuple(rows)))
    versions = {name: version(name) for name in ("levychaos", *LIBRARIES)}
    return Report(command, seeds, split or "", convention, versions, tuple(reports))


def _announce(
    console: Console, missing: Counter[Setting], usual: dict[Setting, int], workers: int
) -> None:
    """Say how long the runs that are missing will take."""
    if not missing:
        console.print("Every run is finished.")
        return
    seconds, words = estimate(missing, usual, workers)
    for line in words:
        console.print(line)
    console.print(
        f"{missing.total()} runs on {workers} workers will take about {in_words(seconds)}, if the "
        "cores do nothing else; how many steps a run takes varies."
    )


def _show_recorded(name: str) -> None:
    """Print the results that are part of the package, and what they say."""
    folder = files("sde.tables") / "results"
    if not (folder / f"{name}.json").is_file():
        typer.echo(f"Error: no results of {name} come with this package; run it", err=True)
        raise typer.Exit(1)
    report = Report.from_json((folder / f"{name}.json").read_text(encoding="utf-8"))
    console = _console()
    console.print(f"Made by: {report.command}")
    console.print(rendered(report))
    reading = folder / f"{name}-reading.md"
    if reading.is_file():
        console.print(Markdown(reading.read_text(encoding="utf-8")))


def _command(name: str, seeds: int, convention: str, split: str | None, only: list[str]) -> str:
    """Return the command that gives the same numbers."""
    words = ["sde", "tables", name, "--seeds", str(seeds), "--convention", convention]
    words += [] if split is None else ["--split", split]
    words += [word for table in only for word in ("--only", table)]
    return shlex.join(words)


def _chosen(name: str, only: Sequence[str]) -> tuple[Table, ...]:
    known = {table.name: table for table in EXPERIMENTS[name]}
    with _usage("--only"):
        names = [validation.known_name("table", each, known) for each in only] or list(known)
    return tuple(known[each] for each in known if each in names)


def _convention(name: str) -> Convention:
    with _usage("--convention"):
        validation.known_name("convention", name, CONVENTIONS)
    return "reference" if name == "reference" else "paper"


def _split(name: str, split: str | None) -> Split | None:
    """Return the split of the tables, None if they have but their own."""
    random = any(table.split == "random" for table in EXPERIMENTS[name])
    if split is None:
        return "random" if random else None
    with _usage("--split"):
        validation.known_name("split", split, SPLITS)
        if not random:
            raise ValueError(f"need no split for {name}, got {split!r}; its own is kept")
    return "archive" if split == "archive" else "random"


def _workers(workers: int | None) -> int:
    most = cores()
    if workers is not None and workers > most:
        raise typer.BadParameter(
            f"need at most {most}, as many as there are cores, got {workers}",
            param_hint="--workers",
        )
    return workers or most


def _require_data(chosen: Sequence[Table]) -> None:
    """Stop before anything is run if the data are not to be had."""
    try:
        examples(chosen[0].dataset, "own", 0)
    except (DatasetError, ImportError) as error:
        raise _failure(str(error)) from error


def _failure(message: str, status: int = 1) -> typer.Exit:
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(status)


@contextmanager
def _usage(hint: str) -> Iterator[None]:
    """Turn a wrong value into a usage error."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


@contextmanager
def _failures(again: str) -> Iterator[None]:
    """Say what to do about folders that can't be used, runs that fail, and interruptions."""
    try:
        yield
    except (OSError, StoreError) as error:
        raise _failure(str(error), 2) from error
    except (ItemError, WorkerError) as error:
        raise _failure(f"{error}. What is finished is kept; go on with: {again}") from error
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted. What is finished is kept; go on with:\n{again}", err=True)
        raise typer.Exit(130) from None


def _console() -> Console:
    # a table that is piped to a file is not cut at 80 columns
    console = Console()
    return console if console.is_terminal else Console(width=130)


def _bar(console: Console) -> Any:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)
