r"""Systems: what they have in common, and any McKean-Vlasov system a user writes.

A system is a pair of functions, observables :math:`\varphi: R^p \to R^q` and drift
:math:`b(\theta, \mu(\varphi))`: a particle sees the others only through the mean field
:math:`\mu(\varphi) = \frac1n \sum_i \varphi(\theta^i)`, a vector of q numbers.
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, NDArray

from sde import kernels, validation
from sde.block_steps import Pieces
from sde.blocks import make_copy, once, user_drift, user_observe
from sde.identity import function_digest

__all__ = ["McKeanVlasov", "System"]


class System:
    """What every system has: dimensions, block functions, and a fingerprint of its content.

    Examples
    --------
    >>> import sde
    >>> isinstance(sde.MeanFieldNetwork([[1.0]], [1]), System)
    True
    """

    dim: int
    n_observables: int

    @property
    def pieces(self) -> Pieces:
        """The system as the kernels see it."""
        raise NotImplementedError

    def pieces_in(self, _dtype: np.dtype[Any]) -> Pieces:
        """Return the system as the kernels see it, to compute in this precision or in float64."""
        return self.pieces

    @property
    def fingerprint(self) -> str:
        """A hash of the content: equal for systems that define the same dynamics."""
        raise NotImplementedError

    def mean_field(self, theta: ArrayLike) -> NDArray[np.float64]:
        r"""Return the empirical means :math:`\mu^n(\varphi)` of the observables.

        Parameters
        ----------
        theta : (n, p) array_like
            One row a particle.

        Returns
        -------
        (q,) float64 array
        """
        state = validation.real_array("theta", theta, ("n", self.dim))
        return finite("observables", self._mean_field(self.pieces, state))

    def drift(self, theta: ArrayLike) -> NDArray[np.float64]:
        r"""Return the drift :math:`b(\theta^i, \mu^n)` of every particle.

        Parameters
        ----------
        theta : (n, p) array_like
            One row a particle.

        Returns
        -------
        (n, p) float64 array
            For a `MeanFieldNetwork`, :math:`-n\,\partial_{\theta^i} R(\Theta)`.
        """
        state = validation.real_array("theta", theta, ("n", self.dim))
        out = np.empty_like(state)
        kernels.drifts(self.pieces, state, self._mean_field(self.pieces, state), out)
        return finite("drifts", out)

    @staticmethod
    def _mean_field(pieces: Pieces, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        mean_field = np.empty(pieces.n_observables)
        kernels.observables(pieces, theta, mean_field, np.empty((0, 0)))
        return mean_field


def finite(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values that were computed from what a user passed; raise if they are not finite."""
    if not np.isfinite(values).all():
        raise FloatingPointError(
            f"need finite {name}, got {values[~np.isfinite(values)][0]}; pass a state or data "
            "nearer to 0, or check the formulas"
        )
    return values


Observable = Callable[[Any, Any], None]
Drift = Callable[[Any, Any, Any], None]


class McKeanVlasov(System):
    r"""A system written by the user as two plain Python functions of one particle.

    Parameters
    ----------
    dim : int
        Dimension p of a particle.
    n_observables : int
        Number q of observables.
    observable : callable
        `observable(theta, out)` writes :math:`\varphi(\theta)` to `out`.
    drift : callable
        `drift(theta, mean_field, out)` writes :math:`b(\theta, \mu(\varphi))` to `out`.

    Both are compiled by numba and called for one particle at a time: scalar code, with `math`
    functions and loops, is the fast way to write them. They must not raise and must write every
    entry of `out`; a division by zero gives an infinity, which stops the simulation.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or a function does not compile or does not write
        finite numbers to all of `out` at a test point.

    Examples
    --------
    The mean-field Ornstein-Uhlenbeck system: each particle is pulled to the mean of all. Started
    at one point with Gaussian noise (alpha = 2 has variance 2 a unit of time), the mean of n
    particles at time t is normal with variance 2 t / n.

    >>> def position(theta, out):
    ...     out[0] = theta[0]
    >>> def pull(theta, mean_field, out):
    ...     out[0] = mean_field[0] - theta[0]
    >>> system = McKeanVlasov(1, 1, position, pull)
    >>> system.drift([[0.0], [1.0], [5.0]]).ravel().tolist()
    [2.0, 1.0, -3.0]
    """

    def __init__(self, dim: int, n_observables: int, observable: Observable, drift: Drift) -> None:
        self.dim = validation.count("dim", dim)
        self.n_observables = validation.count("n_observables", n_observables)
        self.observable = validation.function_of("observable", observable, ("theta", "out"))
        arguments = ("theta", "mean_field", "out")
        self.drift_function = validation.function_of("drift", drift, arguments)
        p, q = self.dim, self.n_observables
        content = (p, q, function_digest(observable), function_digest(drift))
        # taken now: the compiler freezes globals and closures as they are
        self._fingerprint = hashlib.sha256(repr(content).encode()).hexdigest()
        validation.indices("observable", observable, p, q)
        validation.indices("drift", drift, p, q, p)
        try:
            self._observe = user_observe(self.observable, self.dim, self.n_observables)
            self._drift = user_drift(self.drift_function, self.dim, self.n_observables)
        except NumbaError as error:
            raise TypeError(
                "need functions that numba can compile (scalar code, arrays, math functions); "
                f"it says: {error}"
            ) from error
        self._prepare = once(("copy",), make_copy)
        self._check_outputs()

    def __repr__(self) -> str:
        names = f"{self.observable.__name__}, {self.drift_function.__name__}"
        return f"McKeanVlasov(dim={self.dim}, n_observables={self.n_observables}, {names})"

    @property
    def fingerprint(self) -> str:
        """A hash of the dimensions and of what the two functions compute."""
        return self._fingerprint

    @cached_property
    def pieces(self) -> Pieces:
        """The system as the kernels see it."""
        return Pieces(
            self._observe.address,
            self._prepare.address,
            self._drift.address,
            self.dim,
            self.n_observables,
            self.n_observables,
            self.n_observables,
            0,
            1,
            np.array([self.dim, self.n_observables], dtype=np.int64),
            np.zeros(1),
            np.zeros(1),
        )

    def _check_outputs(self) -> None:
        theta = np.full((1, self.dim), 0.5)
        mean_field = np.full(self.n_observables, np.nan)
        observed = self._mean_field(self.pieces, theta)
        force = np.full((1, self.dim), np.nan)
        mean_field[:] = 0.25
        kernels.drifts(self.pieces, theta, mean_field, force)
        for name, values in (("observable", observed), ("drift", force)):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"need {name} to write a finite number to every entry of out, got "
                    f"{values.ravel().tolist()} at theta = 0.5; check its formula and its indices"
                )
