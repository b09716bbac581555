"""Any combination of extreme but legal values ends in a finite result or a documented error.

Never in NaN, a hang, a crash of the interpreter, or a warning from inside (they are errors here).
"""

import functools
import math
import traceback
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sde
from sde.features import FEATURES
from sde.losses import LOSSES

#: Numbers of particles times data times coordinates: a step takes milliseconds.
WORK = 400_000

#: Limits of the exact flow in most examples, and in one of fifty: at its own it may take half a
#: minute to give up.
FEW = {"MAX_MODES": 256, "MAX_EVALUATIONS": 2000}
MANY = {"MAX_MODES": 1024}
PACKAGE = Path(sde.__file__).parent
SEEDS = st.sampled_from([0, 1, 2**64 - 1]) | st.integers(0, 2**64 - 1)


def powers(low, high):
    """Draw numbers whose logarithm is spread evenly, ends included."""
    ends = st.sampled_from([10.0**low, 10.0**high])
    return ends | st.floats(low, high).map(lambda exponent: 10.0**exponent)


def counts(most):
    """Draw counts of any size, mostly small."""
    sizes = [st.integers(1, min(most, limit)) for limit in (3, 30, most)]
    return st.one_of(st.sampled_from([1, most]), *sizes)


@st.composite
def arrays(draw, rows, columns, largest=300.0):
    """Draw an array with entries of very different, or of equal size."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["moderate", "moderate", "scaled", "spread", "corners"]))
    if kind == "moderate":
        return rng.normal(size=(rows, columns))
    if kind == "scaled":
        return rng.normal(size=(rows, columns)) * 10.0 ** draw(
            st.floats(-largest, max(0.0, largest - 1))
        )
    if kind == "spread":
        sign = rng.choice([-1.0, 1.0], (rows, columns))
        return sign * 10.0 ** rng.uniform(-largest, largest, (rows, columns))
    corners = [0.0, -0.0, 1.0, -1.0, 5e-324, 2.2e-308, 10.0**largest, -(10.0**largest)]
    return rng.choice(corners, (rows, columns))


def noises():
    """Draw noise laws."""
    alpha = st.sampled_from([0.5, 1.0, 1.5, 2.0]) | st.floats(0.5, 2.0)
    kind = st.sampled_from(["I", "II", "III"])
    return st.builds(sde.StableNoise, alpha, kind, st.just(0.0) | powers(-6, 6))


def noise_for(draw, dim):
    """Draw the noise of a system: one of the three types, or along a few directions."""
    noise = draw(noises())
    if dim > 200 or draw(st.integers(0, 4)) > 0:
        return noise
    rows = draw(arrays(draw(counts(5)), dim, largest=100.0))
    return sde.DirectionalNoise(noise.alpha, noise.sigma, directions=np.clip(rows, -1e100, 1e100))


@st.composite
def networks(draw):
    """Draw networks over the registries, with data of any size."""
    loss = draw(st.sampled_from(sorted(name for name, each in LOSSES.items() if each.builtin)))
    feature = draw(st.sampled_from(sorted(name for name, each in FEATURES.items() if each.builtin)))
    m, outputs = draw(counts(300)), draw(st.integers(1, 3))
    if loss == "cross_entropy":
        outputs = max(2, outputs)
    elif loss == "logistic":
        outputs = 1
    d = draw(counts(200 // outputs))
    x = draw(arrays(m, d, largest=draw(st.sampled_from([2.0, 2.0, 6.0, 150.0]))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if loss == "cross_entropy":
        y = np.eye(outputs)[rng.integers(0, outputs, m)]
    elif loss == "logistic":
        y = rng.choice([-1, 1], m)
    else:
        y = draw(arrays(m, outputs, largest=draw(st.sampled_from([2.0, 300.0]))))
    return sde.MeanFieldNetwork(x, y, feature, loss, amplitude=draw(st.just(1.0) | powers(-6, 6)))


def moments(theta, out):
    out[0], out[1] = theta[0], theta[0] * theta[1]


def cubic(theta, mean_field, out):
    for c in range(2):
        out[c] = mean_field[c] - theta[c] ** 3


def inverse(theta, mean_field, out):
    for c in range(2):
        out[c] = math.exp(mean_field[0]) / theta[c]


@functools.cache
def user_systems():
    """Compile systems that explode: polynomials and poles."""
    return [sde.McKeanVlasov(2, 2, moments, drift) for drift in (cubic, inverse)]


def systems():
    """Draw networks mostly, and systems of a user."""
    user = st.integers(0, 1).map(lambda i: user_systems()[i])
    return st.one_of(networks(), networks(), networks(), user)


@st.composite
def settings_of(draw, system, largest_n=10_000):
    """Draw the rest of a run of some system, within the time that an example may take."""
    p, q = system.dim, system.n_observables
    n = max(1, min(draw(counts(largest_n)), WORK // (p * q)))
    steps, dt = draw(st.integers(1, 4)), draw(powers(-12, 3))
    law = draw(st.sampled_from(["Gaussian", "Uniform", "Point", "array"]))
    initial = {
        "Gaussian": lambda: sde.Gaussian(draw(powers(-300, 300)), draw(powers(-300, 300))),
        "Uniform": lambda: sde.Uniform(-draw(powers(-300, 300)), draw(powers(-300, 300))),
        "Point": lambda: sde.Point(draw(powers(-300, 300))),
        "array": lambda: draw(arrays(n, p)),
    }[law]()
    if draw(st.booleans()):
        initial = sde.Gaussian(1.0)
    return {"n": n, "t1": steps * dt, "dt": dt, "initial": initial, "seed": draw(SEEDS)}


def known_flow(draw, system, noise, run):
    """Make a flow of any values for a system."""
    initial = run["initial"]
    law = initial if isinstance(initial, sde.InitialLaw) else sde.Gaussian(1.0)
    rows = round(run["t1"] / run["dt"]) + 1
    values = draw(arrays(rows, system.n_observables, largest=draw(st.sampled_from([0.0, 300.0]))))
    return sde.Flow.from_values(system, noise, values, t1=run["t1"], dt=run["dt"], initial=law)


def simulate(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system))
    run |= {
        "substeps": draw(st.integers(1, 3)),
        "replicate": draw(SEEDS),
        "dtype": draw(st.sampled_from(["float64", "float32"])),
        "save_at": draw(st.sampled_from([None, [0.0, run["t1"]]])),
    }
    sol = sde.simulate(system, noise, **run)
    return sol.theta, sol.mean_field, sol.saved


def simulate_limit(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system))
    flow = known_flow(draw, system, noise, run)
    return sde.simulate_limit(system, noise, flow, n=run["n"], seed=run["seed"]).theta


def replicates(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system, largest_n=300))
    return sde.simulate_replicates(
        system, noise, **run, replicates=2, first=draw(st.integers(0, 9))
    )


def chaos_gap(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system, largest_n=300))
    flow = known_flow(draw, system, noise, run)
    mean = draw(st.sampled_from(["sup", "mean"]))
    return sde.chaos_gap(
        system, noise, flow, n=run["n"], replicates=2, seed=run["seed"], over_particles=mean
    )


def euler_error(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system, largest_n=300))
    fine = run.pop("dt") / 4
    run |= {"t1": 8 * fine, "dts": [8 * fine, 2 * fine], "dt_reference": fine, "replicates": 2}
    run["norm"] = draw(st.sampled_from(["grid", "frozen", "one-step"]))
    return sde.euler_error(system, noise, **run)


def law(run):
    """Return the initial law of a run; an array, which is none, is replaced."""
    initial = run["initial"]
    return initial if isinstance(initial, sde.InitialLaw) else sde.Gaussian()


def mean_field_flow(draw):
    system = draw(systems())
    noise = noise_for(draw, system.dim)
    run = draw(settings_of(system, largest_n=300))
    flow = sde.mean_field_flow(system, noise, **(run | {"initial": law(run)}), runs=2)
    return flow.values, flow.standard_error, flow(run["t1"] / 2)


def exact_flow(draw):
    m = draw(st.integers(1, 3))
    x = draw(st.sampled_from([1.0, 1e-6, 1e6])) * np.arange(1, m + 1)[:, None]
    y = np.ones(m)
    net = sde.MeanFieldNetwork(x, y, "sine", amplitude=draw(powers(-6, 2)))
    run = draw(settings_of(net))
    method = draw(st.sampled_from(["fourier", "fourier-continuous"]))
    options = {"t1": run["t1"], "dt": run["dt"], "initial": law(run), "method": method}
    noise, limits = draw(noises()), draw(st.sampled_from([*49 * [FEW], MANY]))
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(f"sde.fourier.{name}", limit)
        return sde.mean_field_flow(net, noise, **options).values


def increments(draw):
    n, dim = draw(counts(10_000)), draw(counts(200))
    n = max(1, min(n, WORK // dim))
    steps, substeps = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    options = {"substeps": substeps, "seed": draw(SEEDS), "replicate": draw(SEEDS)}
    return draw(noises()).increments(n, dim, draw(powers(-12, 3)), steps, **options)


def sample(draw):
    n, dim = draw(counts(10_000)), draw(counts(200))
    n, noise = max(1, min(n, WORK // dim)), noise_for(draw, dim)
    return noise.sample(n, dim, seed=draw(SEEDS)), noise.tail_constant(dim)


def characteristic_function(draw):
    dim = draw(counts(200))
    return noise_for(draw, dim).characteristic_function(draw(arrays(draw(counts(30)), dim)))


def static(draw):
    system = draw(systems())
    n = max(1, min(draw(counts(10_000)), WORK // (system.dim * system.n_observables)))
    theta = draw(arrays(n, system.dim))
    call = draw(st.sampled_from(["drift", "mean_field", "predict", "risk"]))
    if not hasattr(system, call):
        call = "drift"
    return getattr(system, call)(theta)


def bound(draw):
    return draw(networks()).bound


def pruning(draw):
    theta, share = draw(arrays(draw(counts(3000)), draw(counts(200)))), draw(st.floats(0, 1))
    ratio, error = sde.pruning_ratio(theta, share), sde.compression_error(theta, share)
    assert 0 <= ratio <= 1
    assert 0 <= error <= 1
    return sde.prune(theta, share), ratio, error


def compression_law(draw):
    theta, share = draw(arrays(draw(counts(3000)), draw(counts(200)))), st.floats(1e-6, 1 - 1e-6)
    alpha, constant = draw(st.floats(0.5, 2.0)), draw(powers(-300, 300))
    law = sde.CompressionLaw.of_sample(theta, draw(share), alpha=alpha, tail_constant=constant)
    call = draw(st.sampled_from(["quantile", "median", "width"]))
    if call == "width":
        return law.width(draw(share))
    n = draw(counts(10**9))
    return law.median(n) if call == "median" else law.quantile(n, draw(share))


CALLS = [
    *3 * [simulate],
    simulate_limit,
    replicates,
    chaos_gap,
    euler_error,
    mean_field_flow,
    exact_flow,
    increments,
    sample,
    characteristic_function,
    static,
    bound,
    pruning,
    compression_law,
]


def is_documented(error):
    """Return whether an error was raised on purpose: by this package, with condition and remedy."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Path(last.filename).is_relative_to(PACKAGE) and "; " in str(error)


def check(call, draw):
    """Make a call: it gives finite numbers, or a documented error."""
    try:
        result = call(draw)
    except (ValueError, FloatingPointError) as error:
        if not is_documented(error):
            raise
        return
    for part in result if isinstance(result, tuple) else (result,):
        # a width or an error that no number can hold is infinite, by its documentation
        finite = np.isfinite(part) | (call is compression_law and part == math.inf)
        assert np.all(finite), f"{call.__name__} gave a number that is not finite"


@pytest.mark.timeout(7200)
def test_extreme_but_legal_values_give_finite_numbers_or_a_documented_error(extended):
    @settings(
        max_examples=20_000 if extended else 500,
        derandomize=not extended,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.sampled_from(CALLS), st.data())
    def explore(call, data):
        check(call, data.draw)

    explore()


def test_a_mean_that_overflows_while_the_state_does_not_is_an_error_that_names_the_step():
    system, noise = user_systems()[0], sde.StableNoise(1.5, "I", 0.0)
    options = {"n": 3, "t1": 1.0, "dt": 0.5}
    with pytest.raises(FloatingPointError, match=r"mean of an observable.*at step 0 of 2 \(t=0\)"):
        sde.simulate(system, noise, initial=sde.Point((1e200, 1e200)), **options)
    with pytest.raises(FloatingPointError, match="need finite observables, got inf"):
        system.mean_field([[1e200, 1e200]])


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_distances_neither_overflow_nor_vanish(size):
    # noise moves the particles of both alike; the flow, constant, pulls one copy to its mean
    x = np.array([[size, 0.0], [0.0, 3.0 * size]])
    system = sde.McKeanVlasov(2, 2, position, follow)
    law, noise = sde.Point(0.0), sde.StableNoise(1.5, "I", 0.0)
    flow = sde.Flow.from_values(system, noise, x, t1=1.0, dt=1.0, initial=law)
    gap = sde.chaos_gap(system, noise, flow, n=1, replicates=1)
    assert gap == pytest.approx(size, rel=1e-12)


def position(theta, out):
    out[0], out[1] = theta[0], theta[1]


def follow(theta, mean_field, out):
    out[0], out[1] = 0.6 * mean_field[0] - theta[0], 0.8 * mean_field[0] - theta[1]
