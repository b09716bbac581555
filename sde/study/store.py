"""
What a study has found: an SQLite file in its folder, one transaction an item.

The write-ahead log is synchronised at every commit, so that what is stored survives a killed
process and a power cut. Every row carries a checksum of all it says; rows, schema and structure are
verified when a store is opened, before anything is written. One process at a time may have the
store open.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sde.study.lock import DiskError, FolderLock, StoreError, in_words

__all__ = ["FILE_NAME", "DiskError", "Finished", "Key", "Store", "StoreError"]

FILE_NAME = "study.sqlite"
#: Layout of the file; a program refuses layouts that are newer than its own.
SCHEMA = 1
#: Marks a file of ours: the first four bytes of SHA-256 of "levychaos study".
APPLICATION = 0x6541F857

CREATE = (
    """CREATE TABLE items (
        item TEXT NOT NULL, parameters TEXT NOT NULL, code TEXT NOT NULL,
        payload BLOB NOT NULL, seconds REAL NOT NULL, finished TEXT NOT NULL,
        checksum BLOB NOT NULL, PRIMARY KEY (item, parameters, code))""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {SCHEMA}",
)
COLUMNS = "item, parameters, code, payload, seconds, finished, checksum"


@dataclass(frozen=True)
class Key:
    """
    What an item is: results with other parameters or of other code are other items.

    Parameters
    ----------
    item : str
        Name of the item, unique in its study.
    parameters : str
        Everything its result depends on beside the code, as sorted JSON: see `of`.
    code : str
        Digest of the sources: see `sde.study.digest`.

    Examples
    --------
    >>> Key.of("table-1/row-3", "1f3a", seed=0, profile="quick").parameters
    '{"profile": "quick", "seed": 0}'
    """

    item: str
    parameters: str
    code: str

    @classmethod
    def of(cls, item: str, code: str, **parameters: str | int) -> Self:
        """Return the key of an item with named parameters."""
        return cls(item, json.dumps(parameters, sort_keys=True), code)

    @property
    def values(self) -> dict[str, str | int]:
        """The parameters by their names."""
        return dict(json.loads(self.parameters))

    def difference(self, other: "Key") -> str:
        """
        Return in words what another key has that differs from this one.

        Examples
        --------
        >>> Key.of("a", "1f3a", seed=0).difference(Key.of("a", "1f3a", seed=1))
        'seed 1 instead of 0'
        """
        mine, others = self.values, other.values
        found = [
            f"{name} {others.get(name, 'not known')} instead of {mine.get(name, 'none')}"
            for name in sorted({*mine, *others})
            if mine.get(name) != others.get(name)
        ]
        return ", ".join([*found, *(["other sources"] if self.code != other.code else [])])


@dataclass(frozen=True)
class Finished:
    """
    What an item found.

    Parameters
    ----------
    payload : bytes
        The result, as its function returned it.
    seconds : float
        How long the item took.
    finished : str
        When it was stored, in UTC, as YYYY-MM-DDTHH:MM:SS.
    """

    payload: bytes
    seconds: float
    finished: str


class Store:
    """
    Finished items of a folder, open in this process alone.

    Parameters
    ----------
    folder : path
        An existing folder that can be written to.
    resume : bool
        Whether to go on where the folder holds finished items; otherwise it is refused then.

    Raises
    ------
    StoreError
        If another process has the store open, it is corrupt, of a newer schema, not a store, or
        holds items that were not asked for. No file is changed then.
    DiskError
        If the disk is full or fails.

    Examples
    --------
    >>> import tempfile
    >>> key = Key.of("row-3", "1f3a", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Store(folder) as store:
    ...         store.put(key, b"0.25", seconds=1.5)
    ...     with Store(folder, resume=True) as store:
    ...         store[key].payload, key in store, len(store)
    (b'0.25', True, 1)
    """

    def __init__(self, folder: str | Path, *, resume: bool = False) -> None:
        self.path = Path(folder) / FILE_NAME
        self._lock = FolderLock(Path(folder))
        self._connection = sqlite3.connect(":memory:")  # until the file is known to be sound
        try:
            with self._errors():
                self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=0)
                self._open()
            if not resume and len(self):
                raise StoreError(
                    f"need --resume to go on in a folder with finished work, got {len(self)} "
                    f"finished items in {self.path}; add --resume, which computes only what is "
                    "missing, or choose another folder with --out"
                )
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Verify what is there, and create what is not."""
        self._connection.execute("PRAGMA trusted_schema = OFF")
        # no other process reads along, so no memory needs to be shared
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if self._number("SELECT count(*) FROM sqlite_master"):
            self._verify()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        if not self._number("SELECT count(*) FROM sqlite_master"):
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in CREATE:
                self._connection.execute(statement)
            self._connection.execute("COMMIT")

    def _verify(self) -> None:
        """Refuse a file that is not a store, is newer than this program, or is damaged."""
        if self._number("PRAGMA application_id") != APPLICATION:
            raise StoreError(
                f"need a store of finished work in {self.path}, got another file; move it away, "
                "or choose another folder with --out"
            )
        schema = self._number("PRAGMA user_version")
        if schema > SCHEMA:
            raise StoreError(
                f"need a store of schema {SCHEMA} or older, got schema {schema} in {self.path}; "
                "install a newer version, or choose another folder with --out"
            )
        report = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if report != "ok" or schema != SCHEMA:
            raise self._corrupt(report if report != "ok" else f"schema {schema}")
        for row in self._connection.execute(f"SELECT {COLUMNS} FROM items"):
            self._check(row)

    def _check(self, row: tuple[Any, ...]) -> None:
        """Refuse a row that does not match its checksum."""
        if row[-1] != _checksum(*row[:-1]):
            raise self._corrupt(f"a wrong checksum of item {row[0]!r}")

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    def put(self, key: Key, payload: bytes, seconds: float) -> None:
        """
        Store what an item found, in one transaction that has reached the disk on return.

        Raises
        ------
        DiskError
            If there is no room; what was stored before is kept.
        """
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        row = (key.item, key.parameters, key.code, payload, float(seconds), now)
        with self._errors():
            self._connection.execute(
                f"INSERT INTO items ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, _checksum(*row)),
            )

    def __getitem__(self, key: Key) -> Finished:
        query = f"SELECT {COLUMNS} FROM items WHERE item = ? AND parameters = ? AND code = ?"
        with self._errors():
            row = self._connection.execute(query, (key.item, key.parameters, key.code)).fetchone()
            if row is None:
                raise KeyError(key)
            self._check(row)
        return Finished(*row[3:6])

    def __contains__(self, key: Key) -> bool:
        query = "SELECT count(*) FROM items WHERE item = ? AND parameters = ? AND code = ?"
        with self._errors():
            found = self._connection.execute(query, (key.item, key.parameters, key.code))
            return bool(found.fetchone()[0])

    def __len__(self) -> int:
        with self._errors():
            return self._number("SELECT count(*) FROM items")

    def keys_of(self, item: str) -> list[Key]:
        """Return the keys under which an item of this name is finished, oldest first."""
        query = "SELECT item, parameters, code FROM items WHERE item = ? ORDER BY rowid"
        with self._errors():
            return [Key(*row) for row in self._connection.execute(query, (item,))]

    def close(self) -> None:
        """Close the file and let other processes have it."""
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what SQLite's errors mean here."""
        try:
            yield
        except UnicodeError as error:  # of a damaged text, or of the message about one
            raise self._corrupt("no text where there should be some") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
                raise DiskError(in_words(self.path.parent, str(error))) from error
            if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) and os.access(
                self.path, os.F_OK
            ):
                raise StoreError(
                    f"need a store that can be written to, got {self.path} ({error}); choose "
                    "another folder with --out"
                ) from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreError(
                    f"need {self.path} for this process alone, got a file that another program "
                    "has open; close it there"
                ) from error
            raise self._corrupt(str(error)) from error

    def _corrupt(self, why: str) -> StoreError:
        return StoreError(
            f"need a sound store, got a damaged {self.path} ({why}); the file is left as it is: "
            "restore a copy, or choose another folder with --out to compute everything again"
        )


def _checksum(*columns: str | float | bytes) -> bytes:
    """Return a checksum of all that a row says."""
    found = hashlib.sha256()
    for column in columns:
        data = column if isinstance(column, bytes) else repr(column).encode()
        found.update(len(data).to_bytes(8, "little") + data)
    return found.digest()
