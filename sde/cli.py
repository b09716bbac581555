"""The command line `sde`."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any

import typer

from sde.datasets import commands as datasets
from sde.tables import commands as tables
from sde.training import commands as training

__all__ = ["app", "load_suite"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # no frames: what help and errors say can be copied
)
app.command("train", epilog=training.EXAMPLES)(training.train_command)
app.add_typer(datasets.app, name="datasets")
app.command("tables", epilog=tables.EXAMPLES)(tables.tables)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sde {version('levychaos')}")
        raise typer.Exit


@app.callback(
    epilog=(
        "\b\nExamples:\n"
        "  sde train digits --alpha 1.5 --kind III --sigma 0.05\n"
        "  sde datasets list\n"
        "  sde tables ecg5000 --recorded\n"
        "  sde bench --list"
    )
)
def main(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    """
    Train networks with stable noise, and repeat the paper's experiments and the benchmark.

    Particle systems are simulated from Python: `import sde`, as the README and the notebooks of the
    sources show. Theorems are checked by another command, theory-checks.
    """
    # Threads that wait for each other by spinning crawl when another program has one of the cores.
    # A benchmark shows what a program gets that sets nothing: threads that sleep at once cost each
    # step a tenth of a millisecond. Read when the first kernel starts threads.
    if context.invoked_subcommand != "bench":
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _cases() -> list[str]:
    return [case.name for case in load_suite().find([])]


@app.command(
    epilog=(
        "\b\nExamples:\n"
        "  sde bench --list\n"
        "  sde bench draws 'vectors-III*'\n"
        "  sde bench --json bench.json"
    )
)
def bench(
    cases: Annotated[
        list[str] | None,
        typer.Argument(metavar="CASE", hidden=True, autocompletion=_cases),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every number to this file as well."),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(min=7, metavar="N", help="How often the contestants take turns, 7 at least."),
    ] = 7,
    threads: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Threads of every contestant, and cores of the process."
        ),
    ] = 2,
    seconds: Annotated[
        float, typer.Option(min=0.0, metavar="S", help="Shortest turn; a call may last longer.")
    ] = 0.2,
    only_list: Annotated[bool, typer.Option("--list", help="Show the cases and stop.")] = False,
) -> None:
    """
    Time this library against others on the same work.

    CASE is a case to measure, or a pattern such as 'step*' (see --list); without one, all are
    measured, which takes many minutes. The others are SciPy, NumPy, JAX and PyTorch, as far as they
    are installed: pip install "levychaos[bench]".

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
