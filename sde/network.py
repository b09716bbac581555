r"""The paper's network: one hidden layer in mean-field scaling, on a data set."""

import hashlib
import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import validation
from sde.assumptions import feature_suprema, loss_suprema
from sde.block_steps import Pieces
from sde.blocks import once
from sde.features import Feature, find_feature
from sde.identity import function_digest
from sde.losses import Loss, check_gradient, find_loss, make_prepare, weight_count
from sde.network_blocks import (
    are_near,
    arrange,
    drift_part,
    fused_products,
    in_pairs,
    make_drift,
    make_observe,
    scratch_rows,
)
from sde.systems import System, finite
from sde.targets import targets

__all__ = ["MeanFieldNetwork"]


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
        if not self.loss.builtin:  # registered with a check of one output only
            value = getattr(self.loss.value, "py_func", self.loss.value)
            gradient = getattr(self.loss.gradient, "py_func", self.loss.gradient)
            check_gradient(self.loss.name, value, gradient, self.outputs)
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
        """A hash of data, feature, loss and amplitude; a user's functions by their content."""
        digest = hashlib.sha256(repr(self).encode())
        if not self.feature.builtin:
            digest.update(function_digest(self.feature.value).encode())
            digest.update(function_digest(self.feature.derivative).encode())
        if not self.loss.builtin:
            digest.update(function_digest(self.loss.value).encode())
            digest.update(function_digest(self.loss.gradient).encode())
        digest.update(self.x.tobytes())
        digest.update(self.y.tobytes())
        return digest.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: not the addresses of functions, which another process lacks."""
        return {k: v for k, v in self.__dict__.items() if k not in ("pieces", "_single_pieces")}

    @cached_property
    def pieces(self) -> Pieces:
        """The network as the kernels see it."""
        return self.pieces_for(self.x, self.y)

    def pieces_in(self, dtype: np.dtype[Any]) -> Pieces:
        """Return the network as the kernels see it, to compute in float32 or float64."""
        return self._single_pieces if dtype == np.float32 else self.pieces

    @cached_property
    def _single_pieces(self) -> Pieces:
        return self.pieces_for(self.x, self.y, np.dtype(np.float32))

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
            out = self._mean_field(self.pieces_for(inputs, blank), state)
        finite("predictions", out)
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
        with np.errstate(over="ignore"):
            losses = np.array([value(f, y) for f, y in zip(predictions, self.y, strict=True)])
        return math.fsum(finite("losses", losses / len(losses)))

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
        size = np.abs(self.x).max()
        norm = (
            size * np.linalg.norm(self.x / size, axis=1)
            if size > 1e150
            else np.linalg.norm(self.x, axis=1)
        )
        phi = loss_suprema(self.loss, self.outputs)
        with np.errstate(over="ignore"):
            psi = self.amplitude * feature_suprema(self.feature, norm, self.outputs)
        largest = float(finite("suprema of the feature", psi).max())
        return largest * float(np.sqrt(np.mean((psi / largest) ** 2) * (1 + phi**2)))

    def pieces_for(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        dtype: np.dtype[Any] = np.dtype(np.float64),  # noqa: B008  # immutable
    ) -> Pieces:
        """Return the network on other data, such as a batch, as the kernels see it."""
        m, d = x.shape
        feature, loss = self.feature, self.loss
        single = dtype == np.float32
        key = (feature, fused_products(feature, d), single)
        paired, near = in_pairs(m), are_near(m * self.outputs, single=single)
        observe = once(
            ("observe", *key, paired, near),
            lambda: make_observe(feature, d, single=single, paired=paired, near=near),
        )
        drift = once(("drift", *key), lambda: make_drift(feature, d, single=single))
        prepare = once(("prepare", loss), lambda: make_prepare(loss))
        inputs, part = arrange(feature, x, dtype), drift_part(feature, m, d, self.outputs)
        if not np.isfinite(inputs).all():
            remedy = "dtype='float64'" if single else "other units"
            raise ValueError(
                f"need x that fits {dtype} when multiplied by {feature.evaluation.scale:.3g}, got "
                f"{np.abs(x).max():g}; use {remedy}"
            )
        return Pieces(
            observe.address,
            prepare.address,
            drift.address,
            self.dim,
            y.size,
            weight_count(m, d, self.outputs),
            scratch_rows(),
            y.size,
            part,
            np.array([m, d, self.outputs, part], dtype=np.int64),
            np.concatenate([[self.amplitude], x.ravel(), y.ravel()]),
            inputs,
        )
