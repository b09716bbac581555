"""What a command asks for: which tables, with how many seeds, under which convention."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

from sde import validation
from sde.tables.experiment import Setting, Split
from sde.tables.published import CONVENTIONS, EXPERIMENTS, Convention, Table
from sde.tables.study import LIBRARIES, Found, settings_of
from sde.tables.summary import Report, RowReport, TableReport

__all__ = ["SPLITS", "Order"]

#: What ECG5000 may be split by.
SPLITS = ("random", "archive")

#: Runs of each row; the spread of those on ECG5000 is up to 35 points.
SEEDS = {"ecg5000": 200}
SEEDS_OF_IMAGES = 5


@dataclass(frozen=True)
class Order:
    """
    Tables to repeat.

    Parameters
    ----------
    name : str
        A name in `EXPERIMENTS`.
    seeds : int
        Runs of each row.
    convention : {"paper", "reference"}
        What the scale of Type-III noise means: see `Table.setting`.
    split : {"random", "archive"} or None
        Instead of the tables' own.
    only : tuple of str
        Names of some tables; all of them if empty.

    Examples
    --------
    >>> order = Order.checked("ecg5000", None, "paper", None, ["Table 3"])
    >>> order.command, len(order.settings)
    ("sde tables ecg5000 --seeds 200 --convention paper --only 'Table 3'", 3)
    """

    name: str
    seeds: int
    convention: Convention
    split: Split | None
    only: tuple[str, ...]

    @classmethod
    def checked(
        cls, name: str, seeds: int | None, convention: str, split: str | None, only: Sequence[str]
    ) -> Self:
        """Make an order of what a user passed."""
        name = validation.known_name("experiment", name, EXPERIMENTS)
        validation.known_name("convention", convention, CONVENTIONS)
        for table in only:
            validation.known_name("table", table, [each.name for each in EXPERIMENTS[name]])
        return cls(
            name,
            seeds or SEEDS.get(name, SEEDS_OF_IMAGES),
            "reference" if convention == "reference" else "paper",
            _split(name, split),
            tuple(only),
        )

    @property
    def tables(self) -> list[Table]:
        """The tables, in the paper's order."""
        return [each for each in EXPERIMENTS[self.name] if not self.only or each.name in self.only]

    @property
    def settings(self) -> dict[Setting, int]:
        """The settings of all rows, and about how many steps a training takes in each."""
        return settings_of(self.tables, self.convention, self.split)

    @property
    def command(self) -> str:
        """The command that gives the same numbers."""
        words = ["sde", "tables", self.name, "--seeds", f"{self.seeds}"]
        words += ["--convention", self.convention]
        words += [] if self.split is None else ["--split", self.split]
        words += [word for table in self.only for word in ("--only", table)]
        return shlex.join(words)

    def report(self, found: Mapping[Setting, Found]) -> Report:
        """Summarise what the runs of each row found."""
        tables = []
        for table in self.tables:
            rows = []
            for row in table.rows:
                setting = table.setting(row, self.convention, self.split)
                runs = found[setting]
                rows.append(RowReport.of(row, setting.sigma, runs.results, runs.seconds))
            tables.append(TableReport(table.title, table.curve, tuple(rows)))
        versions = {name: version(name) for name in ("levychaos", *LIBRARIES)}
        split = self.split or self.tables[0].split
        return Report(self.command, self.seeds, split, self.convention, versions, tuple(tables))


def _split(name: str, split: str | None) -> Split | None:
    if split is None:
        return None
    validation.known_name("split", split, SPLITS)
    if all(table.split == "own" for table in EXPERIMENTS[name]):
        raise ValueError(f"need no split for {name}, got {split!r}; its own is kept")
    return "archive" if split == "archive" else "random"
