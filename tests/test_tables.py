"""Tables of the paper: published numbers, single runs, statistics, and studies that go on."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from math import inf, sqrt
from pathlib import Path

import numpy as np
import pytest
import tiny_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tables import TINY

import sde
from sde.datasets import Dataset
from sde.study import StoreError, cores
from sde.tables import experiment, study
from sde.tables.estimate import _seconds_a_step, estimate
from sde.tables.experiment import Result, Setting
from sde.tables.published import EXPERIMENTS, QUANTITIES, Cell
from sde.tables.report import markdown
from sde.tables.summary import Comparison, Report, RowReport, Summary, TableReport

TABLES = {table.name: table for tables in EXPERIMENTS.values() for table in tables}


def series(m, length=60, seed=0):
    """Return series of two classes, standardised one by one as those of ECG5000 are."""
    rng = np.random.default_rng(seed)
    y = (rng.random(m) < 0.4).astype(np.int64)
    time = np.linspace(0, 1, length)
    x = np.sin(2 * np.pi * (1 + y[:, None]) * time) + rng.normal(size=(m, length))
    x -= x.mean(axis=1, keepdims=True)
    return x / x.std(axis=1, keepdims=True), y


@pytest.fixture
def synthetic(monkeypatch):
    """Let `ecg5000` be 600 synthetic series of five classes, the first as frequent as the rest."""
    x, y = series(600)
    y *= 1 + np.arange(600) % 4
    data = Dataset("ecg5000", x[:100], y[:100], x[100:], y[100:], shape=(60,), n_classes=5)
    monkeypatch.setattr(experiment, "load", lambda _: data)
    experiment._loaded.cache_clear()
    yield data
    experiment._loaded.cache_clear()


def archive(**changes):
    """Return a setting for synthetic series."""
    setting = Setting("ecg5000", "archive", 50, "I", 1.75, 0.5, 0.002, 100, 10, 2000)
    return replace(setting, **changes)


# --- what was published


@pytest.mark.parametrize(
    ("table", "label", "quantity", "cell"),
    [
        ("Table 1", "no noise", "pruning_ratio", (11.43, 0.04)),
        ("Table 1", "1.75", "pruning_ratio", (50.35, 20.63)),
        ("Table 1", "1.9", "pruned_test_accuracy", (94.32, 0.46)),
        ("Table 2", "1.75", "pruned_test_accuracy", (90.75, 6.72)),
        ("Table 2", "1.8", "train_accuracy", (95.36, 0.33)),
        ("Table 3", "1.9", "pruning_ratio", (31.34, 21.05)),
        ("Table 4", "1.8", "test_accuracy", (94.77, 1.33)),
        ("Table 4", "1.75", "pruned_train_accuracy", (92.52, 4.57)),
        ("Table 5", "1.75", "pruning_ratio", (40.63, 8.55)),
        ("Table 5", "no noise", "pruned_test_accuracy", (95.95, 0.47)),
        ("Table 6", "no noise", "test_accuracy", (56.71, 0.38)),
        ("Table 6", "1.9", "pruned_test_accuracy", (52.65, 0.36)),
    ],
)
def test_published_cells(table, label, quantity, cell):
    (row,) = (row for row in TABLES[table].rows if row.label == label)
    assert row.cells[list(QUANTITIES).index(quantity)] == cell


@pytest.mark.parametrize(
    ("table", "sigmas", "rate", "batch"),
    [
        ("Table 1", (0.5, 0.3, 0.25), 0.0001, 500),
        ("Table 2", (1.25, 1.0, 0.75), 0.0001, 500),
        ("Table 3", (1.5, 1.75, 2.25), 0.0001, 500),
        ("Table 4", (3.0, 3.0, 2.0), 0.0001, 500),
        ("Table 5", (0.001, 0.00125, 0.0011), 0.25, 5000),
        ("Table 6", (0.0003, 0.0003, 0.0003), 0.1, 5000),
        ("Figure 2 (a)", (0.0001, 0.0001, 0.0001), 0.1, 5000),
    ],
)
def test_hyperparameters_of_table_7(table, sigmas, rate, batch):
    noisy = [row for row in TABLES[table].rows if row.alpha is not None]
    assert tuple(row.sigma for row in noisy) == sigmas
    assert tuple(row.alpha for row in noisy) == (1.75, 1.8, 1.9)
    for row in TABLES[table].rows:
        setting = TABLES[table].setting(row)
        assert (setting.learning_rate, setting.batch_size) == (rate, batch)
        assert setting.width == {"Table 1": 2000, "Table 5": 5000}.get(
            table, 5000 if setting.dataset == "cifar10" else 10_000
        )
        assert setting.evaluate_every == (10 if setting.dataset == "ecg5000" else 100)
        assert setting.target_accuracy == 0.95


def test_published_training_accuracies_are_means_of_that_many_runs_on_500_series():
    step = 100 / 500
    for name in ("Table 1", "Table 2", "Table 3", "Table 4"):
        for row in TABLES[name].rows:
            total = row.cells[0].mean * row.runs / step
            assert abs(total - round(total)) <= 0.005 * row.runs / step + 1e-9, (name, row.label)
    # five runs can't have the first mean
    total = 95.10 * 5 / step
    assert abs(total - round(total)) > 0.005 * 5 / step


def test_the_conventions_differ_by_the_square_root_of_two_for_type_iii_alone():
    for table in TABLES.values():
        for row in table.rows:
            ours, theirs = table.setting(row), table.setting(row, "reference")
            assert replace(theirs, sigma=ours.sigma) == ours
            assert theirs.sigma == (row.sigma / sqrt(2) if table.kind == "III" else row.sigma)
    with pytest.raises(ValueError, match="unknown convention 'papers': did you mean 'paper'"):
        table.setting(row, "papers")


# --- one run


def pruned_by_hand(first, energy=0.9):
    """Return which rows go: the smallest whose squares sum to 10 % of the whole at most."""
    squares = (first.astype(float) ** 2).sum(axis=1)
    gone, spent = [], 0.0
    for row in np.argsort(squares):
        spent += squares[row]
        if spent > (1 - energy) * squares.sum():
            break
        gone.append(row)
    return gone


@pytest.mark.usefixtures("one_thread")
def test_a_run_is_a_training_and_what_pruning_leaves_of_it(synthetic):
    setting = archive(curve=(0.0, 0.5))
    found = experiment.run(setting, seed=3)
    y_train, y_test = (np.minimum(y, 1) for y in (synthetic.y_train, synthetic.y_test))
    fit = sde.train(
        synthetic.x_train, y_train, width=50, noise=sde.StableNoise(1.75, "I", 0.5),
        learning_rate=0.002, max_steps=2000, target_accuracy=0.95, evaluate_every=10,
        last_noise=False, seed=3,
    )  # fmt: skip

    def accuracy(first, x, y):
        out = np.maximum(x @ first.T.astype(float), 0) @ fit.network.weights[1].T.astype(float)
        return np.mean(out.argmax(axis=1) == y)

    first = fit.network.weights[0]
    gone = pruned_by_hand(first)
    pruned = first.copy()
    pruned[gone] = 0
    half = first.copy()
    half[np.argsort((first.astype(float) ** 2).sum(axis=1))[:25]] = 0
    assert 0 < len(gone) < 50
    assert found.reached
    assert found.steps == fit.steps
    assert found.pruning_ratio == len(gone) / 50
    # a sum that rounds otherwise may turn one of 500 examples
    close = {"abs": 1 / 500 + 1e-9}
    assert found.train_accuracy == pytest.approx(accuracy(first, synthetic.x_train, y_train))
    assert found.test_accuracy == pytest.approx(accuracy(first, synthetic.x_test, y_test), **close)
    expected = accuracy(pruned, synthetic.x_train, y_train)
    assert found.pruned_train_accuracy == pytest.approx(expected, abs=0.01 + 1e-9)
    expected = accuracy(pruned, synthetic.x_test, y_test)
    assert found.pruned_test_accuracy == pytest.approx(expected, **close)
    assert found.curve[0] == found.test_accuracy
    assert found.curve[1] == pytest.approx(accuracy(half, synthetic.x_test, y_test), **close)


def test_splits_tell_normal_beats_from_all_others(synthetic):
    kept = experiment.examples("ecg5000", "archive", seed=1)
    assert (kept.x_train is synthetic.x_train, kept.n_classes) == (True, 2)
    assert kept.y_test.tolist() == [int(y > 0) for y in synthetic.y_test]
    drawn = [experiment.examples("ecg5000", "random", seed) for seed in (1, 1, 2)]
    assert [len(each.x_train) for each in drawn] == [500] * 3
    assert set(drawn[0].y_train) == {0, 1}
    assert np.array_equal(drawn[0].x_train, drawn[1].x_train)
    assert not np.array_equal(drawn[0].x_train, drawn[2].x_train)


@pytest.mark.usefixtures("one_thread", "synthetic")
def test_a_training_that_diverges_is_a_result():
    found = experiment.run(archive(learning_rate=1e60, curve=(0.0, 0.5)), seed=0)
    assert found.stopped_by == "divergence"
    assert not found.reached
    assert found.curve == (0.0, 0.0)


@pytest.mark.usefixtures("one_thread", "synthetic")
def test_a_training_may_end_below_its_target():
    found = experiment.run(archive(max_steps=10), seed=0)
    assert (found.steps, found.stopped_by, found.reached) == (10, "steps", False)


# --- noise of Type I on standardised series


@pytest.mark.usefixtures("one_thread")
@settings(max_examples=15)
@given(
    alpha=st.floats(1.2, 2.0),
    sigma=st.floats(0.1, 5.0),
    seed=st.integers(0, 2**32),
)
def test_noise_of_type_i_leaves_the_outputs_on_standardised_series(alpha, sigma, seed):
    x, y = series(40, seed=seed % 100)
    options = {
        "width": 30, "learning_rate": 0.002, "max_steps": 30, "seed": seed, "dtype": "float64"
    }  # fmt: skip
    plain = sde.train(x, y, **options).network
    noisy = sde.train(x, y, noise=sde.StableNoise(alpha, "I", sigma), **options).network
    added = noisy.weights[0] - plain.weights[0]
    # the same number for all coordinates of a unit, so that it is multiplied by the sum of a series
    largest = np.abs(added).max()
    rounding = 1e-12 * (1 + largest)
    assert largest > 1e-3
    assert np.ptp(added, axis=1).max() <= rounding
    assert np.abs(noisy.predict(x) - plain.predict(x)).max() <= 60 * 30 * rounding
    # units of other norms are pruned, and that is all that the noise does
    assert noisy.pruning_ratio() >= plain.pruning_ratio() or largest < 1


@pytest.mark.usefixtures("one_thread")
def test_noise_of_type_i_changes_the_outputs_on_other_series():
    x, y = series(40)
    options = {"width": 30, "learning_rate": 0.002, "max_steps": 30, "dtype": "float64"}
    noise = sde.StableNoise(1.75, "I", 0.5)
    plain = sde.train(x + 0.1, y, **options).network
    noisy = sde.train(x + 0.1, y, noise=noise, **options).network
    assert np.abs(noisy.predict(x + 0.1) - plain.predict(x + 0.1)).max() > 1e-3


# --- statistics and flags


def test_statistics_of_a_sample_by_hand():
    found = Summary.of([1.0, 2.0, 4.0, 9.0])
    sd = sqrt((9 + 4 + 0 + 25) / 3)
    assert (found.count, found.mean, found.median) == (4, 4.0, 3.0)
    assert found.sd == pytest.approx(sd)
    assert found.standard_error == pytest.approx(sd / 2)
    assert (found.lower, found.upper) == (1.75, 5.25)
    assert Summary.of([7.0]) == Summary(1, 7.0, None, None, 7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("sample", "cell", "runs", "difference"),
    [
        # errors 3 and 4 of the means: 5 together
        ([8.0, 14.0], Cell(26.0, 4.0 * sqrt(5)), 5, -3.0),
        ([8.0, 14.0], Cell(26.1, 4.0 * sqrt(5)), 5, -3.02),
        ([8.0, 14.0], Cell(-4.5, 4.0 * sqrt(2)), 2, 3.1),
        ([11.0], Cell(10.0, 1.0), 1, 1 / sqrt(2)),
        ([11.0, 11.0], Cell(11.0, 0.0), 5, 0.0),
        ([11.0, 11.0], Cell(10.0, 0.0), 5, inf),
    ],
)
def test_differences_in_combined_standard_errors(sample, cell, runs, difference):
    found = Comparison("pruning_ratio", Summary.of(sample), cell, runs)
    assert found.difference == pytest.approx(difference)
    assert found.differs == (abs(difference) > 3)


def test_nothing_published_is_nothing_different():
    found = Comparison("pruning_ratio", Summary.of([1.0, 2.0]), None, 5)
    assert found.difference is None
    assert not found.differs


def outcome(accuracy, stopped_by="accuracy", steps=100):
    return Result(accuracy, 0.8, 0.5, 0.9, 0.7, steps, stopped_by, (0.8, 0.4))


def test_a_row_counts_what_its_runs_came_to():
    results = [outcome(0.95), outcome(0.94, "steps", 300), outcome(0.0, "divergence", 7)]
    row = RowReport.of(TINY.rows[0], 0.0, results, [1.0, 3.0, 100.0])
    assert (row.runs, row.reached, row.diverged) == (3, 1, 1)
    assert row.cells[0].found.mean == pytest.approx(94.5)
    assert row.steps.mean == 200
    assert row.seconds.mean == 2
    assert row.curve == pytest.approx((80, 40))
    assert row.relative_curve == pytest.approx((100, 50))
    assert row.cells[1].differs  # 80 % of the test data, where 10 ± 0.5 is published
    gone = RowReport.of(TINY.rows[0], 0.0, results[2:], [1.0])
    assert (gone.cells, gone.steps, gone.curve) == ((), None, ())


def test_a_report_is_read_back_as_it_was_written_and_says_what_matters():
    short, broken = outcome(0.94, "steps"), outcome(0.0, "divergence")
    rows = (
        RowReport.of(TINY.rows[0], 0.0, [outcome(0.95), short], [1.0, 2.0]),
        RowReport.of(TINY.rows[1], 0.01, [broken, broken], [1.0, 2.0]),
    )
    table = TableReport(TINY.title, TINY.curve, rows)
    report = Report("sde tables tiny", 2, "", "paper", {"numpy": "2.0"}, (table,))
    assert Report.from_json(report.to_json()) == report
    assert (report.compared, report.different) == (5, 1)
    text = markdown(report)
    assert (
        "| no noise | Test Acc. | 80.00 ± 0.00 (0.00) | 80.00 [80.00, 80.00] | 10.00 ± 0.50" in text
    )
    assert "1 of 5 cells differ" in text
    assert "Table 0: digits, Type-II noise, n = 64, no noise: 1 of 2 runs ended at the" in text
    assert "1.5: 2 of 2 runs diverged" in text
    assert "80.0 / 100.0 | 40.0 / 50.0" in text


# --- studies


def test_rows_of_two_tables_with_the_same_runs_share_them():
    usual = study.settings_of(EXPERIMENTS["cifar10"])
    assert len(usual) == 7
    items = study.items_of(usual, 2)
    assert len({item.key.item for item in items.values()}) == 14
    assert [seed for _, seed in items] == [0] * 7 + [1] * 7


@pytest.mark.usefixtures("one_thread")
def test_more_seeds_are_added_and_nothing_is_computed_twice(tmp_path, monkeypatch):
    calls = Counter()
    monkeypatch.setattr(
        experiment, "run", lambda setting, seed: calls.update([(setting, seed)]) or outcome(0.9)
    )
    usual = study.settings_of([TINY])
    study.measure(usual, 2, tmp_path, 1)
    missing = []
    found = study.measure(usual, 3, tmp_path, 1, resume=True, begin=missing.append)
    assert missing == [Counter(dict.fromkeys(usual, 1))]
    assert set(calls.values()) == {1}
    assert [len(each.results) for each in found.values()] == [3, 3]
    with pytest.raises(StoreError, match="need --resume"):
        study.measure(usual, 3, tmp_path, 1)


def in_order(found):
    return [each.results for each in found.values()]


@pytest.mark.usefixtures("one_thread")
def test_a_killed_study_and_one_in_processes_find_what_an_undisturbed_one_finds(tmp_path):
    usual = study.settings_of([TINY])
    folders = [tmp_path / name for name in ("alone", "processes", "killed")]
    for folder in folders:
        folder.mkdir()
    alone = study.measure(usual, 3, folders[0], 1)
    assert in_order(study.measure(usual, 3, folders[1], min(2, cores()))) == in_order(alone)

    command = [sys.executable, tiny_tables.__file__, "tables", "tiny", "--seeds", "400"]
    command += ["--workers", "1", "--out", str(folders[2])]
    environment = os.environ | {"PYTHONPATH": str(Path(sde.__file__).parents[1])}
    environment |= {"NUMBA_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    log = folders[2] / "study.sqlite-wal"
    written = set()
    while len(written) < 12:  # commits, as they lengthen the log
        assert process.poll() is None
        written |= {log.stat().st_size} if log.exists() else set()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    missing = []
    found = study.measure(usual, 3, folders[2], 1, resume=True, begin=missing.append)
    assert missing[0].total() < 6
    assert in_order(found) == in_order(alone)


def test_an_estimate_adds_up_steps(monkeypatch):
    threads = []
    monkeypatch.setattr("sde.tables.estimate.cores", lambda: 2)
    monkeypatch.setattr(
        "sde.tables.estimate._seconds_a_step", lambda _, count: threads.append(count) or 0.5
    )
    usual = study.settings_of([TINY])
    seconds, words = estimate(dict.fromkeys(usual, 4), usual, workers=2)
    # 100 steps; 5 evaluations of 1437 data and 3 of 360, in batches of 500, each half a step
    steps = 100 + (5 * 1437 + 3 * 360) / 500 / 2
    assert seconds == pytest.approx(2 * 4 * 0.5 * steps / 2)
    assert words == ["n = 64, Type-II noise: 0.5 s a step, about 100 steps a run"]
    assert threads == [1]  # of each of the two workers


def test_a_step_is_timed_when_all_it_needs_is_compiled(monkeypatch):
    # a clock that stands still but for steps and, once for each kernel, for compiling: the last
    # noise is not added, so that a training of one step draws none
    clock, compiled = [0.0], set()

    def train(*_data, max_steps, last_noise, **_rest):
        assert not last_noise
        needed = {"gradient"} | ({"noise"} if max_steps > 1 else set())
        clock[0] += 0.25 * max_steps + 100 * len(needed - compiled)
        compiled.update(needed)

    monkeypatch.setattr("sde.tables.estimate.train", train)
    monkeypatch.setattr("sde.tables.estimate.perf_counter", lambda: clock[0])
    setting = next(iter(study.settings_of([TINY])))
    assert _seconds_a_step(setting, threads=1) == pytest.approx(0.25)
