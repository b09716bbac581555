"""Run the checks of claims, and write down what they found."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from rich.console import Console

from sde.study import Alone, Crew, Item, ItemError, Processes, Store, WorkerError, compute
from theory_checks import report
from theory_checks.checking import Check, ClaimError, writing
from theory_checks.claim import Claim, Profile, Settings
from theory_checks.display import Display, display_for, verdict_table
from theory_checks.items import is_current, reporting, unused
from theory_checks.results import ClaimResult, Report, ResultsError, load, save

__all__ = ["ClaimError", "FolderError", "run"]


class FolderError(ValueError):
    """A folder that cannot take the results."""


def run(
    claims: Sequence[Claim],
    profile: Profile,
    seed: int,
    out: str | Path,
    console: Console | None = None,
    *,
    resume: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
) -> Report:
    """
    Run the checks of the claims, and write results, figures and a report.

    Every finished item is kept in `study.sqlite` in the folder. A run that was stopped, however it
    was, goes on with ``resume=True`` and computes only what is missing. However often it is stopped
    and however many workers compute, all numbers are equal bit for bit. `results.json` is made from
    what is stored; between two runs only the `seconds` and `date` of its claims differ.

    Parameters
    ----------
    claims : sequence of Claim
        What to check, at least one claim.
    profile : {"quick", "standard", "deep"}
        How much to simulate.
    seed : int
        Seed of every simulation.
    out : path
        Folder for `results.json`, `report.html`, the figures and the store; made when it does not
        exist.
    console : rich.console.Console, optional
        Where progress and the table of verdicts go; by default the standard output.
    resume : bool
        Whether to go on in a folder that holds finished items. Those of another profile or seed, of
        other sources or of other versions of the numerical libraries are kept there, but not used.
    workers : int
        Number of local processes; each uses its share of the cores. One is this process.
    scheduler : str, optional
        Address of a dask.distributed scheduler whose workers compute in place of local processes.

    Returns
    -------
    Report
        What was found; `results.json` has it as soon as a claim is finished. Results of other
        claims that an earlier run with the same code, profile and seed left there are kept.

    Raises
    ------
    FolderError
        If `out` is a file or not writable.
    StoreError
        If the store of the folder cannot be used, or holds finished items and `resume` is False.
    ClaimError
        If a check raises; what is finished by then is kept.
    WorkerError
        If workers cannot be had, or die.

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
    crew = _crew(workers, scheduler)
    folder = prepare_folder(Path(out))
    console = console or default_console()
    checks = [Check.of(claim, profile, int(seed)) for claim in claims]
    with Store(folder, resume=resume) as store, crew:
        _announce(checks, store, crew, console)
        found = _continued(Report(version(), int(seed), profile, ()), checks, store, console)
        found = _compute(checks, found, store, crew, display_for(console, claims))
        with writing(folder):
            report.write(folder)
    ran = {claim.id for claim in claims}
    new = replace(found, claims=tuple(each for each in found.claims if each.id in ran))
    console.print(verdict_table(new))
    return new


def _crew(workers: int, scheduler: str | None) -> Crew:
    """Return who computes."""
    if scheduler is None:
        return Alone() if workers == 1 else Processes(workers)
    try:
        from sde.study.cluster import Cluster
    except ImportError as error:
        raise WorkerError(
            "need dask.distributed for a cluster, got an installation without it; install it with "
            'pip install "levychaos[cluster]"'
        ) from error
    return Cluster(scheduler)


def _announce(checks: Iterable[Check], store: Store, crew: Crew, console: Console) -> None:
    """Say what is finished already, what is kept but not used, and who computes the rest."""
    items = [item for check in checks for item in check.items]
    done = sum(item.key in store for item in items)
    said = [f"Going on: {done} of {len(items)} items are finished."] if done else []
    said += unused(items, store)
    if done < len(items) and not isinstance(crew, Alone):
        said.append(f"Computed by {crew}.")
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _continued(fresh: Report, checks: Sequence[Check], store: Store, console: Console) -> Report:
    """Keep the results of other claims that an earlier run of the same kind left in the folder."""
    folder = store.path.parent
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
    again = {check.claim.id for check in checks}
    others = [each for each in earlier.claims if each.id not in again]
    kept = [each for each in others if _is_stored(each.id, fresh, store)]
    left = ", ".join(each.id for each in others if each not in kept)
    if left:
        console.print(f"Leaving out the results of {left}: the sources are others now.")
    return replace(fresh, claims=tuple(kept))


def _is_stored(claim: str, fresh: Report, store: Store) -> bool:
    """Whether the store has a claim's conclusion, of this kind of run and of the code as it is."""
    kind = {"profile": fresh.profile, "seed": fresh.seed}
    keys = store.keys_of(claim)
    return any(kind.items() <= key.values.items() and is_current(key) for key in keys)


def _compute(
    checks: Sequence[Check], found: Report, store: Store, crew: Crew, display: Display
) -> Report:
    """Compute what is missing; write `results.json` whenever a claim is finished."""
    owner = {item.key: check for check in checks for item in check.items}
    items = [item for check in checks for item in check.items]
    order = {check.claim.id: k for k, check in enumerate(checks)}
    current = checks[0]

    def started(item: Item) -> None:
        nonlocal current
        current = owner[item.key]
        current.show(display, what=current.part(item))

    def advance(fraction: float, what: str) -> None:
        current.show(display, fraction, what)

    with writing(store.path.parent):
        save(found, store.path.parent)
    with display, reporting(advance), _claim_errors():
        for item in compute(items, store, crew, started):
            check = owner[item.key]
            check.finished += 1
            if check.finished < len(check.items):
                continue
            result = check.result(store, display)
            _refuse_clash(result, found.claims)
            claims = sorted((*found.claims, result), key=lambda each: order.get(each.id, -1))
            found = replace(found, claims=tuple(claims))
            with writing(store.path.parent):
                save(found, store.path.parent)
    return found


@contextmanager
def _claim_errors() -> Iterator[None]:
    """Turn the error of an item into one of its claim, with what the check raised as its cause."""
    try:
        yield
    except ItemError as error:
        raise ClaimError(f"the check of {error}") from error.__cause__


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
