"""The commands `sde tables` and `sde train`."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from tiny_tables import TINY
from typer.testing import CliRunner

import sde
from sde.cli import app
from sde.datasets import Dataset
from sde.study import cores
from sde.tables import experiment
from sde.tables.published import EXPERIMENTS
from sde.tables.summary import Report

pytestmark = pytest.mark.usefixtures("one_thread")


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def said(result):
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def tiny(monkeypatch):
    """Offer a table that takes seconds."""
    monkeypatch.setitem(EXPERIMENTS, "tiny", (TINY,))


@pytest.mark.usefixtures("tiny")
def test_tables_are_written_and_gone_on_with(tmp_path):
    options = ("tables", "tiny", "--workers", 1, "--out", tmp_path)
    result = call(*options, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert "4 runs on 1 workers will take about" in said(result)
    assert "published" in result.output
    report = Report.from_json((tmp_path / "tables.json").read_text(encoding="utf-8"))
    assert report.command == "sde tables tiny --seeds 2 --convention paper"
    assert report.versions["numpy"] == np.__version__
    (table,) = report.tables
    runs = [experiment.run(TINY.setting(TINY.rows[1]), seed) for seed in (0, 1)]
    ratios = [100 * run.pruning_ratio for run in runs]
    assert table.rows[1].cells[2].found.mean == pytest.approx(np.mean(ratios))
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert "    sde tables tiny --seeds 2 --convention paper\n\nSeeds from 0 to 1. " in text

    part = call(*options, "--seeds", 3, "--finished")
    assert "2 of 6 runs are not finished." in said(part)
    refused = call(*options, "--seeds", 3)
    assert refused.exit_code == 2
    assert "need --resume to go on" in said(refused)
    more = call(*options, "--seeds", 3, "--resume")
    assert "2 runs on 1 workers" in said(more)
    again = call(*options, "--seeds", 2, "--resume")
    assert "Every run is finished." in said(again)
    assert (tmp_path / "tables.md").read_text(encoding="utf-8") == text


def test_cifar10_on_a_small_width_and_synthetic_images(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 300)
    x = rng.normal(size=(300, 3 * 32 * 32)).astype(np.float32) + rng.normal(size=(10, 3072))[y]
    data = Dataset("cifar10", x[:200], y[:200], x[200:], y[200:], shape=(3, 32, 32), n_classes=10)
    monkeypatch.setattr(experiment, "load", lambda _: data)
    experiment._loaded.cache_clear()
    small = tuple(
        replace(table, width=32, evaluate_every=10, max_steps=200)
        for table in EXPERIMENTS["cifar10"]
    )
    monkeypatch.setitem(EXPERIMENTS, "cifar10", small)
    result = call("tables", "cifar10", "--seeds", 1, "--workers", 1, "--out", tmp_path)
    experiment._loaded.cache_clear()
    assert result.exit_code == 0, result.output
    assert "7 runs on 1 workers will take about" in said(result)
    assert "about 5000 steps a run" in said(result)
    table, figure = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))["tables"]
    assert [row["sigma"] for row in table["rows"]] == [0, 0.0003, 0.0003, 0.0003]
    assert [row["sigma"] for row in figure["rows"]] == [0, 0.0001, 0.0001, 0.0001]
    assert table["rows"][0]["cells"][1]["published"] == [56.71, 0.38]
    assert figure["rows"][0]["cells"][1]["published"] is None
    for row in figure["rows"]:
        assert len(row["curve"]) == len(figure["ratios"]) == 10
        assert row["curve"][0] == pytest.approx(row["cells"][1]["found"]["mean"])
        assert row["relative_curve"][0] == 100
    assert "90% pruned" in (tmp_path / "tables.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ecg500",), "did you mean 'ecg5000'"),
        (("ecg5000", "--convention", "papers"), "did you mean 'paper'"),
        (("ecg5000", "--split", "halves"), "unknown split 'halves'"),
        (("mnist", "--split", "random"), "need no split for mnist"),
        (("ecg5000", "--seeds", 0), "for '--seeds'"),
        (("ecg5000", "--workers", cores() + 1), f"need at most {cores()}"),
        (("ecg5000", "--only", "Table 5"), "unknown table 'Table 5': did you mean 'Table"),
        ((), "Missing argument 'NAME'"),
    ],
)
def test_commands_that_make_no_sense_are_refused(tmp_path, arguments, message):
    result = call("tables", *arguments, "--out", tmp_path / "x")
    assert result.exit_code == 2
    assert message in said(result)
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("tiny")
def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    result = call("tables", "tiny", "--workers", 1, "--out", tmp_path / "file" / "x")
    assert result.exit_code == 2
    assert "file is not one; choose another" in said(result)


@pytest.mark.usefixtures("tiny")
def test_tables_of_what_is_finished_need_a_folder(tmp_path):
    result = call("tables", "tiny", "--finished", "--out", tmp_path / "x")
    assert result.exit_code == 2
    assert "drop --finished to run them" in said(result)
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("tiny")
def test_data_that_cannot_be_had_stop_the_command(tmp_path, monkeypatch):
    def missing(_):
        raise sde.datasets.DatasetError("need digits, got nothing; fetch them")

    monkeypatch.setattr(experiment, "load", missing)
    experiment._loaded.cache_clear()
    result = call("tables", "tiny", "--workers", 1, "--out", tmp_path / "x")
    assert result.exit_code == 1
    assert "Error: need digits, got nothing; fetch them" in said(result)
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("tiny")
def test_an_interrupted_command_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sde.tables.commands.estimate", interrupt)
    result = call("tables", "tiny", "--seeds", 7, "--workers", 1, "--out", tmp_path)
    assert result.exit_code == 130
    assert "sde tables tiny --seeds 7 --convention paper --workers 1 --out" in said(result)
    assert said(result).endswith("--resume")


@pytest.mark.usefixtures("tiny")
def test_recorded_results_are_shown():
    result = call("tables", "ecg5000", "--recorded")
    assert result.exit_code == 0
    assert "Table 4: ECG5000, Type-III noise, n = 10000" in said(result)
    nothing = call("tables", "tiny", "--recorded")
    assert nothing.exit_code == 1
    assert "no results of tiny come with this package" in said(nothing)


# --- sde train


def test_a_network_is_trained_pruned_and_written(tmp_path):
    path = tmp_path / "net.npz"
    result = call(
        "train", "digits", "--width", 64, "--kind", "II", "--sigma", 0.01, "--learning-rate", 0.05,
        "--target-accuracy", 0.9, "--evaluate-every", 20, "--seed", 3, "--out", path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Stopped by accuracy after" in result.output
    assert "pruning ratio" in result.output
    data = sde.datasets.load("digits")
    network = sde.FullyConnectedNetwork.load(path)
    assert network.widths == (64,)
    found = network.accuracy(data.x_train, data.y_train)
    assert found >= 0.9
    assert f"{found:.2%}" in result.output


def test_a_history_is_thinned_to_what_fits():
    result = call("train", "digits", "--width", 8, "--max-steps", 40, "--evaluate-every", 1)
    assert result.exit_code == 0, result.output
    rows = [line.split()[1:2] for line in result.output.splitlines() if line.count("%") == 3]
    steps = [row[0] for row in rows if row[0].isdigit()]
    assert len(steps) == 12
    assert (steps[0], steps[-1]) == ("0", "40")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("digit",), 2, "did you mean 'digits'"),
        (("digits", "--alpha", 2.3, "--sigma", 1), 2, "need 0 < alpha <= 2, got alpha=2.3"),
        (("digits", "--width", 0), 2, "need width >= 1"),
        (("digits", "--max-steps", 0), 2, "need max_steps >= 1"),
        (("digits", "--out", "no-such-folder/net.npz"), 2, "need a folder that exists"),
        (("digits", "--out", "."), 2, "need a file, got the folder ."),
        (("digits", "--width", 8, "--learning-rate", 1e60), 1, "got divergence at step"),
    ],
)
def test_trainings_that_make_no_sense_are_refused(arguments, status, message):
    result = call("train", *arguments)
    assert result.exit_code == status
    assert message in said(result)


# --- what a newcomer sees


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ((), ["train", "datasets", "tables", "bench", "notebooks", "theory-checks"]),
        (("train",), list(sde.datasets.NAMES)),
        (("tables",), list(EXPERIMENTS)),
        (("bench",), ["SciPy, NumPy, JAX and PyTorch", "levychaos[bench]"]),
        (("datasets",), ["SDE_DATA", "SDE_CACHE"]),
        (("datasets", "list"), []),
        (("datasets", "path"), list(sde.datasets.NAMES)),
        (("datasets", "fetch"), [*sde.datasets.NAMES, "levychaos[learn]"]),
    ],
)
def test_help_says_what_a_newcomer_needs(command, needed):
    result = call(*command, "--help")
    assert result.exit_code == 0
    told = said(result)
    for each in needed:
        assert each in told
    assert re.search(f"Examples?: {' '.join(['(SDE_DATA=.* )?sde', *command])}", told)
    assert not re.search(r"<(bool|str|int|float|path|list)", told)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tables e", ["ecg5000"]),
        ("tables ecg5000 --convention ", ["paper", "reference"]),
        ("tables ecg5000 --split a", ["archive"]),
        ("train fash", ["fashion-mnist"]),
        ("train digits --kind II", ["II", "III"]),
        ("datasets fetch cifar1", ["cifar10", "cifar100"]),
        ("bench matrix", ["matrix-p140-m500", "matrix-p784-m1000"]),
    ],
)
def test_a_shell_completes_names(line, offered):
    words = ["sde", *line.split(" ")]
    protocol = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    protocol["_SDE_COMPLETE"] = "complete_bash"
    result = CliRunner().invoke(app, env=protocol, prog_name="sde")
    assert result.stdout.split() == offered
