"""Readers of the files' formats. Nothing is unpickled, and nothing is unpacked to disk.

A reader returns what the file holds or raises `DatasetError`, whatever the bytes.
"""

import gzip
import io
import math
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sde.datasets.errors import DatasetError

__all__ = ["read_cifar", "read_idx", "read_tar", "read_ucr", "read_zip"]

_IDX_UBYTE = 8  # the type of unsigned bytes in the third byte of an IDX file


def _unreadable(path: Path, problem: object) -> DatasetError:
    return DatasetError(
        f"need {path} to be what its name says, got: {problem}; delete it and fetch it again"
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what the standard readers raise about bad bytes into the documented error."""
    try:
        yield
    # RuntimeError and NotImplementedError: a zip member that is encrypted, or of an unknown method
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        KeyError,
        zlib.error,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as error:
        if isinstance(error, DatasetError):
            raise
        raise _unreadable(path, error) from error


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes.

    The format is two zero bytes, the type, the number of dimensions, the sizes as 32-bit integers,
    highest byte first, and the bytes (LeCun, Cortes and Burges).
    """
    with _reading(path):
        content = gzip.decompress(path.read_bytes())
        start = 4 + 4 * content[3] if len(content) > 3 else 4
        if len(content) < start or content[:3] != bytes((0, 0, _IDX_UBYTE)):
            raise ValueError(f"{len(content)} bytes without the header of an IDX file of bytes")
        sizes = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
        if not sizes or len(content) - start != math.prod(sizes):
            raise ValueError(f"{len(content) - start} bytes for an array of sizes {sizes}")
        return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)


def read_ucr(
    path: Path, length: int, n_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read a table of the UCR archive: a line a series, its label from 1, then its values.

    Returns
    -------
    tuple
        The series, shape (m, length), and their labels from 0, shape (m,).
    """
    with _reading(path):
        text = path.read_text(encoding="ascii")
        if not text.strip():
            raise ValueError("no line")
        table = np.loadtxt(io.StringIO(text), delimiter="\t", comments=None, ndmin=2)
    if table.shape[1] != 1 + length or not np.isfinite(table).all():
        raise _unreadable(path, f"not {1 + length} finite numbers in each line")
    labels = table[:, 0]
    if not np.isin(labels, np.arange(1, n_classes + 1)).all():
        raise _unreadable(path, f"labels that are not 1 to {n_classes}")
    return np.ascontiguousarray(table[:, 1:]), labels.astype(np.int64) - 1


def read_cifar(
    path: Path, members: Sequence[str], n_labels: int, n_pixels: int
) -> list[NDArray[np.uint8]]:
    """Read CIFAR files in their binary version: records of labels and pixels, a byte each.

    Returns
    -------
    list of (records, n_labels + n_pixels) uint8 arrays
        One a member of the archive.
    """
    record = n_labels + n_pixels
    contents = read_tar(path, members)
    for name, content in zip(members, contents, strict=True):
        if not content or len(content) % record:
            raise _unreadable(path, f"{len(content)} bytes of {name}, not records of {record}")
    return [np.frombuffer(content, np.uint8).reshape(-1, record) for content in contents]


def read_tar(path: Path, members: Sequence[str]) -> list[bytes]:
    """Read some members of a gzipped tar archive, if all of it is safe to unpack."""
    found: dict[str, bytes] = {}
    with _reading(path), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if not (member.isreg() or member.isdir()) or not _inside(member.name):
                raise _unreadable(path, f"the member {member.name!r}, a link or outside the folder")
            if member.name in members:
                stream = archive.extractfile(member)
                found[member.name] = stream.read() if stream is not None else b""
    if missing := [name for name in members if name not in found]:
        raise _unreadable(path, f"no member {', '.join(missing)}")
    return [found[name] for name in members]


def _inside(name: str) -> bool:
    """Return whether a member's path stays in the folder that it is unpacked to, on any system."""
    parts = PurePosixPath(name).parts
    return not (name.startswith("/") or ".." in parts or "\\" in name or ":" in name)


def read_zip(path: Path, member: str) -> bytes:
    """Read one member of a zip archive."""
    with _reading(path), zipfile.ZipFile(path) as archive:
        return archive.read(member)
