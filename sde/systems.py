r"""Systems: what they have in common, and any McKean-Vlasov system a user writes.

A system is a pair of functions, observables :math:`\varphi: R^p \to R^q` and drift
:math:`b(\theta, \mu(\varphi))`: a particle sees the others only through the mean field
:math:`\mu(\varphi) = \frac1n \sum_i \varphi(\theta^i)`, a vector of q numbers.
"""

import hashlib
import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, NDArray

from sde import kernels, validation
from sde.block_steps import Pieces
from sde.blocks import make_copy, once, user_drift, user_observe, why_not_compiled
from sde.identity import function_digest
from sde.native import BlockFunction

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


def _wrapped(wrap: Callable[..., BlockFunction], function: Any, p: int, q: int) -> BlockFunction:
    """Return the block function that a user's function becomes; say why if it can't."""
    try:
        block = wrap(function, p, q)
    except NumbaError as error:
        inputs = len(inspect.signature(function).parameters) - 1
        raise TypeError(
            "need functions that numba can compile (scalar code, arrays, math functions), and that "
            f"write to out alone, got {function.__name__}; numba says: "
            f"{why_not_compiled(function, inputs)}"
        ) from error
    if block.draws_numbers():
        raise ValueError(
            f"need functions without random numbers, got {function.__name__}, which draws some: "
            "runs would depend on the threads; leave the randomness to the noise"
        )
    return block


#: Where a user's functions are tried: all coordinates are such a number, observables half of it.
PROBES = (0.5, 0.37, 1.61)

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
    functions and loops, is the fast way to write them. They must not raise, must write every entry
    of `out` and nothing else, and must not draw random numbers; a division by zero gives an
    infinity, which stops the simulation. Particles are stored in the precision that `simulate` is
    asked for, the two functions compute in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or a function does not compile, draws random
        numbers, or does not write a number to all of `out` at a test point, or no finite one at any
        of three.

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
        self._observe = _wrapped(user_observe, self.observable, p, q)
        self._drift = _wrapped(user_drift, self.drift_function, p, q)
        self._prepare = once(("copy",), make_copy)
        self._check_outputs()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the two functions, not what was compiled for this process."""
        arguments = self.dim, self.n_observables, self.observable, self.drift_function
        return McKeanVlasov, arguments

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
            self.dim,
            np.array([self.dim, self.n_observables], dtype=np.int64),
            np.zeros(1),
            np.zeros(1),
        )

    def _check_outputs(self) -> None:
        """Refuse functions that leave an entry of `out` as it is, NaN, or infinite where tried.

        A formula may have its singularity, where it is infinite, at the first of the points.
        """
        for name in ("observable", "drift"):
            values = np.array([self._outputs(name, point) for point in PROBES])
            if np.isnan(values[0]).any() or not np.isfinite(values).any(axis=0).all():
                raise ValueError(
                    f"need {name} to write a finite number to every entry of out, got "
                    f"{values[0].ravel().tolist()} at theta = {PROBES[0]}; check its "
                    "formula and its indices"
                )

    def _outputs(self, name: str, point: float) -> NDArray[np.float64]:
        """Return what one of the functions writes for a particle with equal coordinates."""
        theta = np.full((1, self.dim), point)
        if name == "observable":
            return self._mean_field(self.pieces, theta)
        force = np.full((1, self.dim), np.nan)
        kernels.drifts(self.pieces, theta, np.full(self.n_observables, point / 2), force)
        return force
