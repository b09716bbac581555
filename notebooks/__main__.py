"""The command `python -m notebooks`: make the site, or strip the notebooks for a commit."""

from pathlib import Path
from typing import Annotated

import nbformat
import typer

from notebooks.building import assemble, render
from notebooks.execution import execute, notebooks, strip, text, warm
from notebooks.figures import pruning_figure

STATIC = Path(__file__).parent / "site" / "_static"

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run the notebooks and make the site of notebooks and reference (a few minutes); or draw "
    "the figure of the README, or strip the notebooks.",
)


@app.callback(invoke_without_command=True)
def build(
    context: typer.Context,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the site.")] = Path(
        "build/site"
    ),
) -> None:
    """Run every notebook and make the site (about two minutes)."""
    if context.invoked_subcommand:
        return
    warm()
    executed = []
    for path in notebooks():
        run = execute(path)
        executed.append((path.name, run.notebook))
        typer.echo(f"{path.name}: {sum(run.seconds):.0f} s")
    source = out.with_name(f"{out.name}-source")
    assemble(executed, source)
    status = render(source, out)
    typer.echo(f"Site: {out / 'index.html'}")
    raise typer.Exit(status)


@app.command("figure")
def figure(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the figure.")] = STATIC,
) -> None:
    """Draw the figure of the README (about two minutes)."""
    for name in pruning_figure(out):
        typer.echo(str(out / name))


@app.command("strip")
def strip_all() -> None:
    """Remove outputs from every notebook, for a commit."""
    for path in notebooks():
        notebook = strip(nbformat.read(path, as_version=4))
        path.write_text(text(notebook), encoding="utf-8")


if __name__ == "__main__":
    app(prog_name="python -m notebooks")
