"""What a run found, and its file `results.json`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from theory_checks.verdict import Quantity, Verdict

__all__ = ["FILE_NAME", "ClaimResult", "Report", "ResultsError", "load", "save"]

FILE_NAME = "results.json"


class ResultsError(ValueError):
    """A folder without readable results."""


@dataclass(frozen=True)
class ClaimResult:
    """
    What a run found about one claim.

    Parameters
    ----------
    id, title, statement, printed_form : str
        Those of the claim.
    recorded : Verdict
        The verdict on record.
    verdict : Verdict
        The verdict that this run found.
    quantities, controls : tuple of Quantity
        What was measured.
    figures : tuple of str
        File names, relative to the folder of the run.
    captions : dict
        Caption of each figure, by the stem of its file names.
    seconds : float
        How long the items of the check took, added up.
    setting, method : str
        Those of the claim.
    date : str
        Day of the check in UTC, as YYYY-MM-DD; empty where it is not known.

    Examples
    --------
    >>> ClaimResult("t", "T", "s", "p", "holds", "inconclusive", (), (), (), {}, 0.1).as_recorded
    False
    """

    id: str
    title: str
    statement: str
    printed_form: str
    recorded: Verdict
    verdict: Verdict
    quantities: tuple[Quantity, ...]
    controls: tuple[Quantity, ...]
    figures: tuple[str, ...]
    captions: Mapping[str, str]
    seconds: float
    setting: str = ""
    method: str = ""
    date: str = ""

    @property
    def as_recorded(self) -> bool:
        """Whether the verdict is the recorded one."""
        return self.verdict == self.recorded

    def to_dict(self) -> dict[str, Any]:
        """
        Return the result as plain JSON values.

        Examples
        --------
        >>> result = ClaimResult("t", "T", "s", "p", "holds", "holds", (), (), (), {}, 0.1)
        >>> result.to_dict()["verdict"]
        'holds'
        """
        data = asdict(self)
        data["quantities"] = [quantity.to_dict() for quantity in self.quantities]
        data["controls"] = [control.to_dict() for control in self.controls]
        data["figures"] = list(self.figures)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ClaimResult":
        """
        Make the result that `to_dict` described.

        Examples
        --------
        >>> result = ClaimResult("t", "T", "s", "p", "holds", "holds", (), (), (), {}, 0.1)
        >>> ClaimResult.from_dict(result.to_dict()) == result
        True
        """
        fields = {key: data[key] for key in cls.__dataclass_fields__ if key != "date"}
        fields["date"] = data.get("date", "")  # not in the results of earlier versions
        for key in ("quantities", "controls"):
            fields[key] = tuple(Quantity.from_dict(item) for item in fields[key])
        fields["figures"] = tuple(fields["figures"])
        return cls(**fields)


@dataclass(frozen=True)
class Report:
    """
    What a run found.

    Parameters
    ----------
    version : str
        Version of the package.
    seed : int
        Seed of the run.
    profile : str
        Profile of the run.
    claims : tuple of ClaimResult
        The claims that are finished, in the order they were run.

    Examples
    --------
    >>> Report("0.1.0", 0, "quick", ()).to_dict()
    {'version': '0.1.0', 'seed': 0, 'profile': 'quick', 'claims': []}
    """

    version: str
    seed: int
    profile: str
    claims: tuple[ClaimResult, ...]

    @property
    def differing(self) -> tuple[ClaimResult, ...]:
        """The claims whose verdict is not the recorded one, or is inconclusive."""
        return tuple(c for c in self.claims if not c.as_recorded or c.verdict == "inconclusive")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values, in the layout of `results.json`."""
        claims = [claim.to_dict() for claim in self.claims]
        head = {"version": self.version, "seed": self.seed, "profile": self.profile}
        return {**head, "claims": claims}


def save(report: Report, folder: Path) -> None:
    """
    Write `results.json` into the folder, whole or not at all, even if the power is cut.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Report("0.1.0", 0, "quick", ()), Path(folder))
    ...     load(folder).seed
    0
    """
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    with NamedTemporaryFile(
        "w", dir=folder, prefix=".results-", suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            temporary.unlink()
            raise
    temporary.chmod(0o644)
    temporary.replace(folder / FILE_NAME)


def load(folder: str | Path) -> Report:
    """
    Read `results.json` from the folder of a run.

    Raises
    ------
    ResultsError
        If the file is missing, is not JSON, or lacks something.

    Examples
    --------
    >>> load("no-such-folder")
    Traceback (most recent call last):
    ...
    theory_checks.results.ResultsError: need a readable no-such-folder/results.json, got \
FileNotFoundError: make it with `theory-checks run --out no-such-folder`
    """
    path = Path(folder) / FILE_NAME
    remedy = f"make it with `theory-checks run --out {folder}`"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = type(error).__name__
        raise ResultsError(f"need a readable {path}, got {found}: {remedy}") from error
    try:
        claims = tuple(ClaimResult.from_dict(claim) for claim in data["claims"])
        return Report(data["version"], data["seed"], data["profile"], claims)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise ResultsError(f"need the results of a run in {path}, got {found}: {remedy}") from error
