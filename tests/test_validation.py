"""Every public function refuses what makes no sense, and says what it got and what to do.

A case is a call, the error's type, and pieces of its message: the value received and the remedy.
"""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sde
from sde import validation
from sde.features import FEATURES
from sde.losses import LOSSES

NAN, INF = math.nan, math.inf


def observable(theta, out):
    out[0] = theta[0]


def drift(theta, mean_field, out):
    out[0] = mean_field[0] - theta[0]


def ridge(a):
    return a / (1 + abs(a))


def ridge_slope(a):
    return 1 / (1 + abs(a)) ** 2


def half_square(prediction, target):
    return 0.5 * (prediction[0] - target[0]) ** 2


def half_square_gradient(prediction, target, out):
    out[0] = prediction[0] - target[0]


NET = sde.MeanFieldNetwork([[1.0], [2.0]], [1, -1], feature="sine")
OTHER = sde.MeanFieldNetwork([[1.0], [3.0]], [1, -1], feature="sine")
NOISE = sde.StableNoise(1.5, "II")
FLOW = sde.mean_field_flow(NET, NOISE, t1=1.0, dt=0.25, method="fourier")
THETA = [[1.0], [2.0], [-3.0], [0.5]]
LAW = sde.CompressionLaw(1.5, 1.0, [1.0, 2.0, 3.0, 4.0], 0.25)

#: What each argument is called with when it is another's turn to be wrong.
GOOD = {
    sde.StableNoise: {"alpha": 1.5, "kind": "II", "sigma": 1.0},
    NOISE.sample: {"n": 3, "dim": 2, "seed": 0},
    NOISE.increments: {
        "n": 3,
        "dim": 2,
        "dt": 0.5,
        "steps": 2,
        "substeps": 1,
        "seed": 0,
        "replicate": 0,
    },
    NOISE.characteristic_function: {"u": [1.0]},
    NOISE.tail_constant: {"dim": 2},
    sde.MeanFieldNetwork: {
        "x": [[1.0], [2.0]],
        "y": [1, -1],
        "feature": "tanh",
        "loss": "logistic",
        "amplitude": 1.0,
    },
    NET.predict: {"theta": THETA, "x": [[1.0]]},
    NET.risk: {"theta": THETA},
    NET.drift: {"theta": THETA},
    NET.mean_field: {"theta": THETA},
    sde.McKeanVlasov: {"dim": 1, "n_observables": 1, "observable": observable, "drift": drift},
    sde.simulate: {
        "system": NET,
        "noise": NOISE,
        "n": 4,
        "t1": 1.0,
        "dt": 0.25,
        "initial": sde.Gaussian(1.0),
        "substeps": 1,
        "seed": 0,
        "replicate": 0,
        "save_at": [0.5],
        "dtype": "float64",
    },
    sde.simulate_limit: {
        "system": NET,
        "noise": NOISE,
        "flow": FLOW,
        "n": 4,
        "seed": 0,
        "replicate": 0,
        "save_at": [0.5],
    },
    sde.mean_field_flow: {
        "system": NET,
        "noise": NOISE,
        "t1": 1.0,
        "dt": 0.25,
        "initial": sde.Gaussian(1.0),
        "method": "fourier",
        "n": 8,
        "runs": 2,
        "seed": 0,
    },
    FLOW: {"t": 0.5},
    sde.chaos_gap: {
        "system": NET,
        "noise": NOISE,
        "flow": FLOW,
        "n": 4,
        "replicates": 2,
        "seed": 0,
        "over_particles": "sup",
    },
    sde.euler_error: {
        "system": NET,
        "noise": NOISE,
        "n": 4,
        "t1": 1.0,
        "dts": [0.5, 0.25],
        "dt_reference": 0.125,
        "replicates": 2,
        "seed": 0,
        "norm": "grid",
        "initial": sde.Gaussian(1.0),
    },
    sde.prune: {"theta": THETA, "keep": 0.5},
    sde.compression_error: {"theta": THETA, "keep": 0.5},
    sde.pruning_ratio: {"theta": THETA, "energy": 0.9},
    sde.CompressionLaw: {"alpha": 1.5, "tail_constant": 1.0, "norms": [1.0, 2.0], "keep": 0.5},
    sde.CompressionLaw.of_sample: {
        "theta": THETA,
        "keep": 0.5,
        "alpha": 1.5,
        "tail_constant": 1.0,
    },
    sde.CompressionLaw.of_noise: {
        "noise": NOISE,
        "dim": 2,
        "keep": 0.1,
        "t": 1.0,
        "samples": 100,
    },
    LAW.quantile: {"n": 10, "q": 0.5},
    LAW.median: {"n": 10},
    LAW.width: {"eps": 0.1, "keep": 0.5},
    LAW.small_energy: {"keep": 0.5},
    sde.Gaussian: {"scale": 1.0, "mean": 0.0},
    sde.Uniform: {"low": 0.0, "high": 1.0},
    sde.Point: {"value": 1.0},
}

#: Arguments by what they are.
COUNTS = {"n", "dim", "n_observables", "runs", "replicates", "steps", "substeps", "samples"}
SEEDS = {"seed", "replicate"}
SHARES = {"keep", "energy"}
POSITIVE = {"dt", "t1", "t", "dt_reference", "amplitude", "tail_constant", "eps"}
NUMBERS = {"alpha", "sigma", "scale", "mean", "low", "high", "value", "q"} | POSITIVE | SHARES
ARRAYS = {"theta", "x", "u", "norms", "save_at", "dts", "initial", "y"}
NAMES = {"kind", "feature", "loss", "dtype", "method", "over_particles", "norm"}
OTHERS = {"system", "noise", "flow", "observable", "drift"}

WRONG = (
    [(COUNTS | SEEDS, value, TypeError) for value in (1.5, "3", None, True, 1j, [2], np.float64(2))]
    + [(COUNTS, value, ValueError) for value in (0, -1, 2**62 + 1, 2**80)]
    + [(SEEDS, value, ValueError) for value in (-1, 2**64)]
    + [(NUMBERS, value, TypeError) for value in ("1", None, True, 1j, np.complex128(1), [1.0])]
    + [(NUMBERS, value, ValueError) for value in (NAN, INF, -INF, 10**400)]
    + [(POSITIVE, value, ValueError) for value in (0, -1.0)]
    + [(SHARES, value, ValueError) for value in (-0.1, 1.1)]
    + [
        (ARRAYS, value, TypeError)
        for value in ("abc", [["a"]], np.array([[1j]]), [[1.0], [2.0, 3.0]], [True], [None])
    ]
    + [(ARRAYS, value, ValueError) for value in (2.0, np.zeros((2, 0)), np.zeros((1, 1, 1, 0)))]
    + [(NAMES, value, TypeError) for value in (1, None, ["I"])]
    + [(NAMES, value, ValueError) for value in ("", "no such name")]
    + [(OTHERS, value, TypeError) for value in (None, 1, "x", sde.StableNoise, abs)]
)
#: What the tables of wrong values list, but these arguments take or refuse otherwise.
ALLOWED = {(LAW.width, "keep", "None"), (FLOW, "t", "0")}


def title(function):
    return getattr(function, "__qualname__", "Flow.__call__")


def wrong_calls():
    for function, arguments in GOOD.items():
        for name in arguments:
            for names, value, error in WRONG:
                allowed = (function, name, repr(value)) in ALLOWED
                law_only = function is sde.mean_field_flow and name == "initial"
                error = TypeError if law_only else error
                if name in names and not allowed:
                    yield pytest.param(
                        function, name, value, error, id=f"{title(function)}-{name}-{value!r:.30}"
                    )


def refused(call, error, *pieces):
    """Check that a call is refused, without work, with a message of these pieces and a remedy."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    message = str(caught.value)
    assert len(message) < 600
    for piece in pieces:
        assert piece in message
    return message


def test_every_argument_is_in_one_table():
    known = NUMBERS | COUNTS | SEEDS | ARRAYS | NAMES | OTHERS
    for function, arguments in GOOD.items():
        function(**arguments)  # and what is called good is good
        assert set(arguments) <= known


@pytest.mark.parametrize(("function", "name", "value", "error"), [*wrong_calls()])
def test_wrong_argument(function, name, value, error):
    arguments = GOOD[function] | {name: value}
    message = refused(lambda: function(**arguments), error)
    shown = validation.show(value) if not isinstance(value, np.ndarray) else ""
    if error is ValueError and name in ARRAYS:  # of the wrong shape
        shown = f"shape {np.shape(value)}"
    if isinstance(value, float | int) and not isinstance(value, bool) and name in NUMBERS:
        assert shown in message or repr(float_of(value)) in message
    else:
        assert shown in message
    assert any(mark in message for mark in (";", "choose one of"))


def float_of(value):
    return float(value) if abs(value) < 1e308 else math.inf


def test_nothing_is_computed_before_a_refusal():
    tracemalloc.start()
    try:
        for function in (sde.simulate, sde.chaos_gap, sde.euler_error):
            arguments = GOOD[function] | {"n": 2**22, "seed": -1}
            refused(lambda f=function, a=arguments: f(**a), ValueError, "seed=-1")
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


ARRAY_NAN = [[1.0], [NAN], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("function", "changes", "pieces"),
    [
        # noise
        (sde.StableNoise, {"alpha": 2.3}, ["0 < alpha <= 2", "2.3"]),
        (sde.StableNoise, {"alpha": 0}, ["0 < alpha <= 2", "alpha=0.0"]),
        (sde.StableNoise, {"sigma": -1}, ["sigma >= 0", "-1"]),
        (sde.StableNoise, {"kind": "ii"}, ["'ii'", "did you mean 'II'?"]),
        (sde.StableNoise, {"kind": "IV"}, ["'IV'", "did you mean"]),
        (NOISE.increments, {"dim": 40_000}, ["dim <= 32768", "40000"]),
        (NOISE.increments, {"steps": 2**40, "substeps": 2**10}, ["substeps <= 256", "1024"]),
        (sde.StableNoise(0.7, "I").increments, {"dt": 1e300}, ["dt=1e+300", "smaller"]),
        (sde.StableNoise(1.5, "I", 1e300).increments, {"dt": 1e15}, ["sigma=1e+300", "smaller"]),
        (sde.StableNoise(1.5, "I", 1e300).tail_constant, {"dim": 1}, ["sigma=1e+300", "unit"]),
        (NOISE.characteristic_function, {"u": [[1.0, NAN]]}, ["u[0, 1]=nan", "NaN"]),
        # network
        (sde.MeanFieldNetwork, {"x": [1.0, 2.0]}, ["(m, d)", "(2,)"]),
        (sde.MeanFieldNetwork, {"x": [[1.0], [INF]]}, ["x[1, 0]=inf"]),
        (sde.MeanFieldNetwork, {"y": [1, 0]}, ["-1 or +1", "0.0", "2 * y - 1"]),
        (sde.MeanFieldNetwork, {"y": [1, -1, 1]}, ["(2,)", "(3,)"]),
        (sde.MeanFieldNetwork, {"y": [[[1]], [[1]]]}, ["(2, l)", "(2, 1, 1)"]),
        (sde.MeanFieldNetwork, {"feature": "tahn"}, ["'tahn'", "did you mean 'tanh'?"]),
        (sde.MeanFieldNetwork, {"loss": "Logistic"}, ["did you mean 'logistic'?"]),
        (sde.MeanFieldNetwork, {"loss": "cross_entropy"}, ["-1.0", "numpy.unique"]),
        (sde.MeanFieldNetwork, {"loss": "cross_entropy", "y": [0, 0.5]}, ["0.5"]),
        (sde.MeanFieldNetwork, {"loss": "cross_entropy", "y": [0, 1e9]}, ["1000000000.0"]),
        (sde.MeanFieldNetwork, {"loss": "cross_entropy", "y": [[0.5, 0.2]] * 2}, ["[0.5, 0.2]"]),
        (NET.predict, {"theta": [[1.0, 2.0]]}, ["(n, 1)", "(1, 2)"]),
        (NET.predict, {"x": [[1.0, 2.0]]}, ["(k, 1)", "(1, 2)"]),
        (NET.drift, {"theta": ARRAY_NAN}, ["theta[1, 0]=nan"]),
        # simulation
        (sde.simulate, {"dt": 0.3}, ["dt=0.3", "nearest dt", "0.333"]),
        (sde.simulate, {"dt": 2.0}, ["dt=2.0", "nearest dt that does is 1.0"]),
        (sde.simulate, {"t1": 1e308, "dt": 1e-308}, ["1e-308", "larger dt"]),
        (sde.simulate, {"dt": 2.0**-20, "substeps": 2**40}, ["2**48", "larger dt"]),
        (sde.simulate, {"save_at": [0.3]}, ["0.3", "nearest time is 0.25"]),
        (sde.simulate, {"save_at": [1.25]}, ["1.25", "nearest time is 1.0"]),
        (sde.simulate, {"save_at": [1e300]}, ["1e+300", "nearest time is 1.0"]),
        (sde.simulate, {"save_at": [-0.25]}, ["-0.25", "nearest time is 0.0"]),
        (sde.simulate, {"save_at": [0.5, 0.25]}, ["[0.5, 0.25]", "sort"]),
        (sde.simulate, {"save_at": [0.5, 0.5]}, ["increasing", "[0.5, 0.5]"]),
        (sde.simulate, {"initial": [[1.0]] * 5}, ["(4, 1)", "(5, 1)"]),
        (sde.simulate, {"initial": ARRAY_NAN}, ["initial[1, 0]=nan"]),
        (sde.simulate, {"initial": sde.Point((1.0, 2.0))}, ["dimension 1", "(1.0, 2.0)"]),
        (sde.simulate, {"initial": sde.Gaussian(1e300), "dtype": "float32"}, ["float64"]),
        (sde.simulate, {"dtype": "float16"}, ["'float16'", "did you mean"]),
        (sde.simulate_limit, {"system": OTHER}, ["same system", "mean_field_flow"]),
        (sde.simulate_limit, {"noise": sde.StableNoise(1.6, "II")}, ["1.6", "1.5", "with this"]),
        (sde.chaos_gap, {"system": OTHER}, ["same system", "mean_field_flow"]),
        (sde.chaos_gap, {"noise": sde.StableNoise(1.5, "I")}, ["kind='I'", "with this noise"]),
        (sde.chaos_gap, {"over_particles": "max"}, ["'max'", "choose one of 'mean', 'sup'"]),
        (sde.mean_field_flow, {"dt": 0.3}, ["dt=0.3"]),
        (sde.mean_field_flow, {"runs": 1}, ["runs >= 2", "runs=1"]),
        (sde.mean_field_flow, {"method": "forier"}, ["did you mean 'fourier'?"]),
        (FLOW, {"t": 1.5}, ["between 0 and 1", "1.5"]),
        (FLOW, {"t": -0.5}, ["between 0 and 1", "-0.5"]),
        # Euler error
        (sde.euler_error, {"dts": [0.5, 0.3]}, ["0.3", "dt_reference"]),
        (sde.euler_error, {"dts": [0.375]}, ["0.375", "t1=1.0"]),
        (sde.euler_error, {"dts": [0.125]}, ["larger than dt_reference=0.125", "finer"]),
        (sde.euler_error, {"dts": [0.0625]}, ["0.0625"]),
        (sde.euler_error, {"dts": [-0.5]}, ["-0.5"]),
        (sde.euler_error, {"dts": [NAN]}, ["dts[0]=nan"]),
        (sde.euler_error, {"dts": []}, ["(L,)", "(0,)"]),
        (sde.euler_error, {"dt_reference": 0.3}, ["dt=0.3"]),
        (sde.euler_error, {"norm": "one step"}, ["did you mean 'one-step'?"]),
        (sde.euler_error, {"initial": [[1.0]]}, ["(4, 1)", "(1, 1)"]),
        # compression
        (sde.prune, {"theta": [1.0, 2.0]}, ["(n, p)", "(2,)"]),
        (sde.prune, {"theta": ARRAY_NAN}, ["theta[1, 0]=nan"]),
        (sde.compression_error, {"keep": 1.5}, ["between 0 and 1", "1.5"]),
        (sde.CompressionLaw, {"alpha": 2}, ["0 < alpha < 2", "2.0"]),
        (sde.CompressionLaw, {"norms": [1.0, -2.0]}, ["norms >= 0", "-2.0"]),
        (sde.CompressionLaw, {"norms": [0.0, 0.0]}, ["energy", "0.0"]),
        (sde.CompressionLaw, {"norms": [1e300, 2e300]}, ["energy", "inf"]),
        (sde.CompressionLaw, {"keep": 0}, ["0 < keep < 1", "keep=0.0"]),
        (sde.CompressionLaw, {"keep": 1}, ["0 < keep < 1", "keep=1.0"]),
        (sde.CompressionLaw.of_noise, {"noise": sde.StableNoise(2, "I")}, ["alpha=2.0", "< 2"]),
        (sde.CompressionLaw.of_noise, {"noise": sde.StableNoise(1, "I", 0)}, ["sigma=0.0"]),
        (LAW.quantile, {"q": 0.0}, ["0 < q < 1", "0.0"]),
        (LAW.quantile, {"q": 1}, ["0 < q < 1", "1.0"]),
        (LAW.width, {"eps": 1.0}, ["0 < eps < 1", "1.0"]),
        # initial laws
        (sde.Gaussian, {"scale": -1}, ["scale >= 0", "-1"]),
        (sde.Uniform, {"low": 1.0}, ["low < high", "low=1.0, high=1.0", "Point"]),
        (sde.Uniform, {"low": -1e308, "high": 1e308}, ["1e308 apart"]),
        (sde.Point, {"value": ()}, ["()", "one number"]),
        (sde.Point, {"value": (1.0, NAN)}, ["nan"]),
    ],
)
def test_senseless_value(function, changes, pieces):
    arguments = GOOD.get(function, {"n": 3, "dim": 2, "steps": 1} if "dt" in changes else {})
    refused(lambda: function(**(arguments | changes)), ValueError, *pieces)


# --- systems of the user --------------------------------------------------------------------------


def one_argument(theta):
    return theta


def leaves_out(theta, out):  # noqa: ARG001  # that it writes nothing is the point
    return


def infinite(theta, mean_field, out):
    out[0] = mean_field[0] / (theta[0] - theta[0])


def past_the_end(theta, out):
    out[3] = theta[0]


def not_for_numba(theta, out):
    out[0] = {"a": theta}["b"].no_such_attribute


class Callable:
    def __call__(self, theta, out):
        out[0] = theta[0]


@pytest.mark.parametrize(
    ("changes", "error", "pieces"),
    [
        ({"observable": one_argument}, TypeError, ["observable(theta, out)", "(theta)"]),
        ({"drift": observable}, TypeError, ["drift(theta, mean_field, out)", "(theta, out)"]),
        ({"observable": Callable()}, TypeError, ["plain Python function", "write one with def"]),
        ({"observable": math.sin}, TypeError, ["plain Python function", "sin"]),
        ({"observable": leaves_out}, ValueError, ["every entry of out", "nan"]),
        ({"drift": infinite}, ValueError, ["finite number", "inf"]),
        ({"observable": past_the_end}, ValueError, ["sizes 1, 1", "correct its indices"]),
    ],
)
def test_functions_of_a_system(changes, error, pieces):
    refused(lambda: sde.McKeanVlasov(**(GOOD[sde.McKeanVlasov] | changes)), error, *pieces)


def test_function_that_does_not_compile():
    with pytest.raises(TypeError, match="numba can compile"):
        sde.McKeanVlasov(1, 1, not_for_numba, drift)


@pytest.mark.parametrize(
    ("kind", "loss", "why"),
    [
        ("relu", "logistic", "relu is unbounded"),
        ("tanh", "squared", "derivative of the squared loss is unbounded"),
    ],
)
def test_bound_names_the_part_that_fails(kind, loss, why):
    net = sde.MeanFieldNetwork([[1.0]], [1], kind, loss)
    refused(lambda: net.bound, ValueError, why, "use ")


def test_exact_flow_needs_a_trigonometric_line():
    noise, grid = NOISE, {"t1": 1.0, "dt": 0.5, "method": "fourier"}
    cases = (
        (sde.MeanFieldNetwork([[1.0]], [1]), "feature 'sine'"),
        (sde.MeanFieldNetwork([[1.0, 2.0]], [1], "sine"), "dimension 1"),
        (sde.MeanFieldNetwork([[1.0], [math.sqrt(2)]], [1, 1], "sine"), "common frequency"),
    )
    for net, why in cases:
        call = lambda net=net: sde.mean_field_flow(net, noise, **grid)  # noqa: E731
        refused(call, ValueError, why, "method='particles'")


def test_flow_must_fit_its_grid():
    parts = {name: getattr(FLOW, name) for name in FLOW.__dataclass_fields__}
    refused(lambda: sde.Flow(**(parts | {"values": FLOW.values[:2]})), ValueError, "(5, 2)")
    refused(lambda: sde.Flow(**(parts | {"system": None})), TypeError, "system", "None")
    refused(lambda: sde.Flow(**(parts | {"initial": THETA})), TypeError, "initial law")


# --- registries -----------------------------------------------------------------------------------

FEATURE = {"name": "ridge", "value": ridge, "derivative": ridge_slope}
LOSS = {"name": "half_square", "value": half_square, "gradient": half_square_gradient}


def overflow(a):
    return math.log(a)


def imaginary(a):
    return 1j * a


def nothing(a):  # noqa: ARG001  # its derivative is not a number
    return NAN


@pytest.mark.parametrize(
    ("changes", "error", "pieces"),
    [
        ({"name": 1}, TypeError, ["1", "string"]),
        ({"name": "a b"}, ValueError, ["'a b'", "letters"]),
        ({"name": "tanh"}, ValueError, ["'tanh'", "taken", "choose another"]),
        ({"value": None}, TypeError, ["value(argument)", "None"]),
        ({"value": math.tanh}, TypeError, ["plain Python function", "tanh"]),
        ({"derivative": observable}, TypeError, ["derivative(argument)", "(theta, out)"]),
        ({"derivative": ridge}, ValueError, ["finite difference", "correct"]),
        ({"derivative": nothing}, ValueError, ["nan", "correct"]),
        ({"value": overflow}, TypeError, ["-1.73", "math domain error"]),
        ({"value": imaginary}, TypeError, ["imaginary", "float to a float"]),
        ({"geometry": "spherical"}, ValueError, ["'spherical'", "choose one of"]),
        ({"bounds": (1.0, 2.0)}, ValueError, ["(3,)", "(2,)"]),
        ({"bounds": (1.0, 2.0, -1.0)}, ValueError, ["bounds >= 0", "-1.0"]),
        ({"bounds": (1.0, 2.0, INF)}, ValueError, ["bounds[2]=inf"]),
        ({"bounds": "abc"}, TypeError, ["'abc'"]),
    ],
)
def test_register_feature(changes, error, pieces):
    known = set(FEATURES)
    refused(lambda: sde.register_feature(**(FEATURE | changes)), error, *pieces)
    assert set(FEATURES) == known


@pytest.mark.parametrize(
    ("changes", "error", "pieces"),
    [
        ({"name": None}, TypeError, ["None", "string"]),
        ({"name": "2x"}, ValueError, ["'2x'", "letters"]),
        ({"name": "squared"}, ValueError, ["'squared'", "taken"]),
        ({"value": 3}, TypeError, ["value(prediction, target)", "3"]),
        ({"gradient": half_square}, TypeError, ["gradient(prediction, target, out)"]),
        ({"gradient": drift}, ValueError, ["finite difference", "correct"]),
        ({"separable": 1}, TypeError, ["separable=1", "bool"]),
        ({"bounds": (1.0,)}, ValueError, ["(2,)", "(1,)"]),
        ({"bounds": (-1.0, 1.0)}, ValueError, ["bounds >= 0", "-1.0"]),
    ],
)
def test_register_loss(changes, error, pieces):
    known = set(LOSSES)
    refused(lambda: sde.register_loss(**(LOSS | changes)), error, *pieces)
    assert set(LOSSES) == known


@pytest.mark.parametrize(
    ("transform", "error", "pieces"),
    [
        (lambda u: u[:, :0], ValueError, ["shape (4, 1)", "(4, 0)"]),
        (lambda u: u / 0.0, ValueError, ["inf"]),
        (lambda u: 1j * u, TypeError, ["real numbers"]),
        (lambda _: "abc", TypeError, ["'abc'"]),
    ],
)
def test_initial_law_of_the_user(transform, error, pieces):
    class Law(sde.InitialLaw):
        def __repr__(self):
            return "Law()"

        def transform(self, uniforms):
            with np.errstate(divide="ignore"):
                return transform(uniforms)

    arguments = GOOD[sde.simulate] | {"initial": Law()}
    refused(lambda: sde.simulate(**arguments), error, "transform(uniforms) of Law()", *pieces)


# --- the checks themselves ------------------------------------------------------------------------


@given(st.integers(-(2**70), 2**70))
def test_count_accepts_what_is_in_range(value):
    if 1 <= value <= 2**62:
        assert validation.count("n", value) == value
    else:
        refused(lambda: validation.count("n", value), ValueError, "need n", str(value)[:5])


@given(st.integers(1, 10**6), st.floats(1e-6, 1e6))
def test_grid_accepts_whole_numbers_of_steps(steps, dt):
    assert validation.grid_steps(steps * dt, dt) == steps


@given(st.integers(1, 1000), st.floats(0.01, 0.99), st.floats(1e-3, 1e3))
def test_grid_refuses_parts_of_steps(steps, part, dt):
    refused(lambda: validation.grid_steps((steps + part) * dt, dt), ValueError, repr(dt), "nearest")
