"""Claims of other packages: found by their entry points, refused when they cannot be used."""

import json
import sys

import pytest
from typer.testing import CliRunner

from theory_checks.claims import CLAIMS, find
from theory_checks.cli import app
from theory_checks.plugins import PluginError, installed_claims

MODULE = """
from theory_checks.claim import Claim
from theory_checks.verdict import Evidence, Quantity


def check(settings):
    printed = Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">=", role="printed")
    control = Quantity("slope, independent noise", 0.0, -0.1, 0.1, 0.2, "<=")
    return Evidence((printed,), (control,))


def claim(name):
    return Claim(name, "Title of " + name, "A slope.", "slope >= 0.5", "holds", check)

"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one module and one entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(distribution, value, body):
        module, _, _ = value.partition(":")
        (tmp_path / f"{module}.py").write_text(MODULE + body, encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[theory_checks.claims]\nmine = {value}\n")

    yield add
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_the_list_shows_the_claims_of_another_package(install):
    install("tiny-claims", "tiny_claims_a:CLAIM", "CLAIM = claim('my-theorem-1')")
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0, result.output
    assert "my-theorem-1" in result.stdout
    assert "theorem-4.2" in result.stdout


def test_run_checks_the_claims_of_another_package(install, tmp_path):
    install("tiny-claims", "tiny_claims_b:CLAIMS", "CLAIMS = [claim('mine-1'), claim('mine-2')]")
    out = tmp_path / "found"
    result = CliRunner().invoke(app, ["run", "mine-2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    found = json.loads((out / "results.json").read_text())["claims"]
    assert [(claim["id"], claim["verdict"]) for claim in found] == [("mine-2", "holds")]
    assert list(installed_claims()) == ["mine-1", "mine-2"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise OSError('no such disk')", "got OSError: no such disk from tiny-claims 1.2"),
        ("", "got AttributeError: .* from tiny-claims 1.2"),
        ("CLAIM = 'theorem'", "need a Claim or a list of them, got 'theorem' from tiny-claims 1.2"),
        ("CLAIM = claim('theorem-4.2')", "got 'theorem-4.2' from tiny-claims 1.2 .* levychaos"),
        ("CLAIM = [claim('one')] * 2", "got 'one' from tiny-claims 1.2 .* from tiny-claims 1.2"),
    ],
    ids=["raises", "missing", "no claim", "taken", "twice"],
)
def test_what_cannot_be_used_is_refused_by_the_name_of_its_distribution(install, body, message):
    install("tiny-claims", "tiny_claims_c:CLAIM", body)
    with pytest.raises(PluginError, match=message):
        find([])
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: need")
    assert "tiny-claims 1.2" in result.stderr


def test_two_packages_must_not_share_an_id(install):
    install("first-claims", "tiny_claims_d:CLAIM", "CLAIM = claim('mine')")
    install("second-claims", "tiny_claims_e:CLAIM", "CLAIM = claim('mine')")
    with pytest.raises(PluginError, match=r"from second-claims 1.2 .* from first-claims 1.2"):
        installed_claims()


def test_a_broken_package_does_not_stop_the_papers_claims(install):
    install("tiny-claims", "tiny_claims_f:CLAIM", "raise OSError('no such disk')")
    assert find(["theorem-4.2"]) == [CLAIMS["theorem-4.2"]]


def test_an_unknown_name_is_compared_with_the_claims_of_other_packages(install):
    install("tiny-claims", "tiny_claims_g:CLAIM", "CLAIM = claim('mine-theorem')")
    with pytest.raises(ValueError, match="did you mean mine-theorem"):
        find(["mine-theorm"])
