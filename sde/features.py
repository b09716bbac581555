r"""Features :math:`h_x(\theta)` of the network: a registry.

A feature is a scalar function :math:`g` of one scalar argument, times an amplitude c:

* geometry "inner": :math:`h_x(\theta) = c\,g(\langle x, \theta\rangle)`,
* geometry "radial": :math:`h_x(\theta) = c\,g(\|\theta - x\|^2 / 2)`.

With several outputs a particle holds one weight vector an output, and output k uses the k-th.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from numba.core.errors import NumbaError

from sde import validation, vmath
from sde.intrinsics import fma, like
from sde.native import compiled, inlined

__all__ = ["FEATURES", "Feature", "Scaled", "feature_names", "find_feature", "register_feature"]

ScalarFunction = Callable[[float], float]


class Scaled(NamedTuple):
    """A number c and the functions g(t / c) and g'(t / c) of t, of "inner" features.

    They are what kernels evaluate: a network multiplies its data by c once, not every argument.
    """

    scale: float
    value: ScalarFunction
    derivative: ScalarFunction


@dataclass(frozen=True)
class Feature:
    """A scalar feature g with its derivative and what Assumption 1 needs to know of it.

    Parameters
    ----------
    name : str
        Its name in the registry.
    value, derivative : callable
        g and g', float to float, compilable by numba.
    geometry : {"inner", "radial"}
        Whether the argument is <x, θ> or ‖θ - x‖²/2.
    bounds : tuple of three floats, or None
        Suprema of |g|, |g'|, |g''| ("inner"), or of |h|, ‖∇h‖, ‖∇²h‖ ("radial"); infinite where
        there is none; None if not known.
    why_unbounded : str
        The part of Assumption 1 that fails, if one does.
    scaled : Scaled, optional
        How the kernels evaluate the feature, if not by `value` and `derivative`.
    """

    name: str
    value: ScalarFunction
    derivative: ScalarFunction
    geometry: Literal["inner", "radial"] = "inner"
    bounds: tuple[float, float, float] | None = None
    why_unbounded: str = ""
    builtin: bool = False
    scaled: Scaled | None = None

    def __post_init__(self) -> None:
        if self.scaled and self.geometry == "radial":
            raise ValueError(
                f"need geometry 'inner' of a feature with a scaled form, got 'radial' for "
                f"{self.name!r}, where arguments are not proportional to the data; leave scaled out"
            )

    @property
    def evaluation(self) -> Scaled:
        """How the kernels evaluate the feature."""
        return self.scaled or Scaled(1.0, self.value, self.derivative)


# Each works in the precision of its argument. Slopes are written in terms of values where they can
# be, so that the compiler merges the two evaluations when a kernel asks for both; their error is
# absolute, 1e-16 in double precision and 2e-7 in single.


@inlined
def _tanh(a: float) -> float:
    return vmath.tanh(a)


@inlined
def _tanh_slope(a: float) -> float:
    h = vmath.tanh(a)
    return fma(-h, h, like(a, 1.0))


@inlined
def _tanh2(t: float) -> float:
    return vmath.tanh2(t)


@inlined
def _tanh2_slope(t: float) -> float:
    h = vmath.tanh2(t)
    return fma(-h, h, like(t, 1.0))


@inlined
def _sigmoid(a: float) -> float:
    return vmath.sigmoid(a)


@inlined
def _sigmoid_slope(a: float) -> float:
    h = vmath.sigmoid(a)
    return fma(-h, h, h)


@inlined
def _sine(a: float) -> float:
    return vmath.sin(a)


@inlined
def _cosine(a: float) -> float:
    return vmath.cos(a)


@inlined
def _gaussian(a: float) -> float:
    return vmath.exp(-a)


@inlined
def _gaussian_slope(a: float) -> float:
    return -vmath.exp(-a)


@inlined
def _erf(a: float) -> float:
    return vmath.erf(a)


@inlined
def _erf_slope(a: float) -> float:
    return like(a, 1.1283791670955126) * vmath.exp(-a * a)  # 2/√π


@inlined
def _relu(a: float) -> float:
    return max(a, like(a, 0.0))


@inlined
def _relu_slope(a: float) -> float:
    return like(a, 1.0) if a > like(a, 0.0) else like(a, 0.0)


_KINK = "relu is unbounded and not differentiable at 0"

#: sup|tanh''| = 4/(3√3), sup|σ''| = 1/(6√3), sup|erf''| = √(8/(πe)); the Hessian of the radial
#: Gaussian has norm 1 at its centre and its gradient norm e^{-1/2} at distance 1.
FEATURES: dict[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(
            "tanh",
            _tanh,
            _tanh_slope,
            bounds=(1.0, 1.0, 4 / (3 * math.sqrt(3))),
            builtin=True,
            scaled=Scaled(vmath.TANH2_SCALE, _tanh2, _tanh2_slope),
        ),
        Feature(
            "sigmoid",
            _sigmoid,
            _sigmoid_slope,
            bounds=(1.0, 0.25, 1 / (6 * math.sqrt(3))),
            builtin=True,
        ),
        Feature("sine", _sine, _cosine, bounds=(1.0, 1.0, 1.0), builtin=True),
        Feature(
            "gaussian",
            _gaussian,
            _gaussian_slope,
            geometry="radial",
            bounds=(1.0, math.exp(-0.5), 1.0),
            builtin=True,
        ),
        Feature(
            "erf",
            _erf,
            _erf_slope,
            bounds=(1.0, 2 / math.sqrt(math.pi), math.sqrt(8 / (math.pi * math.e))),
            builtin=True,
        ),
        Feature(
            "relu",
            _relu,
            _relu_slope,
            bounds=(math.inf, 1.0, math.inf),
            why_unbounded=_KINK,
            builtin=True,
        ),
    )
}


def feature_names() -> list[str]:
    """Return the names in the registry, in alphabetical order."""
    return sorted(FEATURES)


def find_feature(name: object) -> Feature:
    """Return a registered feature; an unknown name is refused with the nearest known one."""
    return FEATURES[validation.known_name("feature", name, FEATURES)]


def register_feature(
    name: str,
    value: ScalarFunction,
    derivative: ScalarFunction,
    *,
    geometry: Literal["inner", "radial"] = "inner",
    bounds: tuple[float, float, float] | None = None,
) -> Feature:
    """Add a feature, given by two plain Python functions of one number.

    Parameters
    ----------
    name : str
        A name that is not taken.
    value, derivative : callable
        g and g'. They are compiled by numba; `math` functions may be used.
    geometry : {"inner", "radial"}
        Whether the argument is <x, θ> or ‖θ - x‖²/2.
    bounds : tuple of three floats, optional
        Suprema of g, g', g'' in size (of h, ‖∇h‖, ‖∇²h‖ if radial); `MeanFieldNetwork.bound` needs
        them.

    Returns
    -------
    Feature

    Raises
    ------
    ValueError, TypeError
        If the name is taken, or an argument is of the wrong kind, or `derivative` is not the
        derivative of `value` at a few points.

    Examples
    --------
    >>> import math
    >>> feature = register_feature(
    ...     "softsign", lambda a: a / (1 + abs(a)), lambda a: 1 / (1 + abs(a)) ** 2,
    ...     bounds=(1.0, 1.0, 2.0),
    ... )
    >>> del FEATURES["softsign"]
    """
    name = validation.new_name("feature name", name, FEATURES)
    value = validation.function_of("value", value, ("argument",))
    derivative = validation.function_of("derivative", derivative, ("argument",))
    validation.known_name("geometry", geometry, ("inner", "radial"))
    if bounds is not None:
        b0, b1, b2 = validation.bounds(bounds, 3)
        bounds = (b0, b1, b2)
    native = compiled(forceinline=True)(value), compiled(forceinline=True)(derivative)
    _check_derivative(name, value, derivative, radial=geometry == "radial")
    _check_derivative(name, *native, radial=geometry == "radial")
    feature = Feature(name, *native, geometry, bounds)
    FEATURES[name] = feature
    return feature


def _check_derivative(
    name: str, value: ScalarFunction, derivative: ScalarFunction, *, radial: bool
) -> None:
    step = 1e-5
    for point in (0.37, 0.91, 1.73, 11.0) if radial else (-1.73, -0.37, 0.91, -11.0, 11.0):
        try:
            slope = float(value(point + step) - value(point - step)) / (2 * step)
            claimed = float(derivative(point))
        except (TypeError, ValueError, ArithmeticError, NumbaError) as error:
            raise TypeError(
                f"need value and derivative of feature {name!r} that map a float to a float, for "
                f"numba too, got {value!r} and {derivative!r}; at {point} they say: {error}"
            ) from None
        if not abs(slope - claimed) <= 1e-6 * max(1.0, abs(slope)):
            raise ValueError(
                f"need the derivative of feature {name!r}, got {claimed:.8g} at {point}, where a "
                f"finite difference of its value gives {slope:.8g}; correct one of the two"
            )
