"""The readers of datasets: exact on good files, one documented error on all others."""

import gzip

import numpy as np
import pytest
from data_server import CIFAR100, cifar, idx, tar, ucr, wheel
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sde.datasets import DatasetError
from sde.datasets.readers import read_cifar, read_idx, read_ucr, read_zip

RNG = np.random.default_rng(0)
GOOD = {
    "idx": idx(RNG.integers(0, 256, (3, 4, 5))),
    "ucr": ucr(RNG.standard_normal((4, 6)).tolist(), [1, 2, 3, 1]),
    "cifar": cifar(RNG, 100, 2, CIFAR100)[0][0],
    "zip": wheel({"a": b"content", "b": b"another"}),
}
READERS = {
    "idx": read_idx,
    "ucr": lambda path: read_ucr(path, 6, 3),
    "cifar": lambda path: read_cifar(path, CIFAR100, 2, 3072),
    "zip": lambda path: read_zip(path, "a"),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("readers") / "file"


def zipped(content):
    return gzip.compress(content, compresslevel=1, mtime=0)


def reads_or_refuses(kind, file, content):
    file.write_bytes(content)
    try:
        return READERS[kind](file)
    except DatasetError as error:
        message = str(error)
    assert str(file) in message
    assert "delete it and fetch it again" in message
    return None


@pytest.mark.parametrize("kind", GOOD)
def test_good_files_are_read(kind, file):
    assert reads_or_refuses(kind, file, GOOD[kind]) is not None


@given(array=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=6)))
def test_idx_arrays_come_back(array, file):
    file.write_bytes(idx(array))
    found = read_idx(file)
    assert found.shape == array.shape
    assert (found == array).all()


@given(
    series=arrays.arrays(float, (3, 6), elements=st.floats(allow_nan=False, allow_infinity=False)),
    labels=st.lists(st.integers(1, 3), min_size=3, max_size=3),
)
def test_series_come_back(series, labels, file):
    file.write_bytes(ucr(series.tolist(), labels))
    x, y = read_ucr(file, 6, 3)
    assert (x == series).all()
    assert (y + 1).tolist() == labels


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
def test_garbage_is_refused(kind, file, data):
    reads_or_refuses(kind, file, data.draw(st.binary(max_size=200)))


@given(st.binary(max_size=60))
def test_garbage_in_gzip_is_refused(file, content):
    found = reads_or_refuses("idx", file, zipped(content))
    if found is not None:  # an honest header by chance, or by the search for one
        assert gzip.decompress(idx(found)) == content
    assert reads_or_refuses("cifar", file, zipped(content)) is None


@given(
    head=st.just(bytes((0, 0, 8))),
    sizes=st.lists(st.sampled_from([0, 1, 2, 255, 2**31, 2**32 - 1]), max_size=255),
    content=st.binary(max_size=4),
)
def test_impossible_sizes_are_refused(file, head, sizes, content):
    packed = head + bytes([len(sizes)]) + np.array(sizes, ">u4").tobytes() + content
    reads_or_refuses("idx", file, zipped(packed))


@given(text=st.text(alphabet="0123456789.-+eEinfa#\t\n \r\"'_é\x1c", max_size=80))
def test_odd_tables_are_refused(file, text):
    found = reads_or_refuses("ucr", file, text.encode())
    if found is not None:
        assert found[0].shape[1] == 6
        assert np.isfinite(found[0]).all()


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=60)
@given(data=st.data())
def test_altered_files_are_read_or_refused(kind, file, data):
    content = bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    reads_or_refuses(kind, file, bytes(content[:end] if data.draw(st.booleans()) else content))


@settings(max_examples=60)
@given(data=st.data())
def test_altered_tar_headers_are_read_or_refused(file, data):
    content = bytearray(gzip.decompress(GOOD["cifar"]))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
    reads_or_refuses("cifar", file, zipped(bytes(content)))


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("idx", zipped(b"\0\0\x0d\x01\0\0\0\0"), "without the header"),
        (
            "idx",
            zipped(b"\0\0\x08\x01\0\0\0\x05abcd"),
            r"4 bytes for an array of sizes \(5,\)",
        ),
        ("idx", GOOD["idx"][:-1], "ended before"),
        ("ucr", b"", "no line"),
        ("ucr", b"1\t1\t2\t3\t4\t5\n", "not 7 finite numbers"),
        ("ucr", b"1\t1\t2\t3\t4\t5\tnan\n", "not 7 finite numbers"),
        ("ucr", b"4\t1\t2\t3\t4\t5\t6\n", "labels that are not 1 to 3"),
        ("ucr", b"1.5\t1\t2\t3\t4\t5\t6\n", "labels that are not 1 to 3"),
        ("ucr", b"1\t1\t2\t3\t4\t5\tx\n", "could not convert"),
        ("cifar", tar([(CIFAR100[0], bytes(3074))]), "no member cifar-100-binary/test.bin"),
        ("cifar", tar([(name, bytes(3073)) for name in CIFAR100]), "not records of 3074"),
        ("cifar", tar([(name, b"") for name in CIFAR100]), "0 bytes of"),
        ("zip", wheel({"b": b""}), "no item named 'a'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said(kind, content, message, file):
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        READERS[kind](file)
