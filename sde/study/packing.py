"""
Values as bytes, and back with equal bits; reading executes nothing.

A packed value is an NPZ file without pickles: its arrays, and a JSON text for the rest. Dataclasses
and named tuples are written field by field, and read into classes that are imported already and
belong to a package that the reader names.
"""

import dataclasses
import io
import json
import sys
import zipfile
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PackingError", "pack", "unpack"]


class PackingError(ValueError):
    """A value that cannot be packed, or bytes that are not a packed value."""


def pack(value: object) -> bytes:
    """
    Return a value as bytes: the same value gives the same bytes.

    Parameters
    ----------
    value : object
        Made of None, bool, int, float, str, list, tuple, dict, NumPy numbers and arrays,
        dataclasses and named tuples.

    Raises
    ------
    PackingError
        If it holds anything else.

    Examples
    --------
    >>> unpack(pack({"errors": np.array([0.1, np.nan]), "n": (1, None)}))
    {'errors': array([0.1, nan]), 'n': (1, None)}
    """
    arrays: list[NDArray[Any]] = []
    tree = _encode(value, arrays)
    text = np.frombuffer(json.dumps(tree, ensure_ascii=False).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, text, *arrays)
    return file.getvalue()


def unpack(data: bytes, packages: Collection[str] = ()) -> Any:
    """
    Return the value that `pack` made into bytes.

    Parameters
    ----------
    data : bytes
        What `pack` returned.
    packages : collection of str
        Top-level packages whose dataclasses and named tuples may be made.

    Raises
    ------
    PackingError
        If the bytes are not a packed value, or name a class that may not be made.

    Examples
    --------
    >>> unpack(b"no value")
    Traceback (most recent call last):
    ...
    sde.study.packing.PackingError: need a packed value, got bytes of another kind (ValueError); \
compute it again
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            text, *arrays = (file[f"arr_{k}"] for k in range(len(file.files)))
        return _decode(json.loads(text.tobytes()), arrays, frozenset(packages))
    except PackingError:
        raise
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError, EOFError, OSError) as error:
        raise PackingError(
            f"need a packed value, got bytes of another kind ({type(error).__name__}); compute it "
            "again"
        ) from error


def _encode(value: object, arrays: list[NDArray[Any]]) -> Any:
    """Return a value as JSON, and put its arrays aside."""
    if isinstance(value, np.ndarray | np.generic):
        return _put_aside(value, arrays)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_encode(each, arrays) for each in value]
    if type(value) is tuple:
        return {"tuple": [_encode(each, arrays) for each in value]}
    if type(value) is dict:
        return {"dict": [[_encode(each, arrays) for each in pair] for pair in value.items()]}
    fields = _field_names(type(value))
    if fields is None:
        raise PackingError(
            f"need numbers, text, arrays, tuples, lists, dicts and dataclasses, got {value!r} "
            f"({type(value).__name__}); return such values"
        )
    encoded = {name: _encode(getattr(value, name), arrays) for name in fields}
    return {"object": f"{type(value).__module__}:{type(value).__qualname__}", "fields": encoded}


def _put_aside(value: NDArray[Any] | np.generic, arrays: list[NDArray[Any]]) -> dict[str, int]:
    """Return the number of an array that was put aside, or of a number as an array."""
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise PackingError(f"need arrays of numbers or text, got dtype {array.dtype}; convert them")
    arrays.append(array)
    return {"array" if isinstance(value, np.ndarray) else "number": len(arrays) - 1}


def _decode(tree: Any, arrays: list[NDArray[Any]], packages: frozenset[str]) -> Any:
    """Return the value of a JSON tree."""
    if isinstance(tree, list):
        return [_decode(each, arrays, packages) for each in tree]
    if not isinstance(tree, dict):
        return tree
    kind = next(iter(tree))
    body = tree[kind]
    if kind == "array":
        return arrays[body]
    if kind == "number":
        return arrays[body][()]
    if kind == "tuple":
        return tuple(_decode(body, arrays, packages))
    if kind == "dict":
        return dict(_decode(body, arrays, packages))
    fields = {name: _decode(each, arrays, packages) for name, each in tree["fields"].items()}
    return _find_class(body, packages)(**fields)


def _find_class(name: str, packages: frozenset[str]) -> type:
    """Return a dataclass or named tuple of an imported module of the packages."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module) if module.partition(".")[0] in packages else None
    for part in path.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or _field_names(found) is None:
        raise PackingError(
            f"need dataclasses of {', '.join(sorted(packages)) or 'no package'}, got {name!r}; "
            "import its module, or compute the value again"
        )
    return found


def _field_names(kind: type) -> tuple[str, ...] | None:
    """Return the names of what makes an object, None if it is no dataclass or named tuple."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.init)
    if issubclass(kind, tuple):
        return getattr(kind, "_fields", None)
    return None
