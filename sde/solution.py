"""What a simulation returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sde.labelled import dataset, open_store

if TYPE_CHECKING:
    import xarray

__all__ = ["Solution"]


@dataclass(frozen=True, eq=False)
class Solution:
    """The end of a simulation, and what was kept on the way.

    Attributes
    ----------
    theta : (n, p) array
        State of the particles at the last time.
    times : (K + 1,) array
        Times of the grid.
    mean_field : (K + 1, q) array
        Mean field at the times of the grid: the particles' own, or that of the flow for
        `simulate_limit`.
    saved : (len(save_at), n, p) array
        States at the times that were asked for; with `save_to`, an array of a Zarr store, of which
        slices are read when they are looked at.
    saved_times : (len(save_at),) array
        Those times.
    parameters : dict
        What was run, for the record.

    Examples
    --------
    >>> import sde
    >>> net = sde.MeanFieldNetwork([[1.0]], [1])
    >>> sol = sde.simulate(net, sde.StableNoise(1.5, "I"), n=3, t1=1.0, dt=0.5, save_at=[0.5])
    >>> sol.times.tolist(), sol.saved_times.tolist()
    ([0.0, 0.5, 1.0], [0.5])
    """

    theta: NDArray[Any]
    times: NDArray[np.float64]
    mean_field: NDArray[np.float64]
    saved: Any
    saved_times: NDArray[np.float64]
    parameters: dict[str, str | int | float]

    def __repr__(self) -> str:
        n, dim = self.theta.shape
        steps, saved = len(self.times) - 1, len(self.saved_times)
        return f"Solution(n={n}, dim={dim}, t1={self.times[-1]:g}, steps={steps}, saved={saved})"

    def to_xarray(self) -> "xarray.Dataset":
        """Return the solution as labelled data.

        Returns
        -------
        xarray.Dataset
            Variables `theta` (particle, coordinate), `mean_field` (time, observable) and `saved`
            (saved_time, particle, coordinate), with long names and units; the parameters and the
            version of this library are its attributes. States in a Zarr store stay there.

        Examples
        --------
        With `.to_netcdf("run.nc", engine="h5netcdf")` it becomes a file.

        >>> import sde
        >>> net = sde.MeanFieldNetwork([[1.0]], [1])
        >>> sol = sde.simulate(net, sde.StableNoise(1.5, "I"), n=3, t1=1.0, dt=0.5)
        >>> dict(sol.to_xarray().sizes)["particle"]
        3
        """
        arrays = {
            "theta": self.theta,
            "time": self.times,
            "mean_field": self.mean_field,
            "saved_time": self.saved_times,
        }
        if isinstance(self.saved, np.ndarray):
            return dataset(arrays | {"saved": self.saved}, self.parameters)
        stored = open_store(Path(str(self.parameters["saved"])))
        return dataset(arrays, self.parameters).assign(saved=stored["saved"])
