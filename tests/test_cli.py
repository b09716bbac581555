"""The command line, over a registry of fake claims."""

import json
import os
import re
import subprocess
import sys
from types import ModuleType

import pytest
from fake_claims import broken, claim
from typer.testing import CliRunner

from theory_checks.claim import find_claims
from theory_checks.cli import app


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Return a function that runs the command line in an empty folder, over fake claims."""
    claims = [claim("good-1"), claim("good-2"), claim("vague-3", high=0.0), broken("broken-4")]
    registry = ModuleType("theory_checks.claims")
    registry.CLAIMS = {c.id: c for c in claims}
    registry.find = lambda names: find_claims(names, registry.CLAIMS)
    monkeypatch.setitem(sys.modules, "theory_checks.claims", registry)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def words(text):
    """Return a text without the frames and line breaks of an error box."""
    return " ".join(text.replace("│", " ").split())


def test_every_verdict_on_record_gives_status_0(invoke, tmp_path):
    result = invoke("run", "good-1", "good-2", "--seed", "7", "--out", "found")
    assert result.exit_code == 0, result.output
    assert "Every verdict is the one on record." in result.stdout
    data = json.loads((tmp_path / "found" / "results.json").read_text())
    assert (data["seed"], data["profile"]) == (7, "quick")


def test_another_verdict_gives_status_1_and_is_named(invoke):
    result = invoke("run", "good-1", "vague-3")
    assert result.exit_code == 1
    assert "vague-3: the verdict is 'inconclusive', on record is 'holds'" in result.stderr
    assert "good-1:" not in result.stderr


def test_a_check_that_raises_gives_status_1_and_its_traceback(invoke, tmp_path):
    result = invoke("run", "good-1", "broken-4")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "the check of broken-4 stopped: ArithmeticError" in result.stderr
    data = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [c["id"] for c in data["claims"]] == ["good-1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "godo-1"), "did you mean good-1?"),
        (("run", "good-1", "--seed", "-1"), "need 0 <= seed < 2**64"),
        (("run", "good-1", "--seed", "x"), "for '--seed'"),
        (("run", "good-1", "--profile", "fast"), "'fast' is not one of"),
        (("run", "good-1", "--out", "file"), "need a folder that can be written to"),
        (("report", "nothing"), "need a readable nothing/results.json"),
        (("report",), "Missing argument"),
        (("runn",), "No such command 'runn'"),
    ],
)
def test_usage_errors_give_status_2(invoke, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in words(result.stderr)
    assert not (tmp_path / "results").exists()


def test_list_shows_each_claim(invoke):
    result = invoke("list")
    assert result.exit_code == 0
    for name in ("good-1", "vague-3", "broken-4"):
        assert f"{name} " in result.stdout


def test_report_writes_the_report_again(invoke, tmp_path):
    invoke("run", "good-1")
    first = (tmp_path / "results" / "report.html").read_bytes()
    (tmp_path / "results" / "report.html").unlink()
    result = invoke("report", "results")
    assert result.exit_code == 0
    assert (tmp_path / "results" / "report.html").read_bytes() == first


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ((), ["run", "list", "calibrate", "report", "--install-completion", "a report"]),
        (
            ("run",),
            ["quick", "standard", "deep", "minute or two", "hours", "compiles", "report.html"],
        ),
        (("list",), ["on record"]),
        (("calibrate",), ["A mutant is a deliberate mistake"]),
        (("report",), ["results.json", "--out of `theory-checks run`"]),
    ],
)
def test_help_says_what_a_newcomer_needs(invoke, command, needed):
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    told = words(result.stdout)
    for each in needed:
        assert each in told
    assert f"Example{'' if command in {('list',), ('report',)} else 's'}: theory-checks" in told
    assert not re.search(r"<(bool|str|int|float|path|list)", told), told


def test_help_imports_neither_the_compiler_nor_matplotlib():
    code = (
        "import sys, theory_checks.cli as cli\n"
        "heavy = {'numba', 'matplotlib', 'scipy', 'numpy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "theory_checks", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "theory-checks" in done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("run theorem-4.1 theorem-4", ["theorem-4.1", "theorem-4.2", "theorem-4.3"]),
        ("run --profile ", ["quick", "standard", "deep"]),
        ("calibrate --claims lemma-D", ["lemma-D.1"]),
        ("calibrate --mutants no", ["noise-scale", "none"]),
        ("calib", ["calibrate"]),
    ],
)
def test_a_shell_completes_names_without_the_simulator(line, offered):
    words = ["theory-checks", *line.split(" ")]
    protocol = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    code = (
        "import sys\n"
        "from theory_checks.cli import app\n"
        "try:\n"
        "    app(prog_name='theory-checks')\n"
        "finally:\n"
        "    assert not {'numba', 'numpy', 'rich'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | protocol | {"_THEORY_CHECKS_COMPLETE": "complete_bash"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == offered, done.stderr
    assert "Traceback" not in done.stderr


def test_names_that_a_shell_completes_are_those_of_the_registries():
    from theory_checks import names
    from theory_checks.claims import CLAIMS
    from theory_checks.mutants import MUTANTS

    assert tuple(CLAIMS) == names.CLAIMS
    assert tuple(MUTANTS) == names.MUTANTS


def test_version_is_shown(invoke):
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("theory-checks ")
