"""The command `sde tables ecg5000 | mnist | cifar10`."""

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sde import validation
from sde.datasets import DatasetError
from sde.study import ItemError, StoreError, WorkerError, cores
from sde.tables.estimate import estimate, in_words
from sde.tables.experiment import Setting, examples
from sde.tables.order import SPLITS, Order
from sde.tables.published import CONVENTIONS, EXPERIMENTS
from sde.tables.report import markdown, rendered
from sde.tables.study import measure
from sde.tables.summary import Report

__all__ = ["EXAMPLES", "tables"]

EXAMPLES = (
    "\b\nExamples:\n"
    "  sde tables ecg5000 --recorded             what was found before, at once\n"
    "  sde tables ecg5000 --seeds 20 --only 'Table 3'\n"
    "  sde tables ecg5000 --seeds 20 --resume    after an interruption"
)


def tables(
    name: Annotated[
        str, typer.Argument(metavar="NAME", hidden=True, autocompletion=lambda: list(EXPERIMENTS))
    ],
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Runs of each row; by default 200 of ECG5000, 5 of images."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes; by default as many as there are cores."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that holds finished runs.")
    ] = False,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing; make tables of what is finished.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results; by default tables-NAME."),
    ] = None,
    convention: Annotated[
        str,
        typer.Option(
            metavar="|".join(CONVENTIONS),
            autocompletion=lambda: CONVENTIONS,
            help="What σ of Type-III noise means: 'paper', its definition, or 'reference', the "
            "implementation that accompanies it, which lacks a factor √2.",
        ),
    ] = "paper",
    split: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(SPLITS),
            autocompletion=lambda: SPLITS,
            help="Of ECG5000: 'random', anew with each seed, or 'archive', always the archive's.",
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
    Repeat tables of the paper, beside its numbers.

    NAME is ecg5000 (Tables 1 to 4), mnist (Table 5) or cifar10 (Table 6 and Figure 2 (a)). How long
    it will take is said at the start. The data are downloaded if need be: see `sde datasets`.

    Finished runs are kept in DIR, which also gets tables.json and tables.md. More seeds can be
    added later, with --resume. Runs come seed by seed, so that every row has equally many.
    """
    if recorded:
        _show_recorded(name)
        return
    try:
        order = Order.checked(name, seeds, convention, split, only or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    workers, out = _workers(workers), out or Path(f"tables-{name}")
    console = _console()
    _require_folder(out, finished)
    if not finished:
        _require_data(order)
    with _failures(f"{order.command} --workers {workers} --out {shlex.quote(str(out))} --resume"):
        out.mkdir(parents=True, exist_ok=True)
        with _bar(console) as bar:
            task = bar.add_task("runs", total=None)

            def begin(missing: Counter[Setting]) -> None:
                _announce(console, missing, order.settings, workers)
                bar.update(task, total=missing.total())

            found = measure(
                order.settings,
                order.seeds,
                out,
                workers,
                resume=resume or finished,
                run=not finished,
                begin=begin,
                advance=lambda: bar.advance(task),
            )
        report = order.report(found)
        (out / "tables.json").write_text(report.to_json(), encoding="utf-8")
        (out / "tables.md").write_text(markdown(report), encoding="utf-8")
    console.print(rendered(report))
    console.print(f"Everything: {out / 'tables.md'}, {out / 'tables.json'}")


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
    try:
        validation.known_name("experiment", name, EXPERIMENTS)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder = files("sde.tables") / "results"
    if not (folder / f"{name}.json").is_file():
        typer.echo(
            f"Error: no results of {name} come with this package; drop --recorded to run it",
            err=True,
        )
        raise typer.Exit(1)
    report = Report.from_json((folder / f"{name}.json").read_text(encoding="utf-8"))
    console = _console()
    console.print(f"Made by: {report.command}")
    console.print(rendered(report))
    reading = folder / f"{name}-reading.md"
    if reading.is_file():
        console.print(Markdown(reading.read_text(encoding="utf-8")))


def _workers(workers: int | None) -> int:
    most = cores()
    if workers is not None and workers > most:
        raise typer.BadParameter(
            f"need at most {most}, as many as there are cores, got {workers}",
            param_hint="--workers",
        )
    return workers or most


def _require_folder(out: Path, finished: bool) -> None:
    """Stop before anything is downloaded or run if the results have no place, or there are none."""
    if finished and not out.is_dir():
        raise typer.BadParameter(
            f"need a folder with finished runs, got {out}; drop --finished to run them",
            param_hint="--out",
        )
    path = out.resolve()
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise typer.BadParameter(
            f"need a folder that can be written to, got {out}, but {there} is not one; choose "
            "another",
            param_hint="--out",
        )


def _require_data(order: Order) -> None:
    """Stop before anything is run if the data are not to be had."""
    try:
        examples(order.tables[0].dataset, "own", 0)
    except (DatasetError, ImportError) as error:
        raise _failure(str(error)) from error


def _failure(message: str, status: int = 1) -> typer.Exit:
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(status)


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


def _bar(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)
