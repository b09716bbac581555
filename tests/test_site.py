"""What the site says of the code is so: architecture, extensions, citation."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest
import yaml

from notebooks import architecture, execution

ROOT = Path(__file__).parents[1]
EXTENDING = (execution.FOLDER / "site" / "extending.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", EXTENDING, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("package", ["sde", "theory_checks"])
def test_every_module_is_in_the_architecture(package):
    drawn = {name for row in architecture.layers(package) for name in row}
    folder = ROOT / package
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert drawn == modules
    flowing = {module for flow in architecture.FLOWS for module in flow.modules}
    assert {name for name in flowing if name.startswith(f"{package}.")} <= {
        f"{package}.{name}" for name in drawn
    }
    assert all(f">{name}<" in architecture.svg() for name in drawn)


def test_there_is_a_snippet_for_everything_that_can_be_added():
    assert len(SNIPPETS) == 6


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
@pytest.mark.usefixtures("registries")
def test_snippet_runs(snippet, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(script))
    assert printed.getvalue()
    if "CLAIMS" in snippet:
        assert printed.getvalue() == "holds\n"


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
