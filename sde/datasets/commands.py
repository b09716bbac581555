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

app = typer.Typer(
    no_args_is_help=True,
    help="Find and download the datasets of the experiments. Files of your own are looked for in "
    "the folder that SDE_DATA names, downloads are kept in SDE_CACHE or the system's cache folder.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(NAMES)}.")]


@app.command("list")
def show_all() -> None:
    """Show each dataset, and whether and where it is on this machine."""
    row = "{:<15}{:<15}{:<9}{:<37}{}".format
    typer.echo(row("name", "train + test", "classes", "content", "where"))
    for name, source in SOURCES.items():
        sizes = " + ".join(map(str, source.sizes))
        typer.echo(row(name, sizes, source.n_classes, source.content, _where(name)))


@app.command()
def path(name: Name) -> None:
    """Print the path of each file of a dataset, verified; the exit status is 1 if it isn't here."""
    if not (paths := _files(storage.holding, name)) and SOURCES[name].files:
        raise _failure(f"{name} is not on this machine; run: sde datasets fetch {name}")
    _print(name, paths)


@app.command()
def fetch(name: Name) -> None:
    """Download a dataset, unless it is here already, and print the path of each file."""
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
    source = SOURCES[name]
    if not source.files:
        there = find_spec("sklearn") is not None
        return "in scikit-learn" if there else 'not here; pip install "levychaos[learn]"'
    try:
        paths = storage.holding(name)
    except (DatasetError, ImportError) as error:
        return str(error)
    folders = dict.fromkeys(str(each.parent) for each in paths)
    return ", ".join(folders) or f"not here; fetch downloads {source.megabytes} MB"
