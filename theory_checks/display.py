"""What a run shows: progress while it works, a table of verdicts at its end."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from theory_checks.claim import Claim
from theory_checks.results import ClaimResult, Report
from theory_checks.verdict import Quantity, Verdict
from theory_checks.wording import expected_text, interval_text, number_text

__all__ = ["Display", "display_for", "verdict_table"]

VERDICT_STYLES: dict[Verdict, str] = {
    "holds": "bold green",
    "holds, not sharp": "bold green",
    "fails as printed": "bold magenta",
    "inconclusive": "bold yellow",
}
STATUS_STYLES = {"inside": "green", "outside": "red", "undecided": "yellow", "reported": "dim"}


class Display(AbstractContextManager["Display"]):
    """
    Show the progress of each claim as plain lines: a line whenever the work in hand changes.

    Examples
    --------
    >>> display = Display(Console(width=80, no_color=True))
    >>> display.start("theorem-4.2")
    theorem-4.2: started
    >>> display.advance("theorem-4.2", 0.5, "simulating n = 64")
    theorem-4.2:  50 %  simulating n = 64
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._what = ""
        self._started: dict[str, float] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the display; an error passes through."""

    def start(self, claim: str) -> None:
        """Show that the check of a claim starts."""
        self._what, self._started[claim] = "", perf_counter()
        self._line(f"{claim}: started")

    def advance(self, claim: str, fraction: float, what: str) -> None:
        """Show the fraction done and what is being done."""
        if what != self._what:
            self._what = what
            self._line(f"{claim}: {fraction:4.0%}".replace("%", " %") + f"  {what}")

    def finish(self, claim: str, verdict: Verdict) -> None:
        """Show the verdict on a claim."""
        self._line(f"{claim}: {verdict} ({perf_counter() - self._started[claim]:.1f} s)")

    def _line(self, text: str) -> None:
        """Print one line, as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Bars(Display):
    """Show one bar for each claim, on a terminal."""

    def __init__(self, console: Console, claims: Sequence[Claim]) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.fields[claim]}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {
            claim.id: self._progress.add_task("waiting", start=False, total=1, claim=claim.id)
            for claim in claims
        }

    def __enter__(self) -> "_Bars":
        """Start the live display."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the live display; an error passes through."""
        self._progress.stop()

    def start(self, claim: str) -> None:
        """Start the clock of a claim."""
        self._progress.start_task(self._tasks[claim])
        self._progress.update(self._tasks[claim], description="starting")

    def advance(self, claim: str, fraction: float, what: str) -> None:
        """Move the bar of a claim."""
        self._progress.update(self._tasks[claim], completed=fraction, description=what)

    def finish(self, claim: str, verdict: Verdict) -> None:
        """Fill the bar of a claim and show the verdict on it."""
        self._progress.update(self._tasks[claim], completed=1, description=verdict)
        self._progress.stop_task(self._tasks[claim])


def display_for(console: Console, claims: Sequence[Claim]) -> Display:
    """
    Return bars on a terminal, plain lines elsewhere.

    Examples
    --------
    >>> import io
    >>> type(display_for(Console(file=io.StringIO()), [])).__name__
    'Display'
    """
    return _Bars(console, claims) if console.is_terminal else Display(console)


def verdict_table(report: Report) -> Table:
    """
    Return the table of verdicts: a line for each claim, then one for each of its quantities.

    Examples
    --------
    >>> verdict_table(Report("0.1.0", 0, "quick", ())).row_count
    0
    """
    title = f"Verdicts ({report.profile} profile, seed {report.seed})"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("claim", min_width=12)
    table.add_column("measured", justify="right")
    table.add_column("interval", no_wrap=True)
    table.add_column("expected", max_width=15)
    table.add_column("verdict", max_width=12)
    table.add_column("seconds", justify="right")
    for result in report.claims:
        _add_claim(table, result)
    return table


def _add_claim(table: Table, result: ClaimResult) -> None:
    """Add the lines of one claim."""
    verdict = Text(result.verdict, style=VERDICT_STYLES[result.verdict])
    if not result.as_recorded:
        verdict.append(f"\nrecorded: {result.recorded}", style="bold red")
    head = Text(f"{result.id} {result.title}", style="bold")
    table.add_row(head, "", "", "", verdict, f"{result.seconds:.1f}")
    for quantity in result.quantities:
        role = "for the record" if quantity.relation == "reported" else quantity.role
        _add_quantity(table, quantity, role)
    for control in result.controls:
        _add_quantity(table, control, "control")
    table.add_section()


def _add_quantity(table: Table, quantity: Quantity, role: str) -> None:
    """Add the line of one quantity."""
    name = Text("· ").append(quantity.name).append(f" ({role})", style="dim")
    table.add_row(
        name,
        number_text(quantity.estimate),
        interval_text(quantity),
        expected_text(quantity),
        Text(quantity.status, style=STATUS_STYLES[quantity.status]),
        "",
    )
