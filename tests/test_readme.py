"""The README is true: its commands are those of the checks, and its snippets run."""

import contextlib
import io
import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def command(name):
    return re.search(rf"^<!-- command: {name} -->\n```sh\n(.*)\n```$", README, re.MULTILINE)[1]


def test_there_are_snippets():
    assert len(SNIPPETS) == 7


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
@pytest.mark.usefixtures("registries")
def test_snippet_runs(snippet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(script))
    assert printed.getvalue()


def test_commands_make_their_own_environment():
    for name in ("checks", "tests"):
        assert command(name).startswith("python3 -m venv .venv && .venv/bin/pip install")


def test_extras_and_scripts_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "test" in project["optional-dependencies"]
    assert "theory-checks" in project["scripts"]


def test_recorded_verdicts_are_those_of_the_claims():
    from theory_checks.claims import CLAIMS

    kinds = "Theorem|Proposition|Lemma|equation|Section"
    rows = re.findall(rf"^\| ({kinds}) (\S+) \|.*\| (.*) \|$", README, re.MULTILINE)
    printed = {f"{kind.lower()}-{number.strip('()')}": verdict for kind, number, verdict in rows}
    # a section is known by what is claimed there too
    assert {
        re.sub(r"^(section-\d)-.*", r"\1", name): claim.recorded for name, claim in CLAIMS.items()
    } == printed
