"""The file of a checkpoint: how it is written, and read without trusting it.

It holds a magic word, the version of the format, the length of a header, the header (JSON), the
arrays (C order, little-endian), and the SHA-256 of all that. Nothing of it is executed when it is
read. The magic word, the version and the checksum stay where they are in every version to come, so
that a file that is newer can be told from one that is damaged.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sde import validation

__all__ = ["Checkpoint", "CheckpointError", "DamagedError", "pack", "read", "write"]

MAGIC, VERSION = b"levychaos state\n", 1
PREFIX = struct.Struct("<16sQQ")  # magic word, version, length of the header
DIGEST = hashlib.sha256().digest_size
#: Bytes that are read at a time to find a checksum.
CHUNK = 1 << 20
DTYPES = frozenset(np.dtype(kind).newbyteorder("<").str for kind in "?bBhHiIqQefdFD")


class CheckpointError(ValueError):
    """A checkpoint can't be written, read or used; the message names the file and the remedy.

    Examples
    --------
    >>> issubclass(CheckpointError, ValueError)
    True
    """


class DamagedError(CheckpointError):
    """A file that is not, or is no longer, what was written."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run at one step.

    Attributes
    ----------
    step : int
        Steps done.
    arrays : dict of arrays
        The state: numbers only.
    meta : dict
        What else there is to know, as JSON values.
    """

    step: int
    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]


def read(path: Path, step: int) -> Checkpoint:
    """Return the checkpoint in a file; refuse one that is damaged, or newer than this program."""
    size = path.stat().st_size
    if size < PREFIX.size + DIGEST:
        raise DamagedError(f"{path} has {size} bytes, too few for a checkpoint")
    with path.open("rb") as file:
        if not _checksum_holds(file, size - DIGEST):
            raise DamagedError(f"{path} does not have the checksum that was written with it")
        file.seek(0)
        magic, version, length = PREFIX.unpack(file.read(PREFIX.size))
        if magic != MAGIC:
            raise DamagedError(f"{path} is not a checkpoint, it begins with {magic!r}")
        if version > VERSION:
            raise CheckpointError(
                f"need a checkpoint of format {VERSION} or older, got format {version} in {path}; "
                "use the newer version of levychaos that wrote it"
            )
        try:
            return _unpack(file, length, size, step)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedError(f"{path} has a header that makes no sense: {error}") from error


def pack(
    step: int, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> tuple[bytes, list[NDArray[Any]]]:
    """Return the header, and the arrays as they are written."""
    ordered, listing = [], []
    for name, value in arrays.items():
        array = np.asarray(value)
        if not isinstance(name, str) or array.dtype.newbyteorder("<").str not in DTYPES:
            raise TypeError(
                f"need names of arrays of numbers, got {name!r} of type {array.dtype}; convert it"
            )
        array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        ordered.append(array)
        listing.append([name, array.dtype.str, list(array.shape)])
    content = {"step": step, "arrays": listing, "meta": dict(meta)}
    try:
        text = json.dumps(content, allow_nan=False)
        same = json.loads(text) == content
    except (TypeError, ValueError, RecursionError):
        same = False
    if not same:
        raise TypeError(
            f"need meta of JSON values (finite numbers, strings, lists, dicts with string keys), "
            f"got {validation.show(meta)}; convert the others to strings"
        )
    return text.encode(), ordered


def _unpack(file: IO[bytes], length: int, size: int, step: int) -> Checkpoint:
    """Read header and arrays from a file whose checksum holds."""
    content = json.loads(file.read(length))
    kinds = [(name, np.dtype(dtype), tuple(shape)) for name, dtype, shape in content["arrays"]]
    if not all(dtype.str in DTYPES and min(shape, default=0) >= 0 for _, dtype, shape in kinds):
        raise ValueError("an array is not of numbers")
    payload = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in kinds)
    if PREFIX.size + length + payload + DIGEST != size:
        raise ValueError(f"its arrays would have {payload} bytes")
    if content["step"] != step:
        raise ValueError(f"it is of step {content['step']}, not {step}")
    arrays = {name: np.empty(shape, dtype) for name, dtype, shape in kinds}
    for array in arrays.values():
        file.readinto(_octets(array))  # type: ignore[attr-defined]  # of every binary file
    return Checkpoint(step, arrays, dict(content["meta"]))


def _octets(array: NDArray[Any]) -> memoryview:
    """View an array in C order as bytes."""
    return array.reshape(-1).view(np.uint8).data


def write(path: Path, header: bytes, arrays: list[NDArray[Any]]) -> None:
    """Write a file and wait until it is on the disk."""
    parts: list[bytes | memoryview] = [PREFIX.pack(MAGIC, VERSION, len(header)), header]
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for part in [*parts, *map(_octets, arrays)]:
            digest.update(part)
            file.write(part)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())


def _checksum_holds(file: IO[bytes], size: int) -> bool:
    """Return whether the first `size` bytes have the checksum that follows them."""
    digest = hashlib.sha256()
    for first in range(0, size, CHUNK):
        digest.update(file.read(min(CHUNK, size - first)))
    return file.read() == digest.digest()
