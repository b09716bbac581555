"""The command line `theory-checks`."""

import math
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from theory_checks import names
from theory_checks.arguments import Profile, checked_seed, find_claims

if TYPE_CHECKING:
    from theory_checks.claim import Claim
    from theory_checks.results import Report

__all__ = ["app"]

# Threads that wait for each other by spinning crawl when another program has one of the cores; read
# when the simulator is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Everything heavy (the simulator and its compiler, matplotlib) is imported inside the commands, so
# that help is shown at once.

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # no frames: what help and errors say can be copied
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from theory_checks.runner import version

        typer.echo(f"theory-checks {version()}")
        raise typer.Exit


@app.callback(
    epilog=(
        "\b\nExamples:\n"
        "  theory-checks run                         every claim, in a few minutes\n"
        "  theory-checks run theorem-4.2 --out one   only this one\n"
        "  theory-checks list                        the claims, and the verdict on record"
    )
)
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    """
    Test theorems about particle systems with stable noise on simulations that can refute them.

    Each claim is a numbered statement of the paper, simulated inside and outside its assumptions;
    the verdict (holds, holds, not sharp, fails as printed, or inconclusive) comes with intervals.
    """


@app.command("list", epilog=("\b\nExample:\n  theory-checks list"))
def list_claims() -> None:
    """
    Show the claims, and the verdict on record for each.

    Claims of other installed packages come after those of the paper.
    """
    from rich.table import Table

    from theory_checks.runner import default_console

    table = Table("claim", "title", "verdict on record")
    for claim in find_claims([]):
        table.add_row(claim.id, claim.title, claim.recorded)
    default_console().print(table)


@app.command(
    epilog=(
        "\b\nExamples:\n"
        "  theory-checks run --profile quick --out results\n"
        "  theory-checks run theorem-4.2 --seed 1 --out other-noise\n"
        "  theory-checks run --profile standard --workers 2 --out standard --resume"
    )
)
def run(
    claims: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM", hidden=True, autocompletion=lambda: names.CLAIMS),
    ] = None,
    profile: Annotated[
        Profile,
        typer.Option(
            help="How much to simulate. quick decides every verdict in a minute or two on two "
            "cores; standard simulates about ten times as much, for narrower intervals, and deep "
            "up to some hundred times as much, for half-widths of 0.005: one or two hours."
        ),
    ] = Profile.quick,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for report.html, results.json, the figures and what is finished; made if "
            "missing.",
        ),
    ] = Path("results"),
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", help="Seed of all simulations: the same seed gives the same results."
        ),
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with a run that was stopped: only what is missing is computed."
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Processes that share the work and the cores."),
    ] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Compute on the dask.distributed cluster whose scheduler is at this address, such "
            "as tcp://127.0.0.1:8786; needs the extra 'cluster'.",
        ),
    ] = None,
) -> None:
    """
    Check claims on simulations, and write a report.

    CLAIM is a name such as theorem-4.2, as `theory-checks list` shows them; without one, all are
    checked. The report is DIR/report.html, one page for any browser. The first run compiles the
    simulator for about a minute; later ones start at once.

    Finished work is kept in the folder at once: after Ctrl-C, a crash or a
    power cut, --resume goes on. Interruptions and workers change no result.

    The exit status is 0 when every verdict is the one on record, 1 when some
    differ, are inconclusive or could not be reached, 2 when the command is not
    valid, and 130 after Ctrl-C.
    """
    if dask is not None and workers != 1:
        raise typer.BadParameter("need one of --workers and --dask, got both")
    with _stopping(out):
        chosen = find_claims(claims or [])
        options: _Options = {"resume": resume, "workers": workers, "scheduler": dask}
        report = _run(chosen, profile, checked_seed(seed), out, options)
    _conclude(report, out)


class _Options(TypedDict):
    """How a run is computed."""

    resume: bool
    workers: int
    scheduler: str | None


def _run(
    claims: "list[Claim]", profile: Profile, seed: int, out: Path, options: _Options
) -> "Report":
    """Run the checks; errors end the command with the status that its help names."""
    from sde.study import DiskError, StoreError, WorkerError, cores
    from theory_checks.runner import ClaimError, FolderError
    from theory_checks.runner import run as run_claims

    if options["workers"] > cores():
        message = f"need at most {cores()}, the cores there are, got {options['workers']}"
        raise typer.BadParameter(message, param_hint="--workers")
    try:
        return run_claims(claims, profile.value, seed, out, **options)
    except FolderError as error:
        raise typer.BadParameter(str(error), param_hint="--out") from error
    except (DiskError, WorkerError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    except StoreError as error:
        raise typer.BadParameter(str(error), param_hint="--out") from error
    except ClaimError as error:
        traceback.print_exception(error.__cause__)
        typer.echo(f"Error: {error}", err=True)
        typer.echo(f"What is finished is kept in {out}; --resume goes on with the rest.", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _stopping(out: Path) -> Iterator[None]:
    """On Ctrl-C, say how to go on, and exit with the status of an interrupted program."""
    try:
        yield
    except KeyboardInterrupt as error:
        arguments = [each for each in sys.argv[1:] if each != "--resume"]
        command = shlex.join(["theory-checks", *arguments, "--resume"])
        typer.echo(f"\nStopped. What is finished is kept in {out}. Go on with:\n  {command}")
        raise typer.Exit(130) from error


@app.command(
    epilog=(
        "\b\nExamples:\n"
        "  theory-checks calibrate --seeds 100 --coverage-seeds 200 --workers 2\n"
        "  theory-checks calibrate --seeds 20 --claims theorem-4.2 --mutants noise-scale"
    )
)
def calibrate(
    seeds: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="How many seeds, each of all simulations."),
    ],
    coverage_seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default="as many",
            help="How many seeds without mutants, for the coverage of intervals; --seeds or more.",
        ),
    ] = None,
    claims: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLAIM",
            autocompletion=lambda: names.CLAIMS,
            help="A claim; may be repeated. All by default.",
        ),
    ] = None,
    mutants: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MUTANT",
            autocompletion=lambda: (*names.MUTANTS, "none"),
            help="A mutant, or 'none'; may be repeated. All by default.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for the records and tables; a calibration is continued there.",
        ),
    ] = Path("calibration"),
    first_seed: Annotated[int, typer.Option(metavar="N", help="The first seed.")] = 0,
    workers: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Checks that run side by side, each in its own process."
        ),
    ] = 1,
    minutes: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="M",
            show_default="no limit",
            help="Begin no check after so many minutes; 0 only writes the tables.",
        ),
    ] = math.inf,
) -> None:
    """
    Check the checks: many seeds, and deliberate mistakes.

    Every claim is checked in the quick profile for every seed, as it is. With each mutant, the
    claims that it touches are checked in turn until one catches it. A mutant is a deliberate
    mistake: the simulator, or a law that the check relies on, is wrong in one place (noise of
    another scale, say), and the verdict must change. A check that notices no mutant could not fail,
    and would prove nothing.

    Says how often each verdict is the one on record, how often the intervals cover, and how often
    each mistake is noticed. Every finished check is kept: the same command continues a calibration
    that was stopped. A check takes seconds, and there are about 24 a seed. The exit status
    is 0 when every target is met, 1 when some is not, and 2 when the command is not valid.
    """
    chosen = find_claims(claims or [])
    from theory_checks.calibration import RecordsError
    from theory_checks.calibration import calibrate as run_calibration
    from theory_checks.mutants import MUTANTS, find_mutants
    from theory_checks.runner import FolderError

    try:
        altered = find_mutants([] if mutants == ["none"] else mutants or MUTANTS)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--mutants") from error
    more = seeds if coverage_seeds is None else coverage_seeds
    if more < seeds:
        raise typer.BadParameter(
            f"need as many as --seeds {seeds} or more, got {more}", param_hint="--coverage-seeds"
        )
    first, _ = checked_seed(first_seed), checked_seed(first_seed + more - 1)
    try:
        found = run_calibration(
            chosen,
            altered,
            range(first, first + seeds),
            out,
            coverage_seeds=range(first, first + more),
            workers=workers,
            minutes=minutes,
        )
    except (FolderError, RecordsError) as error:
        raise typer.BadParameter(str(error), param_hint="--out") from error
    typer.echo(f"Tables: {out / 'calibration.md'}")
    if found.missing:
        typer.echo(f"{found.missing} checks are missing: the same command continues.", err=True)
    if not found.met:
        raise typer.Exit(1)
    typer.echo("Every target is met.")


@app.command("report", epilog=("\b\nExample:\n  theory-checks report results"))
def write_report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", hidden=True)],
) -> None:
    """
    Write report.html again, from what a run left.

    DIR is the folder of a run, with its results.json and figures: the --out of `theory-checks run`.
    """
    from theory_checks.report import ResultsError, write

    try:
        path = write(folder)
    except ResultsError as error:
        raise typer.BadParameter(str(error), param_hint="DIR") from error
    typer.echo(f"Report: {path}")


def _conclude(report: "Report", out: Path) -> None:
    """Say which verdicts are not those on record (status 1), and where the report is."""
    for result in report.differing:
        typer.echo(
            f"{result.id}: the verdict is '{result.verdict}', on record is '{result.recorded}'",
            err=True,
        )
    if not report.differing:
        typer.echo("Every verdict is the one on record.")
    typer.echo(f"Report: {out / 'report.html'}")
    if report.differing:
        raise typer.Exit(1)
