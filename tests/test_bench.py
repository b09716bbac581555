"""The benchmark: what it refuses, what it computes of the times, and its command."""

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import sde
from sde.cli import app, load_suite
from sde.features import FEATURES
from sde.lanes import WIDTH, for_lanes
from sde.native import compiled
from sde.network_blocks import make_evaluations

load_suite()

from sde.benchmarks import (  # noqa: E402  # loaded above
    cases,
    checks,
    compete,
    costs,
    growth,
    instructions,
    measure,
    peers_ours,
    rates,
    report,
    roofline,
)
from sde.benchmarks.contestants import OURS, Contestant  # noqa: E402
from sde.benchmarks.measurement import Measurement, Study  # noqa: E402
from sde.benchmarks.training_work import TrainingWork  # noqa: E402
from sde.benchmarks.work import DrawWork, NetworkWork, PullWork, Run  # noqa: E402

ROOT = Path(__file__).parents[1]
QUICK = measure.Settings(seconds=0.0, threads=1, pause=lambda _: None)
WORK = NetworkWork.random(p=2, m=3, n=512, steps=2, threads=1)


def tiny(**targets):
    by_name = {contestant.name: contestant for contestant in cases.NETWORK}
    contestants = (by_name[OURS], by_name["NumPy"])
    return cases.Case("tiny", "a tiny network", lambda _: WORK, contestants, targets)


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Return a function that runs `sde bench` in an empty folder, over two tiny entries."""
    study = Study("two", "a number", lambda _: [Measurement("n", 2.0, 2, 2, "s", "at most", (1,))])
    registry = {"tiny": tiny(NumPy=1e-6), "tiny-hard": tiny(NumPy=1e9), "two": study}
    registry = {name: replace(entry, name=name) for name, entry in registry.items()}
    monkeypatch.setattr(cases, "CASES", registry)
    monkeypatch.chdir(tmp_path)
    options = ("--threads", "1", "--seconds", "0")
    return lambda *arguments: CliRunner().invoke(app, ["bench", *options, *arguments])


def words(text):
    """Return a text without the frames and line breaks of an error box."""
    return " ".join(text.replace("│", " ").split())


# ---- the command


def test_threads_of_the_benchmark_wait_as_a_program_has_them(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that what is set here is undone
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert CliRunner().invoke(app, ["bench", "--list"]).exit_code == 0
    assert "OMP_WAIT_POLICY" not in os.environ
    assert CliRunner().invoke(app, ["datasets", "list"]).exit_code == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_list_shows_every_case_and_its_targets():
    result = CliRunner().invoke(app, ["bench", "--list"])
    assert result.exit_code == 0, result.output
    for name, entry in cases.CASES.items():
        assert f"{name} " in result.stdout
        for target in getattr(entry, "targets", {}).values():
            assert f"≥ {target:g}" in result.stdout


def test_a_case_from_end_to_end(invoke, tmp_path):
    result = invoke("tiny", "--json", "found.json")
    assert result.exit_code == 0, result.output
    assert "Every target is met." in result.stdout
    data = json.loads((tmp_path / "found.json").read_text())
    assert data["schema"] == report.SCHEMA
    assert data["settings"] == {"rounds": 7, "seconds": 0.0, "threads": 1}
    assert {"processor", "flags", "memory_gib", "packages", "blas", "date"} <= set(data["machine"])
    (case,) = data["cases"]
    assert (case["name"], case["unit"], case["units_a_call"]) == ("tiny", "particle-step", 1024)
    ours, numpy = case["contestants"]
    assert (ours["name"], numpy["name"]) == (OURS, "NumPy")
    assert len(numpy["variants_warm_nanoseconds"]) == 4
    (comparison,) = case["comparisons"]
    expected = np.divide(numpy["seconds_a_call"], ours["seconds_a_call"])
    assert comparison["rounds"] == expected.tolist()
    assert comparison["ratio"]["median"] == np.median(expected)
    assert comparison["met"] is case["met"] is True


def test_a_target_that_is_not_met_gives_status_1(invoke):
    for name in ("tiny-hard", "two"):
        result = invoke(name)
        assert result.exit_code == 1
        assert "not met" in result.stdout


def test_patterns_choose_cases(invoke):
    assert words(invoke("tiny*", "--list").stdout).count("a tiny network") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tinny",), "did you mean tiny?"),
        (("tiny", "--rounds", "6"), "'--rounds'"),
        (("tiny", "--threads", "100000"), "need --threads at most"),
        (("tiny", "--json", "nowhere/found.json"), "need a file that can be written to"),
    ],
)
def test_usage_errors_give_status_2(invoke, arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in words(result.stderr)


def test_another_blas_kernel_is_refused(invoke, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    result = invoke("tiny")
    assert result.exit_code == 2
    assert "need OPENBLAS_CORETYPE unset" in words(result.stderr)


def test_the_process_keeps_its_cores(invoke):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no affinity on this system")
    before = os.sched_getaffinity(0)
    invoke("two")
    assert os.sched_getaffinity(0) == before


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "sde", "bench", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


def test_an_installation_holds_the_suite():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"tests/benchmarks": "sde/benchmarks"}
    assert project["project"]["scripts"]["sde"] == "sde.cli:app"
    extra = project["project"]["optional-dependencies"]["bench"]
    assert "torch==2.13.0" in extra


# ---- what is refused


def altered(prepare, change):
    """Return contestants whose result is changed."""

    def wrong(work):
        run = prepare(work)
        return Run(run.call, lambda value: change(run.read(value)))

    return wrong


@pytest.fixture
def ours():
    return cases.NETWORK[0].variants()["simulate"]


def test_a_wrong_drift_is_refused(ours):
    wrong = altered(ours, lambda theta: theta + 1e-9 * np.eye(*theta.shape))
    with pytest.raises(checks.Disagreement, match="need the drift to 1e-10 of its largest entry"):
        WORK.check(wrong)
    WORK.check(ours)


def test_a_wrong_drift_does_not_take_part(ours):
    wrong = Contestant("wrong", (), lambda: {"v": altered(ours, lambda theta: theta + 1)})
    case = replace(tiny(wrong=1.0), contestants=(cases.NETWORK[0], wrong))
    result = compete.compete(case, QUICK, lambda _: None)
    assert [entrant.name for entrant in result.entrants] == [OURS]
    assert "need the drift" in result.absent["wrong"]
    assert not result.met


@pytest.mark.parametrize("kind", ["I", "II", "III"])
def test_draws_of_another_law_are_refused(kind):
    # the right law fails with probability 12 * 6e-7, were the seed changed
    work = DrawWork(1.5, kind, 2**15, 3)
    prepare = cases.SCIPY.variants()["levy_stable.rvs"]
    work.check(prepare)
    with pytest.raises(checks.Disagreement, match="need draws of the law"):
        work.check(altered(prepare, lambda draws: 1.1 * draws))
    other = {"I": "II", "II": "III", "III": "I"}[kind]
    with pytest.raises(checks.Disagreement, match="need draws of the law"):
        work.check(lambda work: prepare(replace(work, kind=other)))


def test_numbers_that_are_none_are_refused():
    draws = sde.StableNoise(1.5, "II").sample(1000, 2)
    draws[7] = np.nan
    with pytest.raises(checks.Disagreement, match="got nan"):
        checks.check_law(draws, sde.StableNoise(1.5, "II"))


def test_what_is_not_installed_is_said():
    absent = Contestant("ghost", ("no_such_package",), dict)
    case = replace(tiny(ghost=2.0), contestants=(cases.NETWORK[0], absent))
    result = compete.compete(case, QUICK, lambda _: None)
    assert "no_such_package not installed" in result.absent["ghost"]
    assert not result.met


NETWORK_VARIANTS = [
    ("JAX", "jax", "threefry2x32, rows"),
    ("JAX", "jax", "threefry2x32, columns"),
    ("JAX", "jax", "rbg, columns"),
    ("PyTorch", "torch", "eager, rows"),
    ("PyTorch", "torch", "eager, columns"),
    ("NumPy", "numpy", "whole arrays, tanh"),
    ("NumPy", "numpy", "pieces on threads, exp"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "package", "variant"), NETWORK_VARIANTS)
@pytest.mark.filterwarnings("default")  # of the peers' own code
def test_peers_compute_the_network(name, package, variant, dtype):
    pytest.importorskip(package)
    (peer,) = (contestant for contestant in cases.NETWORK if contestant.name == name)
    work = NetworkWork.random(p=2, m=3, n=2048, steps=3, threads=2, dtype=dtype)
    run = peer.variants()[variant]
    work.check(run)
    found = run(work).result()
    assert found.shape == (2048, 2)
    assert found.dtype == dtype
    assert np.isfinite(found).all()


def small_training(kind, m=60):
    return TrainingWork.random(
        m=m, d=5, n=8192, classes=3, kind=kind, rate=0.01, steps=3, threads=2
    )


@pytest.mark.parametrize("kind", ["I", "II", "III"])
@pytest.mark.parametrize(
    ("contestant", "package"), [(cases.TRAINING[0], "numpy"), (cases.TRAINING[1], "torch")]
)
def test_contestants_take_the_step_of_training(contestant, package, kind):
    # a right one fails with probability 12 * 6e-7, were the seed changed
    pytest.importorskip(package)
    work = small_training(kind)
    (prepare,) = contestant.variants().values()
    work.check(prepare)
    assert prepare(work).result().shape == (8192, 5)


def test_a_training_with_another_gradient_or_noise_is_refused():
    work = small_training("III")
    (prepare,) = cases.TRAINING[0].variants().values()
    with pytest.raises(checks.Disagreement, match="need the drift"):
        work.check(lambda work: prepare(replace(work, x=1.001 * work.x)))
    with pytest.raises(checks.Disagreement, match="need draws of the law"):
        work.check(lambda work: prepare(replace(work, sigma=work.sigma / np.sqrt(2))))


def test_a_gradient_is_not_asked_for_at_the_kink():
    work = small_training("I")
    work.hidden[0] = 0  # float32 may see its arguments on either side
    (prepare,) = cases.TRAINING[0].variants().values()
    right = prepare(work.one_step(0.0)).result()
    _, known = work.reference()
    assert not known[0]
    assert known[1:].mean() > 0.99

    def run(work):  # right where it is asked for
        moved = right.copy()
        moved[0] += 1
        return Run(lambda: moved if work.sigma == 0 else prepare(work).result())

    work.check(run)


def test_numpy_computes_the_pull():
    work = PullWork.random(p=2, n=10_000, steps=3, threads=2)
    _, numpy = cases.CASES["mean-field-ou"].contestants
    for prepare in numpy.variants().values():
        work.check(prepare)


# ---- what is computed of the times


class FakeTime:
    """A clock that calls move, each by its own seconds, and slower in some turns."""

    def __init__(self):
        self.now, self.turns = 0.0, []

    def call(self, name, seconds):
        def run():
            self.turns.append(name)
            self.now += next(seconds)

        return run


def test_contestants_take_turns_and_ratios_cancel_a_slow_round():
    time = FakeTime()
    warm = [1.0, 1.0, 1.0]  # calls that say how long one takes
    slow = [1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0]
    cold = [5.0 * s for s in slow]  # calls that are not timed, one before each that is
    turns = [each for pair in zip(cold, slow, strict=True) for each in pair]
    calls = {
        "a": time.call("a", iter(warm + turns)),
        "b": time.call("b", iter([3 * s for s in warm[:2] + turns])),
    }
    settings = measure.Settings(seconds=0.5, clock=lambda: time.now, pause=lambda _: None)
    timings = measure.alternate(calls, settings)
    assert time.turns == [*["a"] * 3, *["b"] * 2, *["a", "a", "b", "b"] * 7]
    assert timings["a"].rounds == tuple(slow)
    assert measure.ratios(timings["b"], timings["a"]) == [3.0] * 7


def test_a_round_lasts_as_long_as_asked():
    time = FakeTime()
    call = time.call("a", itertools.repeat(0.03))
    settings = measure.Settings(seconds=0.2, clock=lambda: time.now, pause=lambda _: None)
    timing = measure.alternate({"a": call}, settings)["a"]
    assert timing.calls == 7
    assert timing.rounds == pytest.approx([0.03] * 7)


def test_the_median_ratio_decides():
    comparison = compete.Comparison("peer", (1.0, 2.0, 3.0, 4.0, 99.0), 3.0)
    assert comparison.met
    assert not replace(comparison, target=3.1).met
    assert replace(comparison, target=None).met is None


def test_instructions_that_want_aligned_places_are_replayed():
    # the loops of draws keep vectors on their stack, which starts a cache line
    (words, *_) = roofline.vector_stages("III", 8)
    if not words.block.instructions:
        pytest.skip("no AVX on this processor")
    assert any(re.match("vmov(dq)?a", line) for line in words.block.instructions)
    roofline.replay(words.block)(roofline._aligned_ones(1)[0], 3)


def test_the_replay_of_a_loop_takes_no_longer_than_the_loop():
    (features, *_) = roofline.network_stages(4, 32, "float32")
    if not features.block.instructions:
        pytest.skip("no AVX on this processor")
    counts = features.block.counts
    vectors = counts["vdivps"]
    if 2 * features.lanes in (8 * vectors, 16 * vectors):  # float32 in a vector of AVX2 or AVX-512
        # four products of the argument, two for log2(e), and six of tanh and its slope at least
        assert sum(n for name, n in counts.items() if re.match(r"vf(n?m)", name)) >= 8 * vectors
    replays = roofline.Replays.of([features], 1)
    found = replays.bound(measure.alternate(replays.calls, QUICK))
    pairs = 32 / 2
    assert found.instructions == pytest.approx(
        pairs * len(features.block.instructions) / features.lanes
    )
    run, row = roofline.replay(features.block), roofline._aligned_ones(1)[0]
    pair = roofline.pair_at_zero(make_evaluations(FEATURES["tanh"], 4, single=True))

    @compiled()
    def loop(given, times):
        for _ in range(times):
            for_lanes(pair, given)

    single = np.ones((8, WIDTH), dtype=np.float32)
    given, passes = (single[0, :4], single[1, :4], single[:4], *single[4:]), 20_000
    loop(given, 1)
    calls = {
        "replay": lambda: run(row, passes),
        "loop": lambda: loop(given, int(passes * features.lanes / WIDTH)),
    }
    timings = measure.alternate(calls, QUICK)
    assert min(timings["replay"].rounds) < 1.1 * min(timings["loop"].rounds)


def test_a_step_in_the_cache_is_as_many_steps_of_fewer_particles():
    work = NetworkWork.random(p=4, m=32, n=65_536, steps=1, threads=2)
    (prepare,) = peers_ours.in_cache().values()
    states = prepare(work).call()
    assert states.shape == (2, 896, 4)  # 252 KB of slopes and state each
    steps = 65_536 // (2 * 896)
    net, noise = sde.MeanFieldNetwork(work.x, work.y), sde.StableNoise(1.5, "II")
    end = sde.simulate(net, noise, n=896, t1=steps / 32, dt=1 / 32, initial=work.theta[:896])
    np.testing.assert_array_equal(states[0], end.theta)


def test_a_bound_sums_the_loops_round_by_round():
    stages = [roofline.Stage(name, count, instructions.Block(("vmulpd",) * 6), 2)
              for name, count in (("a", 1.0), ("b", 10.0))]  # fmt: skip
    timings = {"a": measure.Timing(1, (1.0, 2.0, 1.0)), "b": measure.Timing(1, (0.1, 0.1, 0.3))}
    one, two = (roofline.Replays(stages, threads, dict.fromkeys(timings)) for threads in (1, 2))
    unit = 1e9 / roofline.PASSES / 2  # a second of "a" in nanoseconds a unit
    assert one.bound(timings).rounds == pytest.approx([2 * unit, 3 * unit, 4 * unit])
    assert one.bound(timings).stages == pytest.approx({"a": unit, "b": unit})
    assert two.bound(timings).rounds == pytest.approx([unit, 1.5 * unit, 2 * unit])
    assert one.bound(timings).instructions == two.bound(timings).instructions == 33


def test_threads_replay_on_cache_lines_of_their_own():
    rows = roofline._aligned_ones(3)
    starts = [row.ctypes.data for row in rows]
    assert [start % 64 for start in starts] == [0, 0, 0]
    assert rows[0].nbytes + 64 <= starts[1] - starts[0] == starts[2] - starts[1]


@pytest.mark.parametrize(
    ("line", "replayed"),
    [
        ("vaddpd 8(%rsi,%rax,8), %ymm9, %ymm3", "vaddpd 0($0), %ymm0, %ymm4"),
        ("vmovaps %ymm7, -64(%rsp)", "vmovaps %ymm0, 2048($0)"),
        ("vpsllq $52, %zmm16, %zmm6", "vpsllq $$52, %zmm0, %zmm12"),
        ("vmovq %rax, %xmm1", "vmovq %r8, %xmm12"),
        ("vmovd %r10d, %xmm1", "vmovd %r8d, %xmm12"),
        ("vcmpnltps %zmm4, %zmm25, %k6", "vcmpnltps %zmm0, %zmm1, %k4"),
        ("vcmpnltps %zmm4, %zmm25, %k6 {%k6}", "vcmpnltps %zmm0, %zmm1, %k4 {%k1}"),
        ("vmaxps 8(%rax){1to16}, %zmm1, %zmm18 {%k6} {z}",
         "vmaxps 0($0){1to16}, %zmm0, %zmm4 {%k1} {z}"),
        ("vmovups %zmm3, (%rdi) {%k1}", "vmovups %zmm0, 2048($0) {%k1}"),
    ],
)  # fmt: skip
def test_a_replayed_instruction_waits_for_no_other(line, replayed):
    assert list(instructions._independent([line])) == [replayed]


@pytest.mark.parametrize(
    "line", ["vgatherdps (%rax,%zmm1,4), %zmm2 {%k1}", "vaddpd .LCPI0_0, %ymm0, %ymm1"]
)
def test_an_instruction_that_cannot_be_replayed_is_an_error_not_the_end(line):
    with pytest.raises(RuntimeError, match=re.escape(line)):
        instructions.replay(instructions.Block((line,)))


def test_only_the_largest_block_counts():
    text = """
    f:
        vbroadcastss (%rdi), %ymm0
    .LBB0_1:
        vmovups 32(%rax,%rbp,4), %ymm1
        vfmadd213ps (%rdx), %ymm0, %ymm1  # a comment
        vmovups %ymm1, 64(%rsp)
        vmovups %ymm1, (%rax,%rbp,4)
        addq $32, %rbp
        jne .LBB0_1
        vzeroupper
    """
    block = instructions.hot_block(text)
    assert block.counts == {"vmovups": 3, "vfmadd213ps": 1}
    assert (block.stored, block.loaded) == (32, 64)  # not what is spilled


def test_a_target_beyond_the_bound_is_said_to_be(invoke, monkeypatch):
    limit = roofline.Bound((1e4,) * QUICK.rounds, 10.0, {"all": 1e4})  # 10 µs a particle-step
    monkeypatch.setattr(roofline.Replays, "bound", lambda *_: limit)
    hard = replace(cases.CASES["tiny-hard"], stages=list)
    monkeypatch.setattr(cases, "CASES", {"tiny-hard": hard})
    shown = invoke("tiny-hard").stdout
    assert "beyond" in shown
    assert "not met" in shown


def test_the_first_replay_after_the_contestants_does_not_count():
    replays = {"features": list, "sums": dict}
    (unused, *rest) = compete._settled(replays).items()
    assert unused[0] not in replays
    assert unused[1] is list
    assert dict(rest) == replays
    assert not compete._settled({})


def test_each_case_is_shown_when_it_is_finished(invoke):
    shown = invoke("tiny*", "two").stdout
    assert shown.index("peer / ours") < shown.index("tiny-hard: ")
    assert shown.index("not met") < shown.index("two: ")


def test_memory_is_counted_in_states(monkeypatch):
    monkeypatch.setattr(costs, "probe", lambda *_: {"growth": 260, "state": 200})
    (row,) = costs.memory_cost(QUICK)
    assert (row.value, row.met) == (1.3, True)


def test_a_spell_that_begins_within_a_round_is_not_taken_for_growth():
    # linear times; the machine is half as fast for a round, and for the second half of another
    seconds = np.array([[1.0, 2.0], [2.0, 4.0], [1.0, 4.0]])
    found, low, high = growth.exponent([1, 2], seconds)
    assert (found, low, high) == (1.0, 1.0, 2.0)


def test_a_failed_study_is_not_met():
    assert not report.StudyResult("s", "t", (), "stopped").met


def test_the_machine_does_as_many_multiply_adds_as_are_counted():
    call, operations = rates.peak_call(1)
    x, out = np.full((1, rates.LANES), 0.25), np.zeros((1, rates.LANES))
    rates._multiply_adds(x, 1, out)
    chains = 0.1 * np.arange(1, rates.CHAINS + 1)
    for _ in range(rates.DEPTH):
        chains = 0.25 * chains + 0.5
    assert out == pytest.approx(chains.sum(), rel=1e-14)
    assert operations == 2 * rates.CHAINS * rates.DEPTH * rates.PASSES * rates.LANES
    call()
