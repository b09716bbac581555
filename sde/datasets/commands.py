"""The commands `sde datasets list | path | fetch NAME`."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from sde.datasets import storage
from sde.datasets.errors import DatasetError
from sde.datasets.registry import NAMES, SOURCES

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


Name = Annotated[str, typer.Argument(metavar="NAME", hidden=True, autocompletion=lambda: NAMES)]


@app.callback(
    epilog=(
        "\b\nExamples:\n"
        "  sde datasets list\n"
        "  sde datasets fetch mnist\n"
        "  SDE_DATA=~/data sde datasets path ecg5000"
    )
)
def datasets() -> None:
    """
    Find and download the datasets of the experiments.

    Files of your own are looked for in $SDE_DATA/NAME (SDE_DATA is an environment variable, a
    folder of yours). Downloads are kept in the folder that the variable SDE_CACHE names, or in the
    system's cache folder. A file is used only if its checksum is right.
    """


@app.command("list", epilog=("\b\nExample:\n  sde datasets list"))
def show_all() -> None:
    """Show each dataset, and whether and where it is."""
    row = "{:<15}{:<15}{:<9}{:<37}{}".format
    typer.echo(row("name", "train + test", "classes", "content", "where"))
    for name, source in SOURCES.items():
        sizes = " + ".join(map(str, source.sizes))
        typer.echo(row(name, sizes, source.n_classes, source.content, _where(name)))


@app.command(epilog=("\b\nExample:\n  sde datasets path mnist"))
def path(name: Name) -> None:
    """
    Print the path of each file of a dataset.

    NAME is one of ecg5000, mnist, fashion-mnist, cifar10, cifar100, digits. The files are verified;
    the exit status is 1 if they are not on this machine.
    """
    if not (paths := _files(storage.holding, name)) and SOURCES[name].files:
        raise _failure(f"{name} is not on this machine; run: sde datasets fetch {name}")
    _print(name, paths)


@app.command(epilog=("\b\nExample:\n  sde datasets fetch mnist"))
def fetch(name: Name) -> None:
    """
    Download a dataset, unless it is here already.

    NAME is one of ecg5000, mnist, fashion-mnist, cifar10, cifar100, digits. Prints the path of each
    file. A download needs the extra 'learn': pip install "levychaos[learn]".
    """
    _print(name, _files(storage.fetch, name))


def _files(find: Callable[[str], list[Path]], name: str) -> list[Path]:
    try:
        return find(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    except (DatasetError, ImportError) as error:
        raise _failure(str(error)) from error


def _failure(message: str) -> typer.Exit:
    typer.echo(f"Error: {message}", err=True)
    return typer.Exit(1)


def _print(name: str, paths: list[Path]) -> None:
    if not SOURCES[name].files:
        typer.echo(f"{name} ships with scikit-learn and has no files of its own.", err=True)
    for each in paths:
        typer.echo(each)


def _where(name: str) -> str:
    """Say in a few words where a dataset is."""
    source, install = SOURCES[name], 'not here; pip install "levychaos[learn]"'
    if not source.files:
        return "in scikit-learn" if find_spec("sklearn") is not None else install
    try:
        paths = storage.holding(name)
    except DatasetError as error:
        return str(error)
    except ImportError:  # nothing can have been downloaded
        return install
    folders = dict.fromkeys(str(each.parent) for each in paths)
    return ", ".join(folders) or f"not here; fetch downloads {source.megabytes} MB"
