"""Tables as the paper prints them, in a terminal and as Markdown, with the published numbers."""

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid

from sde.tables.published import QUANTITIES, RUNS
from sde.tables.summary import LARGE, Comparison, Report, RowReport, Summary, TableReport

__all__ = ["markdown", "rendered"]

LEGEND = (
    "Means ± standard deviations over runs, in percent; in brackets the standard error of the mean."
)
FLAGS = (
    f"≠ marks means that differ by more than {LARGE:g} combined standard errors; with 5 published "
    "runs, chance alone does that to about 4 % of the cells, if runs are normally distributed."
)


def rendered(report: Report) -> RenderableType:
    """Return the tables for a terminal: in each cell ours, and the published number below."""
    return Group(
        *(_grid(table) for table in report.tables),
        LEGEND,
        FLAGS,
        *_notes(report),
    )


def _grid(table: TableReport) -> Grid:
    grid = Grid(title=table.title, box=box.SIMPLE, show_lines=True)
    for name in ("α", "runs", "steps", *QUANTITIES.values()):
        grid.add_column(name, justify="right")
    for row in table.rows:
        published = any(cell.published is not None for cell in row.cells)
        label = f"{row.label}\n[dim]published[/]" if published else row.label
        steps = "" if row.steps is None else f"{row.steps.mean:.0f}"
        grid.add_row(label, f"{row.runs}", steps, *(_both(cell) for cell in row.cells))
    return grid


def _both(cell: Comparison) -> str:
    """Return what was found, and below it what was published."""
    found = f"{_spread(cell.found)} ({_number(cell.found.standard_error)})"
    if cell.published is None:
        return found
    mark = "≠ " if cell.differs else ""
    return f"[{'bold' if cell.differs else 'default'}]{found}[/]\n[dim]{mark}{_published(cell)}[/]"


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    lines = [f"    {report.command}", "", *_provenance(report), "", LEGEND, FLAGS, ""]
    for table in report.tables:
        lines += [f"## {table.title}", "", *_table(_HEAD, _rows(table)), ""]
        lines += [*_facts(table), ""]
        if table.ratios:
            lines += [*_curves(table), ""]
    lines += ["## Notes", "", *(f"- {line}" for line in _notes(report))]
    return "\n".join(lines) + "\n"


_HEAD = ("α", "quantity", "found", "median [quartiles]", "published", "difference / std. error")


def _rows(table: TableReport) -> Iterator[tuple[str, ...]]:
    for row in table.rows:
        for cell in row.cells:
            found = f"{_spread(cell.found)} ({_number(cell.found.standard_error)})"
            gap = "" if cell.difference is None else f"{cell.difference:+.1f}"
            mark = "**≠** " if cell.differs else ""
            yield (
                row.label,
                QUANTITIES[cell.quantity],
                found,
                _quartiles(cell.found, ".2f"),
                _published(cell),
                mark + gap,
            )


def _facts(table: TableReport) -> list[str]:
    head = (
        "α",
        "σ used",
        "runs",
        "reached 95 %",
        "steps: mean",
        "steps: median [quartiles]",
        "s a run",
    )
    rows: list[Sequence[str]] = []
    for row in table.rows:
        counts = (f"{row.sigma:.4g}", f"{row.runs}", f"{row.reached}")
        if row.steps is None or row.seconds is None:
            rows.append((row.label, *counts, "", "", ""))
            continue
        steps = (f"{row.steps.mean:.0f}", _quartiles(row.steps, ".0f"))
        rows.append((row.label, *counts, *steps, f"{row.seconds.mean:.1f}"))
    return _table(head, rows)


def _curves(table: TableReport) -> list[str]:
    """Return test accuracies by pruning ratio, absolute / relative, as in Figure 2."""
    head = (
        "test accuracy, absolute / relative",
        *(f"{ratio:.0%} pruned" for ratio in table.ratios),
    )
    return _table(head, [(row.label, *_curve(row)) for row in table.rows if row.curve])


def _curve(row: RowReport) -> Iterator[str]:
    for absolute, relative in zip(row.curve, row.relative_curve, strict=True):
        yield f"{absolute:.1f} / {relative:.1f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _provenance(report: Report) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    split = {
        "random": "A new random split of the series with each seed.",
        "archive": "The archive's own split of the series.",
    }.get(report.split, "")
    sigma = {
        "paper": "σ of Type III is that of the paper's definition.",
        "reference": "σ of Type III is that of the reference implementation, √2 times smaller.",
    }[report.convention]
    seeds = f"Seeds from 0 to {report.seeds - 1}." if report.seeds > 1 else "Seed 0."
    return [" ".join(filter(None, (seeds, split, sigma, f"{versions}.")))]


def _notes(report: Report) -> list[str]:
    """Return what a reader must know."""
    notes = [f"{report.different} of {report.compared} cells differ from the published ones."]
    rows = [(table, row) for table in report.tables for row in table.rows]
    missing = sum(report.seeds - row.runs for _, row in rows)
    if missing:
        notes.append(f"{missing} of {report.seeds * len(rows)} runs are not finished.")
    short = [(table, row) for table, row in rows if row.reached + row.diverged < row.runs]
    notes += [
        f"{table.title}, {row.label}: {row.runs - row.reached - row.diverged} of {row.runs} runs "
        "ended at the largest number of steps, below the target; they count as they are."
        for table, row in short
    ]
    notes += [
        f"{table.title}, {row.label}: {row.diverged} of {row.runs} runs diverged; nothing counts "
        "them."
        for table, row in rows
        if row.diverged
    ]
    notes += [
        f"{table.title}, {row.label}: the published numbers count as those of {cell.runs} runs, "
        f"since {cell.published.mean:.2f} can't be the mean of {RUNS} accuracies on 500 series."
        for table, row in rows
        for cell in row.cells[:1]
        if cell.published is not None and cell.runs != RUNS
    ]
    if any(cell.published and cell.found.count == 1 for _, row in rows for cell in row.cells):
        notes.append("Of a single run, the published deviation stands for the unknown one.")
    return notes


def _published(cell: Comparison) -> str:
    if cell.published is None:
        return ""
    return f"{cell.published.mean:.2f} ± {cell.published.sd:.2f}"


def _spread(found: Summary) -> str:
    return f"{found.mean:.2f} ± {_number(found.sd)}"


def _quartiles(found: Summary, form: str) -> str:
    return f"{found.median:{form}} [{found.lower:{form}}, {found.upper:{form}}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
