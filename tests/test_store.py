"""The store of finished items: what it keeps and refuses, and real faults of disks and files."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from sde.study import (
    Alone,
    DiskError,
    Item,
    ItemError,
    Key,
    PackingError,
    Store,
    StoreError,
    compute,
    pack,
    unpack,
)
from sde.study.store import FILE_NAME, SCHEMA

ITEMS = [Key.of(f"item {k}", "1f3a", seed=7) for k in range(12)]


def payload(key):
    """Return what an item has found: a kilobyte or so that depends on its key."""
    return np.random.default_rng(len(key.item) + ord(key.item[-1])).bytes(1000)


@pytest.fixture
def finished(tmp_path):
    """Return a folder in which all items are finished."""
    with Store(tmp_path) as store:
        for key in ITEMS:
            store.put(key, payload(key), 0.5)
    return tmp_path


@contextmanager
def mounted(folder, *options):
    """Mount a small file system of its own at the folder."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", str(folder)]
    if os.name != "posix" or os.getuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a file system")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_what_is_stored_is_found_by_another_process_only_under_its_key(finished):
    with Store(finished, resume=True) as store:
        assert len(store) == len(ITEMS)
        assert [store[key].payload for key in ITEMS] == [payload(key) for key in ITEMS]
        for other in (
            Key.of("item 3", "1f3a", seed=8),
            Key.of("item 3", "2f3a", seed=7),
            Key.of("item 30", "1f3a", seed=7),
        ):
            assert other not in store
            with pytest.raises(KeyError):
                store[other]


def test_the_same_item_is_not_stored_twice(finished):
    with Store(finished, resume=True) as store, pytest.raises(StoreError, match="UNIQUE"):
        store.put(ITEMS[0], b"", 0.0)


def test_finished_work_is_not_added_to_unasked(finished):
    before = (finished / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match=r"need --resume .* got 12 finished items .* or choose"):
        Store(finished)
    assert (finished / FILE_NAME).read_bytes() == before


def test_a_store_without_items_needs_no_resume(tmp_path):
    Store(tmp_path).close()
    Store(tmp_path).close()


def test_keys_tell_their_differences():
    key = Key.of("a", "1f3a", seed=0, profile="quick", numpy="2.4")
    other = Key.of("a", "2f3a", seed=1, profile="quick", numpy="2.5")
    expected = "numpy 2.5 instead of 2.4, seed 1 instead of 0, other sources"
    assert key.difference(other) == expected
    assert key.difference(Key.of("a", "1f3a", seed=0, profile="quick", numpy="2.4")) == ""


def test_only_what_is_missing_is_computed(finished):
    computed = []

    def function(name):
        computed.append(name)
        return name.encode()

    keys = [*ITEMS, Key.of("item 12", "1f3a", seed=7), Key.of("item 0", "1f3a", seed=8)]
    items = [Item(key, function, (key.parameters,)) for key in keys[:-1]]
    with Store(finished, resume=True) as store, Alone() as crew:
        done = [item.key for item in compute(items, store, crew)]
    assert computed == ['{"seed": 7}']
    assert done == keys[:-1]


def test_items_before_one_that_raises_are_kept(tmp_path):
    items = [Item(Key.of("good", ""), bytes), Item(Key.of("bad", ""), int, ("x",))]
    with Store(tmp_path) as store, Alone() as crew:
        with pytest.raises(ItemError, match="bad stopped: ValueError") as caught:
            list(compute(items, store, crew))
        assert isinstance(caught.value.__cause__, ValueError)
        assert items[0].key in store


def test_a_second_process_is_refused_by_the_number_of_the_first(tmp_path):
    code = (
        "import sys; from sde.study import Store; store = Store(sys.argv[1])\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout.readline() == b"open\n"
    with pytest.raises(StoreError, match=f"process {first.pid} is working in"):
        Store(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdin.close()
    first.stdout.close()
    with Store(tmp_path) as store:
        store.put(ITEMS[0], b"x", 0.0)


def refusal(folder, *, least=12):
    """Return why a store is refused; if it is not, all it says must be right."""
    try:
        with Store(folder, resume=True) as store:
            kept = [key for key in ITEMS if key in store]
            assert len(store) == len(kept) >= least
            assert [store[key].payload for key in kept] == [payload(key) for key in kept]
            return ""
    except StoreError as error:
        return str(error)


def test_any_flipped_byte_is_noticed_or_harmless(finished):
    path = finished / FILE_NAME
    sound = path.read_bytes()
    rng = random.Random(0)
    places = {*range(100), *rng.sample(range(len(sound)), 400)}
    noticed = 0
    for place in sorted(places):
        damaged = bytearray(sound)
        damaged[place] ^= rng.randrange(1, 256)
        path.write_bytes(damaged)
        message = refusal(finished)
        if message:
            noticed += 1
            assert str(finished) in message, place
            assert path.read_bytes() == damaged, place
    assert noticed > len(places) / 2


def test_a_flipped_byte_of_the_log_costs_no_more_than_its_last_items(tmp_path):
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    with Store(live) as store:
        for key in ITEMS:
            store.put(key, payload(key), 0.5)
        shutil.copytree(live, copy)  # as if the process had been killed here
    log = (copy / f"{FILE_NAME}-wal").read_bytes()
    main = (copy / FILE_NAME).read_bytes()
    rng = random.Random(1)
    for place in sorted(rng.sample(range(len(log)), 100)):
        damaged = bytearray(log)
        damaged[place] ^= rng.randrange(1, 256)
        (copy / f"{FILE_NAME}-wal").write_bytes(damaged)
        (copy / FILE_NAME).write_bytes(main)
        assert refusal(copy, least=0) == "", place
    (copy / f"{FILE_NAME}-wal").write_bytes(log)
    (copy / FILE_NAME).write_bytes(main)
    assert refusal(copy) == ""


def test_a_cut_file_and_another_file_are_refused(finished):
    path = finished / FILE_NAME
    sound = path.read_bytes()
    for content in (sound[: len(sound) // 2], b"mine" * 1000):
        path.write_bytes(content)
        with pytest.raises(StoreError, match="need a sound store"):
            Store(finished, resume=True)
        assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="got another file; move it away"):
        Store(tmp_path, resume=True)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_newer_schema_is_refused(finished):
    connection = sqlite3.connect(finished / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    before = (finished / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match=f"got schema {SCHEMA + 1} .* install a newer version"):
        Store(finished, resume=True)
    assert (finished / FILE_NAME).read_bytes() == before


def test_a_full_disk_keeps_what_was_stored_before(tmp_path):
    folder = tmp_path / "small"
    with mounted(folder, "size=512k"):
        stored = []
        with Store(folder) as store:
            for key in [Key.of(f"item {k}", "1f3a") for k in range(5)]:
                store.put(key, bytes(10_000), 0.0)
                stored.append(key)
            with pytest.raises(DiskError, match="make room, and go on with --resume"):
                store.put(Key.of("large", "1f3a"), bytes(600_000), 0.0)
        subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
        with Store(folder, resume=True) as store:
            assert all(store[key].payload == bytes(10_000) for key in stored)
            assert len(store) == len(stored)
            store.put(Key.of("after", "1f3a"), b"", 0.0)


def test_a_disk_without_any_room_is_named(tmp_path):
    folder = tmp_path / "small"
    with mounted(folder, "size=128k"):
        (folder / "filler").write_bytes(bytes(131_072))
        with pytest.raises(DiskError, match="need room in"):
            Store(folder)
        (folder / "filler").unlink()
        Store(folder).close()


def test_a_read_only_folder_is_refused(tmp_path):
    folder = tmp_path / "frozen"
    with mounted(folder, "size=1m"):
        with Store(folder) as store:
            store.put(ITEMS[0], b"x", 0.0)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(StoreError, match=r"Read-only file system"):
            Store(folder, resume=True)


class Pair(NamedTuple):
    """A named tuple in a packed value."""

    first: object
    second: object


@dataclass(frozen=True)
class Box:
    """A dataclass in a packed value."""

    content: object
    size: float = 0.0


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**70),
        0.1,
        float("inf"),
        "α <-> \x00",
        [1, (2.5, [None])],
        {"a": 1, (1, "b"): {"array": 0}, "tuple": [1], "object": "os:system"},
        Pair(1, Box(Pair("x", ()), -0.0)),
    ],
    ids=repr,
)
def test_values_survive_packing(value):
    data = pack(value)
    again = unpack(data, ["test_store"])
    assert repr(again) == repr(value)
    assert type(again) is type(value)
    assert pack(value) == data


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", "c16", "<U3", "datetime64[s]"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_survive_packing_bit_by_bit(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    for value in (array, array.T, array[()]):
        again = unpack(pack([value]))[0]
        assert type(again) is type(value)
        assert again.dtype == value.dtype
        assert again.shape == np.shape(value)
        assert again.tobytes() == value.tobytes()


def test_nan_keeps_its_bits():
    odd = np.array([0x7FF8000000000123], np.uint64).view(np.float64)
    assert unpack(pack(odd)).view(np.uint64)[0] == 0x7FF8000000000123


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([None]), print, Box(open)])
def test_other_values_are_not_packed(value):
    with pytest.raises(PackingError, match="need"):
        pack(value)


@pytest.mark.parametrize(
    ("value", "packages"),
    [(Box(1), ()), (Box(1), ("sde",)), (Pair(1, 2), ("test",))],
)
def test_classes_of_other_packages_are_not_made(value, packages):
    with pytest.raises(PackingError, match=r"got 'test_store:(Box|Pair)'"):
        unpack(pack(value), packages)


def test_reading_runs_and_imports_nothing():
    for name in ("os:system", "test_store:ITEMS", "test_store:mounted", "this:s"):
        data = pack({"x": 1})
        tree = b'{"object": "%s", "fields": {}}' % name.encode()
        text = np.frombuffer(tree, np.uint8)
        data = _npz(text)
        with pytest.raises(PackingError, match="need dataclasses of"):
            unpack(data, ["os", "test_store", "this"])
    assert "this" not in sys.modules


def _npz(*arrays):
    from io import BytesIO

    file = BytesIO()
    np.savez(file, *arrays)
    return file.getvalue()
