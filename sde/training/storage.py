"""A fully connected network in a plain `.npz` file."""

import contextlib
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load", "replacing", "save"]

#: What the file says of itself.
FORMAT = "levychaos fully connected network 1"

#: What NumPy and the reader of archives say of damaged files.
_DAMAGE = (
    ArithmeticError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def save(
    path: str | PathLike[str], weights: Sequence[NDArray[Any]], feature: str, rows_per_unit: int
) -> None:
    """Write a network; see `FullyConnectedNetwork.save`."""
    content: dict[str, Any] = {f"weights_{layer}": each for layer, each in enumerate(weights)}
    content |= {"format": FORMAT, "layers": len(weights)}  # a layer that is lost is missed
    content |= {"feature": feature, "rows_per_unit": rows_per_unit}
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **content)


@contextlib.contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of `path` when all is written, or not at all."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load(path: str | PathLike[str]) -> tuple[tuple[NDArray[Any], ...], str, int]:
    """Return weights, feature and rows per unit from a file, if it is whole and says what it is."""
    with Path(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                written = _value(archive, "format")
                if written != FORMAT:
                    raise ValueError(f"its format is {written!r}")
                layers = range(int(_value(archive, "layers")))
                weights = tuple(np.asarray(archive[f"weights_{layer}"]) for layer in layers)
                feature = str(_value(archive, "feature"))
                return weights, feature, int(_value(archive, "rows_per_unit"))
        except _DAMAGE as error:
            raise ValueError(
                f"need a file that save() wrote, got {str(path)!r}, which is damaged or something "
                f"else ({type(error).__name__}: {error}); save the network again"
            ) from None


def _value(archive: Any, name: str) -> Any:
    return np.asarray(archive[name]).item()
