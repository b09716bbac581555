"""Where the files are: folders of the user, the cache, and public addresses.

A file is used only if its checksum is right. A download gets its name in the cache only after it
has been verified.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sde import validation
from sde.datasets.errors import DatasetError, optional
from sde.datasets.readers import read_zip
from sde.datasets.registry import NAMES, SOURCES, DataFile

__all__ = ["cache_folder", "fetch", "holding"]

#: Seconds without a byte after which an address is given up.
TIMEOUT = 30.0


def cache_folder() -> Path:
    """Return the folder of downloads: the variable SDE_CACHE, or the system's cache folder."""
    if named := os.environ.get("SDE_CACHE"):
        return Path(named)
    pooch = optional("pooch", "pooch", "for the folder of downloads")
    return Path(pooch.os_cache("levychaos"))


def _own_folders(folder: str | Path | None) -> list[Path]:
    """Return the folders of the user's own files, the first to be searched first."""
    named = {"folder": folder, "SDE_DATA": os.environ.get("SDE_DATA")}
    for name, value in named.items():
        if value and not Path(value).is_dir():
            raise DatasetError(f"need {name} to be a folder, got {name}={value}; create or drop it")
    return [Path(value) for value in named.values() if value]


def _find(name: str, file: DataFile, folders: Sequence[Path]) -> Path | None:
    paths = (folder / name / file.name for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"need a readable {path}, got: {error}; check its rights") from error


def _verify(path: Path, file: DataFile) -> Path:
    found = _checksum(path)
    if found != file.sha256:
        raise DatasetError(
            f"need {path} with SHA-256 {file.sha256}, got {found}: it is truncated or altered; "
            "replace it, or move it away to have it downloaded"
        )
    return path


def _verified(path: Path, file: DataFile) -> bool:
    return path.is_file() and _checksum(path) == file.sha256


def holding(name: str, folder: str | Path | None = None) -> list[Path]:
    """Return the files of a dataset on this machine, verified. Empty if not all of them are here.

    Raises
    ------
    ValueError
        If there is no dataset of that name.
    DatasetError
        If a file of the user's own is truncated or altered.
    """
    name = validation.known_name("dataset", name, NAMES)
    folders = _own_folders(folder)
    paths = []
    for file in SOURCES[name].files:
        if (path := _find(name, file, folders)) is not None:
            paths.append(_verify(path, file))
        elif _verified(path := cache_folder() / name / file.name, file):
            paths.append(path)
        else:
            return []
    return paths


def fetch(name: str, folder: str | Path | None = None) -> list[Path]:
    """Return the verified files of a dataset; download those that are not here.

    Parameters
    ----------
    name : str
        A name in `sde.datasets.NAMES`.
    folder : path, optional
        Searched first, then the folder that the variable SDE_DATA names, then the cache. In each,
        the files lie in a folder of the dataset's name.

    Returns
    -------
    list of Path
        Training files first. Empty for `digits`, which has no files of its own.

    Raises
    ------
    ValueError
        If there is no dataset of that name.
    DatasetError
        If a file is truncated or altered, or none of its addresses gives the right one.
    ImportError
        If a file is in no folder of the user and pooch is not installed.

    Examples
    --------
    >>> fetch("digits")
    []
    """
    name = validation.known_name("dataset", name, NAMES)
    folders = _own_folders(folder)
    paths, missing = [], []
    for file in SOURCES[name].files:
        path = _find(name, file, folders)
        if path is None:
            path = cache_folder() / name / file.name
            if not _verified(path, file):
                missing.append(file)
        else:
            _verify(path, file)
        paths.append(path)
    if missing:
        _download(name, missing)
    return paths


def _download(name: str, files: Sequence[DataFile]) -> None:
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as scratch:
            for path in _retrieved(Path(scratch), name, files):
                (cache / name).mkdir(exist_ok=True)
                path.replace(cache / name / path.name)
    except OSError as error:
        raise DatasetError(
            f"need to write to {cache}, got: {error}; set SDE_CACHE to another folder"
        ) from error


def _retrieved(scratch: Path, name: str, files: Sequence[DataFile]) -> Iterator[Path]:
    """Download the files one by one, each verified."""
    archive = SOURCES[name].archive
    if archive is None:
        yield from (_retrieve(scratch, name, file) for file in files)
        return
    packed = _retrieve(scratch, name, archive)
    for file in files:
        (scratch / file.name).write_bytes(read_zip(packed, file.member))
        yield _verify(scratch / file.name, file)


def _retrieve(scratch: Path, name: str, file: DataFile) -> Path:
    """Download one file from the first address that gives the right one."""
    pooch = optional("pooch", "pooch", f"to download {name}")
    failures = []
    for url in file.urls:
        try:
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=scratch,
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=1 << 16),
            )
            return Path(path)
        except (OSError, ValueError) as error:  # of the connection; of the checksum
            failures.append(f"{url}: {' '.join(str(error).split())}")
    raise DatasetError(
        f"need {file.name} of {name} with SHA-256 {file.sha256}, got {'; '.join(failures)}; try "
        f"again, or put it into the folder {name} of a folder that SDE_DATA names"
    )
