"""Random splits of a dataset: a permutation that is a function of the seed."""

import numpy as np
import oracles
import pytest

from sde.datasets import Dataset, ecg5000_split
from sde.random import STREAMS


def numbered(m):
    """Return m examples that are their own number, labelled by it modulo 5; 3 are test examples."""
    x, y = np.arange(m, dtype=float)[:, None], np.arange(m) % 5
    return Dataset("numbers", x[:-3], y[:-3], x[-3:], y[-3:], shape=(1,), n_classes=5)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_a_split_is_the_permutation_of_the_seed(seed):
    split = ecg5000_split(numbered(60), seed, n_train=20, two_classes=False)
    order = np.concatenate([split.x_train, split.x_test])[:, 0].astype(int).tolist()
    assert order == oracles.permutation(60, seed, STREAMS["split"])
    assert len(split.x_train) == len(split.y_train) == 20
    assert [*split.y_train, *split.y_test] == [i % 5 for i in order]


def test_two_classes_are_the_first_against_the_rest():
    split = ecg5000_split(numbered(60), 7, n_train=9)
    assert split.n_classes == 2
    assert split.y_train.dtype == np.int64
    assert split.y_train.tolist() == [int(x % 5 != 0) for x in split.x_train[:, 0]]


def test_every_example_is_equally_often_a_training_example():
    m, n_train, seeds = 12, 4, 3000
    data = numbered(m)
    counts = np.zeros(m)
    for seed in range(seeds):
        counts[ecg5000_split(data, seed, n_train=n_train).x_train[:, 0].astype(int)] += 1
    share = n_train / m
    # variance of a count, corrected for the fixed sum, so that this is chi-squared with m - 1 = 11
    # degrees of freedom; 35 is exceeded by chance once in 4000
    statistic = ((counts - seeds * share) ** 2).sum() / (seeds * share * (1 - share)) * (m - 1) / m
    assert statistic < 35


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "need seed >= 0"),
        ({"seed": 0, "n_train": 0}, "need n_train >= 1"),
        ({"seed": 0, "n_train": 60}, "need n_train <= 59"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ecg5000_split(numbered(60), **options)
