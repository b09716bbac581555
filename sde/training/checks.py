"""Refuse parts of a network and data that do not fit; large arrays are not copied."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import validation
from sde.features import Feature, find_feature

__all__ = [
    "classes_of",
    "feature_of",
    "inputs_of",
    "mean_field_of",
    "rows_per_unit_of",
    "weights_of",
]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def weights_of(weights: Sequence[ArrayLike]) -> tuple[NDArray[Any], ...]:
    """Return read-only views of the weights of layers, whose shapes and types fit."""
    arrays: list[NDArray[Any]] = []
    for layer, each in enumerate(weights):
        array = _floats(f"weights[{layer}]", each, len(arrays[-1]) if arrays else "inputs").view()
        array.flags.writeable = False
        arrays.append(array)
    if len(arrays) < 2:
        raise ValueError(
            f"need a hidden layer and a readout at least, got {len(arrays)} arrays of weights; "
            "pass both"
        )
    if len({each.dtype for each in arrays}) > 1:
        raise TypeError(
            f"need weights all float32 or all float64, got {[str(each.dtype) for each in arrays]}; "
            "convert them"
        )
    return tuple(arrays)


def feature_of(name: object) -> Feature:
    """Return a registered feature of an inner product."""
    feature = find_feature(name)
    if feature.geometry != "inner":
        raise ValueError(
            f"need a feature of geometry 'inner', got {name!r}, which is {feature.geometry!r}; use "
            "another one"
        )
    return feature


def rows_per_unit_of(value: object, weights: Sequence[NDArray[Any]]) -> int:
    """Return how many rows of weights a unit has, one if there are several hidden layers."""
    rows = validation.count("rows_per_unit", value)
    if rows > 1 and len(weights) > 2:
        raise ValueError(
            f"need rows_per_unit=1 with several hidden layers, got {rows}; wide units belong to "
            "the mean-field network"
        )
    if len(weights[0]) % rows:
        raise ValueError(
            f"need rows_per_unit that divides the rows of weights[0], got {rows} and "
            f"{len(weights[0])} rows; a unit is that many rows"
        )
    return rows


def mean_field_of(
    theta: ArrayLike, outputs: int, amplitude: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return hidden layer and readout of a mean-field network in state `theta`."""
    dtype = np.float32 if getattr(theta, "dtype", None) == np.float32 else np.float64
    state = validation.real_array("theta", theta, ("n", "p"))
    outputs = validation.count("outputs", outputs)
    amplitude = validation.positive("amplitude", amplitude)
    n, p = state.shape
    if p % outputs:
        raise ValueError(
            f"need outputs that divide the row length of theta, got outputs={outputs} and rows of "
            f"{p}; a particle is one weight vector an output"
        )
    readout = np.tile(amplitude / n * np.eye(outputs), n)
    return state.reshape(n * outputs, p // outputs).astype(dtype), readout.astype(dtype)


def inputs_of(x: ArrayLike, first: NDArray[Any]) -> NDArray[Any]:
    """Return inputs, (k, d) float32 or float64, that the first layer's type can hold."""
    array = _floats("x", x, first.shape[1])
    largest = np.finfo(first.dtype).max
    if array.dtype != first.dtype and max(array.max(), -array.min()) > largest:
        raise OverflowError(
            f"need x that {first.dtype} holds, got entries from {array.min():g} to "
            f"{array.max():g}; scale them, or use a network of float64"
        )
    return array


def classes_of(y: ArrayLike, k: int, outputs: int) -> NDArray[np.float64]:
    """Return classes, (k,), as `FullyConnectedNetwork.classify` names them."""
    if np.ndim(y) == 2 and outputs > 1:
        rows = validation.real_array("y", y, (k, outputs))
        return np.asarray(np.argmax(rows, axis=1), dtype=np.float64)
    array = validation.real_array("y", y, (k, 1) if np.ndim(y) == 2 else (k,)).ravel()
    known = (-1.0, 1.0) if outputs == 1 else tuple(map(float, range(outputs)))
    strange = array[~np.isin(array, known)]
    if len(strange):
        names = "-1 and +1" if outputs == 1 else f"0, ..., {outputs - 1}"
        raise ValueError(
            f"need y of classes {names}, got {float(strange[0])!r}; number them like that"
        )
    return array


def _floats(name: str, value: ArrayLike, columns: int | str) -> NDArray[Any]:
    """Return a finite C-ordered array of two dimensions; it is not copied if it is one already."""
    array = np.asarray(value)
    fits = array.ndim == 2 and array.size > 0 and columns in ("inputs", array.shape[1])
    if array.dtype in FLOATS and fits and np.isfinite(array).all():
        return np.ascontiguousarray(array)
    return validation.real_array(name, value, ("rows", columns))
