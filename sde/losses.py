r"""Losses :math:`\ell(f, y)` of the network: a registry, and the block functions they become.

A loss is a function of a prediction and a target, both arrays with one number an output, and its
gradient in the prediction. Separable losses are summed over outputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from sde import validation
from sde.addresses import floats_at, integers_at, matrix_at
from sde.native import SOURCE_DIGEST, BlockFunction, block_function, compiled, inlined
from sde.products import packed_place

__all__ = [
    "LOSSES",
    "Loss",
    "check_gradient",
    "find_loss",
    "loss_names",
    "register_loss",
    "weight_count",
]

LossFunction = Callable[[Any, Any], float]
GradientFunction = Callable[[Any, Any, Any], None]


@dataclass(frozen=True)
class Loss:
    """A loss with its gradient and what Assumption 1 needs to know of it.

    Parameters
    ----------
    name : str
        Its name in the registry.
    value : callable
        `value(prediction, target)`, the loss of one datum.
    gradient : callable
        `gradient(prediction, target, out)`, which writes the gradient in the prediction to `out`.
    bounds : tuple of two floats, or None
        Suprema, over predictions and admissible targets, of the norm of the gradient and of the
        operator norm of the Hessian, for one output; infinite where there is none; None if not
        known.
    separable : bool
        Whether the loss is a sum over outputs, so that the gradient's bound grows like √l.
    labels : {"real", "sign", "class"}
        Admissible targets: any real number, ±1, or a class (an integer, or a one-hot row).
    """

    name: str
    value: LossFunction
    gradient: GradientFunction
    bounds: tuple[float, float] | None = None
    separable: bool = True
    labels: str = "real"
    builtin: bool = False


@inlined
def _logistic(prediction: Any, target: Any) -> float:
    total = 0.0
    for k in range(len(target)):
        margin = target[k] * prediction[k]
        total += max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))
    return total


@inlined
def _logistic_gradient(prediction: Any, target: Any, out: Any) -> None:
    for k in range(len(target)):
        margin = target[k] * prediction[k]
        e = math.exp(-abs(margin))
        out[k] = -target[k] * (e if margin > 0 else 1.0) / (1.0 + e)


@inlined
def _pseudo_huber(prediction: Any, target: Any) -> float:
    total = 0.0
    for k in range(len(target)):
        residual = prediction[k] - target[k]
        # √(1 + r²) - 1 without cancellation at small r, nor overflow at large r
        total += residual * (residual / (1.0 + math.hypot(1.0, residual)))
    return total


@inlined
def _pseudo_huber_gradient(prediction: Any, target: Any, out: Any) -> None:
    for k in range(len(target)):
        residual = prediction[k] - target[k]
        out[k] = residual / math.hypot(1.0, residual)


@inlined
def _squared(prediction: Any, target: Any) -> float:
    total = 0.0
    for k in range(len(target)):
        residual = prediction[k] - target[k]
        total += 0.5 * residual * residual
    return total


@inlined
def _squared_gradient(prediction: Any, target: Any, out: Any) -> None:
    for k in range(len(target)):
        out[k] = prediction[k] - target[k]


@inlined
def _cross_entropy(prediction: Any, target: Any) -> float:
    peak = prediction[0]
    for k in range(1, len(target)):
        peak = max(peak, prediction[k])
    mass = 0.0
    total = 0.0
    for k in range(len(target)):
        mass += math.exp(prediction[k] - peak)
        total -= target[k] * (prediction[k] - peak)
    return total + math.log(mass)


@inlined
def _cross_entropy_gradient(prediction: Any, target: Any, out: Any) -> None:
    peak = prediction[0]
    for k in range(1, len(target)):
        peak = max(peak, prediction[k])
    mass = 0.0
    for k in range(len(target)):
        out[k] = math.exp(prediction[k] - peak)
        mass += out[k]
    for k in range(len(target)):
        out[k] = out[k] / mass - target[k]


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "logistic",
            _logistic,
            _logistic_gradient,
            bounds=(1.0, 0.25),
            labels="sign",
            builtin=True,
        ),
        Loss(
            "pseudo_huber", _pseudo_huber, _pseudo_huber_gradient, bounds=(1.0, 1.0), builtin=True
        ),
        Loss("squared", _squared, _squared_gradient, bounds=(math.inf, 1.0), builtin=True),
        # softmax minus one-hot has norm at most √2, the softmax covariance norm at most 1/2
        Loss(
            "cross_entropy",
            _cross_entropy,
            _cross_entropy_gradient,
            bounds=(math.sqrt(2.0), 0.5),
            separable=False,
            labels="class",
            builtin=True,
        ),
    )
}


def loss_names() -> list[str]:
    """Return the names in the registry, in alphabetical order."""
    return sorted(LOSSES)


def find_loss(name: object) -> Loss:
    """Return a registered loss; an unknown name is refused with the nearest known one."""
    return LOSSES[validation.known_name("loss", name, LOSSES)]


def register_loss(
    name: str,
    value: LossFunction,
    gradient: GradientFunction,
    *,
    bounds: tuple[float, float] | None = None,
    separable: bool = True,
) -> Loss:
    """Add a loss, given by two plain Python functions.

    Parameters
    ----------
    name : str
        A name that is not taken.
    value : callable
        `value(prediction, target)`: the loss of one datum, from two arrays with a number an output.
    gradient : callable
        `gradient(prediction, target, out)`: writes the gradient in the prediction to `out`.
    bounds : tuple of two floats, optional
        Suprema of the gradient's norm and of the Hessian's operator norm for one output;
        `MeanFieldNetwork.bound` needs them.
    separable : bool
        Whether the loss is a sum over outputs.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError, TypeError
        If the name is taken, an argument is of the wrong kind, or `gradient` is not the gradient of
        `value` at a few points.

    Examples
    --------
    >>> import math
    >>> def log_cosh(prediction, target):
    ...     return math.log(math.cosh(prediction[0] - target[0]))
    >>> def log_cosh_gradient(prediction, target, out):
    ...     out[0] = math.tanh(prediction[0] - target[0])
    >>> loss = register_loss("log_cosh", log_cosh, log_cosh_gradient, bounds=(1.0, 1.0))
    >>> del LOSSES["log_cosh"]
    """
    name = validation.new_name("loss name", name, LOSSES)
    value = validation.function_of("value", value, ("prediction", "target"))
    gradient = validation.function_of("gradient", gradient, ("prediction", "target", "out"))
    separable = validation.boolean("separable", separable)
    if bounds is not None:
        b1, b2 = validation.bounds(bounds, 2)
        bounds = (b1, b2)
    native_value, native_gradient = compiled()(value), compiled()(gradient)
    check_gradient(name, value, gradient)
    check_gradient(name, native_value, native_gradient)
    loss = Loss(name, native_value, native_gradient, bounds, separable)
    LOSSES[name] = loss
    return loss


def check_gradient(
    name: str, value: LossFunction, gradient: GradientFunction, outputs: int = 1
) -> None:
    """Refuse a loss whose gradient is not that of its value, or leaves an output out."""
    shifts = 1e-5 * np.eye(outputs)
    for prediction, target in ((0.3, 1.0), (-0.8, 1.0), (1.7, -1.0)):
        f, y = prediction + 0.1 * np.arange(outputs), np.full(outputs, target)
        out = np.full(outputs, np.nan)
        try:
            slopes = np.array([(value(f + h, y) - value(f - h, y)) / 2e-5 for h in shifts])
            gradient(f, y, out)
        except (TypeError, IndexError, ValueError, ArithmeticError, NumbaError) as error:
            raise TypeError(
                f"need loss {name!r} as value(prediction, target) and gradient(prediction, target, "
                f"out), on arrays and for numba, got {value!r} and {gradient!r}; "
                f"they say: {error}"
            ) from None
        if not (np.abs(slopes - out) <= 1e-6 * np.maximum(1.0, np.abs(slopes))).all():
            raise ValueError(
                f"need the gradient of loss {name!r}, got {out.tolist()} at prediction "
                f"{f.tolist()}, target {y.tolist()}, where a finite difference of its value gives "
                f"{slopes.round(8).tolist()}; correct one of the two, for every output"
            )


def weight_count(m: int, d: int, outputs: int) -> int:
    """Return how many numbers `make_prepare` writes."""
    return m * outputs * (1 + d)


def make_prepare(loss: Loss) -> BlockFunction:
    """Compile the block function that turns a mean field into the weights of the drift.

    The weight of output k and datum j is -c/m times the loss's derivative there, c the amplitude:
    `weights[k, j]`. Behind them, of each output, are the pulls as a packed matrix (`sde.products`),
    whose column j is the weight times the datum.
    """
    digest, gradient = SOURCE_DIGEST, loss.gradient

    @block_function(cache=loss.builtin)
    def prepare(
        shape: int, data: int, mean_field: int, weights: int, _e: int, _f: int, _g: int, _h: int
    ) -> None:
        _ = digest
        sizes = integers_at(shape, 3)
        m, d, outputs = sizes[0], sizes[1], sizes[2]
        factor, x = -floats_at(data, 1)[0] / m, matrix_at(data + 8, m, d)
        y = matrix_at(data + 8 * (1 + m * d), m, outputs)
        prediction = matrix_at(mean_field, m, outputs)
        weight = matrix_at(weights, outputs, m)
        pulls = matrix_at(weights + 8 * m * outputs, outputs, d * m)
        slope = np.empty(outputs)
        for j in range(m):
            gradient(prediction[j], y[j], slope)
            for k in range(outputs):
                w = slope[k] * factor
                weight[k, j] = w
                for c in range(d):
                    pulls[k, packed_place(c, j, d, m)] = w * x[j, c]

    return prepare
