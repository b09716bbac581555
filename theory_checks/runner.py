"""Run the checks of claims, and write down what they found."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from time import perf_counter

from rich.console import Console

from theory_checks import plots, report
from theory_checks.claim import Claim, Profile, Settings
from theory_checks.display import Display, display_for, verdict_table
from theory_checks.results import ClaimResult, Report, ResultsError, load, save
from theory_checks.verdict import decide

__all__ = ["ClaimError", "FolderError", "run"]


class ClaimError(RuntimeError):
    """A check that did not finish; its cause is the error that the check raised."""


class FolderError(ValueError):
    """A folder that cannot take the results."""


def run(
    claims: Sequence[Claim],
    profile: Profile,
    seed: int,
    out: str | Path,
    console: Console | None = None,
) -> Report:
    """
    Run the checks of the claims, one after the other, and write results, figures and a report.

    Parameters
    ----------
    claims : sequence of Claim
        What to check, at least one claim.
    profile : {"quick", "standard", "deep"}
        How much to simulate.
    seed : int
        Seed of every simulation.
    out : path
        Folder for `results.json`, `report.html` and the figures; made when it does not exist.
    console : rich.console.Console, optional
        Where progress and the table of verdicts go; by default the standard output.

    Returns
    -------
    Report
        What was found; it is added to `results.json` after every claim. Results of other claims
        that an earlier run with the same version, profile and seed left there are kept.

    Raises
    ------
    FolderError
        If `out` is a file or not writable.
    ClaimError
        If a check raises: the results of the claims before it are in `results.json`.

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
    ...     found = run([claim], "quick", 0, out, Console(file=io.StringIO()))
    >>> found.claims[0].verdict
    'holds'
    """
    if not claims:
        raise ValueError("need at least one claim, got none")
    Settings(profile, seed, lambda *_: None)  # refuses a bad profile or seed
    folder = prepare_folder(Path(out))
    console = console or default_console()
    found = _continued(Report(version(), int(seed), profile, ()), claims, folder, console)
    save(found, folder)
    with display_for(console, claims) as display:
        for claim in claims:
            result = _check(claim, profile, seed, folder, display)
            _refuse_clash(result, found.claims)
            found = replace(found, claims=(*found.claims, result))
            save(found, folder)
    report.write(folder)
    ran = {claim.id for claim in claims}
    new = replace(found, claims=tuple(each for each in found.claims if each.id in ran))
    console.print(verdict_table(new))
    return new


def _continued(fresh: Report, claims: Sequence[Claim], folder: Path, console: Console) -> Report:
    """Keep the results of other claims that an earlier run of the same kind left in the folder."""
    try:
        earlier = load(folder)
    except ResultsError:
        return fresh
    if replace(earlier, claims=()) != fresh:
        console.print(
            f"Replacing the results of the {earlier.profile} profile, seed {earlier.seed}, version "
            f"{earlier.version} in {folder}."
        )
        return fresh
    again = {claim.id for claim in claims}
    return replace(fresh, claims=tuple(each for each in earlier.claims if each.id not in again))


def default_console() -> Console:
    """
    Return the standard output as a console, 100 columns wide where it is not a terminal.

    Examples
    --------
    >>> default_console().width > 0
    True
    """
    console = Console()
    return console if console.is_terminal else Console(width=100)


def version() -> str:
    """
    Return the version of the installed distribution.

    Examples
    --------
    >>> isinstance(version(), str)
    True
    """
    try:
        return installed_version("levychaos")
    except PackageNotFoundError:  # run from the sources, without installing them
        return "not installed"


def prepare_folder(folder: Path) -> Path:
    """
    Make the folder where it is missing, and refuse one that cannot be written to.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as out:
    ...     prepare_folder(Path(out) / "new").is_dir()
    True
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FolderError(
            f"need a folder that can be written to, got {folder} ({reason}): choose "
            "another with --out"
        ) from error
    return folder


def _refuse_clash(result: ClaimResult, earlier: Sequence[ClaimResult]) -> None:
    """Refuse figures that overwrite those of an earlier claim."""
    for other in earlier:
        clash = sorted(set(result.figures) & set(other.figures))
        if clash:
            raise ClaimError(
                f"need figure names that differ between claims, got {', '.join(clash)} from "
                f"{other.id} and {result.id}: start each name with the id of its claim"
            )


def _check(
    claim: Claim, profile: Profile, seed: int, folder: Path, display: Display
) -> ClaimResult:
    """Run one check, draw its figures and decide its verdict."""
    display.start(claim.id)
    start = perf_counter()
    try:
        evidence = claim.check(Settings(profile, seed, partial(display.advance, claim.id)))
        verdict = decide(evidence)
        display.advance(claim.id, 1.0, "drawing")
        figures = [name for figure in evidence.figures for name in plots.render(figure, folder)]
    except Exception as error:
        raise ClaimError(
            f"the check of {claim.id} stopped: {type(error).__name__}: {error}"
        ) from error
    display.finish(claim.id, verdict)
    return ClaimResult(
        id=claim.id,
        title=claim.title,
        statement=claim.statement,
        printed_form=claim.printed_form,
        recorded=claim.recorded,
        verdict=verdict,
        quantities=evidence.quantities,
        controls=evidence.controls,
        figures=tuple(figures),
        captions={figure.name: figure.caption for figure in evidence.figures},
        seconds=round(perf_counter() - start, 3),
        setting=claim.setting,
        method=claim.method,
        date=datetime.now(UTC).date().isoformat(),
    )
