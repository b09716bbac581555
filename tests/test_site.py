"""The site is made without a warning, has no broken link, and needs no network."""

import contextlib
import io
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from executed import run

import sde
import theory_checks
from notebooks import architecture, building, execution
from theory_checks.errata import ERRATA

ROOT = Path(__file__).parents[1]
EXTENDING = (execution.FOLDER / "site" / "extending.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", EXTENDING, re.MULTILINE | re.DOTALL)


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
            if address.startswith("data:image/"):
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
    assert {f"sde.{name}" for name in sde.__all__} <= names | {"sde.HeavyTailedClassifier"}
    for module in theory_checks.__all__:
        assert f"module-theory_checks.{module}" in page(f"{module}.html").names


def test_every_erratum_can_be_cited(page):
    false = sum(erratum.false for erratum in ERRATA)
    wanted = [f"e{k + 1}" for k in range(false)] + [f"s{k + 1}" for k in range(len(ERRATA) - false)]
    assert set(wanted) <= page("errata.html").names


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
    assert len(SNIPPETS) == 5


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
