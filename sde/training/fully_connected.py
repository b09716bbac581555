"""The network that training returns: its outputs, its pruning, and what is left without the rest.

Hidden unit i of a layer is row i of the layer's weights, and a column of the paper's matrix.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sde import compression, validation
from sde.features import Feature, find_feature
from sde.training import pruning, storage
from sde.training.elementwise import activation

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
        feature = find_feature(self.feature)
        if feature.geometry != "inner":
            raise ValueError(
                f"need a feature of geometry 'inner', got {self.feature!r}, which is "
                f"{feature.geometry!r}; use another one"
            )
        object.__setattr__(self, "weights", _checked_weights(self.weights))
        rows = validation.count("rows_per_unit", self.rows_per_unit)
        object.__setattr__(self, "rows_per_unit", rows)
        if rows > 1 and len(self.weights) > 2:
            raise ValueError(
                f"need rows_per_unit=1 with more than one hidden layer, got {rows}; wide particles "
                "belong to the mean-field network"
            )
        if len(self.weights[0]) % rows:
            raise ValueError(
                f"need rows_per_unit that divides the rows of weights[0], got {rows} and "
                f"{len(self.weights[0])} rows; a unit is that many rows"
            )

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
        single = getattr(theta, "dtype", None) == np.float32
        state = validation.real_array("theta", theta, ("n", "p"))
        outputs = validation.count("outputs", outputs)
        amplitude = validation.positive("amplitude", amplitude)
        n, p = state.shape
        if p % outputs:
            raise ValueError(
                f"need outputs that divide the row length of theta, got outputs={outputs} and rows "
                f"of {p}; a particle is one weight vector an output"
            )
        readout = np.tile(amplitude / n * np.eye(outputs), n)
        dtype = np.float32 if single else np.float64
        rows = state.reshape(n * outputs, p // outputs)
        return cls((rows.astype(dtype), readout.astype(dtype)), feature, outputs)

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
        """Return the network with weights rounded to another type.

        Parameters
        ----------
        dtype : {"float32", "float64"}
        """
        dtype = validation.known_name("dtype", dtype, ("float32", "float64"))  # type: ignore[assignment]  # one of the two
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
        out = self.raw_outputs(self._checked_inputs(x))
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
        rows = max(
            1, CHUNK_BYTES // (self.dtype.itemsize * max(self.inputs, *map(len, self.weights)))
        )
        out = np.empty((len(x), self.outputs), self.dtype)
        activate = activation(self._feature)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(x), rows):
                below = np.ascontiguousarray(x[start : start + rows], dtype=self.dtype)
                for weights in self.weights[:-1]:
                    below = np.matmul(below, weights.T)
                    activate(below, below[:0])
                np.matmul(below, self.weights[-1].T, out=out[start : start + rows])
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
        if self.outputs == 1:
            return np.where(out > 0, 1, -1)
        return np.asarray(np.argmax(out, axis=1), dtype=np.int64)

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the share of inputs that are classified as `y` says.

        Parameters
        ----------
        x : (k, d) array_like
            Inputs.
        y : (k,) array_like
            Their classes: -1 or +1 with one output, else 0, ..., l - 1; or (k, l) one-hot rows.
        """
        inputs = self._checked_inputs(x)
        return float(np.mean(self.classify(inputs) == self._classes(y, len(inputs))))

    def pruning_ratio(self, energy: float = 0.9) -> float:
        """Return the paper's pruning ratio (section 5): how many units `prune_to_energy` removes.

        Parameters
        ----------
        energy : float
            Share of the squared Frobenius norm of each layer that must be kept, from 0 to 1.

        Returns
        -------
        float
            As a share of all hidden units.
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
        norms = [compression.row_norms(units) for units in self._units()]
        if scope == "layer":
            return self._without([pruning.smallest(each, ratio) for each in norms])
        together = pruning.smallest(np.concatenate(norms), ratio)
        return self._without(np.split(together, np.cumsum(self.widths)[:-1]))

    def prune_to_energy(self, energy: float = 0.9) -> "FullyConnectedNetwork":
        """Prune as many units of each layer as leave a share of its squared Frobenius norm.

        Parameters
        ----------
        energy : float
            The share to keep, from 0 to 1; that of the paper's tables by default.
        """
        layers = self._units()
        ratios = [compression.pruning_ratio(units, energy) for units in layers]
        norms = [compression.row_norms(units) for units in layers]
        return self._without([pruning.smallest(*each) for each in zip(norms, ratios, strict=True)])

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
        inputs = self._checked_inputs(x)
        classes = self._classes(y, len(inputs))
        shares = validation.real_array("ratios", list(ratios), ("ratios",))
        pruned = [self.prune(ratio, scope=scope).shrink() for ratio in shares.tolist()]
        accuracies = np.array([each.accuracy(inputs, classes) for each in pruned])
        return pruning.PruningCurve(shares, accuracies, self.accuracy(inputs, classes))

    def shrink(self) -> "FullyConnectedNetwork":
        """Return a smaller network with the same outputs: hidden units without weights are gone.

        Such a unit is constant, g(0). Where that is not 0, as for sigmoid, one unit stays for all
        of them, and its outgoing weights are the sums of theirs. A layer keeps one unit at least.
        """
        silent = np.zeros((1, 1))
        activation(self._feature)(silent, silent[:0])
        weights = pruning.shrunk(self.weights, self.rows_per_unit, constant=silent.item() != 0)
        return replace(self, weights=weights)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a plain `.npz` file; a file of that name is replaced.

        Parameters
        ----------
        path : path
            Taken as it is: no suffix is added.
        """
        storage.save(path, self.weights, self.feature, self.rows_per_unit)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "FullyConnectedNetwork":
        """Read a network that `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path : path

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If the file is damaged, or holds something else, or its feature is not registered.
        """
        return cls(*storage.load(path))

    def _checked_inputs(self, x: ArrayLike) -> NDArray[Any]:
        array = np.asarray(x)
        shaped = array.ndim == 2 and len(array) > 0 and array.shape[1] == self.inputs
        if array.dtype in (np.float32, np.float64) and shaped and np.isfinite(array).all():
            return array  # large data are not copied
        return validation.real_array("x", x, ("k", self.inputs))

    def _classes(self, y: ArrayLike, k: int) -> NDArray[np.float64]:
        array = validation.real_array("y", y, (..., k) if np.ndim(y) < 2 else (k, self.outputs))
        if array.ndim == 2:
            return array[:, 0] if self.outputs == 1 else np.argmax(array, axis=1).astype(float)
        known = (-1.0, 1.0) if self.outputs == 1 else np.arange(self.outputs)
        if not np.isin(array, known).all():
            wrong = float(array[~np.isin(array, known)][0])
            names = "-1 or +1" if self.outputs == 1 else f"0, ..., {self.outputs - 1}"
            raise ValueError(f"need classes {names}, got y with {wrong!r}; number them like that")
        return array

    def _units(self) -> list[NDArray[Any]]:
        """Return the hidden layers with one row a unit."""
        rows = self.rows_per_unit
        return [each.reshape(len(each) // rows, -1) for each in self.weights[:-1]]

    def _without(self, pruned: Sequence[NDArray[np.bool_]]) -> "FullyConnectedNetwork":
        hidden = zip(self.weights, pruned, strict=False)
        kept = [pruning.zeroed(each, np.repeat(gone, self.rows_per_unit)) for each, gone in hidden]
        return replace(self, weights=(*kept, self.weights[-1]))

    @cached_property
    def _feature(self) -> Feature:
        return find_feature(self.feature)


def _checked_weights(weights: Sequence[ArrayLike]) -> tuple[NDArray[Any], ...]:
    """Return read-only views of the weights, of shapes and types that fit."""
    arrays: list[NDArray[Any]] = []
    for layer, each in enumerate(weights):
        inputs = arrays[-1].shape[0] if arrays else "inputs"
        array = np.asarray(each)
        if array.dtype != np.float32 or not np.isfinite(array).all():
            checked = validation.real_array(f"weights[{layer}]", each, ("units", inputs))
            array = array if array.dtype == np.float64 else checked
        if array.ndim != 2 or 0 in array.shape or inputs not in ("inputs", array.shape[1]):
            raise ValueError(
                f"need weights[{layer}] of shape (units, {inputs}), got shape {array.shape}; a "
                "layer has a row a unit, as long as the layer below has units"
            )
        array = np.ascontiguousarray(array).view()
        array.flags.writeable = False
        arrays.append(array)
    if len(arrays) < 2:
        raise ValueError(
            f"need a hidden layer and a readout at least, got {len(arrays)} weights; pass both"
        )
    if len({each.dtype for each in arrays}) > 1:
        raise TypeError(
            f"need weights all float32 or all float64, got {[str(each.dtype) for each in arrays]}; "
            "convert them"
        )
    return tuple(arrays)
