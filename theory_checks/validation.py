"""Checks of arguments: each error states the condition, the value received and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isinf, isnan
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["nearest", "one_of", "real", "sample", "vector", "whole"]


def real(
    name: str,
    value: object,
    *,
    above: float | None = None,
    below: float | None = None,
    infinite: bool = False,
) -> float:
    """
    Return `value` as a float, or refuse it.

    Parameters
    ----------
    name : str
        What the number is called in the error.
    value : object
        The number to check.
    above, below : float, optional
        Bounds that the number must strictly exceed, respectively stay under.
    infinite : bool
        Whether plus or minus infinity is allowed.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If it is NaN, infinite where that is not allowed, or out of bounds.

    Examples
    --------
    >>> real("level", 0.99, above=0, below=1)
    0.99
    >>> real("level", 99, above=0, below=1)
    Traceback (most recent call last):
    ...
    ValueError: need level < 1, got level=99.0
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"need a real number for {name}, got {value!r} ({type(value).__name__})")
    number = float(value)
    if isnan(number):
        raise ValueError(f"need a number for {name}, got NaN: find where it was computed")
    if isinf(number) and not infinite:
        raise ValueError(f"need a finite {name}, got {name}={number}")
    if above is not None and number <= above:
        raise ValueError(f"need {name} > {above}, got {name}={number}")
    if below is not None and number >= below:
        raise ValueError(f"need {name} < {below}, got {name}={number}")
    return number


def whole(name: str, value: object, *, at_least: int) -> int:
    """
    Return `value` as an integer of at least `at_least`, or refuse it.

    Examples
    --------
    >>> whole("seed", 3, at_least=0)
    3
    >>> whole("seed", -1, at_least=0)
    Traceback (most recent call last):
    ...
    ValueError: need seed >= 0, got seed=-1
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"need a whole number for {name}, got {value!r} ({type(value).__name__})")
    number = int(value)
    if number < at_least:
        raise ValueError(f"need {name} >= {at_least}, got {name}={number}")
    return number


def nearest(name: str, known: Iterable[str]) -> str:
    """
    Return a hint with the known name nearest to `name`, or an empty string.

    Examples
    --------
    >>> nearest("theorem-41", ["theorem-4.1", "lemma-C.1"])
    '; did you mean theorem-4.1?'
    >>> nearest("LEMMA C1", ["theorem-4.1", "lemma-C.1"])
    '; did you mean lemma-C.1?'
    >>> nearest("4.1", ["theorem-4.1", "lemma-C.1"])
    '; did you mean theorem-4.1?'
    >>> nearest("xyz", ["theorem-4.1"])
    ''
    """
    lower = {each.lower(): each for each in known}
    parts = [each for each in lower if name and name.lower() in each]
    close = parts[:1] or get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[close[0]]}?" if close else ""


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """
    Refuse `value` unless it is one of the `known` names.

    Examples
    --------
    >>> one_of("statistic", "mean", ["mean", "median"])
    >>> one_of("statistic", "medain", ["mean", "median"])
    Traceback (most recent call last):
    ...
    ValueError: need statistic to be one of 'mean', 'median', got 'medain'; did you mean median?
    """
    names = list(known)
    listed = ", ".join(map(repr, names))
    if not isinstance(value, str):
        raise TypeError(f"need {name} to be one of {listed}, got {value!r}")
    if value not in names:
        hint = nearest(value, names)
        raise ValueError(f"need {name} to be one of {listed}, got {value!r}{hint}")


def vector(name: str, values: ArrayLike, *, at_least: int = 0) -> NDArray[np.float64]:
    """
    Return `values` as a one-dimensional array of finite floats, or refuse it.

    Examples
    --------
    >>> vector("x", [1, 2]).tolist()
    [1.0, 2.0]
    >>> vector("x", [[1, 2]])
    Traceback (most recent call last):
    ...
    ValueError: need a one-dimensional x, got shape (1, 2): flatten it or take one column
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(f"need real numbers in {name}, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(
            f"need a one-dimensional {name}, got shape {array.shape}: flatten it or take one column"
        )
    if array.size < at_least:
        raise ValueError(f"need at least {at_least} values in {name}, got {array.size}")
    finite(name, array)
    return array.astype(np.float64)


def finite(name: str, array: NDArray[np.floating] | NDArray[np.integer]) -> None:
    """
    Refuse an array that holds NaN or an infinity.

    Examples
    --------
    >>> import numpy as np
    >>> finite("x", np.array([1.0, np.nan]))
    Traceback (most recent call last):
    ...
    ValueError: need finite numbers in x, got 1 of 2 not finite, the first nan at index (0-based) 1
    """
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"need finite numbers in {name}, got {bad.size} of {array.size} not finite, the first "
            f"{array.flat[bad[0]]} at index (0-based) {bad[0]}"
        )


def sample(values: ArrayLike, *, at_least: int, name: str = "samples") -> NDArray[np.float64]:
    """
    Return `values` as a one-dimensional sample of at least `at_least` finite floats.

    Examples
    --------
    >>> sample([1.0], at_least=2)
    Traceback (most recent call last):
    ...
    ValueError: need at least 2 values in samples, got 1
    """
    return vector(name, values, at_least=at_least)
