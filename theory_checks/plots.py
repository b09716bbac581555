"""Draw the figures: the only module that imports matplotlib."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogFormatterSciNotation
from numpy.typing import ArrayLike, NDArray

from theory_checks.figures import Emphasis, Figure, Panel, Series, Style
from theory_checks.mathematics import mathtext
from theory_checks.palette import PALETTE

__all__ = ["draw_panel", "look", "render"]

COLOURS: dict[Emphasis, tuple[str, ...]] = {
    "data": tuple(tone.light for name, tone in PALETTE.items() if name.startswith("data-")),
    "law": (PALETTE["law"].light,),
    "guarantee": (PALETTE["guarantee"].light,),
    "control": (PALETTE["control"].light,),
}
MARKERS: dict[Emphasis, tuple[str, ...]] = {
    "data": ("o", "s", "^", "D", "v"),
    "law": ("*", "P"),
    "guarantee": ("_",),
    "control": ("X", "P", "h"),
}
DASHES: dict[Emphasis, tuple[Any, ...]] = {
    "data": ("-",),
    "law": ("-", (0, (5, 1, 1, 1)), (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1))),
    "guarantee": ((0, (6, 2)), (0, (3, 2)), (0, (10, 3))),
    "control": ((0, (2, 1.5)), (0, (4, 1.5)), (0, (1, 2))),
}
LAYER: dict[Emphasis, int] = {"control": 2, "guarantee": 3, "law": 4, "data": 5}
SETTINGS: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": PALETTE["grid"].light,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "theory-checks",  # the same identifiers in every run
}
PANEL_INCHES = (4.4, 3.3)  # not much wider than a phone
LEGEND_LINE_INCHES = 0.21
AXIS_INCHES = 3.4  # width of the axes within a panel, less their margins
CHARACTER_INCHES = 0.1  # of a tick label, with the space to the next
MAX_COLUMNS = 3
RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def render(figure: Figure, folder: str | Path) -> list[str]:
    """
    Write `figure` as a PNG and an SVG file, and return the file names.

    A figure of several panels is also written as one SVG file a panel, for pages that stack them
    where there is no room side by side.

    Parameters
    ----------
    figure : Figure
        What to draw.
    folder : path
        An existing folder. The same figure gives the same bytes of SVG.

    Examples
    --------
    >>> import tempfile
    >>> panel = Panel("Error", "n", "error", (Series("data", [1, 2], [1.0, 0.5]),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     render(Figure("example", "The error falls.", (panel,)), folder)
    ['example.png', 'example.svg']
    """
    both = (f"{figure.name}.png", f"{figure.name}.svg")
    drawings: list[tuple[tuple[str, ...], Figure]] = [(both, figure)]
    if len(figure.panels) > 1:
        panels = [Figure(figure.name, figure.caption, (panel,)) for panel in figure.panels]
        drawings += [((f"{figure.name}.panel-{k}.svg",), p) for k, p in enumerate(panels, 1)]
    with look():
        for names, drawn in drawings:
            _save(drawn, [Path(folder) / name for name in names])
    return [name for names, _ in drawings for name in names]


@contextmanager
def look() -> Iterator[None]:
    """
    Draw in the look of the report's figures, whatever the user's own style.

    Examples
    --------
    >>> with look():
    ...     mpl.rcParams["axes.spines.top"]
    False
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def _save(figure: Figure, paths: list[Path]) -> None:
    """Write one drawing to files, with a title and the figure's content in words."""
    about: dict[str, Any] = {
        "Title": " · ".join(panel.title for panel in figure.panels),
        "Description": " ".join(panel.description for panel in figure.panels),
    }
    canvas = _draw(figure)
    for path in paths:
        date = {"Date": None} if path.suffix == ".svg" else {}
        canvas.savefig(path, dpi=150, metadata=about | date)
        canvas.set_layout_engine("none")  # it stays as the first file has it


def _draw(figure: Figure) -> Canvas:
    """Return the drawn figure."""
    columns = 2 if len(figure.panels) == 4 else min(MAX_COLUMNS, len(figure.panels))
    rows = ceil(len(figure.panels) / columns)
    lines = max(sum(bool(s.label) for s in panel.series) for panel in figure.panels)
    height = rows * (PANEL_INCHES[1] + LEGEND_LINE_INCHES * lines)
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    canvas = Canvas(figsize=(columns * PANEL_INCHES[0], height), layout=layout)
    for index, panel in enumerate(figure.panels):
        draw_panel(canvas.add_subplot(rows, columns, index + 1), panel)
    return canvas


def draw_panel(axes: Axes, panel: Panel) -> None:
    """
    Draw one panel, with its legend below it where it hides nothing.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Empty axes of a figure that is made within `look`.
    panel : Panel
        What to draw.

    Examples
    --------
    >>> with look():
    ...     axes = Canvas().add_subplot()
    ...     draw_panel(axes, Panel("Error", "n", "error", (Series("data", [1, 2], [1, 0.5]),)))
    >>> axes.get_xlabel()
    'n'
    """
    axes.set_title(mathtext(panel.title), wrap=True)
    axes.set_xlabel(mathtext(panel.x_label))
    axes.set_ylabel(mathtext(panel.y_label))
    axes.set_xscale(panel.x_scale)
    axes.set_yscale(panel.y_scale)
    for axis, scale in ((axes.xaxis, panel.x_scale), (axes.yaxis, panel.y_scale)):
        if scale == "log":
            axis.set_major_formatter(_Powers())
            axis.set_minor_formatter(_Powers())
    bottom = _least_positive(panel) / 2 if panel.y_scale == "log" else -np.inf
    # Ranks count each style apart, so that the first fit has the colour of the first points.
    ranks = Counter[tuple[Emphasis, Style]]()
    handles = []
    for series in panel.series:
        kind = (series.emphasis, series.style)
        ranks[kind] += bool(series.label)  # without a label of its own, the look of the last one
        handles.append(_draw_series(axes, series, max(0, ranks[kind] - 1), bottom))
    _tick_at_points(axes, panel)
    labels = [mathtext(series.label) for series in panel.series]
    shown = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label]
    if shown:
        axes.legend(*zip(*shown, strict=True), loc="upper left", bbox_to_anchor=(-0.02, -0.17))


class _Powers(LogFormatterSciNotation):
    """Powers of ten in plain characters: matplotlib's formulas take most of the time to draw."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        found = re.search(r"(?:(\d+) *\\times *)?10\^\{(.*?)\}", super().__call__(x, pos))
        if found is None:
            return ""
        times = f"{found[1]} × " if found[1] else ""
        return f"{times}10{found[2].translate(RAISED)}"


def _tick_at_points(axes: Axes, panel: Panel) -> None:
    """Tick a logarithmic x axis at the measured points, or at those whose labels fit.

    An axis of two decades and more that has no room for all has enough of powers of ten.
    """
    points = [s.x for s in panel.series if s.style == "points"]
    if panel.x_scale != "log" or not points:
        return
    ticks = np.unique(np.concatenate([np.asarray(x) for x in points]))
    labels = [_written(tick) for tick in ticks]
    widest = max(map(len, labels)) * CHARACTER_INCHES
    decades = np.log10(ticks / ticks[0])
    if decades[-1] == 0:
        return
    kept = _spread_out(decades / decades[-1] * AXIS_INCHES, widest)
    if len(kept) == len(ticks) or decades[-1] < 2:
        axes.set_xticks(ticks[kept], [labels[i] for i in kept])
        axes.xaxis.minorticks_off()


def _written(tick: float) -> str:
    """Return a number in plain characters, to three digits if it is below 1."""
    digits, _, exponent = (f"{tick:.3g}" if tick < 1 else f"{tick:.6g}").partition("e")
    return f"{digits}·10{str(int(exponent)).translate(RAISED)}" if exponent else digits


def _spread_out(places: NDArray[np.float64], apart: float) -> list[int]:
    """Return the numbers of places, from the first on, that lie farther apart than this."""
    kept = [0]
    for i in range(1, len(places)):
        if places[i] > places[kept[-1]] + apart:
            kept.append(i)
    return kept


def _least_positive(panel: Panel) -> float:
    """Return the least positive number that the panel shows on its y axis."""
    shown = [np.asarray(values) for s in panel.series for values in (s.y, s.low) if values]
    joined = np.concatenate(shown)
    return float(joined[joined > 0].min(initial=np.inf))


def _draw_series(axes: Axes, series: Series, rank: int, bottom: float) -> Any:
    """Draw one series in the look of its emphasis and rank, and return its handle."""
    x, y = np.asarray(series.x), np.asarray(series.y)
    ends = None if series.low is None else (_cut(series.low, bottom), np.asarray(series.high))
    colour = _pick(COLOURS, series, rank)
    look = {"color": colour, "zorder": LAYER[series.emphasis]}
    if series.style == "points":
        errors = None if ends is None else np.abs(np.stack([y - ends[0], ends[1] - y]))
        marker = _pick(MARKERS, series, rank)
        return axes.errorbar(x, y, errors, fmt=marker, ms=5.5, capsize=3, elinewidth=1.3, **look)
    if series.style == "histogram":
        filled = series.emphasis == "data"
        return axes.stairs(y, x, fill=filled, alpha=0.45 if filled else 1, lw=1.6, **look)
    if series.style == "band" and ends is not None:
        return axes.fill_between(x, *ends, alpha=0.25, lw=0, **look)
    if ends is not None:
        axes.fill_between(x, *ends, alpha=0.2, lw=0, **look)
    return axes.plot(x, y, ls=_pick(DASHES, series, rank), lw=1.8, **look)[0]


def _cut(low: ArrayLike, bottom: float) -> NDArray[np.float64]:
    """Return the low ends of intervals, cut at the bottom of the panel."""
    return np.maximum(np.asarray(low, dtype=np.float64), bottom)


def _pick(table: dict[Emphasis, tuple[Any, ...]], series: Series, rank: int) -> Any:
    """Return the entry for the emphasis of a series and its rank within that emphasis."""
    entries = table[series.emphasis]
    return entries[rank % len(entries)]
