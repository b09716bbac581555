"""
The appendix of a report: what a calibration found.

It is read from the `calibration.json` beside the results, or else from the one that comes with the
package, in the folder `recorded`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory_checks.results import ResultsError

__all__ = ["FILE_NAME", "RECORDED", "Calibration", "ClaimRow", "MutantRow", "load_calibration"]

FILE_NAME = "calibration.json"
#: The calibration that comes with the package.
RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class ClaimRow:
    """
    How often the check of one claim was right.

    Parameters
    ----------
    id, recorded : str
        The claim and the verdict on record.
    right, seeds : int
        Seeds with that verdict, and all of them.
    intervals, covering : int
        Intervals of the claim, and those that meet the target for their coverage.
    least : tuple of (int, int)
        Seeds whose interval covered, and all of them, for the interval that covered least.
    met : bool
        Whether all targets are met.
    """

    id: str
    recorded: str
    right: int
    seeds: int
    intervals: int
    covering: int
    least: tuple[int, int]
    met: bool


@dataclass(frozen=True)
class MutantRow:
    """
    How often a deliberate mistake was caught.

    Parameters
    ----------
    name, description : str
        The mistake.
    caught, seeds : int
        Seeds in which a claim caught it, and all of them.
    by_claim : tuple of (str, int, int)
        The claim, seeds in which it caught the mistake, and all of them.
    met : bool
        Whether the target is met.
    """

    name: str
    description: str
    caught: int
    seeds: int
    by_claim: tuple[tuple[str, int, int], ...]
    met: bool


@dataclass(frozen=True)
class Calibration:
    """
    What a calibration found.

    Parameters
    ----------
    version, profile : str
        Those of its checks.
    date, command : str
        When its tables were written, and how to repeat it.
    claims : tuple of ClaimRow
        One for each claim.
    mutants : tuple of MutantRow
        One for each mistake.
    covered : tuple of (int, int)
        Intervals that covered, and all of them, over claims and seeds.
    expected_misses : float
        Mean number of intervals of the claims below the target for their coverage if each covered
        with the probability that it states.
    """

    version: str
    profile: str
    date: str
    command: str
    claims: tuple[ClaimRow, ...]
    mutants: tuple[MutantRow, ...]
    covered: tuple[int, int]
    expected_misses: float

    @property
    def intervals(self) -> int:
        """How many intervals the claims have."""
        return sum(row.intervals for row in self.claims)

    @property
    def misses(self) -> int:
        """How many of them are below the target for their coverage."""
        return sum(row.intervals - row.covering for row in self.claims)


def load_calibration(folder: str | Path) -> Calibration | None:
    """
    Read `calibration.json` from a folder, or the recorded one; None if there is neither.

    Raises
    ------
    ResultsError
        If the file is not what `theory-checks calibrate` writes.

    Examples
    --------
    >>> load_calibration("no-such-folder").profile
    'quick'
    """
    paths = [Path(each) / FILE_NAME for each in (folder, RECORDED)]
    path = next((each for each in paths if each.exists()), None)
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        claims = tuple(_claim(each) for each in data["claims"])
        mutants = tuple(_mutant(each) for each in data["mutants"])
        covered, of = data["covered"]
        return Calibration(
            data["version"],
            data["profile"],
            data["date"],
            data["command"],
            claims,
            mutants,
            (covered, of),
            data["expected_misses"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"need the tables of a calibration in {path}, got {type(error).__name__}: {error}; "
            f"make them with `theory-checks calibrate --out {folder}`, or remove the file"
        ) from error


def _claim(data: Mapping[str, Any]) -> ClaimRow:
    """Return the row of one claim."""
    coverages = data["coverages"]
    counts = [(each["covered"], each["seeds"]) for each in coverages]
    least = min(counts, key=lambda count: count[0] / count[1], default=(0, 0))
    return ClaimRow(
        data["id"],
        data["recorded"],
        data["right"],
        data["seeds"],
        len(coverages),
        sum(each["met"] for each in coverages),
        least,
        data["met"],
    )


def _mutant(data: Mapping[str, Any]) -> MutantRow:
    """Return the row of one mistake."""
    by_claim = tuple((claim, caught, seeds) for claim, seeds, caught in data["by_claim"])
    counts = (data["caught"], data["seeds"])
    return MutantRow(data["name"], data["description"], *counts, by_claim, data["met"])
