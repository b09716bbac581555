"""The time loop against recursion (2) in plain NumPy, and what does not depend on blocks."""

import platform
import re
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import oracles
import pytest
from numba.core.registry import cpu_target

import sde
from sde import addresses, block_steps, kernels, network_blocks, sweeps
from sde.addresses import aligned, prefetch
from sde.features import FEATURES, find_feature
from sde.initial import sample_initial
from sde.lanes import for_lanes
from sde.native import compiled
from sde.products import DEPTH
from sde.stable import KINDS

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = (1, 127, 128, 129, 1000)

#: A request for memory in LLVM's code, and how near it is to be kept.
PREFETCH = r"call void @llvm\.prefetch[^(]*\([^,]+, i32 0, i32 (\d), i32 1\)"


@compiled(forceinline=True)
def add_to_itself(lane, row):
    row[lane] += row[lane]


@contextmanager
def threads(count):
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    yield
    numba.set_num_threads(before)


def network(feature, d, m, outputs, seed=0):
    """Return a network and its oracle."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, d)), rng.choice([-1.0, 1.0], size=(m, outputs))
    return sde.MeanFieldNetwork(x, y, feature), oracles.Network(x, y, feature, "logistic")


def made_flow(system, noise, values, dt, initial):
    """Return a flow with values of our own."""
    times = dt * np.arange(len(values))
    end = float(times[-1])
    return sde.Flow(
        system, noise, initial, end, dt, "particles", times, values, np.zeros_like(values)
    )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("substeps", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_simulate_agrees_with_plain_numpy_at_every_step(feature, kind, substeps, n):
    d, m, outputs = (1, 5, 2) if n % 2 else (3, 6, 1)
    net, oracle = network(feature, d, m, outputs)
    noise, dt, steps = sde.StableNoise(1.5, kind, 0.7), 0.125, 6
    times = dt * np.arange(steps + 1)
    sol = sde.simulate(
        net, noise, n=n, t1=times[-1], dt=dt, substeps=substeps, seed=3, replicate=1, save_at=times
    )
    draw = noise.increments(n, net.dim, dt, steps, substeps=substeps, seed=3, replicate=1)
    start = sample_initial(sde.Gaussian(1.0), n, net.dim, seed=3, replicate=1)
    states, fields = oracles.particle_paths(oracle.observables, oracle.drift, draw, start, dt)
    np.testing.assert_allclose(sol.saved, states, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(sol.mean_field, fields, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(sol.theta, sol.saved[-1])
    np.testing.assert_array_equal(sol.times, times)
    np.testing.assert_array_equal(sol.saved_times, times)
    for saved, field in zip(sol.saved, sol.mean_field, strict=True):
        np.testing.assert_array_equal(net.mean_field(saved), field)


@pytest.mark.parametrize(
    ("d", "more", "n"),
    [
        pytest.param(3, 5, 300, id="sums in the loop over lanes"),
        pytest.param(3, 6, 300, id="the same in pairs of data"),
        pytest.param(3, 13, 300, id="and an odd one"),
        pytest.param(20, 5, 300, id="sums before it"),
        pytest.param(20, 13, 300, id="the same in pairs and an odd one"),
        pytest.param(300, 6, 300, id="more coordinates than are added up at a time"),
        pytest.param(31, 6, 16_900, id="133 blocks, the last of four particles"),
    ],
)
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_wide_particles_and_kept_slopes_agree_with_plain_numpy(feature, d, more, n, monkeypatch):
    m = network_blocks.DATA + more  # two rounds of data
    assert network_blocks.in_pairs(m) == (more != 5)
    net, oracle = network(feature, d, m, 2)
    noise, dt, steps = sde.StableNoise(1.5, "II", 0.3), 0.125, 4
    times = dt * np.arange(steps + 1)

    def run():
        return sde.simulate(net, noise, n=n, t1=times[-1], dt=dt, seed=3, save_at=times)

    kept = run()
    draw = noise.increments(n, net.dim, dt, steps, seed=3)
    start = sample_initial(sde.Gaussian(1.0), n, net.dim, seed=3, replicate=0)
    states, fields = oracles.particle_paths(oracle.observables, oracle.drift, draw, start, dt)
    np.testing.assert_allclose(kept.saved, states, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(kept.mean_field, fields, rtol=1e-11, atol=1e-11)
    # the same bits where the features are evaluated again instead
    monkeypatch.setattr(block_steps, "KEPT", 0)
    assert not block_steps.can_keep_slopes(net.pieces, n, steps)
    np.testing.assert_array_equal(run().saved, kept.saved)


@pytest.mark.parametrize(
    ("d", "m"),
    [
        pytest.param(sweeps.TOGETHER + 1, 9, id="coordinates one by one"),
        pytest.param(network_blocks.PART + 1, 9, id="the drift of one coordinate left"),
        pytest.param(2 * network_blocks.PART + 30, 9, id="in three parts"),
        pytest.param(network_blocks.PART + 30, DEPTH + 1, id="too many slopes for parts"),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "directions"])
def test_particles_of_many_coordinates_agree_with_plain_numpy(kind, d, m, monkeypatch):
    net, oracle = network("tanh", d, m, 1)
    assert (net.pieces.part < d) == (m <= DEPTH and d > network_blocks.PART)
    noise, dt, steps, n = sde.StableNoise(1.5, "II", 0.3), 0.125, 3, 300
    if kind == "directions":
        rows = np.random.default_rng(0).normal(size=(3, d))
        noise = sde.DirectionalNoise(1.5, directions=rows, sigma=0.3)
    elif kind != "II":
        noise = sde.StableNoise(1.5, kind, 0.3)

    def run(**options):
        return sde.simulate(net, noise, n=n, t1=steps * dt, dt=dt, seed=3, **options)

    kept = run()
    draw = noise.increments(n, d, dt, steps, seed=3)
    start = sample_initial(sde.Gaussian(1.0), n, d, seed=3, replicate=0)
    states, fields = oracles.particle_paths(oracle.observables, oracle.drift, draw, start, dt)
    np.testing.assert_allclose(kept.theta, states[-1], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(kept.mean_field, fields, rtol=1e-11, atol=1e-11)
    fine = run(substeps=2)
    draw = noise.increments(n, d, dt, steps, substeps=2, seed=3)
    states, _ = oracles.particle_paths(oracle.observables, oracle.drift, draw, start, dt)
    np.testing.assert_allclose(fine.theta, states[-1], rtol=1e-11, atol=1e-11)
    # the same bits where the features are evaluated again instead, for all coordinates at once
    monkeypatch.setattr(block_steps, "KEPT", 0)
    np.testing.assert_array_equal(run().theta, kept.theta)


def mirrored_pull(d):
    """Return a system that computes in double precision, whatever its state is stored in."""

    def observable(theta, out):
        for c in range(d):
            out[c] = theta[c]

    def drift(theta, mean_field, out):
        for c in range(d):
            out[c] = mean_field[d - 1 - c] - theta[c]

    return sde.McKeanVlasov(d, d, observable, drift)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(
    "system",
    [*(network("tanh", d, 5, outputs)[0] for d, outputs in ((1, 1), (3, 2), (4, 1), (32, 1))),
     mirrored_pull(2)],
    ids=["d1", "d3l2", "d4", "d32", "user"],
)  # fmt: skip
def test_steps_in_a_row_end_where_single_steps_do(system, n, dtype):
    # blocks stay transposed between the steps of a row
    noise, times = sde.StableNoise(1.5, "II", 0.3), 0.125 * np.arange(5)
    options = {"n": n, "t1": times[-1], "dt": 0.125, "seed": 1, "dtype": dtype}
    row = sde.simulate(system, noise, **options)
    single = sde.simulate(system, noise, save_at=times, **options)
    np.testing.assert_array_equal(row.theta, single.theta)
    np.testing.assert_array_equal(row.mean_field, single.mean_field)


def test_blocks_are_worked_on_where_they_lie_arranged():
    @numba.njit
    def place(theta, first, count, turn):
        return block_steps.place_in(theta, first, count, turn)

    room = aligned(4 * 1000 + 1, np.float64)
    theta = room[:-1].reshape(1000, 4)
    turn = block_steps.Turn(3, arranged=True, arranging=True)
    assert place(theta, 256, 128, turn) == theta.ctypes.data + 8 * 4 * 256
    shifted = room[1:].reshape(1000, 4)  # starts no cache line
    assert place(shifted, 256, 128, turn) == 0
    assert place(theta, 896, 104, turn) == 0
    for name in ("arranged", "arranging"):
        assert place(theta, 256, 128, turn._replace(**{name: False})) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [4, 32])
def test_particles_move_alike_wherever_they_lie_in_memory(d, dtype):
    net, draws = network("tanh", d, 5, 1)[0], sde.StableNoise(1.5, "II").draws(0.1, 0, 0)
    start = np.random.default_rng(0).normal(size=(1200, d))
    pieces, task = net.pieces_in(np.dtype(dtype)), kernels.Task(0.1, 1, True, True)
    ends = []
    for shift in (0, 1):
        theta = aligned(start.size + 1, dtype)[shift:][: start.size].reshape(start.shape)
        theta[:], mean_field = start, np.zeros((5, 5))
        slopes = block_steps.room_for_slopes(pieces, len(theta), 1000)
        kernels.observables(pieces, theta, mean_field[0], slopes)
        assert kernels.advance(pieces, draws, task, (0, 4), theta, mean_field, slopes) == -1
        ends.append((theta, mean_field))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    np.testing.assert_array_equal(ends[0][1], ends[1][1])


def has_wide_vectors():
    return "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")


@pytest.mark.skipif(not has_wide_vectors(), reason="needs AVX-512")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_loops_over_lanes_use_the_widest_vectors(dtype):
    # by itself LLVM takes vectors of 32 bytes on Intel's processors
    row = np.ones(128, dtype)

    @numba.njit
    def double(row):
        for_lanes(add_to_itself, (row,))

    double(row)
    assert set(row) == {2.0}
    (assembly,) = double.inspect_asm().values()
    assert re.search(r"vaddp[sd].*%zmm", assembly)
    assert not re.search(r"vaddp[sd].*%ymm", assembly)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 processor")
def test_the_stack_of_a_loop_starts_a_cache_line():
    # else vectors for which there is no register lie in two lines each, in most processes
    @numba.njit
    def double(row):
        for_lanes(add_to_itself, (row,))

    double(np.ones(128))
    (assembly,) = double.inspect_asm().values()
    assert re.search(r"and\w?\s+\$-64, %rsp", assembly)


def test_blocks_start_pages():
    @numba.njit
    def places(array):
        return [aligned(size, array.dtype).ctypes.data % 4096 for size in range(1, 40)]

    assert set(places(np.ones(1))) == {0}
    assert aligned(3, np.float32).shape == (3,)
    assert {aligned(size, np.uint8).ctypes.data % 4096 for size in range(1, 40)} == {0}
    for noise in (sde.StableNoise(1.5, "I"), sde.DirectionalNoise(1.2, directions=[[1.0, 2.0]])):
        assert noise.draws(1.0, 0, 0).parameters.ctypes.data % 4096 == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_of_a_room_lie_alike_in_their_pages(dtype):
    # else a loop over lanes loads what looks like the place of a store that is not done yet
    @numba.njit
    def places(pieces):
        room = block_steps.room_at(sweeps.empty_space(pieces, 1000, 3).rooms.ctypes.data, pieces)
        found = [room.block.ctypes.data, room.force.ctypes.data, room.noise.ctypes.data]
        return [*found, room.scratch.ctypes.data], block_steps.room_size(pieces)

    pieces = network("tanh", 5, 3, 1)[0].pieces_in(np.dtype(dtype))
    row = 128 * np.dtype(dtype).itemsize
    addresses, size = places(pieces)
    assert {address % row for address in [*addresses, size]} == {0}


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_kept_slopes_of_the_next_block_are_asked_for(paired, near):
    # one that is not cached: code from the cache can't be inspected
    feature = replace(find_feature("tanh"), builtin=False)
    observe = network_blocks.make_observe(feature, 4, paired=paired, near=near)
    locality = set(re.findall(PREFETCH, observe._native.inspect_llvm()))
    assert locality == {"3" if near else "2"}


def test_slopes_of_a_block_come_near_if_they_leave_room_in_the_cache():
    most = network_blocks.NEAR // 1024  # rows of 128 doubles
    assert network_blocks.are_near(most)
    assert not network_blocks.are_near(most + 1)
    assert network_blocks.are_near(2 * most, single=True)


@pytest.mark.parametrize("d", [3, 6])
def test_an_odd_datum_is_evaluated_again_on_its_own_arguments(d):
    # not on what its place held: a user's feature may not be defined there
    net, _ = network("tanh", d, network_blocks.DATA + 13, 1)
    pieces = net.pieces
    block = np.random.default_rng(0).normal(size=d * 128)
    kept, sums = np.zeros((2 * pieces.n_slopes, 128)), np.zeros(pieces.n_observables)
    scratch = np.full((network_blocks.scratch_rows(), 128), np.nan)

    @numba.njit
    def observe(pieces, block, sums, scratch, kept):
        block_steps.observe(pieces, block, 128, sums, scratch, kept.ctypes.data)

    observe(pieces, block, sums, scratch, kept)
    values, again = scratch[:2]
    assert sums[-1] == pytest.approx(values.sum() * net.amplitude, rel=1e-13)
    np.testing.assert_array_equal(again, values)


@pytest.mark.parametrize(("listed", "size"), [("48K\n", 49152), ("\n", 32768), (None, 32768)])
def test_the_first_level_cache_has_the_size_that_linux_lists(monkeypatch, listed, size):
    def read_text(_path):
        if listed is None:
            raise FileNotFoundError
        return listed

    monkeypatch.setattr(Path, "read_text", read_text)
    assert addresses._first_level() == size


@pytest.mark.parametrize("near", [False, True])
def test_memory_that_does_not_exist_may_be_asked_for(near):
    @numba.njit
    def ask(address):
        prefetch(address, 1024, near)

    ask(0)
    assert re.search(PREFETCH, ask.inspect_llvm(ask.signatures[0]))


@pytest.mark.parametrize("d", [3, 32])  # arguments with the features, and before them
@pytest.mark.parametrize("kind", KINDS)
def test_one_and_two_threads_give_equal_bits(kind, d):
    net, _ = network("tanh", d, 4, 1)
    noise, n = sde.StableNoise(1.3, kind), 40_000  # 313 blocks in 256 chunks
    flow = made_flow(net, noise, np.full((4, 4), 0.1), 0.25, sde.Uniform())

    def everything():
        sol = sde.simulate(net, noise, n=n, t1=0.75, dt=0.25, substeps=2, save_at=[0.5])
        limit = sde.simulate_limit(net, noise, flow, n=n)
        drift = net.drift(sol.theta)
        draws = noise.sample(n, 3)
        return sol.theta, sol.mean_field, sol.saved, limit.theta, drift, draws

    with threads(1):
        wanted = everything()
    with threads(2):
        for _ in range(3):
            for got, want in zip(everything(), wanted, strict=True):
                np.testing.assert_array_equal(got, want)


def test_a_user_system_gives_equal_bits_on_one_and_two_threads():
    def observable(theta, out):
        out[0] = theta[0] / (1 + theta[1] ** 2)

    def drift(theta, mean_field, out):
        out[0] = mean_field[0] - theta[0]
        out[1] = -theta[1] * mean_field[0]

    system = sde.McKeanVlasov(2, 1, observable, drift)
    noise = sde.StableNoise(1.5, "III")
    states = []
    for count in (1, 2, 2):
        with threads(count):
            states.append(sde.simulate(system, noise, n=40_000, t1=1.0, dt=0.25).theta)
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_a_path_in_a_given_mean_field_does_not_depend_on_n(feature, kind):
    net, oracle = network(feature, 3, 5, 1)
    noise, dt = sde.StableNoise(1.5, kind), 0.25
    values = np.random.default_rng(0).normal(size=(5, 5))
    flow = made_flow(net, noise, values, dt, sde.Gaussian(2.0))
    many = sde.simulate_limit(net, noise, flow, n=1000, seed=4, replicate=2, save_at=flow.times)
    for n in SIZES:
        few = sde.simulate_limit(net, noise, flow, n=n, seed=4, replicate=2, save_at=flow.times)
        np.testing.assert_array_equal(few.saved, many.saved[:, :n])
        np.testing.assert_array_equal(few.theta, many.theta[:n])
    draw = noise.increments(1000, 3, dt, 4, seed=4, replicate=2)
    start = sample_initial(sde.Gaussian(2.0), 1000, 3, seed=4, replicate=2)
    states, _ = oracles.particle_paths(oracle.observables, oracle.drift, draw, start, dt, values)
    np.testing.assert_allclose(many.saved, states, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(many.mean_field, values)


def test_replicates_and_seeds_differ_and_repeat():
    net, _ = network("tanh", 2, 3, 1)
    noise = sde.StableNoise(1.5, "II")

    def end(**streams):
        return sde.simulate(net, noise, n=50, t1=1.0, dt=0.5, **streams).theta

    ends = [end(), end(replicate=1), end(seed=1), end(seed=1, replicate=1), end(seed=2**64 - 1)]
    assert len(np.unique(np.stack(ends))) == 5 * 100
    np.testing.assert_array_equal(end(seed=1, replicate=1), ends[3])


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_float32_stays_close_to_float64(feature):
    net, _ = network(feature, 2, 4, 1)
    noise = sde.StableNoise(1.7, "II", 0.3)
    start = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    double, single = (
        sde.simulate(net, noise, n=300, t1=1.0, dt=0.125, initial=start, save_at=[0.5], dtype=kind)
        for kind in ("float64", "float32")
    )
    assert single.theta.dtype == single.saved.dtype == np.float32
    assert double.theta.dtype == double.saved.dtype == np.float64
    # 8 roundings of 2^-24, each grown by at most exp(t |grad b|)
    np.testing.assert_allclose(single.theta, double.theta, rtol=3e-6, atol=3e-6)
    np.testing.assert_allclose(single.mean_field, double.mean_field, rtol=3e-6, atol=3e-6)
    assert (single.theta != double.theta).any()


def first(theta, out):
    out[0] = theta[0]


def cube(theta, mean_field, out):
    out[0] = theta[0] ** 3 + 0 * mean_field[0]


@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_state_that_explodes_is_reported_with_its_step(dtype, n):
    system, noise, dt = sde.McKeanVlasov(1, 1, first, cube), sde.StableNoise(2.0, "I", 0.01), 0.25
    start = np.full((n, 1), 0.1)
    start[-1] = 3.0
    draw = noise.increments(n, 1, dt, 12)
    with np.errstate(all="ignore"):
        states, _ = oracles.particle_paths(lambda t: t, lambda t, _: t**3, draw, start, dt)
        finite = np.abs(states).max(axis=(1, 2)) <= np.finfo(dtype).max
    step = int(np.argmin(finite))
    assert 3 < step < 12
    message = re.escape(f"finite at step {step} of 12 (t={step * dt:g})")
    options = {"initial": start, "dtype": dtype, "dt": dt, "n": n}
    for save_at in (None, dt * np.arange(13)):
        with pytest.raises(FloatingPointError, match=message):
            sde.simulate(system, noise, t1=12 * dt, save_at=save_at, **options)
    with pytest.raises(FloatingPointError, match=f"step {step} of {step} "):
        sde.simulate(system, noise, t1=step * dt, **options)
    last = sde.simulate(system, noise, t1=(step - 1) * dt, **options)
    np.testing.assert_allclose(last.theta, states[step - 1], rtol=1e-4)
    flow = made_flow(system, noise, np.zeros((13, 1)), dt, sde.Point(3.0))
    if dtype == "float64":
        with pytest.raises(FloatingPointError, match=f"finite at step {step} of 12"):
            sde.simulate_limit(system, noise, flow, n=n)
        with pytest.raises(FloatingPointError, match=f"step {step} .*replicate 0"):
            sde.chaos_gap(system, noise, flow, n=n, replicates=3)


def test_lanes_without_a_particle_do_not_stop_a_run():
    def inverse(theta, mean_field, out):
        out[0] = mean_field[0] / theta[0]

    system, noise = sde.McKeanVlasov(1, 1, first, inverse), sde.StableNoise(2.0, "I", 0.01)
    sol = sde.simulate(system, noise, n=3, t1=1.0, dt=0.25, initial=sde.Point(1.0))
    start, draw = np.ones((3, 1)), noise.increments(3, 1, 0.25, 4)
    states, _ = oracles.particle_paths(lambda t: t, lambda t, mu: mu / t, draw, start, 0.25)
    np.testing.assert_allclose(sol.theta, states[-1], rtol=1e-12)
    # the noise of a lane without a particle overflows float32, that of the particle does not
    tiny = sde.StableNoise(0.02, "I")
    sizes = np.abs(tiny.increments(128, 1, 1.0, 1)[0, :, 0])
    assert sizes[0] < 1e38 < 1e39 < sizes[1:].max()
    sde.simulate(system, tiny, n=1, t1=1.0, dt=1.0, initial=sde.Point(1.0), dtype="float32")


def test_save_at_copies_and_the_initial_array_is_left_alone():
    net, _ = network("tanh", 2, 3, 1)
    start = np.ones((10, 2))
    sol = sde.simulate(
        net, sde.StableNoise(1.5, "II"), n=10, t1=1.0, dt=0.25, initial=start, save_at=[0, 0.5, 1]
    )
    assert not np.shares_memory(sol.theta, sol.saved)
    np.testing.assert_array_equal(start, 1.0)
    np.testing.assert_array_equal(sol.saved[0], start)
    np.testing.assert_array_equal(sol.saved_times, [0.0, 0.5, 1.0])
    assert (sol.saved[1] != sol.saved[2]).all()
    whole = sde.simulate(
        net, sde.StableNoise(1.5, "II"), n=10, t1=1.0, dt=0.25, initial=np.ones((10, 2))
    )
    np.testing.assert_array_equal(whole.theta, sol.theta)  # a pause to save changes nothing
    assert whole.saved.shape == (0, 10, 2)


def resident_peak():
    """Return the largest resident memory since `reset_peak`, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


def reset_peak():
    """Return the resident memory now, which becomes the peak (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_peak()


def test_memory_is_the_state():
    n, m, d = 200_000, 64, 4
    net, _ = network("tanh", d, m, 1)
    noise = sde.StableNoise(1.5, "II")

    def go(n):
        return sde.simulate(net, noise, n=n, t1=1.0, dt=0.5, substeps=3)

    go(1000)
    state = 8 * n * d
    linux = Path("/proc/self/clear_refs").exists()
    before = reset_peak() if linux else 0
    tracemalloc.start()
    go(n)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # drawing initial states takes 2^16 rows at a time, in at most four arrays
    constant = 4 * 8 * 2**16 * d
    assert peak < 1.3 * state + constant
    if linux:  # what compiled code allocates, tracemalloc does not see; n m numbers are 102 MB
        assert resident_peak() - before < 2 * state + constant + 2**23


def test_the_drivers_are_cached_apart():
    # numba tells what it cached apart by what the functions close over
    together, alone = (
        [cell.cell_contents for cell in driver.py_func.__closure__]
        for driver in (kernels._together, kernels._alone)
    )
    assert together != alone
