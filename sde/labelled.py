"""Results as labelled data: names, units and provenance, in memory and in Zarr stores."""

import contextlib
import errno
import functools
import json
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sde import validation

if TYPE_CHECKING:
    import xarray

__all__ = ["Trajectory", "as_store", "dataset", "different", "open_store", "version"]

#: Dimensions, and what a plot writes on its axis. Time and state are numbers without a unit.
VARIABLES = {
    "time": (("time",), "time of the grid"),
    "saved_time": (("saved_time",), "time at which the particles were kept"),
    "theta": (("particle", "coordinate"), "state of the particles at the last time"),
    "mean_field": (("time", "observable"), "mean of the observables over the particles"),
    "saved": (("saved_time", "particle", "coordinate"), "state of the particles"),
}

#: Numbers in a chunk of a store, at most: 8 MB.
CHUNK = 1 << 20


@functools.cache
def version() -> str:
    """Return the version of this library."""
    return installed_version("levychaos")


def described(name: str) -> dict[str, str]:
    """Return the attributes of a variable, by the conventions of climate data (CF)."""
    return {"long_name": VARIABLES[name][1], "units": "1"}


def provenance(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a data set: what was run, by which version."""
    return {
        "title": "Interacting particles driven by stable noise",
        "Conventions": "CF-1.11",
        "source": f"levychaos {version()}",
        "version": version(),
        **parameters,
    }


def dataset(arrays: Mapping[str, NDArray[Any]], parameters: Mapping[str, Any]) -> "xarray.Dataset":
    """Return arrays, named as in `VARIABLES`, as labelled data.

    Examples
    --------
    >>> dataset({"time": np.array([0.0, 0.5])}, {"seed": 1}).time.attrs["units"]
    '1'
    """
    import xarray

    variables = {
        name: (VARIABLES[name][0], array, described(name)) for name, array in arrays.items()
    }
    coords = {name: variables.pop(name) for name in ("time", "saved_time") if name in variables}
    return xarray.Dataset(variables, coords, provenance(parameters))


def different(theirs: object, ours: Mapping[str, Any]) -> str:
    """Name the differences between what a run was and what it is now; empty if there is none.

    Examples
    --------
    >>> different({"n": 3, "dt": 0.5}, {"n": 4, "dt": 0.5})
    'n (3 there, 4 here)'
    """
    if not isinstance(theirs, Mapping):
        return "everything (it was not written by simulate)"
    return ", ".join(
        f"{name} ({_shown(theirs.get(name))} there, {_shown(value)} here)"
        for name, value in ours.items()
        if theirs.get(name) != value
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:60]} ... {text[-30:]}"


class Trajectory:
    """States that go to a Zarr store while a run computes them.

    Parameters
    ----------
    path : path
        The store, a folder. One that the same run left there is written over; another is refused.
    times : (k,) array
        When the states are kept.
    state : (n, p) array
        The particles: their shape and type.
    identity, parameters : mapping
        What the run is, and the attributes of the store.
    """

    def __init__(
        self,
        path: Path,
        times: NDArray[np.float64],
        state: NDArray[Any],
        identity: Mapping[str, Any],
        parameters: Mapping[str, Any],
    ) -> None:
        self.path = path
        self._marks = dict(parameters) | {"run": json.dumps(dict(identity))}
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            self._array = _left_by(path, identity)
            return
        with _explained(path):
            start = dataset({"saved_time": times}, self._marks)
            start.to_zarr(path, mode="w-", zarr_format=2, consolidated=False)
            self._array = (
                _zarr()
                .open_group(path, mode="r+")
                .create_array(
                    "saved",
                    shape=(len(times), *state.shape),
                    chunks=(1, max(1, min(len(state), CHUNK // state.shape[1])), state.shape[1]),
                    dtype=state.dtype,
                    fill_value=np.nan,  # what is not written yet
                    attributes=described("saved") | {"_ARRAY_DIMENSIONS": VARIABLES["saved"][0]},
                )
            )

    def __setitem__(self, at: int, theta: NDArray[Any]) -> None:
        with _explained(self.path):
            self._array[at] = theta

    def finish(self, arrays: Mapping[str, NDArray[Any]]) -> Any:
        """Add what is known at the end; return the states, which stay on the disk."""
        with _explained(self.path):
            dataset(arrays, self._marks).to_zarr(self.path, mode="a", consolidated=True)
        return self._array


def open_store(path: Path) -> "xarray.Dataset":
    """Return what a finished run has stored; it is read from the disk when it is looked at."""
    import xarray

    store: xarray.Dataset = xarray.open_zarr(path, chunks=None, consolidated=True)
    return store


def as_store(save_to: object) -> Path | None:
    """Return the path that a user means, if there is what it takes to write to it."""
    if save_to is None:
        return None
    if not isinstance(save_to, str | os.PathLike):
        raise TypeError(f"need a path save_to, got {validation.show(save_to)}; pass a new folder")
    _zarr()
    return Path(save_to)


def _zarr() -> Any:
    try:
        import zarr
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "need the package zarr to save to a Zarr store; pip install 'levychaos[zarr]'"
        ) from None
    return zarr


def _left_by(path: Path, identity: Mapping[str, Any]) -> Any:
    """Return the states of a store that an earlier, same run has left."""
    try:
        group = _zarr().open_group(path, mode="r+")
        theirs, array = json.loads(group.attrs["run"]), group["saved"]
    except (OSError, KeyError, TypeError, ValueError):
        theirs = array = None
    differences = different(theirs, identity)
    if differences:
        raise ValueError(
            f"need a new store, got {path}, which is there and differs in {differences}; choose "
            "another path"
        )
    return array


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what can be done about an error of the operating system."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        remedy = "make room" if error.errno == errno.ENOSPC else "choose another path"
        raise OSError(error.errno, f"can't save states to {path}: {why}; {remedy}") from error
