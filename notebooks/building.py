"""Make the site: executed notebooks, pages, and the reference, rendered by Sphinx."""

import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from notebooks import pages
from notebooks.execution import FOLDER

__all__ = ["assemble", "render"]

ROOT = FOLDER.parent
TOP_LEVEL = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff")


def assemble(executed: Iterable[tuple[str, Any]], folder: Path) -> None:
    """
    Write the sources of the site.

    Parameters
    ----------
    executed : iterable of (str, NotebookNode)
        File names and notebooks with their outputs.
    folder : path
        Made anew.
    """
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(FOLDER / "site", folder)
    for name in TOP_LEVEL:
        page = (ROOT / name).read_text(encoding="utf-8")
        # pictures are where the site has them, and its front page has the name
        page = page.replace("notebooks/site/", "").replace("# levychaos\n", "# Guide\n", 1)
        (folder / name).write_text(page, encoding="utf-8")
    notebooks = dict(executed)
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder / name)
    generated = {
        "errata.md": pages.errata(),
        "_architecture.md": pages.architecture(),
        "_picture.md": pages.first_picture(notebooks["5-one-big-jump.ipynb"]),
    }
    for name, content in generated.items():
        (folder / name).write_text(content, encoding="utf-8")


def render(source: Path, out: Path) -> int:
    """
    Render the sources; return the exit status, which is not 0 if there was any warning.

    Parameters
    ----------
    source : path
        What `assemble` wrote.
    out : path
        Folder of the site.
    """
    from sphinx.cmd.build import build_main

    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(source / "_build")]
    with warnings.catch_warnings():
        # what the parts of the renderer have to say to each other about coming releases
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return build_main([*options, str(source), str(out)])
