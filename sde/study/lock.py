"""One process in a folder at a time, and what goes wrong with folders."""

import fcntl
import os
from pathlib import Path

__all__ = ["DiskError", "FolderLock", "StoreError", "in_words"]

FILE_NAME = "study.lock"


class StoreError(RuntimeError):
    """A folder or a store that cannot be used."""


class DiskError(StoreError):
    """A disk that is full or fails while it is written to; what was stored before is kept."""


def in_words(folder: Path, why: str) -> str:
    """
    Return what to do when a folder could not be written to.

    Examples
    --------
    >>> in_words(Path("results"), "No space left on device")
    'need room in results, got an error of its disk (No space left on device); everything finished \
before is kept: make room, and go on with --resume'
    """
    return (
        f"need room in {folder}, got an error of its disk ({why}); everything finished before is "
        "kept: make room, and go on with --resume"
    )


class FolderLock:
    """
    Hold a folder for this process; the system lets go when the process ends, however it does.

    Parameters
    ----------
    folder : Path
        An existing folder.

    Raises
    ------
    StoreError
        If another process holds it; names the process.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = FolderLock(Path(folder))
    ...     lock.release()
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DiskError(in_words(folder, os.strerror(error.errno or 0))) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise StoreError(
                f"need {folder} for one process at a time, got a folder that process "
                f"{holder or 'of unknown number'} is working in; wait for it, or choose another "
                "folder with --out"
            ) from error
        except OSError as error:
            os.close(self._handle)
            raise DiskError(in_words(folder, os.strerror(error.errno or 0))) from error

    def release(self) -> None:
        """Let other processes have the folder; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1
