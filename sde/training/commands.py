"""The command `sde train DATASET`: one training, its history, and the pruning of its network."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sde.datasets import NAMES, Dataset, DatasetError, ecg5000_split, load
from sde.stable import StableNoise
from sde.training.fit import Fit, Record, TrainingDivergedError
from sde.training.fully_connected import FullyConnectedNetwork
from sde.training.train import train

__all__ = ["EXAMPLES", "train_command"]

EXAMPLES = (
    "\b\nExamples:\n"
    "  sde train digits\n"
    "  sde train digits --alpha 1.5 --kind III --sigma 0.05 --out net.npz"
)

#: Most lines of a history that is printed.
LINES = 12


def train_command(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", hidden=True, autocompletion=lambda: NAMES)
    ],
    width: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N", help="Hidden units, 1000 by default; once for each hidden layer."
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(metavar="α", help="Tail index of the noise, up to 2 (Gaussian).")
    ] = 1.75,
    kind: Annotated[
        str,
        typer.Option(
            metavar="I|II|III",
            autocompletion=lambda: ("I", "II", "III"),
            help="Type of the noise: equal coordinates, independent ones, or rotationally "
            "invariant vectors.",
        ),
    ] = "I",
    sigma: Annotated[
        float, typer.Option(metavar="σ", help="Scale of the noise; 0 for none.")
    ] = 0.0,
    learning_rate: Annotated[float, typer.Option(metavar="η", help="Learning rate.")] = 0.01,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Data of a step; all of them by default.")
    ] = None,
    max_steps: Annotated[int, typer.Option(metavar="N", help="Steps at most.")] = 1000,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Stop at this share of the training data, such as 0.95."
        ),
    ] = None,
    evaluate_every: Annotated[
        int, typer.Option(metavar="N", help="Steps between evaluations.")
    ] = 50,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Of weights, noise, batches, and a random split.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the network to this .npz file.")
    ] = None,
) -> None:
    """
    Train a network with heavy-tailed noise, and prune it.

    DATASET is one of ecg5000, mnist, fashion-mnist, cifar10, cifar100, digits; digits need no
    download, but the extra 'learn'. Shows the history, and what pruning leaves.

    The noise of the last step is left out, as in the paper's experiments. ECG5000 is split at
    random and tells normal beats from all others.
    """
    _check_writable(out)
    try:
        noise = StableNoise(alpha, kind, sigma) if sigma else None
        data = _examples(dataset, seed)
        fit = train(
            data.x_train,
            data.y_train,
            width=width or 1000,
            noise=noise,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_steps=max_steps,
            target_accuracy=target_accuracy,
            evaluate_every=evaluate_every,
            last_noise=False,
            test=(data.x_test, data.y_test),
            seed=seed,
        )
    except (DatasetError, ImportError, TrainingDivergedError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    console = Console()
    console.print(_history(fit), _pruning(fit.network, data))
    console.print(f"Stopped by {fit.stopped_by} after {fit.steps} steps.")
    if out is not None:
        fit.network.save(out)
        console.print(f"Network: {out}")


def _examples(name: str, seed: int) -> Dataset:
    data = load(name)
    return ecg5000_split(data, seed) if name == "ecg5000" else data


def _check_writable(out: Path | None) -> None:
    """Stop before anything is trained if a file can't be written."""
    if out is None:
        return
    folder = out.resolve().parent
    if not folder.is_dir():
        raise typer.BadParameter(
            f"need a folder that exists, got {out.parent}; make it", param_hint="--out"
        )
    if out.is_dir():
        raise typer.BadParameter(
            f"need a file, got the folder {out}; name a file in it", param_hint="--out"
        )
    if not os.access(folder, os.W_OK):
        raise typer.BadParameter(
            f"need a folder that can be written to, got {folder}; choose another",
            param_hint="--out",
        )


def _history(fit: Fit) -> Table:
    table = Table(title="History")
    for name in ("step", "loss", "train accuracy", "test accuracy", "pruning ratio", "seconds"):
        table.add_column(name, justify="right")
    for record in _thinned(fit.history.records):
        shares = (f"{share:.2%}" for share in record[2:5])
        table.add_row(f"{record.step}", f"{record.loss:.4f}", *shares, f"{record.seconds:.1f}")
    return table


def _thinned(records: list[Record]) -> list[Record]:
    """Return at most so many records, spread evenly, with the first and the last."""
    last = len(records) - 1
    lines = min(LINES - 1, last)
    return [records[k * last // lines] for k in range(lines + 1)] if last else records


def _pruning(network: FullyConnectedNetwork, data: Dataset) -> Table:
    table = Table(title="Pruning")
    for name in ("network", "hidden units", "bytes", "train accuracy", "test accuracy"):
        table.add_column(name, justify="right")
    pruned = network.prune_to_energy().shrink()
    for name, each in (("trained", network), ("pruned to 90 % of the squared norm", pruned)):
        units = "-".join(map(str, each.widths))
        parts = ((data.x_train, data.y_train), (data.x_test, data.y_test))
        shares = (f"{each.accuracy(x, y):.2%}" for x, y in parts)
        table.add_row(name, units, f"{each.nbytes}", *shares)
    return table
