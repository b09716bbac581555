"""Initial laws of the particles, sampled from the counter-based streams.

A particle's initial state is a function of uniforms that depend on (seed, replicate, particle,
coordinate) only, so it does not change when particles are added.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from sde import random, validation
from sde.addresses import aligned

__all__ = ["Gaussian", "InitialLaw", "Point", "Uniform", "sample_initial"]

#: Rows drawn at a time: bounds the memory beside the state.
ROWS = 1 << 16


class InitialLaw(ABC):
    """A law of initial states: a function of uniforms. Derive from it to write your own.

    Examples
    --------
    >>> class Exponential(InitialLaw):
    ...     def transform(self, uniforms):
    ...         return -np.log(uniforms)
    >>> sample_initial(Exponential(), 3, 2, seed=0, replicate=0).shape
    (3, 2)
    """

    @abstractmethod
    def transform(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map independent uniforms in (0, 1), shape (k, p), to k initial states, shape (k, p)."""

    def characteristic_function(
        self,
        frequency: NDArray[np.float64],  # noqa: ARG002  # an argument of the overrides
    ) -> NDArray[np.complex128]:
        r"""Return :math:`E e^{i u \theta_0}` of one coordinate, at an array of frequencies u.

        Needed only by the exact flow (`mean_field_flow` with method "fourier").
        """
        raise ValueError(
            f"need an initial law with a characteristic function, got {self!r}; "
            "define characteristic_function, or use method='particles'"
        )


@dataclass(frozen=True)
class Gaussian(InitialLaw):
    """Independent normal coordinates.

    Parameters
    ----------
    scale : float
        Standard deviation, at least 0.
    mean : float
        Mean of every coordinate.

    Examples
    --------
    >>> Gaussian(0.5).transform(np.array([[0.5]])).tolist()
    [[0.0]]
    """

    scale: float = 1.0
    mean: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", validation.real("scale", self.scale, least=0.0))
        object.__setattr__(self, "mean", validation.real("mean", self.mean))

    def transform(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return normal numbers by inversion."""
        return np.asarray(self.mean + self.scale * ndtri(uniforms))

    def characteristic_function(self, frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the characteristic function of one coordinate."""
        return np.asarray(np.exp(1j * frequency * self.mean - 0.5 * (frequency * self.scale) ** 2))


@dataclass(frozen=True)
class Uniform(InitialLaw):
    """Independent coordinates, uniform on an interval.

    Parameters
    ----------
    low, high : float
        Ends of the interval, low < high.

    Examples
    --------
    >>> Uniform(-1.0, 3.0).transform(np.array([[0.5]])).tolist()
    [[1.0]]
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        low, high = validation.real("low", self.low), validation.real("high", self.high)
        if low >= high or not math.isfinite(high - low):
            raise ValueError(
                f"need low < high, less than 1e308 apart, got low={low!r}, high={high!r}; "
                "for a single point use Point"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def transform(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return uniform numbers."""
        return self.low + (self.high - self.low) * uniforms

    def characteristic_function(self, frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the characteristic function of one coordinate."""
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        return np.asarray(np.exp(1j * frequency * centre) * np.sinc(frequency * half / math.pi))


@dataclass(frozen=True)
class Point(InitialLaw):
    """Every particle starts at the same point.

    Parameters
    ----------
    value : float or tuple of floats
        The point; one number stands for all coordinates.

    Examples
    --------
    >>> Point((1.0, 2.0)).transform(np.zeros((2, 2))).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    value: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.value, tuple):
            object.__setattr__(self, "value", validation.real("value", self.value))
            return
        if not self.value:
            raise ValueError("need a point of dimension 1 or more, got (); pass one number for all")
        values = tuple(validation.real("value", each) for each in self.value)
        object.__setattr__(self, "value", values)

    def transform(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return copies of the point."""
        if isinstance(self.value, tuple) and len(self.value) != uniforms.shape[1]:
            raise ValueError(
                f"need a point of dimension {uniforms.shape[1]}, got {self.value!r}; "
                "pass one number a coordinate, or one for all"
            )
        return np.array(np.broadcast_to(np.asarray(self.value, float), uniforms.shape))

    def characteristic_function(self, frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the characteristic function of a point on the line."""
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return np.asarray(np.exp(1j * frequency * float(values[0])))


def sample_initial(
    initial: InitialLaw | ArrayLike,
    n: int,
    dim: int,
    *,
    seed: int,
    replicate: int,
    dtype: Any = np.float64,
    rows: range | None = None,
) -> NDArray[Any]:
    """Return n initial states: drawn from a law, or a checked copy of an (n, dim) array.

    Parameters
    ----------
    initial : InitialLaw or (n, dim) array_like
        Where the particles start.
    n, dim : int
        Number of particles and their dimension.
    seed, replicate : int
        Select the stream of uniforms.
    dtype : dtype
        Of the result.
    rows : range, optional
        Only these particles.

    Returns
    -------
    (n, dim) array, or (len(rows), dim)
        New memory.

    Examples
    --------
    >>> sample_initial(Point(2.0), 2, 1, seed=0, replicate=0).tolist()
    [[2.0], [2.0]]
    """
    rows = range(n) if rows is None else rows
    if not isinstance(initial, InitialLaw):
        if isinstance(initial, type) or callable(initial):
            raise TypeError(
                f"need an initial law or an (n, dim) array, got {validation.show(initial)}; pass "
                "an instance such as Gaussian(1.0), or derive a class from InitialLaw"
            )
        states = validation.real_array("initial", initial, (n, dim), copy=False)
        out = _room(len(rows), dim, dtype)
        out[:] = _stored(states[rows.start : rows.stop], dtype)
        return out
    out = _room(len(rows), dim, dtype)
    for at in range(0, len(rows), ROWS):
        part = rows[at : at + ROWS]
        u = random.uniforms(
            len(part), dim, seed=seed, replicate=replicate, stream="initial", first=part.start
        )
        states = validation.real_array(
            f"transform(uniforms) of {initial!r}", initial.transform(u), u.shape
        )
        out[at : at + ROWS] = _stored(states, dtype)
    return out


def sample_initials(
    initial: InitialLaw | ArrayLike, n: int, dim: int, *, seed: int, replicates: range
) -> NDArray[np.float64]:
    """Return what `sample_initial` returns, for several replicates at once.

    Parameters
    ----------
    initial : InitialLaw or (n, dim) array_like
        Where the particles start.
    n, dim : int
        Number of particles and their dimension.
    seed : int
        With the number of the replicate, selects the stream of uniforms.
    replicates : range
        Numbers of the replicates.

    Returns
    -------
    (len(replicates), n, dim) float64 array

    Examples
    --------
    >>> sample_initials(Point(2.0), 2, 1, seed=0, replicates=range(3)).shape
    (3, 2, 1)
    """
    shape = (len(replicates), n, dim)
    if not isinstance(initial, InitialLaw):
        one = sample_initial(initial, n, dim, seed=seed, replicate=0)
        return np.array(np.broadcast_to(one, shape))
    u = random.replicate_uniforms(n, dim, seed=seed, replicates=replicates, stream="initial")
    rows = u.reshape(-1, dim)
    name = f"transform(uniforms) of {initial!r}"
    return validation.real_array(name, initial.transform(rows), rows.shape).reshape(shape)


def _room(n: int, dim: int, dtype: Any) -> NDArray[Any]:
    """Return memory in which the kernels can work on blocks of particles in place."""
    room: NDArray[Any] = aligned(n * dim, dtype).reshape(n, dim)
    return room


def _stored(states: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """Return the states in the type in which they are stored, refused if that is too narrow."""
    if states.dtype == dtype:
        return states
    with np.errstate(over="ignore"):
        stored = states.astype(dtype)
    if not np.isfinite(stored).all():
        raise ValueError(
            f"need initial states that fit {np.dtype(dtype)}, got {np.abs(states).max():g}; "
            "use dtype='float64'"
        )
    return stored
