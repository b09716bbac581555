"""Checkpoints: the state of a long run, in a folder that survives whatever ends the run."""

import contextlib
import errno
import os
import re
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sde import validation
from sde.state_file import Checkpoint, CheckpointError, DamagedError, pack, read, write

if sys.platform != "win32":
    import fcntl

__all__ = ["Checkpoint", "CheckpointError", "Checkpoints"]

NAME = re.compile(r"step-(\d+)\.checkpoint")
#: What a file system says that has no locks; it is then used without them.
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


class Checkpoints:
    """A folder with the last checkpoints of one run.

    Parameters
    ----------
    folder : path
        Made when it is needed. It belongs to one run: nothing else may be in it.
    keep : int
        How many checkpoints are kept. With two, one is left when the newest is damaged.

    Attributes
    ----------
    folder : Path
        The folder.
    damaged : dict
        Files that `latest` found damaged and skipped, and what was wrong with each.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder)
    ...     _ = checkpoints.save(100, {"theta": np.ones(3)}, {"seed": 0})
    ...     last = checkpoints.latest()
    ...     checkpoints.close()
    >>> last.step, last.arrays["theta"].tolist(), last.meta
    (100, [1.0, 1.0, 1.0], {'seed': 0})
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 2) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"need a folder, got {validation.show(folder)}; pass its path")
        self.folder = Path(folder)
        self.keep = validation.count("keep", keep)
        self.damaged: dict[Path, str] = {}
        self._release: Any = None

    def __repr__(self) -> str:
        return f"Checkpoints({str(self.folder)!r}, keep={self.keep})"

    def lock(self) -> None:
        """Make the folder and claim it until `close`, or until this object or process ends.

        Raises
        ------
        CheckpointError
            If another process or object has it, or it can't be written to.
        """
        if self._release is not None:
            return
        with self._explained("claim"):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _claim(descriptor, self.folder)
            except BaseException:
                os.close(descriptor)
                raise
        self._release = weakref.finalize(self, os.close, descriptor)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Claim the folder for the time of a `with` block, or longer if it is claimed already."""
        mine = self._release is not None
        self.lock()
        try:
            yield
        finally:
            if not mine:
                self.close()

    def close(self) -> None:
        """Let others have the folder."""
        if self._release is not None:
            self._release()
            self._release = None

    def save(self, step: int, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Path:
        """Write a checkpoint, all of it or nothing, and remove those that are no longer kept.

        Parameters
        ----------
        step : int
            Steps done, at least 0.
        arrays : mapping of str to array
            Arrays of numbers.
        meta : mapping
            JSON values: what comes back from `latest` is equal.

        Returns
        -------
        Path
            The file. It is on the disk, not only on its way there.

        Raises
        ------
        TypeError, ValueError
            If an argument can't be stored.
        CheckpointError
            If the folder is in use, holds a later step, is full or can't be written to. The
            checkpoints before are as they were.
        """
        step = validation.count("step", step, least=0)
        header, ordered = pack(step, arrays, meta)
        self.lock()
        with self._explained(f"save step {step}"):
            earlier = self._earlier(step)
            partial = self.folder / "partial"  # one of a killed process is written over
            path = self.folder / f"step-{step}.checkpoint"
            try:
                write(partial, header, ordered)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            _sync(self.folder)
            kept = [*earlier, path][-self.keep :]
            for file in self._files().values():
                if file not in kept:
                    file.unlink()
        self.damaged.pop(path, None)
        return path

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint whose checksum holds, or None if there is none at all.

        Files that are damaged are skipped, and named in `damaged`.

        Raises
        ------
        CheckpointError
            If all are damaged, or one was written by a newer version.
        """
        return next(self._intact(), None)

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints whose checksums hold, newest first.

        Raises
        ------
        CheckpointError
            As for `latest`.
        """
        return [checkpoint.step for checkpoint in self._intact()]

    def go_back(self, step: int) -> Checkpoint | None:
        """Return the checkpoint of a step, if there is one, and remove later ones.

        Raises
        ------
        CheckpointError
            If it is damaged, or a later one can't be removed.
        """
        with self._explained(f"go back to step {step}"):
            files = self._files()
            found = read(files[step], step) if step in files else None
            for later, path in files.items():
                if later > step:
                    path.unlink()
        return found

    def _intact(self) -> Iterator[Checkpoint]:
        """Read the checkpoints, newest first; raise at the end if all were damaged."""
        self.damaged = {}
        with self._explained("read"):
            files = self._files()
        for step in sorted(files, reverse=True):
            try:
                yield read(files[step], step)
            except DamagedError as error:
                self.damaged[files[step]] = str(error)
            except OSError as error:
                self.damaged[files[step]] = f"{files[step]} can't be read: {error.strerror}"
        if files and len(self.damaged) == len(files):
            found = "; ".join(self.damaged.values())
            raise CheckpointError(
                f"need an intact checkpoint in {self.folder}, got: {found}; restore the folder "
                "from a copy, or remove it to start anew"
            )

    @property
    def empty(self) -> bool:
        """Whether there is no checkpoint, not even a damaged one."""
        return not self._files()

    def _files(self) -> dict[int, Path]:
        """Return the files in the folder, by step."""
        if not self.folder.exists():
            return {}
        found = ((NAME.fullmatch(path.name), path) for path in self.folder.iterdir())
        return {int(match[1]): path for match, path in found if match}

    def _earlier(self, step: int) -> list[Path]:
        """Return intact files before a step, oldest first; refuse a folder with later ones."""
        files = {k: path for k, path in self._files().items() if path not in self.damaged}
        if files and max(files) > step:
            raise CheckpointError(
                f"need a folder of this run, got {files[max(files)]} of a later step than {step}; "
                "resume from it, or use another folder"
            )
        return [files[k] for k in sorted(files) if k < step]

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Say what can be done about an error of the operating system."""
        try:
            yield
        except OSError as error:
            remedy = {
                errno.ENOSPC: "make room, or use a folder on a larger disk",
                errno.EDQUOT: "make room within the quota, or use a folder on another disk",
                errno.EROFS: "use a folder that can be written to",
                errno.EACCES: "use a folder of your own",
            }.get(error.errno or 0, "use another folder")
            raise CheckpointError(
                f"can't {what} in {self.folder}: {error.strerror or error}; checkpoints that are "
                f"there already are untouched; {remedy}"
            ) from error


def _claim(descriptor: int, folder: Path) -> None:
    """Lock a file, or say that another process has it."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CheckpointError(
            f"need a folder that no other run uses, got {folder}, which one has locked; wait for "
            "it to end, or use another folder"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if sys.platform == "win32":  # it can't open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
