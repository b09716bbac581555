"""`train` as a scikit-learn estimator."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sde.stable import StableNoise
from sde.training.train import train

__all__ = ["HeavyTailedClassifier"]


# scikit-learn has no types, so a type checker takes its classes for anything
class HeavyTailedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""A fully connected network, trained by gradient descent with stable noise to be compressible.

    There is no bias: append a column of ones to X for one.

    Parameters
    ----------
    width : int or tuple of int
        Hidden units, of one layer or of each.
    alpha : float
        Tail index of the noise, 0 < alpha <= 2; at 2 the noise is Gaussian.
    kind : {"I", "II", "III"}
        Type of the noise: equal, independent or rotationally invariant coordinates. Type I does not
        change the outputs where the inputs of each datum sum to 0.
    sigma : float
        Scale of the noise; 0 for none.
    learning_rate : float
        η. A wider network needs a smaller one, in proportion to 1 / width.
    readout : {"trained", "mean"}
        Whether the last layer is trained, or fixed to 1 / width (the paper's mean-field network,
        whose learning rate is in proportion to the width).
    feature : str
        Of the hidden units: "relu", "tanh", "sigmoid", "sine", "erf", or a registered one.
    batch_size : int, optional
        Data of a step; all of them by default.
    max_steps : int
        Steps at most.
    target_accuracy : float, optional
        Training ends when this share of the training data is classified correctly.
    evaluate_every : int
        Steps between evaluations.
    last_noise : bool
        Whether the noise of the last step is added.
    dtype : {"float64", "float32"}
        Of the weights.
    random_state : int, RandomState or None
        The seed of weights, noise and batches; None is 0, because nothing here is random twice.

    Attributes
    ----------
    classes_ : array
        The labels.
    n_features_in_ : int
        Size of an input.
    network_ : FullyConnectedNetwork
        The trained network: prune, shrink, save or export it.
    history_ : History
        What was seen while training.
    n_steps_ : int
        Steps done.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> x, y = make_blobs(60, centers=3, random_state=0)
    >>> model = HeavyTailedClassifier(width=64, max_steps=200).fit(x, y)
    >>> model.predict(x).shape, model.predict_proba(x).shape
    ((60,), (60, 3))
    """

    def __init__(
        self,
        width: int | tuple[int, ...] = 256,
        *,
        alpha: float = 1.75,
        kind: str = "II",
        sigma: float = 0.01,
        learning_rate: float = 0.02,
        readout: Literal["trained", "mean"] = "trained",
        feature: str = "relu",
        batch_size: int | None = None,
        max_steps: int = 500,
        target_accuracy: float | None = None,
        evaluate_every: int = 50,
        last_noise: bool = True,
        dtype: Literal["float64", "float32"] = "float64",
        random_state: Any = None,
    ) -> None:
        self.width = width
        self.alpha = alpha
        self.kind = kind
        self.sigma = sigma
        self.learning_rate = learning_rate
        self.readout = readout
        self.feature = feature
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.target_accuracy = target_accuracy
        self.evaluate_every = evaluate_every
        self.last_noise = last_noise
        self.dtype = dtype
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "HeavyTailedClassifier":
        """Train on inputs (m, d) and labels (m,).

        Parameters
        ----------
        X : (m, d) array_like
            Inputs.
        y : (m,) array_like
            Labels, of at least two classes.

        Raises
        ------
        ValueError, TypeError
            If the data are not finite, labels are not classes, or a parameter is not admissible.
        TrainingDivergedError
            If the loss explodes; use a smaller learning rate or sigma.
        """
        inputs, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"need labels of at least two classes, got one class {self.classes_[0]!r}; pass "
                "data of others too"
            )
        fit = train(
            inputs,
            codes,
            width=self.width,
            noise=StableNoise(self.alpha, self.kind, self.sigma),
            learning_rate=self.learning_rate,
            readout=self.readout,
            feature=self.feature,
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            target_accuracy=self.target_accuracy,
            evaluate_every=self.evaluate_every,
            last_noise=self.last_noise,
            seed=self._seed(),
            dtype=self.dtype,
        )
        self.network_, self.history_, self.n_steps_ = fit.network, fit.history, fit.steps
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the outputs, (k, classes); with two classes their difference, (k,)."""
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        outputs = np.asarray(self.network_.predict(inputs), dtype=np.float64)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, (k, classes)."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([-scores / 2, scores / 2], axis=1)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the labels, (k,)."""
        scores = self.decision_function(X)
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def _seed(self) -> int:
        if self.random_state is None:
            return 0
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))
