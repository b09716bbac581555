"""A run that was ended by whatever goes on from its last checkpoint, to the same bits."""

import json
import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import sde
from sde.checkpoint import CheckpointError, Checkpoints
from sde.journal import LOOK


def position(theta, out):
    out[0] = theta[0]


def pull(theta, mean_field, out):
    for c in range(2):
        out[c] = mean_field[0] - theta[c]


RNG = np.random.default_rng(0)
SYSTEMS = {
    "network": sde.MeanFieldNetwork(RNG.normal(size=(5, 2)), RNG.choice([-1, 1], 5)),
    "matrix": sde.MeanFieldNetwork(0.2 * RNG.normal(size=(24, 40)), RNG.choice([-1, 1], 24)),
    "user": sde.McKeanVlasov(2, 1, position, pull),
}
NOISE = sde.StableNoise(1.5, "II", sigma=0.3)
STEPS = 8
OPTIONS = {"n": 300, "t1": 1.0, "dt": 1 / STEPS, "save_at": [0.0, 0.375, 0.5], "seed": 3}


def run(system=SYSTEMS["network"], noise=NOISE, **changed):
    return sde.simulate(system, noise, **(OPTIONS | changed))


def assert_same_bits(one, other):
    for name in ("theta", "mean_field", "saved"):
        a, b = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def go_on_from_each_step(tmp_path, call):
    """Compare an uninterrupted run with runs that go on from each of its steps."""
    whole = call()
    all_steps = Checkpoints(tmp_path / "all", keep=STEPS)
    assert_same_bits(call(checkpoint=all_steps, every_seconds=0), whole)
    for step in range(1, STEPS + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        shutil.copy(all_steps.folder / f"step-{step}.checkpoint", folder)
        assert_same_bits(call(checkpoint=folder), whole)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_goes_on_from_any_step_to_the_same_bits(tmp_path, name, dtype):
    go_on_from_each_step(
        tmp_path, lambda **more: run(SYSTEMS[name], dtype=dtype, substeps=2, replicate=1, **more)
    )


def test_the_limit_goes_on_from_any_step_to_the_same_bits(tmp_path):
    net = sde.MeanFieldNetwork([[1.0]], [1], "sine")
    flow = sde.mean_field_flow(net, NOISE, t1=1.0, dt=1 / STEPS, method="fourier")
    go_on_from_each_step(
        tmp_path,
        lambda **more: sde.simulate_limit(net, NOISE, flow, n=300, save_at=[0.5, 1.0], **more),
    )


def test_a_checkpoint_is_what_goes_on(tmp_path):
    # with the state of the checkpoint changed, the end changes: it is not computed from the start
    checkpoints = Checkpoints(tmp_path, keep=STEPS)
    whole = run(checkpoint=checkpoints, every_seconds=0)
    found = checkpoints.go_back(4)
    found.arrays["theta"][0] += 1.0
    checkpoints.save(4, found.arrays, found.meta)
    assert (run(checkpoint=checkpoints).theta[0] != whole.theta[0]).any()


def test_a_finished_run_is_not_computed_again(tmp_path):
    whole = run(checkpoint=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [path.name for path in tmp_path.glob("step*")] == [f"step-{STEPS}.checkpoint"]
    assert_same_bits(run(checkpoint=tmp_path), whole)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"n": 301}, r"n \(300 there, 301 here\)"),
        ({"dt": 1 / 16}, r"dt \(0.125 there, 0.0625 here\)"),
        ({"t1": 2.0}, r"t1 \(1.0 there, 2.0 here\)"),
        ({"seed": 4}, r"seed \(3 there, 4 here\)"),
        ({"replicate": 1}, r"replicate \(0 there, 1 here\)"),
        ({"substeps": 2}, r"substeps \(1 there, 2 here\)"),
        ({"dtype": "float32"}, r"dtype \('float64' there, 'float32' here\)"),
        ({"save_at": [0.5]}, "save_at"),
        ({"initial": sde.Gaussian(2.0)}, "initial"),
        ({"noise": sde.StableNoise(1.6, "II", sigma=0.3)}, r"noise .*1\.5.*1\.6"),
        ({"system": SYSTEMS["user"]}, "system"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_and_the_difference_named(
    tmp_path, changed, named
):
    run(checkpoint=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=f"differs in .*{named}.*use another folder"):
        run(**changed, checkpoint=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_systems_and_initial_states_that_look_alike_are_told_apart(tmp_path):
    run(checkpoint=tmp_path / "system")
    x = SYSTEMS["network"].x.copy()
    x[0, 0] += 1e-9
    alike = sde.MeanFieldNetwork(x, SYSTEMS["network"].y)
    with pytest.raises(CheckpointError, match="differs in fingerprint"):
        run(alike, checkpoint=tmp_path / "system")
    start = np.zeros((300, 2))
    run(initial=start, checkpoint=tmp_path / "initial")
    start[7, 1] = 1e-300
    with pytest.raises(CheckpointError, match="differs in initial"):
        run(initial=start, checkpoint=tmp_path / "initial")


def test_a_law_whose_name_changes_from_process_to_process_is_known_by_its_states(tmp_path):
    class Mine(sde.InitialLaw):
        def transform(self, uniforms):
            return uniforms

    laws = Mine(), Mine()
    assert repr(laws[0]) != repr(laws[1])
    assert_same_bits(
        run(initial=laws[0], checkpoint=tmp_path), run(initial=laws[1], checkpoint=tmp_path)
    )


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    whole = run(checkpoint=tmp_path, every_seconds=0)
    names = [f"step-{step}.checkpoint" for step in (STEPS - 1, STEPS)]
    assert sorted(path.name for path in tmp_path.glob("step*")) == names
    (tmp_path / names[1]).write_bytes(b"")
    assert_same_bits(run(checkpoint=tmp_path), whole)
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"need an intact checkpoint.*to start anew"):
        run(checkpoint=tmp_path)


def test_checkpoints_of_something_else_are_refused(tmp_path):
    foreign = Checkpoints(tmp_path)
    foreign.save(4, {"weights": np.ones(3)}, {"epoch": 4})
    with pytest.raises(CheckpointError, match="was not written by simulate"):
        run(checkpoint=foreign)
    identity = Checkpoints(tmp_path / "run")
    run(checkpoint=identity)
    meta = identity.latest().meta
    identity.save(STEPS, {"theta": np.ones((1, 2))}, meta)
    with pytest.raises(CheckpointError, match="need theta of shape"):
        run(checkpoint=identity)


def test_the_folder_is_claimed_while_a_run_lasts(tmp_path):
    other = Checkpoints(tmp_path)
    with other.locked(), pytest.raises(CheckpointError, match="no other run uses"):
        run(checkpoint=tmp_path)
    run(checkpoint=tmp_path)
    other.lock()  # the run has let it go


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"checkpoint": 5}, TypeError, "need a folder for checkpoints, got 5"),
        ({"every_seconds": -1}, ValueError, "need every_seconds >= 0"),
        ({"every_seconds": "1"}, TypeError, "need a number every_seconds"),
        ({"save_to": 5}, TypeError, "need a path save_to, got 5"),
        ({"comm": 5}, TypeError, "need an MPI communicator comm, got 5"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        run(**options)


def test_checkpoints_are_as_far_apart_as_asked(tmp_path, monkeypatch):
    # a clock that moves 0.6 s a look, one step: a second has passed in two, and the last is saved
    now = iter(np.arange(0.0, 1e6, 0.6))
    monkeypatch.setattr("sde.crew.Alone.clock", staticmethod(lambda: next(now)))
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda _self, step, _arrays, _meta: saved.append(step))
    run(dt=1 / 64, save_at=None, checkpoint=tmp_path, every_seconds=1.0)
    assert saved == list(range(2, 65, 2))


def test_looks_at_the_clock_are_rare_where_steps_are_fast(tmp_path, monkeypatch):
    looks = []

    def clock():
        looks.append(0)
        return time.monotonic()

    monkeypatch.setattr("sde.crew.Alone.clock", staticmethod(clock))
    run(n=16, dt=1e-5, save_at=None, checkpoint=tmp_path)
    # 100,000 steps of a few microseconds: the stride doubles while it is shorter than LOOK / 2
    assert len(looks) < 40
    assert LOOK <= 1.0


FRESH = """
import hashlib
import numpy as np
import sde

rng = np.random.default_rng(0)
net = sde.MeanFieldNetwork(rng.normal(size=(50, 2)), rng.choice([-1, 1], 50))
means = net.mean_field(rng.normal(size=(128, 2)))
print(hashlib.sha256(means.tobytes()).hexdigest())
"""


def test_a_process_that_compiles_and_one_that_loads_get_the_same_bits(tmp_path):
    # the first process compiles, the second loads
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(tmp_path)
    }  # fmt: skip
    digests = [
        subprocess.run(
            [sys.executable, "-c", FRESH],
            capture_output=True, text=True, env=environment, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert len(set(digests)) == 1


RUNNER = """
import json, os, signal, sys, time
import numpy as np
import sde

folder, dtype, delays = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
net = lambda: sde.MeanFieldNetwork([[1.0, 0.5], [0.3, -1.0], [0.2, 2.0]], [1, -1, 1])

def work(ready):
    system = net()
    os.write(ready, b"!")
    sol = sde.simulate(system, sde.StableNoise(1.5, "II"), n=3000, t1=1.0, dt=1 / 2048, seed=5,
        dtype=dtype, save_at=np.arange(17) / 16, checkpoint=folder, every_seconds=0.02,
        save_to=folder + ".zarr" if dtype == "float32" else None)
    parts = {"theta": sol.theta, "mean_field": sol.mean_field, "saved": np.asarray(sol.saved)}
    np.savez(folder + ".npz", **parts)

for delay in [*delays, None]:
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        work(there)
        os._exit(0)
    os.read(here, 1)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    steps = [int(name[5:-11]) for name in os.listdir(folder) if name.startswith("step-")]
    print(os.WTERMSIG(status), max(steps, default=0), flush=True)
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path, dtype):
    # children of one process that has imported the library and started no thread
    chance = random.Random(dtype)
    delays = [chance.uniform(0, 0.4) for _ in range(5)]
    arguments = [str(tmp_path / "run"), dtype, json.dumps(delays)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_NUM_THREADS": "2"}
    (tmp_path / "run").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *arguments],
        capture_output=True, text=True, env=environment, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    signals, steps = np.array([line.split() for line in done.stdout.splitlines()], dtype=int).T
    assert signals[-1] == 0
    assert steps[-1] == 2048
    assert (np.diff(steps) >= 0).all()
    assert (signals == 9).sum() >= 1  # a fast machine may finish before the last of them
    net = sde.MeanFieldNetwork([[1.0, 0.5], [0.3, -1.0], [0.2, 2.0]], [1, -1, 1])
    whole = sde.simulate(
        net, sde.StableNoise(1.5, "II"), n=3000, t1=1.0, dt=1 / 2048, seed=5, dtype=dtype,
        save_at=np.arange(17) / 16,
    )  # fmt: skip
    with np.load(tmp_path / "run.npz") as end:
        for name in ("theta", "mean_field", "saved"):
            assert end[name].tobytes() == getattr(whole, name).tobytes()
