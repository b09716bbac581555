"""Runs of fake claims: the files they write, what they show, and how they stop."""

import io
import json
from datetime import UTC, date, datetime

import pytest
from fake_claims import broken, claim
from rich.console import Console

from theory_checks import report
from theory_checks.claim import Claim, Settings, find_claims
from theory_checks.results import ResultsError, load
from theory_checks.runner import ClaimError, FolderError, run

KEYS = (
    "id title statement recorded verdict printed_form quantities controls figures captions seconds "
    "setting method date"
)


def console(**options):
    return Console(file=io.StringIO(), width=100, **options)


def test_a_run_writes_results_in_the_agreed_layout(tmp_path):
    found = run([claim("a-1"), claim("b-2")], "quick", 5, tmp_path / "new" / "out", console())
    data = json.loads((tmp_path / "new" / "out" / "results.json").read_text())
    assert list(data) == ["version", "seed", "profile", "claims"]
    assert (data["seed"], data["profile"]) == (5, "quick")
    assert [c["id"] for c in data["claims"]] == ["a-1", "b-2"]
    assert set(data["claims"][0]) == set(KEYS.split())
    assert data["claims"][0]["figures"] == ["a-1.png", "a-1.svg"]
    assert data["claims"][0]["quantities"][0]["status"] == "inside"
    assert load(tmp_path / "new" / "out") == found


def test_a_run_leaves_its_files_and_nothing_else(tmp_path):
    run([claim("a-1")], "quick", 0, tmp_path, console())
    names = sorted(path.name for path in tmp_path.iterdir())
    left = ["a-1.png", "a-1.svg", "report.html", "results.json", "study.lock", "study.sqlite"]
    assert names == left


def test_checks_are_given_the_profile_and_the_seed(tmp_path):
    seen = []
    run([claim("a-1", seen=seen), claim("b-2", seen=seen)], "deep", 9, tmp_path, console())
    assert seen == [("a-1", "deep", 9), ("b-2", "deep", 9)]


def test_results_are_on_disk_before_the_next_claim_starts(tmp_path):
    done = []

    def check(settings):
        done.extend(c.id for c in load(tmp_path).claims)
        return claim("x").check(settings)

    later = Claim("b-2", "Later", "s", "p", "holds", check)
    run([claim("a-1"), later], "quick", 0, tmp_path, console())
    assert done == ["a-1"]


def test_a_check_that_raises_stops_the_run_and_keeps_what_is_finished(tmp_path):
    with pytest.raises(ClaimError, match=r"b-2 stopped: ArithmeticError: .* step 3") as caught:
        run([claim("a-1"), broken("b-2"), claim("c-3")], "quick", 0, tmp_path, console())
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert [c.id for c in load(tmp_path).claims] == ["a-1"]


def test_figures_of_two_claims_may_not_overwrite_each_other(tmp_path):
    thief = Claim("b-2", "Thief", "s", "p", "holds", claim("a-1").check)
    with pytest.raises(ClaimError, match=r"got a-1\.png, a-1\.svg from a-1 and b-2"):
        run([claim("a-1"), thief], "quick", 0, tmp_path, console())


def test_results_of_an_earlier_run_do_not_survive_a_failure(tmp_path):
    run([claim("a-1")], "quick", 0, tmp_path, console())
    with pytest.raises(ClaimError):
        run([broken("b-2")], "quick", 1, tmp_path, console(), resume=True)
    assert load(tmp_path).claims == ()


@pytest.mark.parametrize("inside", [False, True])
def test_a_file_is_refused_as_the_folder_before_anything_runs(tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("mine")
    seen = []
    with pytest.raises(FolderError, match="choose another"):
        run([claim("a-1", seen=seen)], "quick", 0, file / "out" if inside else file, console())
    assert (seen, file.read_text()) == ([], "mine")


@pytest.mark.parametrize(
    ("claims", "profile", "seed", "error", "message"),
    [
        ([], "quick", 0, ValueError, "at least one claim"),
        ([claim("a-1")], "fast", 0, ValueError, "need profile to be one of"),
        ([claim("a-1")], "quick", -1, ValueError, "need seed >= 0"),
        ([claim("a-1")], "quick", 2**64, ValueError, "need seed < 2"),
        ([claim("a-1")], "quick", 0.5, TypeError, "need a whole number for seed"),
    ],
)
def test_bad_arguments_are_refused_before_a_folder_is_made(
    tmp_path, claims, profile, seed, error, message
):
    with pytest.raises(error, match=message):
        run(claims, profile, seed, tmp_path / "out", console())
    assert not (tmp_path / "out").exists()


def test_without_a_terminal_progress_is_plain_lines(tmp_path):
    shown = console()
    run([claim("a-1")], "quick", 0, tmp_path, shown)
    lines = shown.file.getvalue().splitlines()
    assert lines[:4] == [
        "a-1: started",
        "a-1:   0 %  simulating",
        "a-1:  50 %  fitting",
        "a-1: 100 %  drawing",
    ]
    assert lines[4].startswith("a-1: holds (")
    assert max(map(len, lines)) <= 100


def test_on_a_terminal_progress_is_a_bar_for_each_claim(tmp_path):
    shown = console(force_terminal=True)
    run([claim("a-1"), claim("b-2", high=0.0)], "quick", 0, tmp_path, shown)
    text = shown.file.getvalue()
    assert "100 %" in text
    assert "━━━" in text


def test_the_table_has_a_row_for_each_quantity(tmp_path):
    shown = console()
    run([claim("a-1", recorded="fails as printed")], "quick", 0, tmp_path, shown)
    text = " ".join(shown.file.getvalue().split())
    for part in ("slope_n | log-log", "−0.5", "[−0.6, −0.45]", "≤ −0.4", "inside", "recorded:"):
        assert part in text


def test_the_report_is_made_from_what_the_run_left(tmp_path):
    run([claim("a-1"), claim("b-2", high=0.0)], "quick", 3, tmp_path, console())
    first = (tmp_path / "report.html").read_text()
    (tmp_path / "report.html").unlink()
    assert report.write(tmp_path).read_text() == first


def test_a_result_says_on_which_day_it_was_found(tmp_path):
    before = datetime.now(UTC).date()
    found = run([claim("a-1")], "quick", 3, tmp_path, console())
    day = date.fromisoformat(found.claims[0].date)
    assert before <= day <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "FileNotFoundError"),
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"version": "1", "seed": 0, "profile": "quick"}', "KeyError: 'claims'"),
        ('{"version": "1", "seed": 0, "profile": "quick", "claims": [{}]}', "KeyError: 'id'"),
    ],
)
def test_unreadable_results_are_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(ResultsError, match=message):
        report.write(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_claims_are_found_by_name_each_once():
    known = {name: claim(name) for name in ("theorem-4.1", "theorem-4.2", "lemma-C.1")}
    assert find_claims([], known) == list(known.values())
    twice = find_claims(["lemma-C.1", "theorem-4.1", "lemma-C.1"], known)
    assert [c.id for c in twice] == ["lemma-C.1", "theorem-4.1"]
    with pytest.raises(ValueError, match=r"did you mean lemma-C\.1"):
        find_claims(["lemma-c1"], known)


def test_a_claim_and_settings_refuse_unknown_names():
    with pytest.raises(ValueError, match="recorded verdict of x"):
        Claim("x", "X", "s", "p", "true", lambda settings: settings)
    with pytest.raises(ValueError, match="did you mean quick"):
        Settings("quik", 0, print)


def test_a_run_of_some_claims_keeps_the_results_of_the_others(tmp_path):
    run([claim("a-1"), claim("b-2")], "quick", 5, tmp_path, console())
    found = run([claim("c-3", high=0.0)], "quick", 5, tmp_path, console(), resume=True)
    assert [(c.id, c.verdict) for c in found.claims] == [("c-3", "inconclusive")]
    kept = [(c.id, c.verdict) for c in load(tmp_path).claims]
    assert kept == [("a-1", "holds"), ("b-2", "holds"), ("c-3", "inconclusive")]


@pytest.mark.parametrize(("profile", "seed"), [("quick", 6), ("standard", 5)])
def test_a_run_of_another_kind_says_that_it_replaces_results(tmp_path, profile, seed):
    run([claim("a-1")], "quick", 5, tmp_path, console())
    said = console()
    run([claim("b-2")], profile, seed, tmp_path, said, resume=True)
    assert "Replacing the results of the quick profile, seed 5" in said.file.getvalue()
    assert [c.id for c in load(tmp_path).claims] == ["b-2"]
