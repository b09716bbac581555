"""Checkpoints survive: kills, damage to any byte, a full disk, a read-only folder, a second run."""

import contextlib
import errno
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

import sde
from sde.checkpoint import CheckpointError, Checkpoints
from sde.state_file import DIGEST, MAGIC, PREFIX

ARRAYS = {
    "theta": np.array([[1.0, -0.0], [5e-324, 1.7e308]]),
    "counts": np.arange(3, dtype=np.int16),
    "empty": np.empty((0, 4), dtype=np.float32),
    "scalar": np.array(2.5),
    "foreign": np.arange(3, dtype=">f8"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "flags": np.array([True, False]),
}
META = {"seed": 2**64 - 1, "noise": "α", "nested": {"list": [1, 2.5, None, True]}}


def filled(folder, steps=(1, 2)):
    checkpoints = Checkpoints(folder)
    paths = [checkpoints.save(step, ARRAYS, META | {"step": step}) for step in steps]
    checkpoints.close()
    return paths


def assert_equal(checkpoint, step):
    assert checkpoint.step == step
    assert checkpoint.meta == META | {"step": step}
    assert list(checkpoint.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        found = checkpoint.arrays[name]
        assert found.shape == array.shape
        assert found.dtype == array.dtype.newbyteorder("<")
        assert found.tobytes() == np.ascontiguousarray(array, found.dtype).tobytes()
        assert found.flags.writeable


def test_what_was_saved_comes_back(tmp_path):
    filled(tmp_path / "new" / "folder")
    checkpoints = Checkpoints(tmp_path / "new" / "folder")
    assert_equal(checkpoints.latest(), 2)
    assert checkpoints.damaged == {}
    assert Checkpoints(tmp_path / "none").latest() is None
    assert not (tmp_path / "none").exists()


def test_only_the_last_are_kept(tmp_path):
    for keep, left in ((1, {4}), (2, {3, 4}), (9, {1, 2, 3, 4})):
        checkpoints = Checkpoints(tmp_path / str(keep), keep=keep)
        for step in (1, 2, 3, 4):
            checkpoints.save(step, {}, {})
        names = {path.name for path in checkpoints.folder.iterdir()} - {"lock"}
        assert names == {f"step-{step}.checkpoint" for step in left}


def test_every_changed_byte_is_noticed_and_the_one_before_is_used(tmp_path):
    path = filled(tmp_path)[1]
    intact, checkpoints = path.read_bytes(), Checkpoints(tmp_path)
    for at in range(len(intact)):
        path.write_bytes(intact[:at] + bytes([intact[at] ^ (1 << at % 8)]) + intact[at + 1 :])
        assert checkpoints.latest().step == 1
        assert "checksum" in checkpoints.damaged[path]
    path.write_bytes(intact)
    assert_equal(checkpoints.latest(), 2)
    assert checkpoints.damaged == {}


def test_every_length_that_is_not_the_whole_is_noticed(tmp_path):
    path = filled(tmp_path)[1]
    intact, checkpoints = path.read_bytes(), Checkpoints(tmp_path)
    for length in range(len(intact)):
        path.write_bytes(intact[:length])
        assert checkpoints.latest().step == 1
    path.write_bytes(intact + b"\0")
    assert checkpoints.latest().step == 1


def test_when_all_are_damaged_the_error_names_them(tmp_path):
    for path in filled(tmp_path):
        path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"step-2.*7 bytes.*step-1.*7 bytes.*start anew"):
        Checkpoints(tmp_path).latest()


def test_a_damaged_file_makes_room_for_intact_ones(tmp_path):
    path = filled(tmp_path, (10, 20))[1]
    path.write_bytes(b"nothing")
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest().step == 10
    checkpoints.save(15, ARRAYS, META | {"step": 15})
    assert {each.name for each in tmp_path.glob("step*")} == {
        "step-10.checkpoint",
        "step-15.checkpoint",
    }
    assert_equal(checkpoints.latest(), 15)


def signed(content, version=1, header=None, magic=MAGIC):
    """Make a file with a checksum that holds."""
    header = json.dumps(content).encode() if header is None else header
    body = PREFIX.pack(magic, version, len(header)) + header
    return body + hashlib.sha256(body).digest()


def test_a_newer_format_is_an_error_and_no_older_file_is_used(tmp_path):
    path = filled(tmp_path)[1]
    path.write_bytes(signed({}, version=7))
    with pytest.raises(CheckpointError, match=r"format 1 or older, got format 7 .*newer version"):
        Checkpoints(tmp_path).latest()


class Bomb:
    """What a pickle would execute when it is loaded."""

    def __reduce__(self):
        return os.abort, ()


CRAFTED = {
    "no header": signed(None, header=b""),
    "not JSON": signed(None, header=b"{"),
    "not UTF-8": signed(None, header=b'"\xff"'),
    "deep": signed(None, header=b"[" * 100_000),
    "a list": signed([]),
    "no arrays": signed({"step": 2, "meta": {}}),
    "a pickle": signed(None, header=pickle.dumps(Bomb())),
    "objects": signed({"step": 2, "arrays": [["a", "|O", [0]]], "meta": {}}),
    "a record": signed({"step": 2, "arrays": [["a", "i4,i4", [0]]], "meta": {}}),
    "unknown type": signed({"step": 2, "arrays": [["a", "nonsense", [0]]], "meta": {}}),
    "too large": signed({"step": 2, "arrays": [["a", "<f8", [2**40]]], "meta": {}}),
    "negative": signed({"step": 2, "arrays": [["a", "<f8", [-1, -1]]], "meta": {}}),
    "other step": signed({"step": 3, "arrays": [], "meta": {}}),
    "no mapping": signed({"step": 2, "arrays": [], "meta": 5}),
    "other magic": signed({}, magic=b"PK\3\4............"),
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED.keys())
def test_a_crafted_file_executes_nothing_and_is_skipped(tmp_path, content):
    path = filled(tmp_path)[1]
    path.write_bytes(content)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest().step == 1
    assert path in checkpoints.damaged


@pytest.mark.parametrize(
    ("arrays", "meta"),
    [
        ({"a": np.array([None])}, {}),
        ({"a": np.array(["text"])}, {}),
        ({"a": np.array(["2020-01-01"], dtype="datetime64[D]")}, {}),
        ({}, {"a": (1, 2)}),
        ({}, {1: "a"}),
        ({}, {"a": float("nan")}),
        ({}, {"a": object()}),
        ({1: np.ones(1)}, {}),
    ],
)
def test_what_would_not_come_back_is_refused(tmp_path, arrays, meta):
    with pytest.raises(TypeError, match="; convert"):
        Checkpoints(tmp_path).save(1, arrays, meta)
    assert list(tmp_path.iterdir()) == []


def test_arguments_are_checked(tmp_path):
    with pytest.raises(TypeError, match="need a folder, got 5"):
        Checkpoints(5)
    with pytest.raises(ValueError, match="need keep >= 1"):
        Checkpoints(tmp_path, keep=0)
    with pytest.raises(ValueError, match="need step >= 0"):
        Checkpoints(tmp_path).save(-1, {}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file: .*use another folder"):
        Checkpoints(tmp_path / "file").save(1, {}, {})


def test_a_folder_with_a_later_step_is_not_written_to(tmp_path):
    filled(tmp_path, (10,))
    with pytest.raises(CheckpointError, match=r"step-10\.checkpoint of a later step than 5"):
        Checkpoints(tmp_path).save(5, {}, {})
    assert_equal(Checkpoints(tmp_path).latest(), 10)


def test_the_second_run_in_a_folder_is_refused(tmp_path):
    first = Checkpoints(tmp_path)
    first.lock()
    with pytest.raises(CheckpointError, match="no other run uses"):
        Checkpoints(tmp_path).save(1, {}, {})
    first.close()
    second = Checkpoints(tmp_path)
    second.save(1, {}, {})
    del second  # a lock ends with its object
    Checkpoints(tmp_path).lock()


#: The package is not initialised: that would import the compiler, which takes seconds.
WRITER = """
import itertools, sys, types
import numpy as np
sys.modules["sde"] = types.ModuleType("sde")
sys.modules["sde"].__path__ = [sys.argv[2]]
from sde.checkpoint import Checkpoints
checkpoints = Checkpoints(sys.argv[1])
last = checkpoints.latest()
print("ready", flush=True)
for step in itertools.count(1 if last is None else last.step + 1):
    checkpoints.save(step, {"theta": np.full(100_000, float(step))}, {"step": step})
"""


def test_a_killed_writer_leaves_an_intact_checkpoint(tmp_path):
    chance = random.Random(0)
    before = 0
    for _ in range(12):
        command = [sys.executable, "-c", WRITER, str(tmp_path), *sde.__path__]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.1))
            process.kill()
        checkpoints = Checkpoints(tmp_path)
        last = checkpoints.latest()
        assert checkpoints.damaged == {}
        if last is not None:
            assert last.step >= before
            assert last.meta == {"step": last.step}
            assert (last.arrays["theta"] == last.step).all()
            before = last.step
    assert before > 0


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of a megabyte, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("file systems can't be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_an_error_and_leaves_the_checkpoints_before(small_disk):
    filled(small_disk)
    checkpoints = Checkpoints(small_disk)
    with pytest.raises(CheckpointError, match=r"No space left.*untouched; make room"):
        checkpoints.save(3, {"theta": np.zeros(1 << 18)}, {})
    assert sorted(path.name for path in small_disk.iterdir()) == [
        "lock",
        "step-1.checkpoint",
        "step-2.checkpoint",
    ]
    assert_equal(checkpoints.latest(), 2)
    checkpoints.save(3, ARRAYS, META | {"step": 3})  # and goes on when there is room


def test_a_disk_that_is_read_only_can_be_read(small_disk):
    filled(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    checkpoints = Checkpoints(small_disk)
    with pytest.raises(CheckpointError, match=r"Read-only file system.*can be written to"):
        checkpoints.save(3, ARRAYS, META)
    assert_equal(checkpoints.latest(), 2)


@pytest.mark.parametrize("call", ["fsync", "write", "replace"])
def test_an_error_of_the_disk_at_any_call_leaves_the_checkpoints_before(
    tmp_path, monkeypatch, call
):
    filled(tmp_path)

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    target = {
        "fsync": "os.fsync",
        "write": "sde.state_file._octets",
        "replace": "pathlib.Path.replace",
    }[call]
    with monkeypatch.context() as patch:
        patch.setattr(target, fails)
        with pytest.raises(CheckpointError, match="Input/output"):
            Checkpoints(tmp_path).save(3, ARRAYS, META)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lock",
        "step-1.checkpoint",
        "step-2.checkpoint",
    ]
    assert_equal(Checkpoints(tmp_path).latest(), 2)


def test_a_file_that_cannot_be_read_is_skipped(tmp_path):
    path = filled(tmp_path)[1]
    path.unlink()
    path.mkdir()  # even root can't read it
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest().step == 1
    assert "can't be read" in checkpoints.damaged[path]


def test_a_file_system_without_locks_is_used_without_them(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", no_locks)
    filled(tmp_path)
    assert_equal(Checkpoints(tmp_path).latest(), 2)


def test_the_format_is_as_described(tmp_path):
    content = filled(tmp_path)[1].read_bytes()
    magic, version, length = PREFIX.unpack(content[: PREFIX.size])
    assert (magic, version) == (b"levychaos state\n", 1)
    assert json.loads(content[PREFIX.size : PREFIX.size + length])["meta"] == META | {"step": 2}
    assert content[PREFIX.size + length :].startswith(ARRAYS["theta"].tobytes())
    assert content[-DIGEST:] == hashlib.sha256(content[:-DIGEST]).digest()
