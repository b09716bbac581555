"""A calibration counts what its records say, and continues where it was stopped."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from fake_claims import CONTROL, broken, claim, picklable, slope
from numpy.testing import assert_allclose
from rich.console import Console
from scipy import stats
from typer.testing import CliRunner

import theory_checks.calibration.run as calibration
from sde.study import module_files
from theory_checks.calibration import RecordsError, calibrate
from theory_checks.calibration.records import FILE_NAME, Item, Record, append, read
from theory_checks.calibration.summary import needed, summarize
from theory_checks.calibration.tables import markdown
from theory_checks.claim import Claim
from theory_checks.cli import app
from theory_checks.mutants import Mutant
from theory_checks.sources import PACKAGES, digest
from theory_checks.verdict import Evidence, Quantity

QUIET = Console(file=io.StringIO(), width=200)


class Lever:
    """What the fake mutant alters: the upper end of the interval of the fake claim."""

    high = -0.45


def levered(name="levered", seen=None):
    """Return a claim that holds unless the mutant is active."""

    def check(settings):
        if seen is not None:
            seen.append(settings.seed)
        return Evidence((slope(Lever.high),), (CONTROL,))

    return Claim(name, "Levered", "Gaps fall.", "E|gap| <= C", "holds", check)


PULLED = Mutant("pulled", "it is pulled", ("levered", "other"), ((Lever, "high", lambda _: 0.0),))
IDLE = Mutant("idle", "nothing is wrong", ("levered",), ((Lever, "high", lambda right: right),))


def test_verdicts_and_mutants_are_counted(tmp_path):
    found = calibrate(
        [levered(), claim("vague", high=0.0)], [PULLED, IDLE], range(5), tmp_path, QUIET
    )
    good, vague = found.claims
    assert (good.right, good.seeds, good.met) == (5, 5, True)
    assert (vague.right, vague.seeds, vague.met) == (0, 5, False)
    assert vague.others[0] == (0, "inconclusive", "slope_n | log-log")
    pulled, idle = found.mutants
    assert (pulled.caught, pulled.seeds, pulled.missed, pulled.met) == (5, 5, (), True)
    assert pulled.by_claim == (("levered", 5, 5),)
    assert (idle.caught, idle.missed, idle.met) == (0, (0, 1, 2, 3, 4), False)
    assert not found.met
    assert Lever.high == -0.45


def test_a_stopped_calibration_is_continued(tmp_path, monkeypatch):
    seen = []
    whole = levered(seen=seen)
    append_right = calibration.records.append

    def stop_after_three(path, record):
        if len(seen) == 4:
            raise KeyboardInterrupt
        append_right(path, record)

    monkeypatch.setattr(calibration.records, "append", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        calibrate([whole], [], range(6), tmp_path, QUIET)
    monkeypatch.setattr(calibration.records, "append", append_right)
    assert seen == [0, 1, 2, 3]
    found = calibrate([whole], [], range(6), tmp_path, QUIET)
    assert seen == [0, 1, 2, 3, 3, 4, 5]
    assert found.claims[0].seeds == 6
    again = calibrate([whole], [], range(4), tmp_path, QUIET)
    assert len(seen) == 7
    assert again.claims[0].seeds == 4


def test_records_of_other_sources_are_not_mixed_in(tmp_path, monkeypatch):
    seen = []
    calibrate([levered(seen=seen)], [], range(2), tmp_path, QUIET)
    monkeypatch.setattr(calibration, "digest", lambda *_modules: "edited")
    calibrate([levered(seen=seen)], [], range(2), tmp_path, QUIET)
    assert seen == [0, 1, 0, 1]
    assert len(list(read(tmp_path / FILE_NAME))) == 4


def test_a_check_that_raises_is_recorded_and_counts_against_the_claim(tmp_path):
    found = calibrate([broken("broken")], [], range(2), tmp_path, QUIET)
    assert found.claims[0].right == 0
    assert found.claims[0].others[1] == (
        1,
        "stopped",
        "ArithmeticError: the state is not finite at step 3",
    )


def test_a_torn_line_is_ended_and_its_item_run_again(tmp_path):
    path = tmp_path / FILE_NAME
    records = [
        Record("c", "", seed, "s", "holds", 1.0, (slope(-0.45),), (CONTROL,)) for seed in (1, 2)
    ]
    append(path, records[0])
    with path.open("a", encoding="utf-8") as file:
        file.write(records[1].to_line()[:40])
    append(path, records[1])
    assert list(read(path)) == records
    assert path.read_bytes().count(b"\n") == 3


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_text('{"seed": 1}\n')
    with pytest.raises(
        RecordsError, match=r"in line 1 of .* got KeyError: 'claim'; choose another"
    ):
        calibrate([levered()], [], range(2), tmp_path, QUIET)


def test_the_time_is_estimated_before_the_long_part(tmp_path):
    console = Console(file=io.StringIO(), width=120)
    calibrate([levered()], [PULLED], range(4), tmp_path, console)
    lines = console.file.getvalue().splitlines()
    table = next(k for k, line in enumerate(lines) if "Estimated time" in line)
    ran = [k for k, line in enumerate(lines) if "levered, seed" in line or "pulled, seed" in line]
    assert sum(k < table for k in ran) == 2
    assert len(ran) == 8
    assert any("levered" in line and " 6 " in line for line in lines[table:])
    console = Console(file=io.StringIO(), width=120)
    calibrate([levered()], [PULLED], range(5), tmp_path, console)
    lines = console.file.getvalue().splitlines()
    assert next(k for k, line in enumerate(lines) if "Estimated time" in line) < ran[0]


def intervals(half, estimates):
    """Return a record for each estimate, with intervals of the given half-width."""
    return [
        Record(
            "levered",
            "",
            seed,
            "s",
            "holds",
            1.0,
            (
                Quantity(
                    f"slope {x}", x, x - half, x + half, 0.0, "=", tolerance=1.0, role="printed"
                ),
            ),
        )
        for seed, x in enumerate(estimates)
    ]


def test_an_interval_is_held_against_the_mean_of_the_other_seeds():
    # the others of 0.4 have mean 0; of 0.0, mean 0.1, which [-0.09, 0.09] does not cover, though it
    # covers the mean of all, 0.08
    found = summarize(
        intervals(0.09, [0.4, 0, 0, 0, 0]), [levered()], [], (range(5), range(5)), "0"
    )
    (coverage,) = found.claims[0].coverages
    assert coverage.covered == 0
    found = summarize(
        intervals(0.11, [0.4, 0, 0, 0, 0]), [levered()], [], (range(5), range(5)), "0"
    )
    (coverage,) = found.claims[0].coverages
    assert (coverage.covered, coverage.seeds, coverage.met) == (4, 5, False)
    assert_allclose(coverage.value, 0.08)
    assert_allclose(coverage.margin, (1 - 0.51) / 0.11)
    assert_allclose(coverage.error_share, np.std([0.4, 0, 0, 0, 0], ddof=1) / 2 / 0.11)


# 4000 normal estimates, true 99 % intervals: the share that covers is within 4 standard errors
# (0.0016) of 0.99, false-failure rate 6e-5; intervals of 90 % are seen to miss the target.
def test_intervals_of_normal_estimates_cover_at_their_level():
    estimates = np.random.default_rng(1).standard_normal(4000)
    for level, met in ((0.99, True), (0.9, False)):
        half = stats.norm.ppf((1 + level) / 2)
        found = summarize(
            intervals(half, estimates), [levered()], [], (range(4000), range(4000)), "0"
        )
        (coverage,) = found.claims[0].coverages
        error = math.sqrt(level * (1 - level) / 4000)
        assert abs(coverage.covered / 4000 - level) < 4 * error
        assert coverage.met == met
        assert coverage.enough


def test_an_interval_across_the_edge_has_a_negative_margin():
    found = summarize(intervals(0.1, [0.0, 0.95]), [levered()], [], (range(2), range(2)), "0")
    assert_allclose(found.claims[0].coverages[0].margin, -0.5)
    beyond = summarize(intervals(0.1, [1.5, 1.4]), [levered()], [], (range(2), range(2)), "0")
    assert_allclose(beyond.claims[0].coverages[0].margin, 3.0)


def test_quantities_without_an_interval_are_left_out():
    number = Quantity("width", 3.0, 3.0, 3.0, None, "reported")
    records = [replace(r, quantities=(*r.quantities, number)) for r in intervals(0.1, [0, 0.1])]
    assert (
        len(summarize(records, [levered()], [], (range(2), range(2)), "0").claims[0].coverages) == 1
    )


def test_targets_are_for_hundred_seeds():
    assert [needed(0.99, n) for n in (1, 50, 99, 100, 200)] == [1, 50, 99, 99, 198]


def test_the_tables_say_what_was_missed(tmp_path):
    found = calibrate([levered(), claim("vague", high=0.0)], [IDLE], range(5), tmp_path, QUIET)
    text = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert text == markdown(found)
    assert "| idle | nothing is wrong | 0/5 | levered 0/5 | NO |" in text
    assert "Seeds of vague with another verdict:\n\n- 0: inconclusive (slope_n | log-log)" in text
    data = json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8"))
    assert data["met"] is False
    assert data["claims"][0]["coverages"][0]["covered"] == 5
    assert data["mutants"][0]["missed"] == [0, 1, 2, 3, 4]


def test_a_digest_follows_the_imports(tmp_path, monkeypatch):
    package = tmp_path / "tiny_sources"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "check.py").write_text("from . import law\nimport json\n")
    (package / "law.py").write_text("import theory_checks.verdict\n")
    (package / "other.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import tiny_sources.check
    import tiny_sources.other  # noqa: F401

    files = {file.name for file in module_files("tiny_sources.check", PACKAGES)}
    assert {"check.py", "law.py", "verdict.py"} <= files
    assert not {"other.py", "json.py"} & files
    before = digest("tiny_sources.check")
    (package / "other.py").write_text("x = 1\n")
    assert digest("tiny_sources.check") == before
    (package / "law.py").write_text("import theory_checks.verdict\nx = 1\n")
    assert digest("tiny_sources.check") != before


def test_the_sources_of_a_claim_are_its_own_and_the_simulators():
    import theory_checks.claims

    followed = module_files("theory_checks.claims.theorem_4_2", PACKAGES)
    files = {f"{f.parent.name}/{f.name}" for f in followed}
    assert {"claims/theorem_4_2.py", "statistics/slopes.py", "sde/kernels.py"} <= files
    assert not {"claims/theorem_4_1.py", "theory_checks/report.py"} & files
    assert theory_checks.claims.CLAIMS["theorem-4.2"].check.__module__.endswith("theorem_4_2")


def test_a_mutant_is_checked_with_the_claims_it_touches_in_turn(tmp_path):
    seen = []
    claims = [claim("blind", seen=seen), levered(), claim("other", seen=seen)]
    mutant = replace(PULLED, claims=("blind", "levered", "other"))
    found = calibrate(claims, [mutant], range(2), tmp_path, QUIET)
    # with the mutant "blind" misses, "levered" catches it, "other" is not asked
    assert found.mutants[0].by_claim == (("blind", 2, 0), ("levered", 2, 2))
    assert (found.mutants[0].caught, found.missing, len(seen)) == (2, 0, 6)


def test_a_mutant_that_no_claim_catches_is_no_check_to_do(tmp_path):
    found = calibrate([levered()], [IDLE], range(3), tmp_path, QUIET)
    assert (found.mutants[0].caught, found.missing) == (0, 0)


def test_coverage_may_have_more_seeds_than_mutants(tmp_path):
    found = calibrate([levered()], [PULLED], range(2), tmp_path, QUIET, coverage_seeds=range(5))
    assert (found.claims[0].seeds, found.mutants[0].seeds, found.missing) == (5, 2, 0)
    text = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "seeds 0 to 4 (0 to 1 with mutants)" in text
    assert "`theory-checks calibrate --seeds 2 --coverage-seeds 5`" in text
    with pytest.raises(ValueError, match="coverage_seeds that begin with"):
        calibrate([levered()], [], range(2), tmp_path, QUIET, coverage_seeds=range(1))


def test_rows_below_the_target_are_held_against_chance():
    found = summarize(intervals(0.11, [0.4, 0, 0, 0, 0]), [levered()], [], (range(5),) * 2, "0")
    assert found.covered == (4, 5)
    # 97 % of five seeds are five: an interval of level 0.99 is below when one seed or more is
    assert_allclose(found.expected_misses, 1 - 0.99**5)
    assert "4 of 5 intervals (80.0 %) cover. Of the 1 rows" in markdown(found)


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Return a function that runs the command in an empty folder, over a fake claim."""
    import theory_checks.claims as registry

    monkeypatch.setattr(registry, "find", lambda _names: [levered()])
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["calibrate", *arguments])


def test_the_command_says_whether_every_target_is_met(command, monkeypatch, tmp_path):
    result = command("--seeds", "3", "--mutants", "none")
    assert result.exit_code == 0, result.output
    assert "Every target is met." in result.stdout
    assert (tmp_path / "calibration" / "calibration.md").exists()
    monkeypatch.setattr(Lever, "high", 0.0)
    result = command("--seeds", "3", "--out", "again")
    assert result.exit_code == 1
    assert "Tables: again/calibration.md" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--seeds'"),
        (("--seeds", "0"), "Invalid value for '--seeds'"),
        (("--seeds", "2", "--mutants", "sgima"), "did you mean sigma?"),
        (("--seeds", "2", "--first-seed", str(2**64 - 1)), "need 0 <= seed < 2**64"),
        (("--seeds", "2", "--coverage-seeds", "1"), "need as many as --seeds 2 or more, got 1"),
        (("--seeds", "2", "--out", "file"), "need a folder that can be written to"),
    ],
)
def test_usage_errors_give_status_2(command, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    result = command(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_workers_find_the_same(tmp_path):
    levers = [picklable("a"), picklable("b")]
    alone = calibrate(levers, [], range(3), tmp_path / "alone", QUIET)
    found = calibrate(levers, [], range(3), tmp_path / "side by side", QUIET, workers=2)
    assert [(c.id, c.right, c.coverages) for c in found.claims] == [
        (c.id, c.right, c.coverages) for c in alone.claims
    ]
    assert {record.seconds for record in read(tmp_path / "side by side" / FILE_NAME)}


def test_every_claim_gets_a_round_of_seeds_before_any_gets_more():
    other = replace(PULLED, claims=("third", "levered"))
    plan = calibration._Plan((levered(), levered("third")), (other,), range(20), range(30))
    times = {
        Item(claim, "", 0): Record(claim, "", 0, "s", "holds", seconds)
        for claim, seconds in (("levered", 9.0), ("third", 1.0))
    }
    order = plan.missing(times)
    ten = range(10)
    assert order[:28] == [
        *(Item("third", "", seed) for seed in ten[1:]),
        *(Item("levered", "", seed) for seed in ten[1:]),
        *(Item("third", "pulled", seed) for seed in ten),
    ]
    assert [item.mutant for item in order[-20:]] == [""] * 20
    assert len(order) == 18 + 10 + 30 + 20


def test_no_check_is_begun_when_the_time_is_up(tmp_path, monkeypatch):
    found = calibrate([levered()], [PULLED], range(3), tmp_path, QUIET, minutes=0)
    assert (found.claims, found.missing, found.met) == ((), 6, False)
    clock = iter(range(100))
    monkeypatch.setattr(calibration, "monotonic", lambda: 60.0 * next(clock))
    found = calibrate([levered()], [PULLED], range(3), tmp_path, QUIET, minutes=3)
    assert (found.claims[0].seeds, found.missing) == (2, 4)
    assert "4 checks are missing" in (tmp_path / "calibration.md").read_text(encoding="utf-8")
    monkeypatch.undo()
    whole = calibrate([levered()], [PULLED], range(3), tmp_path, QUIET)
    assert (whole.missing, whole.met) == (0, True)
    assert calibrate([levered()], [PULLED], range(3), tmp_path, QUIET, minutes=0) == whole


def test_the_command_says_what_is_missing(command):
    result = command("--seeds", "3", "--mutants", "none", "--minutes", "0")
    assert result.exit_code == 1
    assert "3 checks are missing: the same command continues." in result.stderr
