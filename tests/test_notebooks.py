"""The notebooks run, quickly and without warnings, and what they show makes a site of one piece.

All in one file: a notebook is executed once, and files are shared out among processes.
"""

import functools
import importlib
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pytest
from latex2mathml.converter import convert

import sde
import theory_checks
from notebooks import building, execution, mathml
from theory_checks import pictures, statistics
from theory_checks.claims import CLAIMS
from theory_checks.errata import ERRATA

NOTEBOOKS = execution.notebooks()
#: Seconds of processor time, of two threads together, once kernels are compiled.
CELL, NOTEBOOK, ANSWER = 40.0, 60.0, 0.2

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@functools.cache
def run(path):
    execution.warm()  # what a machine compiles once is not the notebook's own time
    return execution.execute(path)


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
    question = next(k for k, c in enumerate(cells) if "**A question before we start.**" in c.source)
    assert question <= 4
    assert any("pictures." in cell.source for cell in cells[:question])
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
            for each in (getattr(sde, public) for public in sde.__all__)
        ), name
    for names in re.findall(r"`theory-checks run ([^`]+)`", prose):
        assert CLAIMS.keys() >= {n for n in names.split() if not n.startswith("opinions")}
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", prose):
        assert (execution.FOLDER / target).exists(), target


@each_notebook
def test_its_formulas_are_understood(path):
    prose = "\n\n".join(texts(path, "markdown"))
    formulas = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", prose, re.DOTALL)
    assert formulas or path.name.startswith("7")
    for block, inline in formulas:
        formula, _ = mathml.untagged(block or inline)
        assert "\\" not in convert(formula), formula


def test_the_number_of_a_formula_is_beside_it():
    assert mathml.untagged(r"a = b. \tag{4}") == ("a = b. ", "4")
    assert mathml.untagged("a = b") == ("a = b", "")


class Page(HTMLParser):
    """What a page names, links to and loads."""

    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.loads, self.images = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.names |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "source", "iframe") and "src" in given:
            self.loads.append(given["src"])
        if tag == "link":
            self.loads.append(given["href"])
        if tag == "img":
            self.images.append(given)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    executed = [(path.name, run(path).notebook) for path in execution.notebooks()]
    building.assemble(executed, folder / "source")
    assert building.render(folder / "source", folder / "html") == 0
    return {path: Page(path) for path in (folder / "html").rglob("*.html")}


@pytest.fixture(scope="module")
def page(site):
    return lambda name: next(found for path, found in site.items() if path.name == name)


@pytest.mark.timeout(900)
def test_no_link_is_broken(site):
    for path, found in site.items():
        for link in found.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, name = unquote(link).partition("#")
            there = (path.parent / target).resolve() if target else path
            assert there.exists(), (path.name, link)
            if name and there.suffix == ".html":
                assert name in site[there].names, (path.name, link)


def test_nothing_is_loaded_from_the_net(site):
    for path, found in site.items():
        for address in found.loads:
            if address.startswith("data:image/") or address == "#":  # in the page itself
                continue
            assert not re.match(r"([a-z]+:)?//", address), (path.name, address)
            assert (path.parent / address.split("?")[0]).exists(), (path.name, address)


def test_every_picture_is_described(site):
    for path, found in site.items():
        for image in found.images:
            assert image.get("alt") is not None, (path.name, image["src"][:60])


def test_every_notebook_is_a_page_with_pictures(page):
    for path in execution.notebooks():
        assert len(page(f"{path.stem}.html").images) >= 2


def test_every_public_name_is_in_the_reference(page):
    names = page("sde.html").names
    assert {f"sde.{name}" for name in (*sde.__all__, "HeavyTailedClassifier")} <= names
    for module in theory_checks.__all__:
        assert f"module-theory_checks.{module}" in page(f"{module}.html").names


def test_every_erratum_can_be_cited(page):
    false = sum(erratum.false for erratum in ERRATA)
    wanted = [f"e{k + 1}" for k in range(false)] + [f"s{k + 1}" for k in range(len(ERRATA) - false)]
    assert set(wanted) <= page("errata.html").names
