"""What the runs of tables come to: statistics of each cell, beside what was published."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import hypot, sqrt
from typing import Any, Self

import numpy as np

from sde.tables.experiment import Result
from sde.tables.published import QUANTITIES, Cell, Row

__all__ = ["LARGE", "Comparison", "Report", "RowReport", "Summary", "TableReport"]

#: Combined standard errors beyond which a cell is said to disagree. With 5 published runs, chance
#: alone exceeds 3 in about 4 % of the cells: the variance of their mean is estimated from them,
#: and Student's law with 4 degrees of freedom has that much beyond 3.
LARGE = 3.0


@dataclass(frozen=True)
class Summary:
    """
    Statistics of a sample; of a single number, deviation and error are None.

    Parameters
    ----------
    count : int
        Size of the sample.
    mean, sd, standard_error : float
        The deviation divides by count - 1, the error is of the mean.
    lower, median, upper : float
        Quartiles.
    """

    count: int
    mean: float
    sd: float | None
    standard_error: float | None
    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, sample: Sequence[float]) -> Self:
        """
        Return the statistics of a sample.

        Examples
        --------
        >>> Summary.of([1.0, 2.0, 3.0, 6.0]).median
        2.5
        """
        values = np.array(sample, dtype=np.float64)
        sd = float(values.std(ddof=1)) if len(values) > 1 else None
        error = None if sd is None else sd / sqrt(len(values))
        quartiles = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        return cls(len(values), float(values.mean()), sd, error, *quartiles)


@dataclass(frozen=True)
class Comparison:
    """
    A cell of a table: what was found, and what was published, both in percent.

    Parameters
    ----------
    quantity : str
        A key of `QUANTITIES`.
    found : Summary
        Over the seeds.
    published : Cell or None
        Mean ± standard deviation.
    runs : int
        Over which the published mean is one.
    """

    quantity: str
    found: Summary
    published: Cell | None
    runs: int

    @property
    def difference(self) -> float | None:
        """
        Found minus published mean, in combined standard errors; None if nothing was published.

        Of a single run, the published deviation stands for the unknown one.

        Examples
        --------
        >>> found = Summary(4, 12.0, 2.0, 1.0, 11.0, 12.0, 13.0)
        >>> Comparison("pruning_ratio", found, Cell(10.0, 0.0), 5).difference
        2.0
        """
        if self.published is None:
            return None
        theirs, ours = self.published.sd / sqrt(self.runs), self.found.standard_error
        combined = hypot(theirs, self.published.sd if ours is None else ours)
        gap = self.found.mean - self.published.mean
        return (
            gap / combined if combined > 0 else float(np.sign(gap)) * float("inf") if gap else 0.0
        )

    @property
    def differs(self) -> bool:
        """Whether the difference is more than 3 combined standard errors."""
        return self.difference is not None and abs(self.difference) > LARGE


@dataclass(frozen=True)
class RowReport:
    """
    A row of a table.

    Parameters
    ----------
    label : str
        As the paper calls it.
    sigma : float
        Scale of the noise, as it was used.
    runs, reached, diverged : int
        All runs, those that reached the target, and those that diverged, which nothing else here
        counts.
    steps, seconds : Summary or None
        Of a run.
    cells : tuple of Comparison
        One for each quantity; none if all runs diverged.
    curve, relative_curve : tuple of float
        Mean test accuracy after pruning, absolute and in proportion to that before, in percent.
    """

    label: str
    sigma: float
    runs: int
    reached: int
    diverged: int
    steps: Summary | None
    seconds: Summary | None
    cells: tuple[Comparison, ...]
    curve: tuple[float, ...] = ()
    relative_curve: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, row: Row, sigma: float, results: Sequence[Result], seconds: Sequence[float]
    ) -> Self:
        """Summarise the runs of a row."""
        kept = [k for k, result in enumerate(results) if result.stopped_by != "divergence"]
        runs, reached = len(results), sum(result.reached for result in results)
        if not kept:
            return cls(row.label, sigma, runs, reached, runs, None, None, ())
        sound = [results[k] for k in kept]
        published: Sequence[Cell | None] = row.cells or [None] * len(QUANTITIES)
        cells = tuple(
            Comparison(
                name, Summary.of([100 * getattr(each, name) for each in sound]), cell, row.runs
            )
            for name, cell in zip(QUANTITIES, published, strict=True)
        )
        curves = 100 * np.array([each.curve for each in sound])
        unpruned = np.array([each.test_accuracy for each in sound])
        return cls(
            row.label,
            sigma,
            runs,
            reached,
            runs - len(kept),
            Summary.of([each.steps for each in sound]),
            Summary.of([seconds[k] for k in kept]),
            cells,
            tuple(curves.mean(axis=0).tolist()),
            tuple((curves / unpruned[:, None]).mean(axis=0).tolist()),
        )


@dataclass(frozen=True)
class TableReport:
    """A table: its title, the pruning ratios of its curves, and its rows."""

    title: str
    ratios: tuple[float, ...]
    rows: tuple[RowReport, ...]


@dataclass(frozen=True)
class Report:
    """
    Tables, and how they were made.

    Parameters
    ----------
    command : str
        That makes them again.
    seeds : int
        Each row was run with seeds 0, ..., seeds - 1.
    split, convention : str
        As for `Table.setting`.
    versions : dict
        Of this package and the libraries that results depend on.
    tables : tuple of TableReport
    """

    command: str
    seeds: int
    split: str
    convention: str
    versions: dict[str, str]
    tables: tuple[TableReport, ...]

    @property
    def compared(self) -> int:
        """How many cells have published numbers."""
        return sum(cell.published is not None for cell in self._cells())

    @property
    def different(self) -> int:
        """How many cells disagree with them."""
        return sum(cell.differs for cell in self._cells())

    def _cells(self) -> list[Comparison]:
        rows = [row for table in self.tables for row in table.rows]
        return [cell for row in rows for cell in row.cells]

    def to_json(self) -> str:
        """Return the report as text, with what follows from it for each cell."""
        tree = asdict(self)
        for table, found in zip(tree["tables"], self.tables, strict=True):
            for row, each in zip(table["rows"], found.rows, strict=True):
                for cell, comparison in zip(row["cells"], each.cells, strict=True):
                    gap = comparison.difference
                    finite = gap is not None and np.isfinite(gap)
                    cell["difference"] = gap if finite else None
                    cell["differs"] = comparison.differs
        return json.dumps(tree, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the report that `to_json` wrote."""
        tree = json.loads(text)
        tables = tuple(
            TableReport(
                table["title"], tuple(table["ratios"]), tuple(_row(row) for row in table["rows"])
            )
            for table in tree["tables"]
        )
        return cls(**(tree | {"tables": tables}))


def _row(tree: dict[str, Any]) -> RowReport:
    """Return a row from JSON."""
    changed = {
        "steps": tree["steps"] and Summary(**tree["steps"]),
        "seconds": tree["seconds"] and Summary(**tree["seconds"]),
        "cells": tuple(
            Comparison(
                cell["quantity"],
                Summary(**cell["found"]),
                None if cell["published"] is None else Cell(*cell["published"]),
                cell["runs"],
            )
            for cell in tree["cells"]
        ),
        "curve": tuple(tree["curve"]),
        "relative_curve": tuple(tree["relative_curve"]),
    }
    return RowReport(**(tree | changed))
