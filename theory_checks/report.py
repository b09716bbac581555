"""The report of a run: one page that needs no network, from `results.json` and the figures."""

import re
import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import get_args
from xml.etree.ElementTree import ParseError

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from theory_checks.appendix import Calibration, load_calibration
from theory_checks.errata import ERRATA
from theory_checks.mathematics import mathematics
from theory_checks.names import CLAIMS
from theory_checks.numbering import number, paper_order, place
from theory_checks.palette import PALETTE
from theory_checks.results import FILE_NAME, ClaimResult, Report, ResultsError, load
from theory_checks.vector import gauge, inline
from theory_checks.verdict import Quantity, Verdict
from theory_checks.wording import expected_text, interval_text, number_text

__all__ = ["FILE_NAME", "REPORT_NAME", "Report", "ResultsError", "load", "render", "write"]

REPORT_NAME = "report.html"
PAPER = "https://arxiv.org/abs/2306.08125"

ROLES = {
    "printed": "the statement as printed",
    "corrected": "the corrected form",
    "sharpness": "whether the guarantee is attained",
    "law": "a sharper law",
}
STATUSES = {
    "inside": "✓ inside",
    "outside": "✗ outside",
    "undecided": "? straddles the edge",
    "reported": "not tested",
}
MARKS: dict[Verdict, str] = {
    "holds": "✓",
    "holds, not sharp": "✓",
    "fails as printed": "✗",
    "inconclusive": "?",
}


def write(folder: str | Path) -> Path:
    """
    Write `report.html` into the folder of a run and return its path.

    Raises
    ------
    ResultsError
        If `results.json` or a figure that it names is missing or not valid, or if there is a
        `calibration.json` that is not.

    Examples
    --------
    >>> import tempfile
    >>> from theory_checks.results import save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Report("0.1.0", 0, "quick", ()), Path(folder))
    ...     write(folder).name
    'report.html'
    """
    report = load(folder)
    figures = {claim.id: _figures(claim, Path(folder)) for claim in report.claims}
    path = Path(folder) / REPORT_NAME
    path.write_text(render(report, figures, load_calibration(folder)), encoding="utf-8")
    return path


def render(
    report: Report,
    figures: Mapping[str, Sequence[tuple[str, list[Markup]]]],
    calibration: Calibration | None = None,
) -> str:
    """
    Return the page.

    Parameters
    ----------
    report : Report
        What a run found.
    figures : mapping
        For each claim's identifier its figures: a caption and the panels.
    calibration : Calibration, optional
        For the appendix.

    Examples
    --------
    >>> render(Report("0.1.0", 0, "quick", ()), {}).splitlines()[0]
    '<!doctype html>'
    """
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    ordered = replace(report, claims=tuple(sorted(report.claims, key=lambda c: paper_order(c.id))))
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=ordered,
            found={claim.id: claim for claim in report.claims},
            figures=figures,
            calibration=calibration,
            tally=_tally(report),
            dates=sorted({claim.date for claim in report.claims} - {""}),
            errata=ERRATA,
            roles=ROLES,
            statuses=STATUSES,
            marks=MARKS,
            palette=PALETTE,
            paper=PAPER,
            style=Markup(style),
            script=Markup(script),
            digest=digest,
        )
    )


def _environment() -> Environment:
    """Return the templates, with what they call to put things into words."""
    environment = Environment(
        loader=PackageLoader("theory_checks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        anchor=_anchor,
        closest=closest_call,
        command=_command,
        expected=expected_text,
        gauge=gauge,
        interval=_interval,
        math=mathematics,
        number=number,
        number_text=number_text,
        paragraphs=_paragraphs,
        place=place,
        slug=lambda text: text.replace(",", "").replace(" ", "-"),
    )
    return environment


def _asset(name: str) -> str:
    """Return the text of a file beside the templates."""
    return files("theory_checks").joinpath("templates", name).read_text(encoding="utf-8")


def _figures(claim: ClaimResult, folder: Path) -> list[tuple[str, list[Markup]]]:
    """Return the captions and the panels of the figures of a claim."""
    figures = []
    for stem, caption in claim.captions.items():
        panel = re.compile(re.escape(stem) + r"\.panel-\d+\.svg")
        names = [name for name in claim.figures if panel.fullmatch(name)] or [f"{stem}.svg"]
        figures.append((caption, [_panel(folder, name) for name in names]))
    return figures


def _panel(folder: Path, name: str) -> Markup:
    """Return the drawing in a file, or refuse what is none."""
    path = folder / Path(name).name
    try:
        return inline(path.read_text(encoding="utf-8"), f"figure-{_anchor(path.stem)}")
    except (OSError, ValueError, ParseError) as error:
        raise ResultsError(
            f"need a readable {path}, got {type(error).__name__}: make it with "
            f"`theory-checks run --out {folder}`"
        ) from error


def _tally(report: Report) -> list[tuple[Verdict, int]]:
    """Return how often each verdict was found, without those that were not."""
    count = Counter(claim.verdict for claim in report.claims)
    return [(verdict, count[verdict]) for verdict in get_args(Verdict) if count[verdict]]


def closest_call(claim: ClaimResult) -> Quantity | None:
    """
    Return the tested quantity of the printed statement that is nearest to the edge of its region.

    Distances between the ends of an interval and of its region are counted in widths of the
    interval, and are negative where the interval leaves the region.

    Examples
    --------
    >>> wide, narrow = (Quantity("x", 1, 1 - d, 1 + d, 2, "<=", role="printed") for d in (0.9, 0.1))
    >>> claim = ClaimResult("t", "T", "s", "p", "holds", "holds", (narrow, wide), (), (), {}, 0.1)
    >>> closest_call(claim) == wide
    True
    """

    def margin(quantity: Quantity) -> float:
        low, high = quantity.region
        room = min(quantity.low - low, high - quantity.high)
        return room / ((quantity.high - quantity.low) or 1.0)

    tested = [q for q in claim.quantities if q.role == "printed" and q.relation != "reported"]
    return min(tested, key=margin, default=None)


def _command(report: Report, *claims: str) -> str:
    """Return the command that repeats the checks of the given claims, or of all of a report."""
    names = claims or tuple(claim.id for claim in report.claims)
    if set(names) == set(CLAIMS):
        names = ()  # all: the command needs no name
    options = ("--profile", report.profile, "--seed", str(report.seed), "--out", "results")
    return shlex.join(("theory-checks", "run", *names, *options))


def _interval(quantity: Quantity) -> str:
    """Return an interval with its level."""
    text = interval_text(quantity)
    return text if quantity.low == quantity.high else f"{quantity.level * 100:g} %: {text}"


def _paragraphs(text: str) -> list[tuple[bool, str]]:
    """Return the paragraphs of a plain text, each with whether it is indented, a formula."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]
    return [(block.startswith("    "), block) for block in blocks]


def _anchor(identifier: str) -> str:
    """Return an identifier for links within the page."""
    return re.sub(r"[^A-Za-z0-9-]", "-", identifier)
