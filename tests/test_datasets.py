"""Datasets: what is read, from where, and what is refused."""

import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_server import CIFAR100, FAULTS, MAKERS, DataServer, publish, tar
from typer.testing import CliRunner

import sde
from sde.cli import app
from sde.datasets import NAMES, SOURCES, DatasetError, fetch, load, storage

OWN_DATA = os.environ.get("SDE_DATA")  # read before the fixture hides it


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    """Give each test an empty cache and no files of its own."""
    monkeypatch.delenv("SDE_DATA", raising=False)
    monkeypatch.setenv("SDE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with DataServer() as started:
        yield started


@pytest.fixture
def published(server, monkeypatch):
    """Return a function that serves a small copy of a dataset in place of the real one."""

    def serve(name):
        source, contents, examples = publish(server, name)
        monkeypatch.setitem(SOURCES, name, source)
        return SimpleNamespace(source=source, contents=contents, examples=examples)

    return serve


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def put(folder, name, contents):
    """Put files into a user's folder."""
    (folder / name).mkdir(parents=True)
    for file, content in zip(SOURCES[name].files, contents, strict=True):
        (folder / name / file.name).write_bytes(content)


@pytest.mark.parametrize("name", MAKERS)
def test_arrays_are_those_of_the_files(name, published, server):
    copy = published(name)
    data = load(name)
    assert (data.name, data.shape, data.n_classes) == (
        name,
        copy.source.shape,
        copy.source.n_classes,
    )
    parts = [(data.x_train, data.y_train), (data.x_test, data.y_test)]
    for (x, y), (wanted, labels) in zip(parts, copy.examples, strict=True):
        assert y.dtype == np.int64
        assert y.tolist() == labels.tolist()
        if name == "ecg5000":
            assert x.dtype == np.float64
            np.testing.assert_array_equal(x, wanted)
        else:
            mean, std = (np.reshape(v, (-1, 1, 1)) for v in (copy.source.mean, copy.source.std))
            exact = (wanted.reshape(-1, *data.shape) / 255 - mean) / std
            assert x.dtype == np.float32
            assert x.flags.c_contiguous
            assert np.abs(exact).max() < 3
            # rounded: the mean's part (< 2), the deviation, the difference, the quotient (< 3)
            np.testing.assert_allclose(x, exact.reshape(len(y), -1), rtol=0, atol=11 * 2**-24)
    asked = len(server.requests)
    load(name)
    assert len(server.requests) == asked, "what is in the cache is not downloaded again"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", MAKERS)
def test_a_bad_download_is_refused_and_never_cached(
    name, fault, published, server, monkeypatch, tmp_path
):
    source = published(name).source
    first = source.archive or source.files[0]
    path = "/" + first.urls[0].split("/", 3)[3]
    server.faults[path] = fault
    with monkeypatch.context() as patient:
        if fault == "stall":
            patient.setattr(storage, "TIMEOUT", 0.2)
        with pytest.raises(DatasetError, match=r"try again, or put it into the folder") as error:
            load(name)
    assert first.urls[0] in str(error.value)
    assert first.name in str(error.value)
    assert files_in(tmp_path) == []
    server.faults.clear()
    assert len(load(name).x_test) > 0


def test_verified_files_are_kept_when_a_later_one_fails(published, server, tmp_path):
    source = published("mnist").source
    server.faults[f"/mnist/{source.files[3].name}"] = "drop"
    with pytest.raises(DatasetError, match=source.files[3].name):
        fetch("mnist")
    assert [p.name for p in files_in(tmp_path)] == sorted(f.name for f in source.files[:3])
    server.faults.clear()
    server.requests.clear()
    fetch("mnist")
    assert server.requests == [f"/mnist/{source.files[3].name}"]


def test_another_address_is_tried(published, server, monkeypatch):
    source = published("cifar10").source
    (file,) = source.files
    server.files["/broken"] = server.files["/cifar10/" + file.name]
    server.faults["/broken"] = "corrupt"
    broken = file.urls[0].replace("cifar10/" + file.name, "broken")
    files = (replace(file, urls=(broken, *file.urls)),)
    monkeypatch.setitem(SOURCES, "cifar10", replace(source, files=files))
    assert fetch("cifar10")[0].read_bytes() == server.files["/broken"]
    assert server.requests == ["/broken", "/cifar10/" + file.name]


def test_an_archive_with_an_altered_file_is_refused(published, monkeypatch, tmp_path):
    source = published("ecg5000").source
    files = (source.files[0], replace(source.files[1], sha256="0" * 64))
    monkeypatch.setitem(SOURCES, "ecg5000", replace(source, files=files))
    with pytest.raises(DatasetError, match=f"ECG5000_TEST.tsv with SHA-256 {'0' * 64}, got"):
        fetch("ecg5000")
    assert [path.name for path in files_in(tmp_path)] == ["ECG5000_TRAIN.tsv"]


def test_an_interrupted_download_leaves_nothing(published, monkeypatch, tmp_path):
    import pooch

    published("cifar10")

    def interrupt(_self, _url, output_file, _pooch):
        Path(output_file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("cifar10")
    assert files_in(tmp_path) == []


def test_processes_may_download_at_the_same_time(published):
    copy = published("mnist")
    with ThreadPoolExecutor(4) as pool:
        for paths in pool.map(fetch, ["mnist"] * 4):
            assert [path.read_bytes() for path in paths] == copy.contents


def test_folders_are_searched_in_order(published, server, monkeypatch, tmp_path):
    contents = published("mnist").contents
    assert {path.parent for path in fetch("mnist")} == {tmp_path / "cache" / "mnist"}
    server.requests.clear()
    put(tmp_path / "own", "mnist", contents)
    monkeypatch.setenv("SDE_DATA", str(tmp_path / "own"))
    assert {path.parent for path in fetch("mnist")} == {tmp_path / "own" / "mnist"}
    put(tmp_path / "first", "mnist", contents)
    (tmp_path / "first" / "mnist" / SOURCES["mnist"].files[1].name).unlink()
    found = [path.parent.parent.name for path in fetch("mnist", folder=tmp_path / "first")]
    assert found == ["first", "own", "first", "first"]
    assert server.requests == []


def test_an_altered_file_of_ones_own_is_named_and_left(published, server, tmp_path):
    copy = published("mnist")
    put(tmp_path / "own", "mnist", copy.contents)
    path = tmp_path / "own" / "mnist" / copy.source.files[2].name
    path.write_bytes(copy.contents[2][:-1])
    with pytest.raises(DatasetError, match="truncated or altered; replace it") as error:
        load("mnist", folder=tmp_path / "own")
    assert str(path) in str(error.value)
    assert copy.source.files[2].sha256 in str(error.value)
    assert path.read_bytes() == copy.contents[2][:-1]
    assert server.requests == []


def test_an_altered_file_in_the_cache_is_downloaded_again(published):
    copy = published("mnist")
    path = fetch("mnist")[1]
    path.write_bytes(b"altered")
    assert fetch("mnist")[1] == path
    assert path.read_bytes() == copy.contents[1]


@pytest.mark.parametrize("variable", ["SDE_DATA", "folder"])
def test_a_folder_that_is_none_is_refused(variable, monkeypatch, tmp_path):
    folder = tmp_path / "nowhere"
    if variable == "SDE_DATA":
        monkeypatch.setenv("SDE_DATA", str(folder))
    with pytest.raises(DatasetError, match=f"need {variable} to be a folder, got .*nowhere"):
        load("mnist", folder=folder if variable == "folder" else None)


def test_a_cache_that_cannot_be_written_is_named(published, monkeypatch, tmp_path):
    published("mnist")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SDE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DatasetError, match=r"need to write to .*; set SDE_CACHE"):
        load("mnist")


@pytest.mark.parametrize(("name", "package"), [("mnist", "pooch"), ("digits", "sklearn.datasets")])
def test_a_missing_package_is_named_with_its_remedy(
    name, package, published, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "levychaos\[learn\]"'):
        load(name)
    if name == "mnist":  # files of one's own need no package
        copy = published(name)
        put(tmp_path / "own", name, copy.contents)
        assert len(load(name, folder=tmp_path / "own").y_test) == 8


def unsafe_member(name, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "../evil"
    return info


@pytest.mark.parametrize(
    "member",
    [
        unsafe_member("../evil"),
        unsafe_member("cifar-100-binary/../../evil"),
        unsafe_member("/evil"),
        unsafe_member("C:\\evil"),
        unsafe_member("..\\evil"),
        unsafe_member("cifar-100-binary/link", tarfile.SYMTYPE),
        unsafe_member("cifar-100-binary/link", tarfile.LNKTYPE),
        unsafe_member("cifar-100-binary/train.bin", tarfile.SYMTYPE),
        unsafe_member("cifar-100-binary/device", tarfile.CHRTYPE),
        unsafe_member("cifar-100-binary/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type.decode()}",
)
@pytest.mark.parametrize("last", [False, True])
def test_an_unsafe_archive_is_refused(member, last, server, monkeypatch, tmp_path):
    members = [(name, bytes(3074)) for name in CIFAR100]
    evil = (member, b"" if member.type != tarfile.REGTYPE else b"evil")
    content = tar([*members, evil] if last else [evil, *members])
    file = replace(server.publish("evil.tar.gz", content), name="cifar-100-binary.tar.gz")
    monkeypatch.setitem(SOURCES, "cifar100", replace(SOURCES["cifar100"], files=(file,)))
    with pytest.raises(DatasetError, match="a link or outside the folder"):
        load("cifar100")
    assert [path.name for path in files_in(tmp_path)] == [file.name]


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    data = load("digits")
    (mean,), (std,) = SOURCES["digits"].mean, SOURCES["digits"].std
    x = np.concatenate([data.x_train, data.x_test])
    np.testing.assert_allclose(x, (images / 16 - mean) / std, rtol=0, atol=11 * 2**-24)
    assert [*data.y_train, *data.y_test] == labels.tolist()
    # the constants are rounded to 5e-5
    assert (images[:1437] / 16).mean() == pytest.approx(mean, abs=5e-5)
    assert (images[:1437] / 16).std() == pytest.approx(std, abs=5e-5)
    assert "x_train" not in repr(data)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_a_checksum_and_an_address(name):
    source = SOURCES[name]
    downloads = [source.archive] if source.archive else source.files
    for file in (*source.files, *downloads):
        assert len(bytes.fromhex(file.sha256)) == 32
    for file in downloads:
        assert file.urls
        assert all(url.endswith("/" + file.name) for url in file.urls)
    assert len(source.mean) == len(source.std) == (source.shape[0] if len(source.shape) == 3 else 0)
    assert name == "digits" or name in MAKERS, "a small copy is needed for the tests above"


real = pytest.mark.skipif(not OWN_DATA, reason="needs the published files in SDE_DATA")


@real
def test_ecg5000_is_as_published(monkeypatch):
    monkeypatch.setenv("SDE_DATA", OWN_DATA)
    data = load("ecg5000")
    assert np.bincount(data.y_train).tolist() == [292, 177, 10, 19, 2]
    assert np.bincount(data.y_test).tolist() == [2627, 1590, 86, 175, 22]
    assert (data.x_train.shape, data.x_test.shape) == ((500, 140), (4500, 140))
    # standardised one by one, as the documentation of `load` says, up to the 8 digits of the files
    np.testing.assert_allclose(data.x_test.mean(axis=1), 0, atol=1e-7)
    np.testing.assert_allclose(data.x_test.std(axis=1, ddof=1), 1, atol=1e-7)


@real
def test_mnist_is_as_published(monkeypatch):
    monkeypatch.setenv("SDE_DATA", OWN_DATA)
    data = load("mnist")
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 784), (10_000, 784))
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.y_train).tolist() == train
    assert np.bincount(data.y_test).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    # the constants are rounded to 5e-5, which is 1.6e-4 in units of the deviation
    assert data.x_train.mean(dtype=np.float64) == pytest.approx(0, abs=2e-4)
    assert data.x_train.std(dtype=np.float64) == pytest.approx(1, abs=2e-4)


def invoke(*arguments):
    return CliRunner().invoke(app, ["datasets", *arguments])


def words(text):
    """Return a text without the frames and line breaks of an error box."""
    return " ".join(text.replace("│", " ").split())


def test_list_says_what_is_where(published, tmp_path):
    for name in MAKERS:
        published(name)
    fetch("mnist")
    fetch("cifar10")[0].write_bytes(b"altered")
    result = invoke("list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert set(NAMES) < set(lines)
    assert lines["mnist"].endswith(str(tmp_path / "cache" / "mnist"))
    assert lines["cifar10"].endswith("not here; fetch downloads 170 MB")
    assert lines["digits"].endswith("in scikit-learn")
    assert "60000 + 10000" in lines["mnist"]


def test_list_names_an_altered_file_of_ones_own(monkeypatch, tmp_path):
    put(tmp_path / "own", "cifar10", [b"altered"])
    monkeypatch.setenv("SDE_DATA", str(tmp_path / "own"))
    result = invoke("list")
    assert result.exit_code == 0
    assert "cifar-10-binary.tar.gz with SHA-256" in result.stdout


def test_list_says_what_to_install(monkeypatch):
    monkeypatch.delenv("SDE_CACHE", raising=False)
    monkeypatch.delenv("SDE_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    result = invoke("list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines["mnist"].endswith('not here; pip install "levychaos[learn]"')


def test_fetch_and_path_print_the_files(published, tmp_path):
    published("ecg5000")
    missing = invoke("path", "ecg5000")
    assert missing.exit_code == 1
    assert missing.stdout == ""
    assert "run: sde datasets fetch ecg5000" in missing.stderr
    paths = [
        str(tmp_path / "cache" / "ecg5000" / f"ECG5000_{part}.tsv") for part in ("TRAIN", "TEST")
    ]
    for command in ("fetch", "path"):
        result = invoke(command, "ecg5000")
        assert result.exit_code == 0, result.output
        assert result.stdout.split() == paths


def test_a_failed_fetch_gives_status_1_and_says_why(published, server):
    published("cifar10")
    server.faults["/cifar10/cifar-10-binary.tar.gz"] = "404"
    result = invoke("fetch", "cifar10")
    assert result.exit_code == 1
    assert "404" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["path", "fetch"])
def test_an_unknown_name_gives_status_2_and_the_names(command):
    result = invoke(command, "mnits")
    assert result.exit_code == 2
    assert "did you mean 'mnist'?" in words(result.stderr)
    for name in NAMES:
        assert repr(name) in words(result.stderr)


def test_digits_have_no_files():
    result = invoke("fetch", "digits")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "ships with scikit-learn" in result.stderr


def test_optional_packages_are_imported_only_when_needed():
    code = (
        "import sys, sde, sde.cli\n"
        "heavy = {'pooch', 'sklearn', 'requests'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sde.datasets.load is load
