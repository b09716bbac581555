"""Whether two functions of a user do the same: a hash of what the compiler would read."""

import hashlib
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ["function_digest"]


def function_digest(function: Callable[..., Any]) -> str:
    """Return a hash of a function's code, of its closure and of the globals that it reads.

    Values are read now, as the compiler does: a global that is changed later gives another hash.

    Parameters
    ----------
    function : callable
        A plain Python function.

    Examples
    --------
    >>> def pull(strength):
    ...     return lambda theta: strength * theta
    >>> function_digest(pull(1.0)) == function_digest(pull(1.0))
    True
    >>> function_digest(pull(1.0)) == function_digest(pull(2.0))
    False
    """
    digest = hashlib.sha256()
    _add(function, digest, set())
    return digest.hexdigest()


def _add(value: object, digest: Any, seen: set[int]) -> None:
    """Add a value to the digest; functions and code by content, cycles once."""
    plain = getattr(value, "py_func", value)
    if isinstance(plain, FunctionType | CodeType):
        if id(plain) in seen:
            return
        seen.add(id(plain))
    if isinstance(plain, FunctionType):
        _add(plain.__code__, digest, seen)
        _add(plain.__defaults__, digest, seen)
        for cell in plain.__closure__ or ():
            _add(cell.cell_contents, digest, seen)
        for name in _names(plain.__code__):
            if name in plain.__globals__:
                digest.update(name.encode())
                _add(plain.__globals__[name], digest, seen)
    elif isinstance(plain, CodeType):
        digest.update(plain.co_code)
        _add(plain.co_names, digest, seen)
        _add(plain.co_consts, digest, seen)
    elif isinstance(plain, ModuleType):
        digest.update(plain.__name__.encode())
    elif isinstance(plain, np.ndarray):
        digest.update(f"{plain.dtype}{plain.shape}".encode())
        digest.update(np.ascontiguousarray(plain).tobytes())
    elif isinstance(plain, tuple | list):
        digest.update(b"(")
        for item in plain:
            _add(item, digest, seen)
        digest.update(b")")
    else:
        digest.update(f"{type(plain).__name__}:{plain!r};".encode())


def _names(code: CodeType) -> list[str]:
    """Return the names that a function and the functions inside it refer to."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _names(constant)
    return names
