"""The paper's experiments once more, by other code: PyTorch, many runs at a time on a GPU.

`sde tables` can be wrong in ways that its own tests share. Here gradients are PyTorch's, the noise
is by the formulas of Chambers, Mallows and Stuck and of Kanter from PyTorch's generators, and
pruning is a cumulative sum; only settings, data and splits are taken from `sde`, in a file that
needs no `sde` to be run:

    python tests/replication.py prepare ecg5000 --seeds 200 job.npz
    python tests/replication.py run job.npz found.json
    python tests/replication.py compare sde/tables/results/ecg5000.json found.json
    python tests/replication.py report > sde/tables/results/replication.md

`tests/replicated/` holds what was found on an H100 in six minutes: 200 runs of each row of Tables
1 to 4 (`ecg5000.json`), 48 of Table 5 (`mnist.json`), and ten on each of 40 splits of four rows
(`splits.json`), by `prepare ecg5000 --seeds 40 --repeats 10 --only 'Table 1, no noise' --only
'Table 2, no noise' --only 'Table 3, 1.9' --only 'Table 4, 1.9'`.
"""

import json
import math
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

ENERGY, TARGET = 0.9, 0.95

FOUND = Path(__file__).parent / "replicated"
RECORDED = Path(__file__).parents[1] / "sde" / "tables" / "results"

#: Runs on each split of `splits.json`.
REPEATS = 10

#: Numbers of features of a batch that all runs of a group have together.
TOGETHER = 4e8


# --- what is to be done ---------------------------------------------------------------------------


def prepare(name: str, seeds: int, repeats: int, only: list[str], path: Path) -> None:
    """Write the settings of rows, the data, and the splits of all seeds, some times each."""
    from sde.datasets import SOURCES, load
    from sde.tables.experiment import examples
    from sde.tables.published import EXPERIMENTS

    data = load(name)
    x = np.concatenate([data.x_train, data.x_test])
    y = np.concatenate([data.y_train, data.y_test])
    scale = [0.0, 1.0]
    tables = EXPERIMENTS[name]
    if tables[0].split == "random":
        y = (y != 0).astype(np.int64)
        order = np.stack([_order_of(examples(name, "random", seed), x) for seed in range(seeds)])
    else:
        mean, deviation = SOURCES[name].mean[0], SOURCES[name].std[0]
        pixels = np.rint(255 * (x * deviation + mean)).astype(np.uint8)
        scale = [-mean / deviation, 1 / (255 * deviation)]
        assert np.abs(scale[0] + scale[1] * pixels - x).max() < 1e-5
        x, order = pixels, np.zeros((seeds, 0), np.int64)
    rows = [
        {"table": table.name, "row": row.label, **asdict(table.setting(row))}
        for table in tables
        for row in table.rows
        if not only or f"{table.name}, {row.label}" in only
    ]
    train = 500 if order.size else len(data.x_train)
    text = json.dumps({"rows": rows, "train": train, "scale": scale, "classes": int(y.max()) + 1})
    x = x if x.dtype == np.uint8 else x.astype(np.float32)
    order = np.repeat(order, repeats, axis=0).astype(np.int32)
    np.savez_compressed(path, x=x, y=y, order=order, job=np.array(text))


def _order_of(split: Any, x: Any) -> Any:
    """Return which rows of all data a split's examples are, training examples first."""
    place = {row.tobytes(): i for i, row in enumerate(x)}
    return np.array([place[row.tobytes()] for row in (*split.x_train, *split.x_test)])


# --- the runs -------------------------------------------------------------------------------------


def run(job: Path, out: Path) -> None:
    """Run all rows, and write what each run found after every row."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with np.load(job) as file:
        x, y, order, job_text = file["x"], file["y"], file["order"], json.loads(str(file["job"]))
    shift, factor = job_text["scale"]
    x = shift + factor * torch.from_numpy(x).to(device, torch.float32)
    y = torch.from_numpy(y).to(device)
    found = []
    for number, row in enumerate(job_text["rows"]):
        torch.manual_seed(number)
        size = min(row["batch_size"], job_text["train"]) * row["width"]
        group = max(1, int(TOGETHER / size))
        runs = []
        for first in range(0, len(order), group):
            orders = torch.from_numpy(order[first : first + group].astype(np.int64)).to(device)
            some = Runs(row, x, y, orders, job_text["train"], job_text["classes"]).finish()
            runs += [result for _, result in sorted(some)]  # in the order of the seeds
        found.append({"table": row["table"], "row": row["row"], "runs": runs})
        out.write_text("[\n" + ",\n".join(json.dumps(each) for each in found) + "\n]\n")
        steps = np.mean([each["steps"] for each in runs])
        print(row["table"], row["row"], f"{steps:.0f} steps of {len(runs)} runs", flush=True)


class Runs:
    """Runs of one row, trained together until each is as accurate as it shall be."""

    def __init__(self, row: Any, x: Any, y: Any, orders: Any, train: int, classes: int) -> None:
        self.row, self.x, self.y, self.orders, self.train = row, x, y, orders, train
        self.numbers = list(range(len(orders)))
        n, d = row["width"], x.shape[1]
        self.weights = [
            self.uniform((len(orders), units, inputs)) / math.sqrt(inputs)
            for units, inputs in ((n, d), (classes, n))
        ]
        for each in self.weights:
            each.requires_grad_()

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return numbers between -1 and 1."""
        import torch

        return 2 * torch.rand(shape, device=self.x.device) - 1

    def finish(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Train; yield each run's number, and what it found, when it ends."""
        import torch

        row = self.row
        for step in count(1):
            self.descend(step - 1)
            if step % row["evaluate_every"] == 0 or step >= row["max_steps"]:
                with torch.no_grad():
                    accuracies = [self.accuracy(which, 0) for which in range(len(self.orders))]
                    done = [each >= TARGET or step >= row["max_steps"] for each in accuracies]
                    for which in np.flatnonzero(done).tolist():
                        yield self.numbers[which], self.result(which, accuracies[which], step)
                    self.keep([not each for each in done])
                if len(self.orders) == 0:
                    return
            self.kick()

    def batch(self, step: int) -> tuple[Any, Any]:
        """Return the inputs and classes of a step, run by run."""
        import torch

        runs, size = len(self.orders), self.row["batch_size"]
        if self.orders.shape[1]:  # full batches
            rows = self.orders[:, : self.train]
        else:
            place = step % (self.train // size)
            if place == 0:
                self.epoch = torch.rand((runs, self.train), device=self.x.device).argsort(dim=1)
            rows = self.epoch[:, place * size : (place + 1) * size]
        return self.x[rows], self.y[rows]

    def descend(self, step: int) -> None:
        """Take a gradient step on a batch."""
        import torch

        x, y = self.batch(step)
        hidden, readout = self.weights
        outputs = torch.relu(x @ hidden.mT) @ readout.mT
        # the mean of each run, so that the runs' gradients are their own
        loss = torch.nn.functional.cross_entropy(outputs.mT, y, reduction="sum") / y.shape[1]
        gradients = torch.autograd.grad(loss, self.weights)
        with torch.no_grad():
            for each, gradient in zip(self.weights, gradients, strict=True):
                each.sub_(gradient, alpha=self.row["learning_rate"])

    def kick(self) -> None:
        """Add noise to the hidden layer."""
        import torch

        row, hidden = self.row, self.weights[0]
        if row["alpha"] is None:
            return
        scale = row["sigma"] * row["learning_rate"] ** (1 / row["alpha"])
        with torch.no_grad():
            hidden.add_(noise(row["kind"], row["alpha"], hidden), alpha=scale)

    def keep(self, which: list[bool]) -> None:
        """Go on with these runs alone."""
        import torch

        if not all(which):
            kept = torch.tensor(which, device=self.x.device)
            self.orders = self.orders[kept]
            self.numbers = [each for each, goes in zip(self.numbers, which, strict=True) if goes]
            self.weights = [each[kept].requires_grad_() for each in self.weights]
            if not self.orders.shape[1]:
                self.epoch = self.epoch[kept]

    def accuracy(self, run: int, first: int, hidden: Any = None) -> float:
        """Return the accuracy of a run: 0 for training examples, 1 for test examples."""
        rows = self.orders[run] if self.orders.shape[1] else slice(None)
        x, y = self.x[rows], self.y[rows]
        x, y = ((x[: self.train], y[: self.train]), (x[self.train :], y[self.train :]))[first]
        hidden = self.weights[0][run] if hidden is None else hidden
        right = 0
        for start in range(0, len(x), 20_000):
            outputs = (x[start : start + 20_000] @ hidden.mT).relu_() @ self.weights[1][run].mT
            right += int((outputs.argmax(dim=1) == y[start : start + 20_000]).sum())
        return right / len(x)

    def result(self, run: int, train_accuracy: float, step: int) -> dict[str, float]:
        """Return what a run found."""
        hidden = self.weights[0][run]
        squares, order = hidden.double().square().sum(dim=1).sort()
        # units go, smallest first, while the rest keep their share
        gone = int((squares.cumsum(0) <= (1 - ENERGY) * squares.sum()).sum())
        pruned = hidden.clone()
        pruned[order[:gone]] = 0
        found = {
            "train_accuracy": train_accuracy,
            "test_accuracy": self.accuracy(run, 1),
            "pruning_ratio": gone / len(hidden),
            "pruned_train_accuracy": self.accuracy(run, 0, pruned),
            "pruned_test_accuracy": self.accuracy(run, 1, pruned),
        }
        return {name: round(value, 5) for name, value in found.items()} | {"steps": step}


def noise(kind: str, alpha: float, like: Any) -> Any:
    """Draw noise of the size of some weights, of characteristic function exp(-‖u‖^alpha)."""
    import torch

    def uniform(size: Any) -> Any:
        """Return numbers strictly between 0 and 1."""
        inside = torch.rand(size, dtype=torch.float64, device=like.device)
        return inside.clamp_(2.0**-54, 1 - 2.0**-53)

    runs, n, d = like.shape
    if kind == "III":  # a normal vector times the root of a positive number: Kanter
        a, u, e = alpha / 2, math.pi * uniform((runs, n, 1)), -uniform((runs, n, 1)).log()
        positive = (a * u).sin() / u.sin() ** (1 / a) * (((1 - a) * u).sin() / e) ** ((1 - a) / a)
        return ((2 * positive).sqrt() * torch.randn_like(like, dtype=torch.float64)).to(like.dtype)
    size = (runs, n, 1 if kind == "I" else d)
    v, e = math.pi * (uniform(size) - 0.5), -uniform(size).log()
    stable = (alpha * v).sin() / v.cos() ** (1 / alpha)
    stable *= (((1 - alpha) * v).cos() / e) ** ((1 - alpha) / alpha)
    return stable.to(like.dtype).expand_as(like)


# --- the comparison -------------------------------------------------------------------------------


def compare(tables: Path, found: Path) -> dict[str, list[float]]:
    """Print a line for each cell: what PyTorch found, what was found here, what is published.

    The differences from PyTorch that are printed are returned too.
    """
    others = {(each["table"], each["row"]): each["runs"] for each in json.loads(found.read_text())}
    print("Means ± standard deviations (runs), in percent but for steps; in brackets differences")
    print("from PyTorch in standard errors, by the pooled deviation of both: few runs alone often")
    print("have none of the rare networks that collapse when they are pruned.\n")
    print("| table | α | quantity | PyTorch | here | published |")
    print("| --- | --- | --- | --- | --- | --- |")
    gaps: dict[str, list[float]] = {"here": [], "published": []}
    for table in json.loads(tables.read_text())["tables"]:
        name = table["title"].split(":")[0]
        for row in table["rows"]:
            for cell in [*row["cells"], {"quantity": "steps", "found": row["steps"]}]:
                values = np.array([each[cell["quantity"]] for each in others[name, row["label"]]])
                values = values * (1 if cell["quantity"] == "steps" else 100)
                spread = float(values.std(ddof=1))
                line = [f"{values.mean():.2f} ± {spread:.2f} ({len(values)})"]
                means = _means(cell)
                for source, some in gaps.items():
                    if source not in means:
                        line.append("")
                        continue
                    mean, deviation, runs = means[source]
                    some.append((mean - float(values.mean())) / _error(deviation, runs, values))
                    known = "" if deviation is None else f" ± {deviation:.2f}"
                    line.append(f"{mean:.2f}{known} ({runs}) [{some[-1]:+.1f}]")
                words = cell["quantity"].replace("_", " ")
                print(f"| {name} | {row['label']} | {words} | {' | '.join(line)} |")
    print()
    for source, some in gaps.items():
        far = sum(abs(gap) > 3 for gap in some)
        print(f"{source}: {far} of {len(some)} means differ by more than 3 standard errors.")
    return gaps


def _error(deviation: float | None, runs: int, values: Any) -> float:
    """Return the standard error of a difference of means of one law, from both samples."""
    squares = (runs - 1) * (deviation or 0.0) ** 2 + float(((values - values.mean()) ** 2).sum())
    degrees = runs + len(values) - 2
    return math.sqrt(squares / degrees * (1 / runs + 1 / len(values)))


def splits(found: Path, repeats: int) -> None:
    """Print how much runs on one split spread, how much splits do, and the steps of the worst."""
    print("Means of splits: the least, the 10 % quantile, the median and the largest.\n")
    print("| table | α | quantity | mean | sd on one split | sd of splits | means of splits |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    worst = []
    for row in json.loads(found.read_text()):
        means = {}
        for quantity, unit in {"test_accuracy": 100, "steps": 1}.items():
            values = unit * np.array([each[quantity] for each in row["runs"]]).reshape(-1, repeats)
            within, means[quantity] = values.var(axis=1, ddof=1).mean(), values.mean(axis=1)
            between = max(0.0, means[quantity].var(ddof=1) - within / repeats)
            quantiles = ", ".join(
                f"{q:.1f}" for q in np.quantile(means[quantity], [0, 0.1, 0.5, 1])
            )
            print(
                f"| {row['table']} | {row['row']} | {quantity.replace('_', ' ')} "
                f"| {values.mean():.2f} | {within**0.5:.2f} | {between**0.5:.2f} | {quantiles} |"
            )
        accuracies, steps = means.values()
        low = ", ".join(
            f"{accuracies[k]:.1f} % after {steps[k]:.0f}" for k in accuracies.argsort()[:5]
        )
        rank = np.corrcoef(accuracies.argsort().argsort(), steps.argsort().argsort())[0, 1]
        worst.append(
            f"- {row['table']}, {row['row']}: {low} steps; rank correlation of test accuracy and "
            f"steps over all splits {rank:.2f}."
        )
    print("\nSplits of the lowest test accuracy:\n")
    print("\n".join(worst))


def _means(cell: Any) -> dict[str, tuple[float, float | None, int]]:
    """Return mean, standard deviation and number of runs, here and as published."""
    means = {}
    if found := cell["found"]:
        means["here"] = (found["mean"], found["sd"], found["count"])
    if cell.get("published"):
        means["published"] = (*cell["published"], cell["runs"])
    return means


def report() -> None:
    """Print what is on record here, beside the recorded tables."""
    print("# The same experiments in PyTorch\n")
    print("`tests/replication.py` repeats the rows of Tables 1 to 5 with PyTorch's gradients and")
    print(
        "random numbers, many runs at a time on a GPU (one H100, six minutes), from the settings,"
    )
    print(
        'data and splits of this package. What each run found is in `tests/replicated/`. "Here" is'
    )
    print("what `sde tables` found, beside this file. `tests/replication.py report` prints this.")
    for name, title in (("ecg5000", "ECG5000"), ("mnist", "MNIST")):
        print(f"\n## {title}\n")
        compare(RECORDED / f"{name}.json", FOUND / f"{name}.json")
    print(f"\n## What a split of ECG5000 does\n\n{REPEATS} runs on each of 40 splits.")
    splits(FOUND / "splits.json", REPEATS)


def main() -> None:
    """Do what the command line says."""
    parser = ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(required=True, dest="command")
    made = commands.add_parser("prepare", help=prepare.__doc__)
    made.add_argument("name", choices=("ecg5000", "mnist"))
    made.add_argument("--seeds", type=int, default=200)
    made.add_argument("--repeats", type=int, default=1, help="runs on each split")
    made.add_argument("--only", action="append", default=[], help="'Table 1, 1.75', for example")
    made.add_argument("path", type=Path)
    ran = commands.add_parser("run", help=run.__doc__)
    ran.add_argument("job", type=Path)
    ran.add_argument("out", type=Path)
    compared = commands.add_parser("compare", help=compare.__doc__)
    compared.add_argument("tables", type=Path)
    compared.add_argument("found", type=Path)
    split = commands.add_parser("splits", help=splits.__doc__)
    split.add_argument("found", type=Path)
    split.add_argument("--repeats", type=int, required=True, help="runs on each split")
    commands.add_parser("report", help=report.__doc__)
    arguments = vars(parser.parse_args())
    functions: list[Any] = [prepare, run, compare, splits, report]
    {each.__name__: each for each in functions}[arguments.pop("command")](**arguments)


if __name__ == "__main__":
    main()
