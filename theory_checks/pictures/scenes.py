"""Scenes: what one pair of axes shows, in the look of the report's figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import ArrayLike

from theory_checks.figures import Emphasis, Panel, Scale, Series
from theory_checks.palette import PALETTE
from theory_checks.plots import draw_panel
from theory_checks.statistics import Interval

__all__ = ["Scene", "circle", "curves", "histogram", "line", "plane", "points"]


@dataclass(frozen=True)
class Scene:
    """
    What one pair of axes shows.

    Parameters
    ----------
    draw : callable
        Draws it on empty axes.
    about : str
        The same in words, for readers who do not see it.
    square : bool
        Whether the axes are as high as wide.

    Examples
    --------
    >>> Scene(lambda axes: axes.axhline(0), "A line.").square
    False
    """

    draw: Callable[[Axes], None]
    about: str
    square: bool = False


def points(
    label: str,
    x: ArrayLike,
    y: ArrayLike | Sequence[Interval],
    emphasis: Emphasis = "data",
) -> Series:
    """
    Return marks, with bars if `y` consists of intervals.

    Parameters
    ----------
    label : str
        Text of the legend; empty for none.
    x : array_like, shape (k,)
        Abscissae.
    y : array_like, shape (k,), or sequence of k Interval
        Ordinates.
    emphasis : {"data", "law", "guarantee", "control"}
        What they are.

    Examples
    --------
    >>> points("gap", [16, 64], [Interval(0.2, 0.1, 0.3, 0.99), Interval(0.1, 0.05, 0.2, 0.99)]).low
    (0.1, 0.05)
    """
    values: Any = y
    if isinstance(y, Sequence) and isinstance(y[0], Interval):
        low, high = [each.low for each in values], [each.high for each in values]
        return Series(label, x, [e.estimate for e in values], low, high, emphasis=emphasis)
    return Series(label, x, values, emphasis=emphasis)


def line(
    label: str,
    x: ArrayLike,
    y: ArrayLike,
    emphasis: Emphasis = "data",
    *,
    band: tuple[ArrayLike, ArrayLike] | None = None,
) -> Series:
    """
    Return a curve, with a shaded band about it if there is one.

    Parameters
    ----------
    label : str
        Text of the legend; empty for none.
    x, y : array_like, shape (k,)
        The curve.
    emphasis : {"data", "law", "guarantee", "control"}
        What it is.
    band : pair of array_like, shape (k,), optional
        Lower and upper edge.

    Examples
    --------
    >>> line("law", [1, 2], [1.0, 0.5], "law").style
    'line'
    """
    low, high = (None, None) if band is None else band
    return Series(label, x, y, low, high, "line", emphasis)


def histogram(
    label: str, values: ArrayLike, edges: ArrayLike, emphasis: Emphasis = "data"
) -> Series:
    """
    Return the density of a sample between edges; what lies beyond them counts in its total.

    Parameters
    ----------
    label : str
        Text of the legend; empty for none.
    values : array_like
        The sample.
    edges : array_like, shape (k + 1,)
        Of the cells.
    emphasis : {"data", "law", "guarantee", "control"}
        What it is.

    Examples
    --------
    >>> histogram("sample", [0.5, 0.5, 1.5, 9.0], [0.0, 1.0, 2.0]).y
    (0.5, 0.25)
    """
    cells, sample = np.asarray(edges, float), np.asarray(values, float).ravel()
    heights = np.histogram(sample, cells)[0] / (len(sample) * np.diff(cells))
    return Series(label, cells, heights, style="histogram", emphasis=emphasis)


def curves(
    title: str,
    x_label: str,
    y_label: str,
    *series: Series,
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Scene:
    """
    Return a scene of points, lines and histograms.

    Parameters
    ----------
    title, x_label, y_label : str
        What the axes show.
    *series : Series
        What is drawn: `points`, `line`, `histogram`.
    x_scale, y_scale : {"linear", "log"}
        Of the axes.
    x_range, y_range : pair of float, optional
        Ends of the axes; all of the series by default. Frames of a movie need them.

    Examples
    --------
    >>> curves("Gap", "n", "gap", points("measured", [16, 64], [0.2, 0.1])).about
    'Gap: gap against n. measured: points from 0.2 at 16 to 0.1 at 64.'
    """
    panel = Panel(title, x_label, y_label, series, x_scale, y_scale)

    def draw(axes: Axes) -> None:
        draw_panel(axes, panel)
        axes.set(xlim=x_range, ylim=y_range)

    return Scene(draw, f"{title}: {panel.description}")


def plane(
    title: str,
    theta: ArrayLike,
    *,
    reach: float,
    mark: ArrayLike | None = None,
    labels: tuple[str, str] = ("first coordinate", "second coordinate"),
) -> Scene:
    """
    Return particles in the plane; those beyond the frame are marks on its edge.

    Parameters
    ----------
    title : str
        What they are.
    theta : (n, 2) array_like
        The particles.
    reach : float
        Half the width of the frame.
    mark : (2,) array_like, optional
        A point to mark, such as their mean.
    labels : pair of str
        Of the axes.

    Examples
    --------
    >>> plane("Noise", [[0.0, 1.0], [9.0, 0.0]], reach=2).about
    'Noise: 2 particles in the plane, 1 of them beyond a distance of 2 along an axis.'
    """
    state = np.asarray(theta, float)
    inside = np.clip(state, -reach, reach)
    beyond = (np.abs(state) > reach).any(axis=1)

    def draw(axes: Axes) -> None:
        tones = [PALETTE[name].light for name in ("data-1", "guarantee", "law")]
        axes.plot(*inside[~beyond].T, ".", color=tones[0], ms=4, alpha=0.6)
        axes.plot(*inside[beyond].T, "D", color=tones[1], ms=4, clip_on=False)
        if mark is not None:
            axes.plot(*np.clip(np.asarray(mark, float), -reach, reach), "P", color=tones[2], ms=11)
        edge = 1.02 * reach
        axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", title=title)
        axes.set(xlabel=labels[0], ylabel=labels[1])

    about = (
        f"{title}: {len(state)} particles in the plane, {beyond.sum()} of them beyond a distance "
        f"of {reach:g} along an axis."
    )
    return Scene(draw, about, square=True)


def circle(title: str, phases: ArrayLike, mean_field: ArrayLike) -> Scene:
    """
    Return oscillators on a circle, and the arrow of their mean field.

    Parameters
    ----------
    title : str
        What they are.
    phases : (n,) or (n, 1) array_like
        Angles.
    mean_field : (2,) array_like
        Means of the cosines and of the sines.

    Examples
    --------
    >>> circle("Fireflies", [0.0, 0.1], [1.0, 0.05]).about
    'Fireflies: 2 oscillators on a circle; their mean field has length 1.00.'
    """
    angles = np.asarray(phases, float).ravel()
    arrow: Any = np.asarray(mean_field, float)
    # spread a little across the ring, so that those of equal phase do not hide each other
    radius = 1 + 0.07 * np.sin(2.4 * np.arange(len(angles)))

    def draw(axes: Axes) -> None:
        axes.add_patch(Circle((0, 0), 1, fill=False, color=PALETTE["grid"].light, lw=8))
        axes.plot(
            radius * np.cos(angles), radius * np.sin(angles), ".", color=PALETTE["data-1"].light,
            ms=7, alpha=0.6,
        )  # fmt: skip
        axes.annotate(
            "", arrow, (0, 0),
            arrowprops={"arrowstyle": "-|>", "color": PALETTE["guarantee"].light, "lw": 3},
        )  # fmt: skip
        axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal", title=title)
        axes.axis("off")

    about = (
        f"{title}: {len(angles)} oscillators on a circle; their mean field has length "
        f"{np.hypot(*arrow):.2f}."
    )
    return Scene(draw, about, square=True)
