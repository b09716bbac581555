"""Datasets as arrays: flat, normalised, split into training and test examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde import random, validation
from sde.datasets import readers, storage
from sde.datasets.errors import DatasetError, optional
from sde.datasets.registry import SOURCES, Source

__all__ = ["Dataset", "ecg5000_split", "load"]

Examples = tuple[NDArray[Any], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test examples with their labels.

    Parameters
    ----------
    name : str
        Name of the dataset.
    x_train, x_test : (m, d) arrays
        Examples, flattened from `shape`: float32 images, float64 series.
    y_train, y_test : (m,) int64 arrays
        Labels, 0 to n_classes - 1.
    shape : tuple of int
        Of one example: (length,) or (channels, height, width).
    n_classes : int
        Number of classes.
    """

    name: str
    x_train: NDArray[Any] = field(repr=False)
    y_train: NDArray[np.int64] = field(repr=False)
    x_test: NDArray[Any] = field(repr=False)
    y_test: NDArray[np.int64] = field(repr=False)
    shape: tuple[int, ...]
    n_classes: int


def load(name: str, *, folder: str | Path | None = None) -> Dataset:
    """Load a dataset, from this machine if its files are here, or else from the net.

    Images are scaled to [0, 1], then normalised by the mean and standard deviation of each channel
    over the training images (`sde.datasets.SOURCES[name].mean` and `.std`). Series are left as they
    are: those of ECG5000 are already standardised one by one. `digits` needs no files; its first
    1437 images are training examples, the other 360 test examples.

    Parameters
    ----------
    name : str
        A name in `sde.datasets.NAMES`.
    folder : path, optional
        Searched first; then the folder that the environment variable SDE_DATA names, the cache
        (SDE_CACHE, or the system's), and the public addresses. In each folder, the files lie in a
        folder of the dataset's name, such as mnist/train-images-idx3-ubyte.gz.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If there is no dataset of that name.
    DatasetError
        If a file is truncated or altered, or can't be downloaded.
    ImportError
        If the extra `learn` is needed and not installed.

    Examples
    --------
    >>> data = load("digits")
    >>> data.x_train.shape, data.shape, data.n_classes
    ((1437, 64), (1, 8, 8), 10)
    """
    paths = storage.fetch(name, folder)
    source = SOURCES[name]
    train, test = _READERS[name](source, paths)
    for part, (x, y) in (("training", train), ("test", test)):
        if len(x) != len(y) or y.max() >= source.n_classes:
            raise DatasetError(
                f"need a label from 0 to {source.n_classes - 1} of each {part} example of {name}, "
                f"got {len(y)} up to {y.max()} of {len(x)}; delete its files and fetch it again"
            )
    return Dataset(name, *train, *test, shape=source.shape, n_classes=source.n_classes)


def ecg5000_split(
    data: Dataset, seed: int, *, n_train: int = 500, two_classes: bool = True
) -> Dataset:
    """Split all series of ECG5000 anew at random, as the paper's experiments do (Appendix E).

    Parameters
    ----------
    data : Dataset
        ECG5000, or any other dataset.
    seed : int
        From 0 to 2^64 - 1. The split is a pure function of it, and independent of the noise and of
        the initial state of the same seed.
    n_train : int
        Number of training examples; the rest are test examples.
    two_classes : bool
        Whether to tell normal beats (the archive's label 1, here 0) from all others (1), or to keep
        the five classes.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> split = ecg5000_split(load("digits"), seed=3, n_train=500)
    >>> split.x_train.shape, split.x_test.shape, split.n_classes
    ((500, 64), (1297, 64), 2)
    """
    seed = validation.count("seed", seed, least=0, most=2**64 - 1)
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    n_train = validation.count("n_train", n_train, most=len(x) - 1)
    if validation.boolean("two_classes", two_classes):
        y = (y != 0).astype(np.int64)
    keys = random.uniforms(len(x), 1, seed=seed, replicate=0, stream="split")
    # of 5000 keys with 53 bits, two are equal once in 10^9 seeds; the sort is then still determined
    order = np.argsort(keys[:, 0], kind="stable")
    train, test = order[:n_train], order[n_train:]
    return replace(
        data,
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
        n_classes=2 if two_classes else data.n_classes,
    )


def _normalised(pixels: Sequence[NDArray[Any]], source: Source, top: float) -> NDArray[np.float32]:
    """Return (pixel / top - mean) / std of each channel; pixels are (m, d) blocks of 0 to top."""
    shape = (source.shape[0], -1)
    mean, std = (
        (np.array(constants)[:, None] * top).astype(np.float32)
        for constants in (source.mean, source.std)
    )
    out = np.empty((sum(map(len, pixels)), int(np.prod(source.shape))), dtype=np.float32)
    start = 0
    for block in pixels:
        part = out[start : start + len(block)].reshape(len(block), *shape)
        np.subtract(block.reshape(part.shape), mean, out=part)
        part /= std
        start += len(block)
    return out


def _digits(source: Source, _paths: Sequence[Path]) -> tuple[Examples, Examples]:
    sklearn = optional("sklearn.datasets", "scikit-learn", "for the dataset digits")
    pixels, labels = sklearn.load_digits(return_X_y=True)
    x, y, n = _normalised([pixels], source, top=16.0), labels.astype(np.int64), source.sizes[0]
    return (x[:n], y[:n]), (x[n:], y[n:])


def _ucr(source: Source, paths: Sequence[Path]) -> tuple[Examples, Examples]:
    train, test = (readers.read_ucr(path, source.shape[0], source.n_classes) for path in paths)
    return train, test


def _idx(source: Source, paths: Sequence[Path]) -> tuple[Examples, Examples]:
    arrays = [readers.read_idx(path) for path in paths]
    for path, array in zip(paths, arrays, strict=True):
        wanted = source.shape[1:] if "images" in path.name else ()
        if array.shape[1:] != wanted or not array.size:
            raise DatasetError(
                f"need {path} to hold arrays of shape {wanted}, got {array.shape[1:]}; delete it "
                "and fetch it again"
            )
    x_train, y_train, x_test, y_test = arrays
    return (
        (_normalised([x_train], source, top=255.0), y_train.astype(np.int64)),
        (_normalised([x_test], source, top=255.0), y_test.astype(np.int64)),
    )


def _cifar(members: Sequence[str], n_labels: int) -> Callable[..., tuple[Examples, Examples]]:
    """Return a reader of CIFAR; the last member holds the test images, the last label is used."""

    def read(source: Source, paths: Sequence[Path]) -> tuple[Examples, Examples]:
        blocks = readers.read_cifar(paths[0], members, n_labels, int(np.prod(source.shape)))

        def examples(parts: Sequence[NDArray[np.uint8]]) -> Examples:
            labels = np.concatenate([part[:, n_labels - 1] for part in parts]).astype(np.int64)
            return _normalised([part[:, n_labels:] for part in parts], source, top=255.0), labels

        return examples(blocks[:-1]), examples(blocks[-1:])

    return read


_CIFAR10_FILES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")

_READERS: dict[str, Callable[[Source, Sequence[Path]], tuple[Examples, Examples]]] = {
    "ecg5000": _ucr,
    "mnist": _idx,
    "fashion-mnist": _idx,
    "cifar10": _cifar([f"cifar-10-batches-bin/{name}" for name in _CIFAR10_FILES], n_labels=1),
    "cifar100": _cifar(["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"], n_labels=2),
    "digits": _digits,
}
