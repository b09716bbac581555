"""Figures as data: what to draw, not how. `theory_checks.plots` draws it."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from theory_checks.validation import one_of, vector

__all__ = ["Emphasis", "Figure", "Panel", "Scale", "Series", "Style"]

Style = Literal["points", "line", "band", "histogram"]
Emphasis = Literal["data", "law", "guarantee", "control"]
Scale = Literal["linear", "log"]

STYLES = ("points", "line", "band", "histogram")
EMPHASES = ("data", "law", "guarantee", "control")
SCALES = ("linear", "log")
MEANINGS = {"data": "", "law": "sharp law", "guarantee": "guarantee", "control": "control"}


@dataclass(frozen=True)
class Series:
    """
    One labelled set of points, curve, band or histogram.

    Parameters
    ----------
    label : str
        Text of the legend; empty for a series that needs none.
    x : array_like, shape (k,), or (k + 1,) for a histogram
        Abscissae; the edges of the bins for a histogram.
    y : array_like, shape (k,)
        Ordinates; the heights of the bins for a histogram.
    low, high : array_like, shape (k,), optional
        Ends of an interval about each `y`, drawn as error bars (points) or a shaded band
        (line, band). Give both or neither; a band needs both.
    style : {"points", "line", "band", "histogram"}
        How the series is drawn.
    emphasis : {"data", "law", "guarantee", "control"}
        What the series is: measured data, the sharp law, the guarantee of the printed theorem, or
        a control in which a hypothesis is broken.

    Examples
    --------
    >>> Series("measured", [1, 2], [0.5, 0.2], low=[0.4, 0.1], high=[0.6, 0.3]).y
    (0.5, 0.2)
    >>> Series("measured", [1, 2], [0.5])
    Traceback (most recent call last):
    ...
    ValueError: need 2 values in y of series 'measured', got 1: give one for each x
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    style: Style = "points"
    emphasis: Emphasis = "data"

    @property
    def description(self) -> str:
        """
        The label, the meaning and both ends, in words.

        Examples
        --------
        >>> Series("order 1", [1, 2], [0.5, 1.0], style="line", emphasis="law").description
        'order 1 (sharp law): line from 0.5 at 1 to 1 at 2'
        """
        x, y = np.asarray(self.x), np.asarray(self.y)
        meaning = f" ({MEANINGS[self.emphasis]})" if MEANINGS[self.emphasis] else ""
        ends = f"from {y[0]:.3g} at {x[0]:.3g} to {y[-1]:.3g} at {x[-1]:.3g}"
        return f"{self.label}{meaning}: {self.style} {ends}"

    def __post_init__(self) -> None:
        """Check the names and shapes, and store the arrays as tuples of floats."""
        one_of("style", self.style, STYLES)
        one_of("emphasis", self.emphasis, EMPHASES)
        where = f"of series {self.label!r}"
        if (self.low is None) != (self.high is None):
            raise ValueError(f"need both low and high {where}, or neither; got one of them")
        if self.style == "band" and self.low is None:
            raise ValueError(f"need low and high {where}, as its style is 'band'; got neither")
        if self.style == "histogram" and self.low is not None:
            raise ValueError(f"need no low and high {where}, as its style is 'histogram'")
        x = self._store("x", None)
        self._store("y", len(x) - (self.style == "histogram"))
        if self.low is not None:
            y, low, high = np.array(self.y), self._store("low", len(x)), self._store("high", len(x))
            if np.any(low > y) or np.any(y > high):
                raise ValueError(
                    f"need low <= y <= high {where}, got low={low}, y={y}, high={high}"
                )

    def _store(
        self, name: str, size: int | None
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Replace the array `name` by a checked tuple, and return it as an array."""
        where = f"{name} of series {self.label!r}"
        array = vector(where, getattr(self, name), at_least=1)
        if size is not None and array.size != size:
            remedy = "one for each x" if self.style != "histogram" else "one fewer than edges in x"
            raise ValueError(f"need {size} values in {where}, got {array.size}: give {remedy}")
        object.__setattr__(self, name, tuple(array.tolist()))
        return array


@dataclass(frozen=True)
class Panel:
    """
    One pair of axes.

    Parameters
    ----------
    title : str
        What the panel shows, in words.
    x_label, y_label : str
        Axis labels, with the unit where there is one.
    series : tuple of Series
        What is drawn, at least one.
    x_scale, y_scale : {"linear", "log"}
        A logarithmic axis needs positive x and y; the low end of an interval may be negative and is
        then cut at the edge of the panel.

    Examples
    --------
    >>> panel = Panel("Error", "n", "error", (Series("data", [1, 2], [1.0, 0.5]),), x_scale="log")
    >>> panel.x_scale
    'log'
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"

    @property
    def description(self) -> str:
        """
        The axes and the labelled series, in words.

        Examples
        --------
        >>> Panel("E", "n", "error", (Series("data", [1, 2], [1, 0.5]),), "log").description
        'error against n (logarithmic). data: points from 1 at 1 to 0.5 at 2.'
        """
        logarithmic = {"log": " (logarithmic)", "linear": ""}
        y, x = self.y_label + logarithmic[self.y_scale], self.x_label + logarithmic[self.x_scale]
        shown = "; ".join(series.description for series in self.series if series.label)
        return f"{y} against {x}. {shown}." if shown else f"{y} against {x}."

    def __post_init__(self) -> None:
        """Check the scales, and that logarithmic axes have positive values."""
        object.__setattr__(self, "series", tuple(self.series))
        one_of("x_scale", self.x_scale, SCALES)
        one_of("y_scale", self.y_scale, SCALES)
        if not self.series:
            raise ValueError(f"need at least one series in panel {self.title!r}, got none")
        for series in self.series:
            if not isinstance(series, Series):
                raise TypeError(f"need Series in panel {self.title!r}, got {series!r}")
            for axis, scale in (("x", self.x_scale), ("y", self.y_scale)):
                least = min(getattr(series, axis))
                if scale == "log" and least <= 0 and not (axis, series.style) == ("y", "histogram"):
                    raise ValueError(
                        f"need {axis} > 0 on the logarithmic axis of panel {self.title!r}, got "
                        f"{least} in series {series.label!r}: drop such values or use a linear axis"
                    )


@dataclass(frozen=True)
class Figure:
    """
    One or more panels side by side, with a caption.

    Parameters
    ----------
    name : str
        Stem of the file names: letters, digits, dots, dashes and underscores.
    caption : str
        What the reader should see, in a sentence or two.
    panels : tuple of Panel
        At least one.

    Examples
    --------
    >>> panel = Panel("Error", "n", "error", (Series("data", [1, 2], [1.0, 0.5]),))
    >>> Figure("theorem-4.2", "The gap falls.", (panel,)).name
    'theorem-4.2'
    >>> Figure("../x", "The gap falls.", (panel,))
    Traceback (most recent call last):
    ...
    ValueError: need letters, digits, '.', '-' or '_' in the figure's name, got '../x'
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]

    def __post_init__(self) -> None:
        """Check the name and the panels."""
        object.__setattr__(self, "panels", tuple(self.panels))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(
                f"need letters, digits, '.', '-' or '_' in the figure's name, got {self.name!r}"
            )
        if not self.panels:
            raise ValueError(f"need at least one panel in figure {self.name!r}, got none")
        for panel in self.panels:
            if not isinstance(panel, Panel):
                raise TypeError(f"need Panels in figure {self.name!r}, got {panel!r}")
