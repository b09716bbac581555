"""The notebooks run, quickly and without warnings, and are committed without outputs."""

import importlib
import re
from functools import partial

import nbformat
import pytest
from executed import run

import sde
from notebooks import execution
from theory_checks import pictures, statistics
from theory_checks.claims import CLAIMS

NOTEBOOKS = execution.notebooks()
#: Seconds of processor time, of two threads together, once kernels are compiled.
CELL, NOTEBOOK, ANSWER = 20.0, 60.0, 0.2

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def texts(path, kind):
    return [cell.source for cell in read(path).cells if cell.cell_type == kind]


def test_notebooks_are_numbered_in_order():
    numbers = [int(path.name.split("-")[0]) for path in NOTEBOOKS]
    assert numbers == list(range(1, len(NOTEBOOKS) + 1))
    assert len(NOTEBOOKS) == 8


@each_notebook
@pytest.mark.timeout(600)
def test_it_runs_in_time_and_without_warnings(path):
    found = run(path)
    for cell in found.notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.get("name") != "stderr", output.text
    assert max(found.seconds) < CELL
    assert sum(found.seconds) < NOTEBOOK
    assert found.answers
    assert max(found.answers) < ANSWER


@each_notebook
def test_it_is_committed_without_outputs(path):
    committed = path.read_text(encoding="utf-8")
    assert execution.text(execution.strip(nbformat.reads(committed, as_version=4))) == committed


@each_notebook
def test_it_teaches(path):
    prose = "\n".join(texts(path, "markdown"))
    assert re.match(r"# \d · .+\n\n\*About ", prose)
    for part in ("**A question before we start.**", "## Exercises", "## What to try"):
        assert part in prose
    cells = read(path).cells
    # a picture comes before the question
    before = [
        cell.source
        for cell in cells[: next(k for k, c in enumerate(cells) if "**A question" in c.source)]
    ]
    assert any("pictures." in source for source in before)
    assert "**A question before we start.**" in cells[3].source
    solutions = [cell for cell in cells if "solution" in cell.metadata.get("tags", ())]
    assert len(solutions) == len(re.findall(r"^\*\*\d\.\*\* ", prose, re.MULTILINE)) == 3
    for cell in solutions:
        assert "hide-cell" in cell.metadata.tags
        assert cell.metadata.jupyter.source_hidden
    for cell in cells:  # a screenful
        assert len(cell.source.splitlines()) <= 45


@each_notebook
def test_it_names_what_exists(path):
    prose, code = ("\n".join(texts(path, kind)) for kind in ("markdown", "code"))
    for name in set(re.findall(r"\bsde\.(\w+)", prose + code)):
        assert hasattr(sde, name), name
    for module, name in set(re.findall(r"from (\S+) import (\w+)", code)):
        assert hasattr(importlib.import_module(module), name) or module == "theory_checks"
    known = {*dir(sde), *statistics.__all__, *pictures.__all__}
    for name in set(re.findall(r"`([a-z]\w*_\w+)`", prose)) - known:
        assert name in code or any(
            hasattr(each, name) or name in getattr(each, "__annotations__", {})
            for each in map(partial(getattr, sde), sde.__all__)
        ), name
    for names in re.findall(r"`theory-checks run ([^`]+)`", prose):
        assert CLAIMS.keys() >= {n for n in names.split() if not n.startswith("opinions")}
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", prose):
        assert (execution.FOLDER / target).exists(), target
