"""The network that training returns: its outputs, its pruning, and what is left without the rest.

Hidden unit i of a layer is row i of the layer's weights, and a column of the paper's matrix.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import compression, validation
from sde.blas import one_thread
from sde.training import checks, export, pruning, storage
from sde.training.units import forward, room_for_parts, value_at_zero

__all__ = ["FullyConnectedNetwork"]

#: Most bytes of one layer's features that are in memory at a time.
CHUNK_BYTES = 2**26

Scope = Literal["layer", "global"]


@dataclass(frozen=True, eq=False, repr=False)
class FullyConnectedNetwork:
    r"""A fully connected network without biases: hidden layers of one feature, a linear readout.

    .. math:: f(x) = W_{L+1}\, g(W_L \cdots g(W_1 x) \cdots)

    Parameters
    ----------
    weights : sequence of (units, inputs) arrays
        Of the hidden layers, then of the readout: all float32 or all float64. They are not copied,
        and are read-only here.
    feature : str
        A registered feature of geometry "inner", the same for all hidden layers.
    rows_per_unit : int
        How many rows of weights make one hidden unit, which is pruned as a whole. More than 1 only
        with one hidden layer: a particle of the paper's mean-field network with l outputs has l
        rows, see `mean_field`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not match, types differ, an entry is not finite, or the feature is unknown.

    Examples
    --------
    >>> net = FullyConnectedNetwork(([[1.0, 0.0], [0.0, 2.0], [0.1, 0.1]], [[1.0, -1.0, 1.0]]))
    >>> net
    FullyConnectedNetwork(2-3-1, feature='relu', float64)
    >>> net.predict([[1.0, 1.0]]).round(9).tolist()
    [-0.8]
    >>> net.prune_to_energy(0.9).shrink()
    FullyConnectedNetwork(2-2-1, feature='relu', float64)
    """

    weights: tuple[NDArray[Any], ...]
    feature: str = "relu"
    rows_per_unit: int = 1

    def __post_init__(self) -> None:
        weights = checks.weights_of(self.weights)
        object.__setattr__(self, "weights", weights)
        checks.feature_of(self.feature)
        rows = checks.rows_per_unit_of(self.rows_per_unit, weights)
        object.__setattr__(self, "rows_per_unit", rows)

    @classmethod
    def mean_field(
        cls, theta: ArrayLike, outputs: int, feature: str, amplitude: float = 1.0
    ) -> "FullyConnectedNetwork":
        """Make the network that computes what `MeanFieldNetwork.predict` does.

        Parameters
        ----------
        theta : (n, p) array_like
            One row a particle: l weight vectors of d numbers, p = l d. If float32, so is the
            network.
        outputs : int
            Their number l.
        feature : str
            A registered feature of geometry "inner".
        amplitude : float
            The feature's factor c. The readout is c/n.

        Examples
        --------
        >>> net = FullyConnectedNetwork.mean_field([[1.0, 0.0, 0.0, 1.0]] * 3, 2, "relu")
        >>> net.widths, net.predict([[1.0, 5.0]]).tolist()
        ((3,), [[1.0, 5.0]])
        """
        return cls(checks.mean_field_of(theta, outputs, amplitude), feature, outputs)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, (self.inputs, *self.widths, self.outputs)))
        rows = "" if self.rows_per_unit == 1 else f", rows_per_unit={self.rows_per_unit}"
        return f"FullyConnectedNetwork({sizes}, feature={self.feature!r}{rows}, {self.dtype})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the weights, float32 or float64."""
        return self.weights[0].dtype

    @property
    def inputs(self) -> int:
        """Number of inputs d."""
        return int(self.weights[0].shape[1])

    @property
    def outputs(self) -> int:
        """Number of outputs l."""
        return len(self.weights[-1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of hidden units of each layer."""
        return tuple(len(each) // self.rows_per_unit for each in self.weights[:-1])

    @property
    def n_parameters(self) -> int:
        """Number of weights, those of the readout included."""
        return sum(each.size for each in self.weights)

    @property
    def nbytes(self) -> int:
        """Size of the weights in bytes."""
        return sum(each.nbytes for each in self.weights)

    def astype(self, dtype: Literal["float32", "float64"]) -> "FullyConnectedNetwork":
        """Return the network with weights rounded to another type."""
        validation.known_name("dtype", dtype, ("float32", "float64"))
        with np.errstate(over="ignore"):  # an infinite weight is refused by the constructor
            return replace(self, weights=tuple(each.astype(dtype) for each in self.weights))

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the network's outputs, in the type of its weights.

        Parameters
        ----------
        x : (k, d) array_like
            Inputs.

        Returns
        -------
        (k,) array, or (k, l) with more than one output

        Raises
        ------
        OverflowError
            If an output is too large for the type of the weights.
        """
        out = self.raw_outputs(checks.inputs_of(x, self.weights[0]))
        if not np.isfinite(out).all():
            row = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            raise OverflowError(
                f"need outputs that {self.dtype} holds, got {out[row].tolist()} for x[{row}]; "
                "scale the inputs, or use float64"
            )
        return out[:, 0] if self.outputs == 1 else out

    def raw_outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, (k, l), of inputs that are not checked; they may overflow.

        Memory stays bounded: rows are taken in chunks, whose size depends on the network alone.

        Parameters
        ----------
        x : (k, d) array
            Inputs, float32 or float64.
        """
        parts = room_for_parts(len(self.weights[-2]), self.outputs, 0, self.dtype)
        widest = max(self.inputs, len(parts) * self.outputs, *map(len, self.weights))
        rows = max(1, CHUNK_BYTES // (self.dtype.itemsize * widest))
        out = np.empty((len(x), self.outputs), self.dtype)
        feature, slopes = checks.feature_of(self.feature), np.empty((0, 0), self.dtype)
        with one_thread():
            for start in range(0, len(x), rows):
                some = np.ascontiguousarray(x[start : start + rows], dtype=self.dtype)
                room = (np.empty((len(each), len(some)), self.dtype) for each in self.weights[:-1])
                parts = room_for_parts(len(self.weights[-2]), self.outputs, len(some), self.dtype)
                forward(
                    feature, self.weights, some, room, itertools.repeat(slopes), parts,
                    out[start : start + rows],
                )  # fmt: skip
        return out

    def classify(self, x: ArrayLike) -> NDArray[np.int64]:
        """Return the class of each input.

        Parameters
        ----------
        x : (k, d) array_like
            Inputs.

        Returns
        -------
        (k,) int64 array
            With one output its sign, -1 or +1; else the number of the largest output. Of equal
            outputs the first counts, and 0 counts as -1.
        """
        out = self.predict(x)
        classes = np.where(out > 0, 1, -1) if self.outputs == 1 else np.argmax(out, axis=1)
        return np.asarray(classes, dtype=np.int64)

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the share of inputs that are classified as `y` says.

        Parameters
        ----------
        x : (k, d) array_like
            Inputs.
        y : (k,) array_like
            Classes: -1 or +1 with one output, else 0, ..., l - 1; or (k, l) one-hot rows.
        """
        inputs = checks.inputs_of(x, self.weights[0])
        return float(
            np.mean(self.classify(inputs) == checks.classes_of(y, len(inputs), self.outputs))
        )

    def pruning_ratio(self, energy: float = 0.9) -> float:
        """Return the paper's pruning ratio (section 5): the share of hidden units that may go.

        Parameters
        ----------
        energy : float
            Share of the squared Frobenius norm of each layer that must be kept, from 0 to 1.
        """
        ratios = [compression.pruning_ratio(units, energy) for units in self._units()]
        return float(np.average(ratios, weights=self.widths))

    def prune(self, ratio: float, *, scope: Scope = "layer") -> "FullyConnectedNetwork":
        """Set the incoming weights of the hidden units of smallest norm to zero.

        Parameters
        ----------
        ratio : float
            The share of units to prune, from 0 to 1: of n units, at most (1 - ratio) n are kept.
        scope : {"layer", "global"}
            Whether that is the share of each layer, or of all hidden units together.

        Examples
        --------
        >>> net = FullyConnectedNetwork(([[1.0], [0.1], [3.0]], [[1.0, 1.0, 1.0]]))
        >>> net.prune(1 / 3).weights[0].ravel().tolist()
        [1.0, 0.0, 3.0]
        """
        validation.known_name("scope", scope, ("layer", "global"))
        ratio = validation.real("ratio", ratio, least=0.0, most=1.0)
        if scope == "layer":
            return self._without([pruning.smallest(each, ratio) for each in self._norms()])
        together = pruning.smallest(np.concatenate(self._norms()), ratio)
        return self._without(np.split(together, np.cumsum(self.widths)[:-1]))

    def prune_to_energy(self, energy: float = 0.9) -> "FullyConnectedNetwork":
        """Prune as many units of each layer as leave a share of its squared Frobenius norm.

        Parameters
        ----------
        energy : float
            The share to keep, from 0 to 1; that of the paper's tables by default.
        """
        ratios = [compression.pruning_ratio(units, energy) for units in self._units()]
        layers = zip(self._norms(), ratios, strict=True)
        return self._without([pruning.smallest(*each) for each in layers])

    def pruning_curve(
        self,
        x: ArrayLike,
        y: ArrayLike,
        ratios: Iterable[float] = pruning.RATIOS,
        *,
        scope: Scope = "layer",
    ) -> pruning.PruningCurve:
        """Return the accuracy after pruning, by the share of units pruned (Figure 2).

        Parameters
        ----------
        x, y : array_like
            Data, as for `accuracy`.
        ratios : iterable of float
            Shares to prune, from 0 to 1.
        scope : {"layer", "global"}
            As for `prune`.
        """
        inputs = checks.inputs_of(x, self.weights[0])
        classes = checks.classes_of(y, len(inputs), self.outputs)
        shares = validation.real_array("ratios", list(ratios), ("ratios",))
        pruned = [self.prune(ratio, scope=scope).shrink() for ratio in shares.tolist()]
        accuracies = np.array([each.accuracy(inputs, classes) for each in pruned])
        return pruning.PruningCurve(shares, accuracies, self.accuracy(inputs, classes))

    def shrink(self) -> "FullyConnectedNetwork":
        """Return a smaller network with the same outputs: hidden units without weights are gone.

        Such a unit is constant, g(0). Where that is not 0, as for sigmoid, one unit stays for all
        of them, and its outgoing weights are the sums of theirs. A layer keeps one unit at least.
        """
        constant = value_at_zero(checks.feature_of(self.feature)) != 0
        weights = pruning.shrunk(self.weights, self.rows_per_unit, constant=constant)
        return replace(self, weights=weights)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a plain `.npz` file of that very name; an older one is replaced."""
        storage.save(path, self.weights, self.feature, self.rows_per_unit)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "FullyConnectedNetwork":
        """Read a network that `save` wrote; nothing in the file is executed.

        Raises
        ------
        ValueError
            If the file is damaged, or holds something else, or its feature is not registered.
        """
        return cls(*storage.load(path))

    def to_onnx(self, path: str | PathLike[str]) -> None:
        """Write the network as an ONNX model; an older file of that name is replaced.

        Its input "x" is (batch, d), its output "outputs" (batch, l), in the type of the weights. It
        is made of `MatMul` and one activation node a layer, in operator set 17 (of 2022).

        Raises
        ------
        ModuleNotFoundError
            Without the package `onnx`.
        ValueError
            If the feature is a user's own, the weights do not fit a model file (2 GiB), or the
            feature is "erf" in float64, which runtimes do not have: write `astype("float32")`.
        """
        export.to_onnx(path, self.weights, checks.feature_of(self.feature))

    def _units(self) -> list[NDArray[Any]]:
        """Return the hidden layers with one row a unit."""
        rows = self.rows_per_unit
        return [each.reshape(len(each) // rows, -1) for each in self.weights[:-1]]

    def _norms(self) -> list[NDArray[np.float64]]:
        return [compression.row_norms(units.astype(np.float64)) for units in self._units()]

    def _without(self, pruned: Sequence[NDArray[np.bool_]]) -> "FullyConnectedNetwork":
        hidden = zip(self.weights, pruned, strict=False)
        kept = [pruning.zeroed(each, np.repeat(gone, self.rows_per_unit)) for each, gone in hidden]
        return replace(self, weights=(*kept, self.weights[-1]))
