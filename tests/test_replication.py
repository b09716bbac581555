"""The committed tables, and other code that computes the same."""

import json
import math
from importlib.util import find_spec

import numpy as np
import oracles
import pytest
import replication

import sde

TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

#: Standard errors of which a difference of 108 normal means has as many once in 1300 tables. It is
#: no law of these means, which depend on each other, and some of which rest on a few networks that
#: collapsed; but both sides are committed.
LARGE = 4.5


@pytest.mark.parametrize(("name", "rows"), [("ecg5000", 14), ("mnist", 4)])
def test_recorded_tables_are_those_of_other_code(name, rows, capsys):
    recorded, found = replication.RECORDED / f"{name}.json", replication.FOUND / f"{name}.json"
    gaps = replication.compare(recorded, found)
    assert len(gaps["here"]) == 6 * rows
    assert len(gaps["published"]) == 5 * rows
    assert max(map(abs, gaps["here"])) < LARGE
    assert capsys.readouterr().out.count("\n| Table") == 6 * rows


def test_recorded_report_is_what_the_command_prints(capsys):
    replication.report()
    recorded = (replication.RECORDED / "replication.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == recorded


def test_deviations_on_and_of_splits(tmp_path, capsys):
    # three splits of two runs: deviations √2 on each; the means 1, 3 and 5 differ by 2^2 - 2/2
    accuracies = [0.0, 0.02, 0.02, 0.04, 0.04, 0.06]
    runs = [{"test_accuracy": each, "steps": 10 + 100 * each} for each in accuracies]
    path = tmp_path / "found.json"
    path.write_text(json.dumps([{"table": "Table 9", "row": "1.5", "runs": runs}]))
    replication.splits(path, 2)
    out = capsys.readouterr().out
    assert "| Table 9 | 1.5 | test accuracy | 3.00 | 1.41 | 1.73 | 1.0, 1.4, 3.0, 5.0 |" in out
    assert "- Table 9, 1.5: 1.0 % after 11, 3.0 % after 13, 5.0 % after 15 steps; " in out
    assert "over all splits 1.00." in out


@TORCH
@pytest.mark.parametrize("kind", ["I", "II", "III"])
@pytest.mark.parametrize("alpha", [1.2, 1.75, 1.9])
def test_noise_has_its_law(kind, alpha):
    # 6 standard errors: a false failure once in 10^7 runs of the 45 comparisons
    import torch

    torch.manual_seed(1)
    x = replication.noise(kind, alpha, torch.empty(2, 20_000, 3)).double().numpy()
    for u in np.array([[0.3, -0.5, 1.0], [1.0, 1.0, 0.0]]):
        cosines, sines = np.cos(x[0] @ u), np.sin(x[0] @ u)
        exponent = sde.StableNoise(alpha, kind).exponent(u[None])[0]
        limit = 6 / math.sqrt(len(cosines))
        assert abs(cosines.mean() - math.exp(-exponent)) < limit * cosines.std()
        assert abs(sines.mean()) < limit * sines.std()
    # runs and units have noise of their own
    for one, other in ((x[0], x[1]), (x[0, :10_000], x[0, 10_000:])):
        products = np.sin(one[:, 0]) * np.sin(other[:, 0])
        assert abs(products.mean()) < 6 * products.std() / math.sqrt(len(products))


@TORCH
def test_a_step_and_the_pruning_ratio_are_ours():
    import torch

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 7)).astype(np.float32), rng.integers(0, 2, 30)
    row = {
        "batch_size": 20, "width": 50, "learning_rate": 0.1, "evaluate_every": 1, "max_steps": 1,
        "alpha": None,
    }  # fmt: skip
    orders = torch.from_numpy(np.stack([rng.permutation(30) for _ in range(3)]))
    runs = replication.Runs(row, torch.from_numpy(x), torch.from_numpy(y), orders, 20, 2)
    before = [each.detach().clone().numpy() for each in runs.weights]
    found = dict(runs.finish())
    assert sorted(found) == [0, 1, 2]
    for run, order in enumerate(orders.numpy()):
        train, test = order[:20], order[20:]
        weights = [each[run].astype(float) for each in before]
        slopes = oracles.gradients(weights, x[train], np.eye(2)[y[train]], "relu", "cross_entropy")
        weights = [w - 0.1 * g for w, g in zip(weights, slopes, strict=True)]
        network = sde.FullyConnectedNetwork(tuple(weights))
        assert found[run]["train_accuracy"] == network.accuracy(x[train], y[train])
        assert found[run]["test_accuracy"] == network.accuracy(x[test], y[test])
        assert found[run]["pruning_ratio"] == network.pruning_ratio()
        pruned = network.prune_to_energy()
        assert found[run]["pruned_test_accuracy"] == pruned.accuracy(x[test], y[test])
        assert found[run]["steps"] == 1


@TORCH
def test_runs_that_go_on_are_those_that_end_late(monkeypatch):
    import torch

    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 40)
    x = (rng.normal(size=(40, 5)) + 2.0 * y[:, None]).astype(np.float32)
    row = {
        "batch_size": 10, "width": 30, "learning_rate": 0.5, "evaluate_every": 1, "max_steps": 60,
        "alpha": 1.5, "sigma": 0.001, "kind": "II",
    }  # fmt: skip
    monkeypatch.setattr(replication, "noise", lambda _kind, _alpha, like: torch.ones_like(like))
    for orders in (np.stack([rng.permutation(40) for _ in range(6)]), np.zeros((6, 0), np.int64)):
        inputs, classes = torch.from_numpy(x), torch.from_numpy(y)
        runs = replication.Runs(row, inputs, classes, torch.from_numpy(orders), 30, 2)
        weights = [each.detach().clone() for each in runs.weights]
        torch.manual_seed(3)
        together = dict(runs.finish())
        steps = [together[run]["steps"] for run in range(6)]
        assert len(set(steps)) > 1
        for run in range(6):  # full batches need no random numbers, so each run alone is the same
            if orders.shape[1]:
                order = torch.from_numpy(orders[run : run + 1])
                alone = replication.Runs(row, inputs, classes, order, 30, 2)
                alone.weights = [each[run : run + 1].clone().requires_grad_() for each in weights]
                assert dict(alone.finish())[0] == together[run]
            assert together[run]["train_accuracy"] >= 0.95 or together[run]["steps"] == 60
