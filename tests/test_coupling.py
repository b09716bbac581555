"""Chaos gaps and Euler errors against the runs they compare, made one by one."""

from dataclasses import replace

import numba
import numpy as np
import pytest

import sde
from sde import replicates
from sde.stable import KINDS

pytestmark = pytest.mark.usefixtures("one_thread")

DT = 0.125
STEPS = 8
TIMES = DT * np.arange(STEPS + 1)


def network(d=2, m=3, feature="tanh"):
    rng = np.random.default_rng(d)
    return sde.MeanFieldNetwork(rng.normal(size=(m, d)), rng.choice([-1.0, 1.0], m), feature)


def some_flow(net, noise, initial, seed=99):
    return sde.mean_field_flow(net, noise, t1=1.0, dt=DT, initial=initial, n=256, runs=4, seed=seed)


def plain_gaps(net, noise, flow, n, replicate, seed):
    """Return the distances of all particles at all times, (K + 1, n), from two whole runs."""
    finite = sde.simulate(
        net, noise, n=n, t1=1.0, dt=DT, initial=flow.initial,
        seed=seed, replicate=replicate, save_at=TIMES,
    )  # fmt: skip
    limit = sde.simulate_limit(net, noise, flow, n=n, seed=seed, replicate=replicate, save_at=TIMES)
    return np.linalg.norm(finite.saved - limit.saved, axis=2)


@pytest.mark.parametrize("n", [1, 2, 128, 300])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("initial", [sde.Gaussian(2.0), sde.Point((1.0, -1.0))])
def test_chaos_gap_is_that_of_two_whole_runs(initial, kind, n):
    net, noise = network(), sde.StableNoise(1.4, kind, 0.6)
    flow = some_flow(net, noise, initial)
    options = {"n": n, "replicates": 3, "seed": 5}
    sup = sde.chaos_gap(net, noise, flow, **options)
    mean = sde.chaos_gap(net, noise, flow, over_particles="mean", **options)
    distances = np.stack([plain_gaps(net, noise, flow, n, r, 5) for r in range(3)])
    assert sup.shape == mean.shape == (3,)
    np.testing.assert_allclose(sup, distances.max(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(mean, distances.mean(axis=2).max(axis=1), rtol=1e-12)
    assert (mean <= sup).all()
    assert (mean < sup).all() == (n > 1)


def test_chaos_gap_of_a_user_system_is_that_of_two_whole_runs():
    def position(theta, out):
        out[0] = theta[0]

    def pull(theta, mean_field, out):
        out[0] = mean_field[0] - theta[0]

    system, noise = sde.McKeanVlasov(1, 1, position, pull), sde.StableNoise(1.5, "I")
    flow = some_flow(system, noise, sde.Uniform())
    gaps = sde.chaos_gap(system, noise, flow, n=40, replicates=2)
    wanted = [plain_gaps(system, noise, flow, 40, r, 0).max() for r in range(2)]
    np.testing.assert_allclose(gaps, wanted, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 7, 200])
def test_chaos_gap_vanishes_in_the_mean_field_of_the_particles(n):
    net, noise = network(), sde.StableNoise(1.4, "II")
    flow = some_flow(net, noise, sde.Gaussian(1.0))
    own = sde.simulate(net, noise, n=n, t1=1.0, dt=DT, seed=8).mean_field
    gap = sde.chaos_gap(net, noise, replace(flow, values=own), n=n, replicates=2, seed=8)
    assert gap[0] == 0.0
    assert gap[1] > 0.0


def test_chaos_gap_depends_on_the_first_value_of_the_flow_and_not_on_the_last():
    # step k reads row k: the first row moves every particle, the last none
    net, noise = network(), sde.StableNoise(1.4, "II")
    flow = some_flow(net, noise, sde.Gaussian(1.0))
    gaps = []
    for row in (0, -1):
        values = flow.values.copy()
        values[row] += 10
        gaps.append(sde.chaos_gap(net, noise, replace(flow, values=values), n=9, replicates=2))
    same = sde.chaos_gap(net, noise, flow, n=9, replicates=2)
    assert (gaps[0] > same).all()
    np.testing.assert_array_equal(gaps[1], same)


def plain_errors(net, noise, dt, reference, replicate, **options):
    """Return the three norms of the Euler error of one step size, from two whole runs."""
    ratio = round(dt / reference)
    grid = dt * np.arange(round(1.0 / dt) + 1)
    options = {"t1": 1.0, "replicate": replicate, "save_at": grid, **options}
    coarse = sde.simulate(net, noise, dt=dt, substeps=ratio, **options).saved
    fine = sde.simulate(net, noise, dt=reference, **options).saved
    distances = np.linalg.norm(coarse - fine, axis=2).max(axis=1)
    frozen = np.linalg.norm(coarse[-2] - fine[-1], axis=1).max()
    return {"grid": distances.max(), "frozen": frozen, "one-step": distances[1]}


@pytest.mark.parametrize("norm", ["grid", "frozen", "one-step"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 5, 200])
def test_euler_error_is_that_of_two_whole_runs(n, kind, norm):
    net, noise = network(3), sde.StableNoise(1.6, kind, 0.8)
    dts, reference = [0.5, 0.125, 0.0625], 2**-5
    start = np.random.default_rng(0).normal(size=(n, 3))
    for initial in (sde.Gaussian(1.0), start):
        errors = sde.euler_error(
            net, noise, n=n, t1=1.0, dts=dts, dt_reference=reference, replicates=2, seed=3,
            norm=norm, initial=initial,
        )  # fmt: skip
        assert errors.shape == (2, 3)
        for r in range(2):
            for dt, error in zip(dts, errors[r], strict=True):
                wanted = plain_errors(net, noise, dt, reference, r, n=n, seed=3, initial=initial)
                assert error == pytest.approx(wanted[norm], rel=1e-12, abs=1e-13)


def test_a_given_start_of_whole_squares_of_numbers_is_read_in_its_order():
    # copies of a given start lie in another order than drawn ones
    net, noise = network(8), sde.StableNoise(1.6, "II", 0.8)
    start = np.random.default_rng(0).normal(size=(200, 8))
    options = {"n": 200, "seed": 3, "initial": start}
    errors = sde.euler_error(
        net, noise, t1=1.0, dts=[0.5], dt_reference=2**-5, replicates=2, norm="grid", **options
    )
    for r in range(2):
        wanted = plain_errors(net, noise, 0.5, 2**-5, r, **options)["grid"]
        assert errors[r, 0] == pytest.approx(wanted, rel=1e-12)


def test_after_a_single_step_the_norms_are_one():
    net, noise = network(), sde.StableNoise(1.6, "II")
    options = {"n": 6, "t1": 0.5, "dts": [0.5], "dt_reference": 0.125, "replicates": 4}
    grid = sde.euler_error(net, noise, norm="grid", **options)
    np.testing.assert_array_equal(sde.euler_error(net, noise, norm="one-step", **options), grid)
    wanted = []
    for r in range(4):
        coarse = sde.simulate(net, noise, n=6, t1=0.5, dt=0.5, substeps=4, replicate=r).theta
        fine = sde.simulate(net, noise, n=6, t1=0.5, dt=0.125, replicate=r).theta
        wanted.append([np.linalg.norm(coarse - fine, axis=1).max()])
    np.testing.assert_allclose(grid, wanted, rtol=1e-12)


def test_one_step_error_does_not_depend_on_the_last_time():
    net, noise = network(), sde.StableNoise(1.6, "II")
    options = {"n": 6, "dts": [0.5, 0.25], "dt_reference": 0.125, "replicates": 4}
    short = sde.euler_error(net, noise, t1=0.5, norm="one-step", **options)
    long = sde.euler_error(net, noise, t1=8.0, norm="one-step", **options)
    np.testing.assert_array_equal(short, long)


def measured(count, n=30):
    net, noise = network(), sde.StableNoise(1.4, "III")
    flow = some_flow(net, noise, sde.Gaussian(1.0))
    yield sde.chaos_gap(net, noise, flow, n=n, replicates=count, seed=1)
    for norm in ("grid", "frozen", "one-step"):
        yield sde.euler_error(
            net, noise, n=n, t1=1.0, dts=[0.5, 0.25], dt_reference=0.0625,
            replicates=count, seed=1, norm=norm,
        )  # fmt: skip


def test_a_replicate_does_not_depend_on_how_many_there_are():
    few, many = list(measured(3)), list(measured(8))
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b[:3])
        assert len(np.unique(b)) == b.size


def test_batches_of_replicates_change_nothing(monkeypatch):
    whole = list(measured(5))
    monkeypatch.setattr(replicates, "BATCH", 130)  # two replicates of 30 particles at a time
    for a, b in zip(whole, measured(5), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n", [1, 128, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_simulate_replicates_gives_the_bits_of_simulate(monkeypatch, kind, n):
    net, noise = network(), sde.StableNoise(1.4, kind, 0.6)
    options = {"n": n, "t1": 1.0, "dt": DT, "substeps": 3, "seed": 2}
    for initial in (sde.Uniform(), np.random.default_rng(n).normal(size=(n, 2))):
        for batch in (2 * n * 2, 1 << 25):
            monkeypatch.setattr(replicates, "BATCH", batch)
            ends = sde.simulate_replicates(
                net, noise, replicates=5, first=3, initial=initial, **options
            )
            for r, end in enumerate(ends):
                one = sde.simulate(net, noise, replicate=3 + r, initial=initial, **options)
                np.testing.assert_array_equal(end, one.theta)


def test_one_and_two_threads_give_equal_bits():
    before = numba.get_num_threads()
    results = []
    for count in (1, 2, 2):
        numba.set_num_threads(count)
        results.append(list(measured(9, n=300)))
    numba.set_num_threads(before)
    for a, b, c in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_bad_arguments_are_refused():
    net, noise = network(), sde.StableNoise(1.4, "II")
    good = {"n": 3, "t1": 1.0, "dts": [0.5], "dt_reference": 0.25, "replicates": 2}
    for error, message, changed in (
        (ValueError, "larger than dt_reference", {"dts": [0.25]}),
        (ValueError, "dt_reference to divide each of dts", {"dts": [0.4]}),
        (ValueError, "each of dts to divide t1", {"dts": [0.75]}),
        (ValueError, "dt to divide t1|dt_reference", {"dt_reference": 0.3}),
        (ValueError, "dts > 0", {"dts": [-0.5]}),
        (ValueError, "shape", {"dts": []}),
        (ValueError, "did you mean 'frozen'", {"norm": "frozn"}),
        (ValueError, "n >= 1", {"n": 0}),
        (ValueError, "replicates >= 1", {"replicates": 0}),
        (TypeError, "integer replicates", {"replicates": 2.5}),
        (ValueError, "seed", {"seed": -1}),
        (ValueError, "initial of shape", {"initial": np.zeros((2, 2))}),
    ):
        with pytest.raises(error, match=message):
            sde.euler_error(net, noise, **{**good, **changed})
    flow = some_flow(net, noise, sde.Gaussian(1.0))
    with pytest.raises(ValueError, match="unknown over_particles"):
        sde.chaos_gap(net, noise, flow, n=3, replicates=1, over_particles="max")
    with pytest.raises(TypeError, match="need a Flow"):
        sde.chaos_gap(net, noise, flow.values, n=3, replicates=1)
