"""Systems a user writes: the mean-field Ornstein-Uhlenbeck system, whose law is known exactly."""

import functools
import math
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracles
import pytest
from scipy.stats import kstest

import sde

pytestmark = pytest.mark.usefixtures("one_thread")

# A KS test below fails, if the law is right, with probability 1e-6.
LEVEL = 1e-6

PULL = 0.8
DT = 0.25
STEPS = 8


def position(theta, out):
    out[0] = theta[0]


def pull(theta, mean_field, out):
    out[0] = PULL * (mean_field[0] - theta[0])


@pytest.fixture(scope="module")
def ornstein_uhlenbeck():
    return sde.McKeanVlasov(1, 1, position, pull)


def check_law(sample, alpha, scale):
    """Compare a sample with the symmetric stable law of index alpha and the given scale."""
    grid = np.tan(np.linspace(-1.57, 1.57, 4001))  # up to +-1256, quantiles below 1e-4

    def cdf(x):
        return np.interp(x, grid, oracles.stable_cdf(alpha, grid))

    assert kstest(np.asarray(sample) / scale, cdf, method="asymp").pvalue > LEVEL


@functools.cache
def ends(alpha, n):
    """Return the states at the last time of 50 000 replicates of the system, started at 2."""
    system, noise = sde.McKeanVlasov(1, 1, position, pull), sde.StableNoise(alpha, "II", 0.7)
    options = {"n": n, "t1": STEPS * DT, "dt": DT, "initial": sde.Point(2.0), "seed": 11}
    states = sde.simulate_replicates(system, noise, replicates=50_000, **options)[:, :, 0]
    one = sde.simulate(system, noise, replicate=777, **options)
    np.testing.assert_array_equal(one.theta[:, 0], states[777])
    return states


@pytest.mark.parametrize("n", [2, 20])
@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_mean_of_n_particles_has_its_exact_law(alpha, n):
    # the drift cancels in the mean: it is 2 plus the mean of all noise
    scale = 0.7 * (STEPS * DT) ** (1 / alpha) * n ** (1 / alpha - 1)
    check_law(ends(alpha, n).mean(axis=1) - 2.0, alpha, scale)


@pytest.mark.parametrize("n", [2, 20])
@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_deviations_of_n_particles_have_their_exact_law(alpha, n):
    # D = theta^i - mean obeys D' = (1 - a dt) D + noise^i - mean of the noise
    states = ends(alpha, n)
    one = (1 - 1 / n) ** alpha + (n - 1) * n**-alpha
    memory = sum((1 - PULL * DT) ** (alpha * (STEPS - 1 - k)) for k in range(STEPS))
    scale = 0.7 * (DT * one * memory) ** (1 / alpha)
    for i in (0, n - 1):
        check_law(states[:, i] - states.mean(axis=1), alpha, scale)


@pytest.mark.parametrize("kind", ["I", "III"])
@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_limit_has_its_exact_law(ornstein_uhlenbeck, alpha, kind):
    noise, times = sde.StableNoise(alpha, kind, 0.7), DT * np.arange(STEPS + 1)
    exact = np.full((STEPS + 1, 1), 2.0)  # the mean does not move
    flow = sde.Flow(
        ornstein_uhlenbeck, noise, sde.Point(2.0), STEPS * DT, DT, "particles", times, exact,
        np.zeros_like(exact),
    )  # fmt: skip
    limit = sde.simulate_limit(ornstein_uhlenbeck, noise, flow, n=200_000, seed=5)
    memory = sum((1 - PULL * DT) ** (alpha * (STEPS - 1 - k)) for k in range(STEPS))
    check_law(limit.theta[:, 0] - 2.0, alpha, 0.7 * (DT * memory) ** (1 / alpha))


def test_limit_by_particles_has_its_exact_law(ornstein_uhlenbeck):
    noise = sde.StableNoise(2.0, "II", 0.7)
    flow = sde.mean_field_flow(
        ornstein_uhlenbeck, noise, t1=STEPS * DT, dt=DT, initial=sde.Point(2.0), n=2**16, runs=8
    )
    # error of a mean of 2^19 normals of variance 2 sigma^2 t: 5 standard errors, p = 6e-7
    error = np.sqrt(2 * 0.7**2 * flow.times / 2**19)
    assert (np.abs(flow.values[:, 0] - 2.0) <= 5 * error + 1e-12).all()
    limit = sde.simulate_limit(ornstein_uhlenbeck, noise, flow, n=200_000, seed=5)
    memory = sum((1 - PULL * DT) ** (2 * (STEPS - 1 - k)) for k in range(STEPS))
    check_law(limit.theta[:, 0] - 2.0, 2.0, 0.7 * math.sqrt(DT * memory))


def test_a_nonlinear_system_agrees_with_plain_numpy():
    def observable(theta, out):
        out[0] = math.sin(theta[0]) * theta[1]
        out[1] = math.exp(-(theta[1] ** 2))
        norm = 0.0
        for c in range(3):
            norm += theta[c] ** 2
        out[2] = norm / (1 + norm)

    def drift(theta, mean_field, out):
        for c in range(3):
            out[c] = mean_field[c] * math.cos(theta[c]) - math.atan(theta[(c + 1) % 3])

    def observables(theta):
        norm = (theta**2).sum(axis=1)
        first = np.sin(theta[:, 0]) * theta[:, 1]
        return np.stack([first, np.exp(-(theta[:, 1] ** 2)), norm / (1 + norm)], axis=1)

    def drifts(theta, mean_field):
        return mean_field * np.cos(theta) - np.arctan(np.roll(theta, -1, axis=1))

    system, noise = sde.McKeanVlasov(3, 3, observable, drift), sde.StableNoise(1.6, "III", 0.5)
    start = np.random.default_rng(0).normal(size=(300, 3))
    field = observables(start).mean(axis=0)
    np.testing.assert_allclose(system.mean_field(start), field, rtol=1e-12)
    np.testing.assert_allclose(system.drift(start), drifts(start, field), rtol=1e-12, atol=1e-12)
    sol = sde.simulate(
        system, noise, n=300, t1=1.0, dt=0.125, initial=start, save_at=np.arange(9) / 8
    )
    draw = noise.increments(300, 3, 0.125, 8)
    states, fields = oracles.particle_paths(observables, drifts, draw, start, 0.125)
    np.testing.assert_allclose(sol.saved, states, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(sol.mean_field, fields, rtol=1e-12, atol=1e-12)


def no_name(theta, mean_field, out):
    out[0] = undefined(theta[0], mean_field[0])  # noqa: F821


def no_scalar(theta, mean_field, out):
    out[0] = {"theta": theta[0], "mean_field": mean_field[0]}


def no_output(theta, mean_field, out):
    theta[0] + mean_field[0] + out[0]


def half_output(theta, mean_field, out):
    out[0] = theta[0] + mean_field[0]


def infinite(theta, mean_field, out):
    out[0] = mean_field[0] / (theta[0] - theta[0])


def only_far_away(theta, mean_field, out):
    if theta[0] > 1:
        out[0] = mean_field[0]


def beyond(theta, mean_field, out):
    out[1] = theta[0] + mean_field[0]


def beyond_observables(theta, mean_field, out):
    out[0] = theta[0] + mean_field[7]


@pytest.mark.parametrize("function", [no_name, no_scalar])
def test_a_function_that_does_not_compile_is_refused(function):
    with pytest.raises(TypeError, match="numba can compile"):
        sde.McKeanVlasov(1, 1, position, function)


def singular(theta, mean_field, out):
    out[0] = 0.1 / (theta[0] - 0.5) - mean_field[0]


def test_a_drift_may_have_a_singularity_where_it_is_tried():
    system = sde.McKeanVlasov(1, 1, position, singular)
    np.testing.assert_allclose(system.drift([[0.6], [0.4]]), [[0.5], [-1.5]])


def overwrites_theta(theta, mean_field, out):
    theta[0] = 0.0
    out[0] = mean_field[0] - theta[0]


def overwrites_mean_field(theta, mean_field, out):
    mean_field[0] = 5.0
    out[0] = mean_field[0] - theta[0]


def overwrites_and_observes(theta, out):
    out[0] = theta[0]
    theta[0] = 7.0


@pytest.mark.parametrize(
    "functions",
    [
        (position, overwrites_theta),
        (position, overwrites_mean_field),
        (overwrites_and_observes, pull),
    ],
)
def test_a_function_that_writes_to_what_it_is_given_is_refused(functions):
    culprit = next(f for f in functions if f.__name__.startswith("overwrites"))
    with pytest.raises(TypeError) as caught:
        sde.McKeanVlasov(1, 1, *functions)
    message = str(caught.value)
    assert "write to out alone" in message
    assert f"got {culprit.__name__}" in message
    assert "readonly" in message
    # numba's own words, about this line, and not about our loops
    line = culprit.__code__.co_firstlineno + (1 if culprit is not overwrites_and_observes else 2)
    assert f"line {line}" in message
    assert "over_lanes" not in message


@pytest.mark.parametrize(
    ("dim", "function"), [(1, no_output), (2, half_output), (1, infinite), (1, only_far_away)]
)
def test_a_function_that_does_not_write_finite_numbers_is_refused(dim, function):
    with pytest.raises(ValueError, match=r"drift to write a finite number.*(nan|inf)"):
        sde.McKeanVlasov(dim, 1, position, function)
    with pytest.raises(ValueError, match=r"observable to write a finite number.*nan"):
        sde.McKeanVlasov(1, 2, position, pull)


def kicks(theta, mean_field, out):
    out[0] = mean_field[0] - theta[0] + np.random.normal()  # noqa: NPY002  # numba's own generator


def tosses(theta, mean_field, out):
    out[0] = theta[0] if random.random() < mean_field[0] else 1.0


def blurs(theta, out):
    out[0] = theta[0] + np.random.uniform(-1.0, 1.0)  # noqa: NPY002  # numba's own generator


def get_random_state(theta, out):
    out[0] = theta[0]


def test_a_function_that_is_only_called_so_draws_no_random_numbers():
    system = sde.McKeanVlasov(1, 1, get_random_state, pull)
    assert system.drift([[1.0], [3.0]]).tolist() == [[PULL], [-PULL]]


@pytest.mark.parametrize("functions", [(position, kicks), (position, tosses), (blurs, pull)])
def test_a_function_that_draws_random_numbers_is_refused(functions):
    culprit = next(f for f in functions if f not in (position, pull))
    with pytest.raises(ValueError, match=f"without random numbers, got {culprit.__name__}"):
        sde.McKeanVlasov(1, 1, *functions)


@pytest.mark.parametrize("function", [beyond, beyond_observables])
def test_a_function_with_an_index_out_of_range_is_refused(function):
    with pytest.raises(ValueError, match=r"need drift to index .*out of bounds"):
        sde.McKeanVlasov(1, 1, position, function)


def test_a_function_of_the_wrong_number_of_arguments_is_refused():
    with pytest.raises(TypeError, match=r"drift\(theta, mean_field, out\)"):
        sde.McKeanVlasov(1, 1, position, position)
    with pytest.raises(TypeError, match=r"observable\(theta, out\)"):
        sde.McKeanVlasov(1, 1, pull, pull)


@pytest.mark.parametrize("thing", [3, None, len, np.sin, functools.partial(pull)])
def test_what_is_not_a_plain_function_is_refused(thing):
    with pytest.raises(TypeError, match="function"):
        sde.McKeanVlasov(1, 1, position, thing)


@pytest.mark.parametrize(("dim", "count"), [(0, 1), (1, 0), (-1, 1)])
def test_dimensions_are_at_least_one(dim, count):
    with pytest.raises(ValueError, match=">= 1"):
        sde.McKeanVlasov(dim, count, position, pull)


def test_fingerprints_tell_systems_apart(ornstein_uhlenbeck):
    same = sde.McKeanVlasov(1, 1, position, pull)
    other = sde.McKeanVlasov(1, 1, position, half_output)
    assert same.fingerprint == ornstein_uhlenbeck.fingerprint != other.fingerprint


PICKLED = """
import pickle, sys
import numpy as np
import sde

system, theta = pickle.loads(sys.stdin.buffer.read())
noise = sde.StableNoise(1.5, "II")
for dtype in ("float64", "float32"):
    again = sde.simulate(system, noise, n=200, t1=1.0, dt=0.25, dtype=dtype).theta
    assert (again == theta[dtype]).all()
"""


@pytest.mark.parametrize("kind", ["network", "user"])
def test_a_system_that_was_used_can_be_sent_to_another_process(kind):
    # what was compiled stays behind: its addresses mean nothing there
    if kind == "network":
        system = sde.MeanFieldNetwork([[0.3, 0.1], [-0.2, 0.4]], [1, -1])
    else:
        system = sde.McKeanVlasov(1, 1, position, pull)
    noise = sde.StableNoise(1.5, "II")
    theta = {
        dtype: sde.simulate(system, noise, n=200, t1=1.0, dt=0.25, dtype=dtype).theta
        for dtype in ("float64", "float32")
    }
    sent = pickle.dumps((system, theta))
    paths = [str(Path(sde.__file__).parents[1]), str(Path(__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", PICKLED],
        input=sent,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("kind", ["network", "user"])
def test_a_pickled_system_defines_the_same_dynamics(kind):
    if kind == "network":
        system = sde.MeanFieldNetwork([[0.3, 0.1], [-0.2, 0.4]], [1, -1])
        before = system.pieces.observe
        assert "pieces" not in system.__getstate__()
        assert before == system.pieces.observe  # the system itself keeps its own
    else:
        system = sde.McKeanVlasov(1, 1, position, pull)
    copy = pickle.loads(pickle.dumps(system))
    assert copy.fingerprint == system.fingerprint
    assert repr(copy) == repr(system)
