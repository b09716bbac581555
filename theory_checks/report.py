"""The Markdown report of a run, made from its `results.json` alone."""

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from theory_checks.results import FILE_NAME, Report, ResultsError, load
from theory_checks.verdict import Quantity
from theory_checks.wording import expected_text, interval_text, number_text

__all__ = ["FILE_NAME", "REPORT_NAME", "Report", "ResultsError", "load", "render", "write"]

REPORT_NAME = "report.md"

ROLES = {
    "printed": "the statement as printed",
    "corrected": "the corrected form",
    "sharpness": "whether the guarantee is attained",
    "law": "a sharper law",
}
STATUSES = {
    "inside": "inside",
    "outside": "**outside**",
    "undecided": "**straddles the edge**",
    "reported": "–",
}


def write(folder: str | Path) -> Path:
    """
    Write `report.md` into the folder of a run, from its `results.json`, and return its path.

    Raises
    ------
    ResultsError
        If `results.json` is missing or not valid.

    Examples
    --------
    >>> import tempfile
    >>> from theory_checks.results import save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Report("0.1.0", 0, "quick", ()), Path(folder))
    ...     write(folder).name
    'report.md'
    """
    path = Path(folder) / REPORT_NAME
    path.write_text(render(load(folder)), encoding="utf-8")
    return path


def render(report: Report) -> str:
    """
    Return the report as Markdown.

    Examples
    --------
    >>> render(Report("0.1.0", 0, "quick", ())).splitlines()[0]
    '# Theory checks'
    """
    environment = Environment(
        loader=PackageLoader("theory_checks"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    filters = {
        "anchor": _anchor,
        "cell": cell,
        "code": code,
        "inline": inline,
        "prose": prose,
        "row": _row,
    }
    environment.filters.update(filters)
    captions = {
        image: claim.captions.get(image.rpartition(".")[0], claim.title)
        for claim in report.claims
        for image in claim.figures
    }
    template = environment.get_template("report.md.jinja")
    text = template.render(report=report, roles=ROLES, captions=captions)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def inline(value: str) -> str:
    r"""
    Return a text on one line with the characters that mean something in Markdown escaped.

    Examples
    --------
    >>> inline("a_b * [c]")
    'a\\_b \\* \\[c\\]'
    """
    return re.sub(r"([\\`*_\[\]<>#~$])", r"\\\1", " ".join(value.split()))


def cell(value: str) -> str:
    r"""
    Return a text that is safe inside a table cell.

    Examples
    --------
    >>> cell("P(|X| > x)\nfor all x")
    'P(\\|X\\| \\> x) for all x'
    """
    return inline(value).replace("|", r"\|")


def code(value: str) -> str:
    r"""
    Return a text as inline code, with a fence that is longer than any inside it.

    Examples
    --------
    >>> code("E|X| <= C n^{-1/2}")
    '`E|X| <= C n^{-1/2}`'
    >>> code("a `b`")
    '`` a `b` ``'
    """
    text = " ".join(value.split())
    runs = [len(run) for run in re.findall(r"`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if runs else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(value: str) -> str:
    r"""
    Return paragraphs of plain text as Markdown; indented paragraphs become code.

    Examples
    --------
    >>> print(prose("A_n grows:\n\n    A_n ~ n\n"))
    A\_n grows:
    <BLANKLINE>
        A_n ~ n
    """
    blocks = [block for block in re.split(r"\n\s*\n", value.strip("\n")) if block.strip()]
    return "\n\n".join(block if block.startswith("    ") else inline(block) for block in blocks)


def _anchor(identifier: str) -> str:
    """Return an identifier for links within the page."""
    return re.sub(r"[^A-Za-z0-9-]", "-", identifier)


def _row(quantity: Quantity, role: str | None = None) -> str:
    """Return the row of a table for one quantity."""
    level = f"{quantity.level * 100:g} %"
    cells = [cell(quantity.name)]
    if role is not None:
        cells.append("for the record" if quantity.relation == "reported" else role)
    measured = quantity.low < quantity.high
    interval = f"{level} {cell(interval_text(quantity))}" if measured else interval_text(quantity)
    cells += [number_text(quantity.estimate), interval]
    cells += [cell(expected_text(quantity)), STATUSES[quantity.status]]
    return f"| {' | '.join(cells)} |"
