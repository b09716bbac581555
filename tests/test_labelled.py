"""Results as labelled data: units, names, provenance; and states that go to a Zarr store."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import xarray
import zarr

import sde
from sde.checkpoint import CheckpointError

NET = sde.MeanFieldNetwork([[1.0, 0.5], [0.3, -1.0]], [1, -1])
NOISE = sde.StableNoise(1.5, "II", sigma=0.5)


def run(**changed):
    options = {"n": 300, "t1": 1.0, "dt": 0.125, "save_at": [0.0, 0.5, 1.0], "seed": 3}
    return sde.simulate(NET, NOISE, **(options | changed))


def check_labels(data):
    for name in ("theta", "mean_field", "saved", "time", "saved_time"):
        assert data[name].attrs["units"] == "1"
        assert len(data[name].attrs["long_name"]) > 10
    assert data.attrs["version"] == version("levychaos")
    assert data.attrs["Conventions"] == "CF-1.11"
    assert data.attrs["source"] == f"levychaos {version('levychaos')}"
    for name, value in {"n": 300, "t1": 1.0, "dt": 0.125, "seed": 3, "replicate": 0}.items():
        assert data.attrs[name] == value
    assert data.attrs["noise"] == "StableNoise(alpha=1.5, kind='II', sigma=0.5)"
    assert data.attrs["system"] == repr(NET)
    assert data.attrs["fingerprint"] == NET.fingerprint


def test_a_netcdf_file_has_units_names_and_provenance(tmp_path):
    sol = run()
    sol.to_xarray().to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc") as data:
        check_labels(data)
        np.testing.assert_array_equal(data["saved"], sol.saved)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_store_holds_what_memory_would(tmp_path, dtype):
    memory, store = run(dtype=dtype), run(dtype=dtype, save_to=tmp_path / "run.zarr")
    assert store.saved.shape == memory.saved.shape
    assert np.asarray(store.saved).tobytes() == memory.saved.tobytes()
    assert (store.saved[1] == memory.saved[1]).all()
    with xarray.open_zarr(tmp_path / "run.zarr") as data:
        check_labels(data)
        assert data["saved"].dtype == dtype
        for name in ("theta", "mean_field", "saved"):
            np.testing.assert_array_equal(data[name], getattr(memory, name))
        np.testing.assert_array_equal(data["time"], memory.times)
        np.testing.assert_array_equal(data["saved_time"], memory.saved_times)


def test_a_stored_solution_becomes_labelled_data_without_being_read(tmp_path, monkeypatch):
    memory, store = run(), run(save_to=tmp_path / "run.zarr")

    def read(array, key):
        assert array.ndim == 1, "the states were read"
        return get(array, key)

    get = zarr.Array.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__getitem__", read)
        data = store.to_xarray()
    check_labels(data)
    np.testing.assert_array_equal(data["saved"].sel(saved_time=0.5), memory.saved[1])
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc") as back:
        np.testing.assert_array_equal(back["saved"], memory.saved)


def test_the_limit_goes_to_a_store_too(tmp_path):
    net = sde.MeanFieldNetwork([[1.0]], [1], "sine")
    flow = sde.mean_field_flow(net, NOISE, t1=1.0, dt=0.5, method="fourier")
    options = {"n": 200, "save_at": [0.5, 1.0]}
    memory = sde.simulate_limit(net, NOISE, flow, **options)
    store = sde.simulate_limit(net, NOISE, flow, **options, save_to=tmp_path / "run.zarr")
    np.testing.assert_array_equal(store.saved, memory.saved)


def test_a_store_of_many_chunks_holds_what_memory_would(tmp_path, monkeypatch):
    monkeypatch.setattr("sde.labelled.CHUNK", 64)
    np.testing.assert_array_equal(run(save_to=tmp_path / "run.zarr").saved, run().saved)
    assert len(list((tmp_path / "run.zarr" / "saved").glob("[0-9]*"))) == 3 * 10


def test_nothing_to_save_is_a_store_without_states(tmp_path):
    assert run(save_at=None, save_to=tmp_path / "run.zarr").saved.shape == (0, 300, 2)


def test_the_same_run_may_write_over_its_store_and_another_may_not(tmp_path):
    store = tmp_path / "run.zarr"
    first = np.asarray(run(save_to=store).saved)
    np.testing.assert_array_equal(run(save_to=store).saved, first)
    with pytest.raises(ValueError, match=r"run\.zarr.*differs in .*seed \(3 there, 4 here\)"):
        run(save_to=store, seed=4)
    for name, content in (("folder", None), ("file", "text")):
        path = tmp_path / name
        if content is None:
            path.mkdir()
            (path / "precious").write_text("text")
        else:
            path.write_text(content)
        with pytest.raises(ValueError, match="differs in everything"):
            run(save_to=path)
    assert (tmp_path / "folder" / "precious").read_text() == "text"
    assert (tmp_path / "file").read_text() == "text"


def test_an_interrupted_store_shows_what_is_not_there_yet(tmp_path, monkeypatch):
    from sde.labelled import Trajectory

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trajectory, "finish", stop)
        kept = Trajectory.__setitem__
        patch.setattr(Trajectory, "__setitem__", lambda s, at, x: at < 2 and kept(s, at, x))
        with pytest.raises(KeyboardInterrupt):
            run(save_to=tmp_path / "run.zarr")
    with xarray.open_zarr(tmp_path / "run.zarr", consolidated=False) as data:
        np.testing.assert_array_equal(data["saved"][:2], run().saved[:2])
        assert np.isnan(data["saved"][2]).all()
    np.testing.assert_array_equal(run(save_to=tmp_path / "run.zarr").saved, run().saved)


def test_a_store_that_is_lost_is_not_made_up_from_a_checkpoint(tmp_path):
    options = {"checkpoint": tmp_path / "checkpoints", "save_to": tmp_path / "run.zarr"}
    run(**options)
    (tmp_path / "run.zarr").rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match=r"need the store .*run\.zarr.*put it back"):
        run(**options)
    assert not (tmp_path / "run.zarr").exists()
    with pytest.raises(CheckpointError, match=r"differs in save_to \(.*zarr' there, 'memory' here"):
        run(checkpoint=options["checkpoint"])


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'levychaos\[zarr\]'"):
        run(save_to=tmp_path / "run.zarr")


def test_a_full_disk_is_an_error_that_names_the_store(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("file systems can't be mounted here")
    try:
        with pytest.raises(OSError, match=r"can't save states to .*No space left.*make room"):
            run(n=30_000, save_to=tmp_path / "run.zarr")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


MEMORY = """
import json, re, sys
from pathlib import Path
import numpy as np
import sde

def peak():  # of this program: what getrusage says may be the parent's, from before it was started
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

n, times, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def position(theta, out):
    out[0] = theta[0]

def pull(theta, mean_field, out):
    out[0] = mean_field[0] - theta[0]

system = sde.McKeanVlasov(1, 1, position, pull)
before = peak()
sol = sde.simulate(system, sde.StableNoise(1.5, "I"), n=n, t1=1.0, dt=1 / times,
    save_at=np.arange(1, times + 1) / times, dtype="float32", save_to=path)
after = peak()
print(json.dumps([before / 1024, after / 1024, float(abs(sol.saved[-1] - sol.theta).max())]))
"""


def test_memory_stays_bounded_while_states_go_to_a_store(tmp_path):
    # 200 states of 2 MB: they would not fit what is allowed beside the library and its compiler
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, "500000", "200", str(tmp_path / "run.zarr")],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    before, after, distance = json.loads(done.stdout)
    assert distance == 0.0
    assert after - before < 300
    assert after < 500
