r"""Systems: the paper's mean-field network, and any McKean-Vlasov system a user writes.

A system is a pair of functions, observables :math:`\varphi: R^p \to R^q` and drift
:math:`b(\theta, \mu(\varphi))`: a particle sees the others only through the mean field
:math:`\mu(\varphi) = \frac1n \sum_i \varphi(\theta^i)`, a vector of q numbers.
"""

import hashlib
import inspect
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, NDArray

from sde import kernels, validation
from sde.blocks import UNROLLED, lane_sum, make_drift, make_observe
from sde.features import Feature, find_feature
from sde.kernels import Pieces
from sde.losses import Loss, find_loss, make_prepare, targets
from sde.native import (
    SOURCE_DIGEST,
    BlockFunction,
    block_function,
    compiled,
    floats_at,
    integers_at,
)
from sde.stable import WIDTH

__all__ = ["McKeanVlasov", "MeanFieldNetwork", "System"]

_network_blocks: dict[tuple[object, ...], BlockFunction] = {}


def _once(key: tuple[object, ...], make: Callable[[], BlockFunction]) -> BlockFunction:
    """Compile a block function the first time it is asked for in this process."""
    if key not in _network_blocks:
        _network_blocks[key] = make()
    return _network_blocks[key]


class System:
    """What every system has: dimensions, block functions, and a fingerprint of its content."""

    dim: int
    n_observables: int

    @property
    def pieces(self) -> Pieces:
        """The system as the kernels see it."""
        raise NotImplementedError

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
        return self._mean_field(self.pieces, state)

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
        return out

    @staticmethod
    def _mean_field(pieces: Pieces, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        mean_field = np.empty(pieces.n_observables)
        kernels.observables(pieces, theta, mean_field)
        return mean_field


class MeanFieldNetwork(System):
    r"""One-hidden-layer network in mean-field scaling, on a data set (section 3 of the paper).

    With :math:`h_x(\theta) = c\,g(\langle x, \theta\rangle)`, or
    :math:`c\,g(\|\theta - x\|^2/2)` for a radial feature,

    .. math:: f_\Theta(x) = \frac1n \sum_i h_x(\theta^i), \quad
        R(\Theta) = \frac1m \sum_j \ell(f_\Theta(x_j), y_j), \quad
        b(\theta, \mu) = -\frac1m \sum_j \partial_1 \ell(\mu(h_{x_j}), y_j) \nabla h_{x_j}(\theta).

    Parameters
    ----------
    x : (m, d) array_like
        Inputs. For a bias, append a column of ones.
    y : (m,) or (m, l) array_like
        Targets: ±1 for the logistic loss, classes 0, ..., l - 1 or one-hot rows for cross_entropy,
        real numbers otherwise. With l outputs a particle is l weight vectors in a row, p = l d.
    feature : str
        A registered feature: "tanh", "sigmoid", "sine", "gaussian", "erf", "relu", or your own.
    loss : str
        A registered loss: "logistic", "pseudo_huber", "squared" (half the square),
        "cross_entropy", or your own.
    amplitude : float
        The factor c above.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, an entry is not finite, a label is not admissible, or a name is
        unknown.

    Examples
    --------
    >>> net = MeanFieldNetwork([[1.0, 0.5], [-0.3, 1.0]], [1, -1])
    >>> net.dim, net.n_observables
    (2, 2)
    >>> theta = [[0.2, 0.1], [-0.4, 0.3], [0.0, 1.0]]
    >>> net.drift(theta).shape
    (3, 2)
    >>> bool(net.risk(theta) > 0)
    True
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        feature: str = "tanh",
        loss: str = "logistic",
        *,
        amplitude: float = 1.0,
    ) -> None:
        self.x = validation.real_array("x", x, ("m", "d"))
        self.feature: Feature = find_feature(feature)
        self.loss: Loss = find_loss(loss)
        self.y = targets(self.loss, y, len(self.x))
        self.amplitude = validation.positive("amplitude", amplitude)
        self.outputs = self.y.shape[1]
        self.dim = self.x.shape[1] * self.outputs
        self.n_observables = self.y.size
        self.x.flags.writeable = self.y.flags.writeable = False

    def __repr__(self) -> str:
        m, d = self.x.shape
        return (
            f"MeanFieldNetwork(m={m}, d={d}, outputs={self.outputs}, "
            f"feature={self.feature.name!r}, loss={self.loss.name!r}, amplitude={self.amplitude!r})"
        )

    @cached_property
    def fingerprint(self) -> str:
        """A hash of data, feature, loss and amplitude."""
        digest = hashlib.sha256(repr(self).encode())
        digest.update(self.x.tobytes())
        digest.update(self.y.tobytes())
        return digest.hexdigest()

    @cached_property
    def pieces(self) -> Pieces:
        """The network as the kernels see it."""
        return self._pieces(self.x, self.y)

    def predict(self, theta: ArrayLike, x: ArrayLike | None = None) -> NDArray[np.float64]:
        r"""Return the network's outputs :math:`f_\Theta(x)`.

        Parameters
        ----------
        theta : (n, p) array_like
            One row a particle.
        x : (k, d) array_like, optional
            Inputs; the training inputs by default.

        Returns
        -------
        (k,) float64 array, or (k, l) with more than one output
        """
        state = validation.real_array("theta", theta, ("n", self.dim))
        if x is None:
            out = self._mean_field(self.pieces, state)
        else:
            inputs = validation.real_array("x", x, ("k", self.x.shape[1]))
            blank = np.zeros((len(inputs), self.outputs))
            out = self._mean_field(self._pieces(inputs, blank), state)
        return out if self.outputs == 1 else out.reshape(-1, self.outputs)

    def risk(self, theta: ArrayLike) -> float:
        r"""Return the empirical risk :math:`R(\Theta)` of equation (1).

        Parameters
        ----------
        theta : (n, p) array_like
            One row a particle.
        """
        predictions = self.predict(theta).reshape(-1, self.outputs)
        value = getattr(self.loss.value, "py_func", self.loss.value)
        losses = [value(f, y) for f, y in zip(predictions, self.y, strict=True)]
        return math.fsum(losses) / len(losses)

    @property
    def bound(self) -> float:
        r"""The smallest B that the suprema below allow in Assumption 1.

        :math:`B^2 = E[\Psi^2(x)(1 + \Phi^2(y))]` with :math:`\Psi(x)` the sum of the suprema of
        :math:`\|h_x\|, \|\nabla h_x\|, \|\nabla^2 h_x\|` (operator norms) and :math:`\Phi(y)` that
        of the loss's first two derivatives. A radial feature is bounded uniformly in x.

        Raises
        ------
        ValueError
            If a part of Assumption 1 fails, or is not known for a registered feature or loss.
        """
        psi = self._psi()
        phi = self._phi()
        return float(np.sqrt(np.mean(psi**2) * (1 + phi**2)))

    def _psi(self) -> NDArray[np.float64]:
        feature = self.feature
        if feature.bounds is None:
            raise ValueError(
                f"need bounds of feature {feature.name!r} for Assumption 1, got none; pass "
                "bounds=(sup|g|, sup|g'|, sup|g''|) to register_feature"
            )
        if not all(map(math.isfinite, feature.bounds)):
            why = feature.why_unbounded or f"feature {feature.name!r} has bounds {feature.bounds}"
            raise ValueError(
                f"need a bounded feature with two bounded derivatives (Assumption 1, regularity of "
                f"the model), but {why}; use tanh, sigmoid, sine, gaussian or erf"
            )
        b0, b1, b2 = feature.bounds
        norm = np.linalg.norm(self.x, axis=1) if feature.geometry == "inner" else np.ones(1)
        return self.amplitude * (b0 * math.sqrt(self.outputs) + b1 * norm + b2 * norm**2)

    def _phi(self) -> float:
        loss = self.loss
        if loss.bounds is None:
            raise ValueError(
                f"need bounds of loss {loss.name!r} for Assumption 1, got none; pass "
                "bounds=(sup|l'|, sup|l''|) to register_loss"
            )
        if not all(map(math.isfinite, loss.bounds)):
            raise ValueError(
                f"need a loss with bounded derivatives (Assumption 1, regularity of the loss), but "
                f"the derivative of the {loss.name} loss is unbounded; use logistic, pseudo_huber "
                "or cross_entropy"
            )
        growth = math.sqrt(self.outputs) if loss.separable else 1.0
        return loss.bounds[0] * growth + loss.bounds[1]

    def _pieces(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Pieces:
        m, d = x.shape
        feature, loss = self.feature, self.loss
        width = d if d <= UNROLLED else 0
        observe = _once(("observe", feature, width), lambda: make_observe(feature, d))
        drift = _once(("drift", feature, width), lambda: make_drift(feature, d))
        prepare = _once(("prepare", loss), lambda: make_prepare(loss))
        return Pieces(
            observe.address,
            prepare.address,
            drift.address,
            self.dim,
            y.size,
            y.size,
            np.array([m, d, self.outputs], dtype=np.int64),
            np.concatenate([[self.amplitude], x.ravel(), y.ravel()]),
        )


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
        for name, function, arguments in (
            ("observable", observable, 2),
            ("drift", drift, 3),
        ):
            if not callable(function):
                raise TypeError(f"need a function {name}, got {function!r}")
            given = len(inspect.signature(function).parameters)
            if given != arguments:
                form = "(theta, out)" if arguments == 2 else "(theta, mean_field, out)"
                raise TypeError(f"need {name}{form}, got a function of {given} arguments")
        self.observable, self.drift_function = observable, drift
        try:
            self._observe = _user_observe(observable, self.dim, self.n_observables)
            self._drift = _user_drift(drift, self.dim, self.n_observables)
        except NumbaError as error:
            raise TypeError(
                "need functions that numba can compile (scalar code, arrays, math functions); "
                f"it says: {error}"
            ) from error
        self._prepare = _once(("copy",), _make_copy)
        self._check_outputs()

    def __repr__(self) -> str:
        names = f"{self.observable.__name__}, {self.drift_function.__name__}"
        return f"McKeanVlasov(dim={self.dim}, n_observables={self.n_observables}, {names})"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the dimensions and of the two functions' identities."""
        identity = (self.dim, self.n_observables, id(self.observable), id(self.drift_function))
        return hashlib.sha256(repr(identity).encode()).hexdigest()

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
            np.array([self.dim, self.n_observables], dtype=np.int64),
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


def _make_copy() -> BlockFunction:
    digest = SOURCE_DIGEST

    @block_function(cache=True)
    def copy(
        shape: int, _b: int, mean_field: int, weights: int, _e: int, _f: int, _g: int, _h: int
    ) -> None:
        _ = digest
        q = integers_at(shape, 2)[1]
        source, target = floats_at(mean_field, q), floats_at(weights, q)
        for i in range(q):
            target[i] = source[i]

    return copy


def _user_observe(observable: Observable, dim: int, q: int) -> BlockFunction:
    """Wrap a user's observable in the loop over the lanes of a block."""
    one = compiled(forceinline=True)(observable)

    @block_function(cache=False)
    def observe(
        _a: int, _b: int, theta: int, valid: int, sums: int, _f: int, _g: int, _h: int
    ) -> None:
        block = floats_at(theta, dim * WIDTH).reshape(dim, WIDTH)
        total = floats_at(sums, q)
        values = np.full((q, WIDTH), np.nan)  # an entry that is not written is found out
        for lane in range(valid):
            one(block[:, lane], values[:, lane])
        for i in range(q):
            total[i] += lane_sum(values[i], valid)

    return observe


def _user_drift(drift: Drift, dim: int, q: int) -> BlockFunction:
    """Wrap a user's drift in the loop over the lanes of a block."""
    one = compiled(forceinline=True)(drift)

    @block_function(cache=False)
    def force(
        _a: int, _b: int, theta: int, weights: int, out: int, _f: int, _g: int, _h: int
    ) -> None:
        block = floats_at(theta, dim * WIDTH).reshape(dim, WIDTH)
        forces = floats_at(out, dim * WIDTH).reshape(dim, WIDTH)
        mean_field = floats_at(weights, q)
        forces[:] = np.nan  # an entry that is not written is found out
        for lane in range(WIDTH):
            one(block[:, lane], mean_field, forces[:, lane])

    return force
