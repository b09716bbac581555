"""Runs that are stopped, killed and shared among processes find what an undisturbed run finds."""

import io
import json
import os
import pickle
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_claims import broken, claim
from rich.console import Console
from simulated_claims import CLAIMS, LEDGER, PAUSE
from test_store import mounted
from typer.testing import CliRunner

import theory_checks.items
from sde.study import DiskError, Processes, Store, StoreError, WorkerError, cores
from sde.study.items import Call
from theory_checks.claims import CLAIMS as PAPER
from theory_checks.cli import app
from theory_checks.results import load
from theory_checks.runner import run

TESTS = Path(__file__).parent
KILLS = 50


def quiet():
    return Console(file=io.StringIO(), width=200)


def timeless(folder):
    """Return the text of results.json without the two entries that tell of time."""
    text = (folder / "results.json").read_text(encoding="utf-8")
    return re.sub(r'("seconds": )[\d.]+|("date": )"[\d-]+"', r"\1\2", text)


def ledger_lines(path):
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def finished_parts(folder):
    """Return the parts that are in the store, as the ledger names them."""
    with Store(folder, resume=True) as store:
        names = [
            (claim.id.removeprefix("simulated-"), k)
            for claim in CLAIMS
            for k in range(40)
            if store.keys_of(f"{claim.id}: part {k}")
        ]
    return {f"{widths} {k}" for widths, k in names}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(CLAIMS, "quick", 0, folder, quiet())
    return folder


@pytest.fixture
def environment(tmp_path):
    """Return the environment of processes that find the simulated claims, and their ledger."""
    info = tmp_path / "site" / "simulated-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: simulated\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[theory_checks.claims]\nm = simulated_claims:CLAIMS\n")
    found = [str(TESTS.parent), str(TESTS), str(info.parent)]
    ledger = str(tmp_path / "ledger")
    return os.environ | {"PYTHONPATH": os.pathsep.join(found), LEDGER: ledger, PAUSE: "0.002"}


def test_fifty_kills_change_nothing(tmp_path, environment, undisturbed):
    rng, kills, studies = random.Random(3), 0, 0
    ledger = tmp_path / "ledger"
    single = {"NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue"}
    forks = subprocess.Popen(
        [sys.executable, str(TESTS / "forked_runs.py")],
        env=environment | single,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with forks:
        assert forks.stdout.readline() == "ready\n"
        while kills < KILLS:
            folder, answer = tmp_path / f"study {studies}", "killed"
            before = set()
            while answer == "killed":
                seen = len(ledger_lines(ledger))
                # near the end no more parts come, and the run is left to finish
                forks.stdin.write(f"{folder}\t{rng.randrange(10)}\t{rng.uniform(0, 0.02)}\n")
                forks.stdin.flush()
                answer = forks.stdout.readline().strip()
                assert not before & set(ledger_lines(ledger)[seen:])  # nothing computed twice
                before = finished_parts(folder) if folder.exists() else set()
                kills += answer == "killed"
            assert answer == "done"
            assert timeless(folder) == timeless(undisturbed)
            studies += 1
        forks.stdin.close()
    assert kills >= 4 * studies  # they did interrupt the work


def start(environment, out, *options):
    """Start the command line on the simulated claims."""
    names = [claim.id for claim in CLAIMS]
    command = [sys.executable, "-m", "theory_checks", "run", *names, "--out", str(out), *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(condition, seconds=240):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def children(pid):
    """Return the processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def interruptible():
    """Programs can be interrupted: those that a shell's background starts ignore it otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_killed_interrupted_and_resumed_by_hand(tmp_path, environment, undisturbed):
    out, ledger = tmp_path / "out", tmp_path / "ledger"
    environment |= {PAUSE: "0.1"}
    workers = str(min(2, cores()))

    first = start(environment, out, "--workers", workers)
    wait_for(lambda: len(ledger_lines(ledger)) >= 5)
    started = children(first.pid)
    with pytest.raises(StoreError, match=f"process {first.pid} is working in"):
        run(CLAIMS, "quick", 0, out, quiet(), resume=True)
    first.kill()
    first.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in started))
    done = len(finished_parts(out))
    assert done >= 3

    refused = start(environment, out)
    assert "need --resume to go on in a folder with finished work" in words(refused)
    assert refused.returncode == 2

    seen = len(ledger_lines(ledger))
    second = start(environment, out, "--workers", workers, "--resume")
    wait_for(lambda: len(ledger_lines(ledger)) >= seen + 5)
    second.send_signal(signal.SIGINT)
    said = second.communicate()[0]
    assert second.returncode == 130, said
    assert f"Going on: {done} of 82 items are finished." in said
    assert "Traceback" not in said
    command = shlex.split(said.splitlines()[-1])
    assert command[-1] == "--resume"

    third = start(environment | {PAUSE: "0"}, out, "--resume")
    assert "Every verdict is the one on record." in words(third)
    assert third.returncode == 0
    assert timeless(out) == timeless(undisturbed)


def test_a_real_run_killed_ten_times_ends_with_the_same_file(tmp_path, extended):
    if not extended:
        pytest.skip("runs two claims in the standard profile: pass --extended")
    command = [sys.executable, "-m", "theory_checks", "run", "lemma-D.1", "theorem-4.3"]
    command += ["--profile", "standard", "--seed", "3", "--resume"]
    options = {"env": os.environ | {"PYTHONPATH": str(TESTS.parent)}, "stdout": subprocess.DEVNULL}
    once, often = tmp_path / "once", tmp_path / "often"
    started = time.monotonic()
    subprocess.run([*command, "--out", str(once)], check=True, **options)
    duration, rng, kills = time.monotonic() - started, random.Random(5), 0
    while kills < 10:
        process = subprocess.Popen([*command, "--out", str(often)], **options)
        try:
            process.wait(rng.uniform(0, duration / 3))
            (often / "study.sqlite").unlink()  # finished too soon: once more from the start
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    subprocess.run([*command, "--out", str(often)], check=True, **options)
    assert timeless(often) == timeless(once)


def words(process):
    """Return what a process says, without frames and line breaks."""
    return " ".join(process.communicate()[0].replace("│", " ").split())


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(tmp_path, undisturbed):
    folder = tmp_path / "small"
    with mounted(folder, "size=200k"):
        with pytest.raises(DiskError, match="make room, and go on with --resume"):
            run(CLAIMS, "quick", 0, folder, quiet())
        assert finished_parts(folder)
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
        run(CLAIMS, "quick", 0, folder, quiet(), resume=True)
        assert timeless(folder) == timeless(undisturbed)


def test_local_processes_find_the_same(tmp_path, undisturbed):
    run(CLAIMS, "quick", 0, tmp_path, quiet(), workers=min(2, cores()))
    assert timeless(tmp_path) == timeless(undisturbed)


def test_resuming_a_finished_run_computes_nothing_and_leaves_the_same_bytes(tmp_path):
    seen = []
    run([claim("a-1", seen=seen), claim("b-2", seen=seen, panels=0)], "quick", 5, tmp_path, quiet())
    before = (tmp_path / "results.json").read_bytes()
    (tmp_path / "results.json").unlink()
    (tmp_path / "a-1.svg").unlink()
    said = quiet()
    run(
        [claim("a-1", seen=seen), claim("b-2", seen=seen, panels=0)],
        "quick",
        5,
        tmp_path,
        said,
        resume=True,
    )
    assert len(seen) == 2
    assert (tmp_path / "results.json").read_bytes() == before
    assert (tmp_path / "a-1.svg").exists()
    assert "Going on: 2 of 2 items are finished." in said.file.getvalue()


def test_a_check_that_raised_is_run_again_and_the_others_are_not(tmp_path):
    seen = []
    with pytest.raises(RuntimeError, match="broken-2 stopped"):
        run([claim("a-1", seen=seen, panels=0), broken("broken-2")], "quick", 5, tmp_path, quiet())
    mended = [claim("a-1", seen=seen, panels=0), claim("broken-2", seen=seen, panels=0)]
    found = run(mended, "quick", 5, tmp_path, quiet(), resume=True)
    assert [each.id for each in found.claims] == ["a-1", "broken-2"]
    assert [name for name, _, _ in seen] == ["a-1", "broken-2"]


@pytest.mark.parametrize(
    ("profile", "seed", "why"),
    [("quick", 6, "seed 6 instead of 5"), ("deep", 5, "profile deep instead of quick")],
)
def test_items_of_other_parameters_are_kept_but_not_used(tmp_path, profile, seed, why):
    seen, said = [], quiet()
    run([claim("a-1", seen=seen, panels=0)], profile, seed, tmp_path, quiet())
    run([claim("a-1", seen=seen, panels=0)], "quick", 5, tmp_path, said, resume=True)
    assert seen == [("a-1", profile, seed), ("a-1", "quick", 5)]
    assert f"1 finished item is kept but not used: {why}." in said.file.getvalue()
    run([claim("a-1", seen=seen, panels=0)], profile, seed, tmp_path, quiet(), resume=True)
    assert len(seen) == 2
    assert (load(tmp_path).profile, load(tmp_path).seed) == (profile, seed)


def test_items_of_other_sources_are_not_mixed_in(tmp_path, monkeypatch):
    seen, said = [], quiet()
    run(
        [claim("a-1", seen=seen, panels=0), claim("b-2", seen=seen, panels=0)],
        "quick",
        5,
        tmp_path,
        quiet(),
    )
    monkeypatch.setattr(theory_checks.items, "_code", lambda *_: "edited")
    run([claim("a-1", seen=seen, panels=0)], "quick", 5, tmp_path, said, resume=True)
    assert [name for name, _, _ in seen] == ["a-1", "b-2", "a-1"]
    assert "kept but not used: other sources." in said.file.getvalue()
    assert "Leaving out the results of b-2: the sources are others now." in said.file.getvalue()
    assert [each.id for each in load(tmp_path).claims] == ["a-1"]


def test_items_of_another_numpy_are_not_mixed_in(tmp_path, monkeypatch):
    seen, said = [], quiet()
    run([claim("a-1", seen=seen, panels=0)], "quick", 5, tmp_path, quiet())
    monkeypatch.setattr(theory_checks.items, "_libraries", lambda: {"numpy": "99"})
    run([claim("a-1", seen=seen, panels=0)], "quick", 5, tmp_path, said, resume=True)
    assert len(seen) == 2
    assert "instead of 99" in said.file.getvalue()


def test_a_worker_with_other_code_refuses():
    for change in ({"code": "other"}, {"libraries": {"numpy": "99"}}):
        task = replace(theory_checks.items.Task.of(claim("a-1"), "quick", 0), **change)
        with pytest.raises(RuntimeError, match="need the code of the run on every worker"):
            theory_checks.items.conclude(task)


@pytest.mark.parametrize("known", [*PAPER.values(), CLAIMS[0]], ids=lambda known: known.id)
def test_a_worker_is_told_little_and_by_name(known):
    for item in theory_checks.items.claim_items(theory_checks.items.Task.of(known, "deep", 0)):
        assert len(pickle.dumps((item.function, item.arguments))) < 700


def threads(_name):
    """Return how many threads a process may use."""
    import numba

    return json.dumps([numba.config.NUMBA_NUM_THREADS, os.environ["OMP_NUM_THREADS"]]).encode()


def die(path, *, once):
    """Kill this process, each time or only the first time."""
    if not once or not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return b"survived"


def test_processes_share_the_cores_and_one_that_dies_is_replaced(tmp_path):
    count = min(2, cores())
    with Processes(count) as crew:
        crew.submit(Call("threads", threads, ("",)))
        (found,) = crew.wait()
        number, openmp = json.loads(found.payload)
        assert number * count <= cores()
        assert number == int(openmp) == crew.threads
        crew.submit(Call("mortal", die_once, (str(tmp_path / "mark"),)))
        found = []
        while not found:
            found = crew.wait()
        assert found[0].payload == b"survived"
        crew.submit(Call("deadly", die_always, (str(tmp_path / "mark"),)))
        with pytest.raises(WorkerError, match=r"two processes died over deadly, .* exit code -9"):
            list(iter(crew.wait, None))


def die_once(path):
    """Kill this process the first time."""
    return die(path, once=True)


def die_always(path):
    """Kill this process."""
    return die(path, once=False)


def test_functions_that_workers_cannot_import_are_refused():
    with Processes(1) as crew, pytest.raises(WorkerError, match="define them in a module"):
        crew.submit(Call("local", lambda: b"", ()))


@pytest.mark.parametrize("count", [0, cores() + 1])
def test_more_processes_than_cores_are_refused(count):
    with pytest.raises(ValueError, match=f"need from 1 to {cores()} workers, .* got {count}"):
        Processes(count)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--workers", str(cores() + 1)), 2, f"need at most {cores()}"),
        (("--workers", "0"), 2, "for '--workers'"),
        (("--workers", "2", "--dask", "tcp://127.0.0.1:1"), 2, "got both"),
    ],
)
def test_commands_that_make_no_sense_are_refused(tmp_path, arguments, status, message):
    result = CliRunner().invoke(app, ["run", "lemma-C.1", "--out", str(tmp_path / "x"), *arguments])
    assert result.exit_code == status
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert not (tmp_path / "x").exists()


def test_a_damaged_store_stops_the_command_with_status_2(tmp_path):
    run([claim("a-1")], "quick", 5, tmp_path, quiet())
    path = tmp_path / "study.sqlite"
    damaged = path.read_bytes()[:5000]
    path.write_bytes(damaged)
    result = CliRunner().invoke(app, ["run", "lemma-C.1", "--out", str(tmp_path), "--resume"])
    assert result.exit_code == 2
    assert "need a sound store" in " ".join(result.stderr.replace("│", " ").split())
    assert path.read_bytes() == damaged
    assert [each.id for each in load(tmp_path).claims] == ["a-1"]
