"""What a calibration found so far: a file of JSON lines, one for each finished item."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from theory_checks.verdict import Quantity

__all__ = ["FILE_NAME", "STOPPED", "Item", "Record", "RecordsError", "append", "read"]

FILE_NAME = "calibration.jsonl"
#: In place of a verdict when a check raised.
STOPPED = "stopped"


class RecordsError(ValueError):
    """A file of records that cannot be read or written."""


class Item(NamedTuple):
    """One check to run: a claim, the mutant that is active ("" for none), and a seed."""

    claim: str
    mutant: str
    seed: int


@dataclass(frozen=True)
class Record:
    """
    What one check found.

    Parameters
    ----------
    claim, mutant, seed
        Those of the `Item`.
    source : str
        Digest of the sources that the check depends on.
    verdict : str
        The verdict found, or "stopped" if the check raised.
    seconds : float
        CPU time that it took.
    quantities, controls : tuple of Quantity
        What was measured.
    error : str
        What the check raised.

    Examples
    --------
    >>> Record("theorem-0", "", 7, "abc", "holds", 0.5).item
    Item(claim='theorem-0', mutant='', seed=7)
    """

    claim: str
    mutant: str
    seed: int
    source: str
    verdict: str
    seconds: float
    quantities: tuple[Quantity, ...] = ()
    controls: tuple[Quantity, ...] = ()
    error: str = ""

    @property
    def item(self) -> Item:
        """The check that was run."""
        return Item(self.claim, self.mutant, self.seed)

    def to_line(self) -> str:
        """
        Return the record as one line of JSON.

        Examples
        --------
        >>> record = Record("theorem-0", "", 7, "abc", "holds", 0.5)
        >>> Record.from_dict(json.loads(record.to_line())) == record
        True
        """
        data = asdict(self)
        for kind in ("quantities", "controls"):
            data[kind] = [quantity.to_dict() for quantity in getattr(self, kind)]
        return json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Record":
        """Make the record that a line described."""
        fields = {key: data[key] for key in cls.__dataclass_fields__}
        for kind in ("quantities", "controls"):
            fields[kind] = tuple(Quantity.from_dict(each) for each in fields[kind])
        return cls(**fields)


def append(path: Path, record: Record) -> None:
    """
    Add a record to the file, whole: by one write at its end, which reaches the disk.

    A line that an interrupted write left unfinished is ended first, so that it spoils no other.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / FILE_NAME
    ...     append(path, Record("theorem-0", "", 7, "abc", "holds", 0.5))
    ...     [record.seed for record in read(path)]
    [7]
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    handle = os.open(path, flags, 0o644)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        line = ("\n" if torn else "") + record.to_line()
        data = line.encode()
        if os.write(handle, data) < len(data):
            raise RecordsError(f"need room for a record in {path}, got a full disk: make some")
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> Iterator[Record]:
    """
    Yield the records of the file, none if it is missing; unfinished lines are left out.

    Raises
    ------
    RecordsError
        If a whole line is not a record.
    """
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            data = json.loads(line)
        except ValueError:
            continue  # a write that was interrupted: the item is run again
        try:
            yield Record.from_dict(data)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordsError(
                f"need a record in line {number} of {path}, got {type(error).__name__}: {error}; "
                "choose another folder with --out, or remove the file"
            ) from error
