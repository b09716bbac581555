"""The command line `sde`."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any

import typer

from sde.datasets import commands
from sde.tables.commands import tables
from sde.training.commands import train_command

__all__ = ["app", "load_suite"]

# Threads that wait for each other by spinning crawl when another program has one of the cores, and
# a benchmark's contestants would slow each other down. Read when the first kernel starts threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate particle systems with stable noise, and train networks with it.",
    epilog="Start with: sde bench --list",
)
app.add_typer(commands.app, name="datasets")
app.command("tables")(tables)
app.command("train")(train_command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sde {version('levychaos')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    """Simulate interacting particle systems driven by stable noise."""


@app.command()
def bench(
    cases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CASE",
            help="Cases to measure, or patterns such as 'step*' (see --list); all by default.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every number to this file as well."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=7, help="How often the contestants take turns, 7 at least.")
    ] = 7,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of every contestant, and cores of the process.")
    ] = 2,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Shortest turn; a call may last longer.")
    ] = 0.2,
    only_list: Annotated[bool, typer.Option("--list", help="Show the cases and stop.")] = False,
) -> None:
    """
    Time this library against the peers that are installed, on the same work.

    The contestants take turns, and every ratio is taken within a turn. Each is first checked to
    compute the same drift and noise of the same law. A table is shown for each case when it is
    finished. The exit status is 0 when every target of the
    chosen cases is met, 1 when one is not met or could not be measured, and 2 when the command is
    not valid.
    """
    suite = load_suite()
    try:
        chosen = suite.find(cases or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="CASE") from error
    console = _console()
    if only_list:
        console.print(suite.list_table(chosen))
        return
    _check_writable(json)
    settings = suite.Settings(rounds=rounds, seconds=seconds, threads=threads)
    try:
        report = suite.run(chosen, settings, version("levychaos"), console)
    except suite.BusyError as error:
        raise typer.BadParameter(str(error)) from error
    if json is not None:
        suite.write(report, json)
        typer.echo(f"Numbers: {json}")
    if not report.met:
        typer.echo("Some targets are not met, or could not be measured.", err=True)
        raise typer.Exit(1)
    typer.echo("Every target is met.")


def load_suite() -> Any:
    """Import the benchmark: `sde.benchmarks` of an installation, tests/benchmarks of a checkout."""
    if find_spec("sde.benchmarks") is None:
        folder = Path(__file__).parents[1] / "tests" / "benchmarks"
        spec = spec_from_file_location(
            "sde.benchmarks", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None or not folder.is_dir():
            typer.echo(
                f"Error: need the benchmark in {folder}; install the package again", err=True
            )
            raise typer.Exit(1)
        module = module_from_spec(spec)
        sys.modules["sde.benchmarks"] = module
        spec.loader.exec_module(module)
    return import_module("sde.benchmarks.command")


def _console() -> Any:
    from rich.console import Console

    # a table that is piped to a file is not cut at 80 columns
    console = Console()
    return console if console.is_terminal else Console(width=130)


def _check_writable(path: Path | None) -> None:
    """Stop with a usage error, before anything is measured, if a file can't be written."""
    if path is None:
        return
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        message = f"need a file that can be written to, got {path}: {error.strerror}"
        raise typer.BadParameter(message, param_hint="--json") from error
