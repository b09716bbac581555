"""A system that is shared out among MPI processes: the bits of one process, for 1, 2 and 4."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ranked import CASES, hashed, simulate, systems

import sde
from sde import ranks
from sde.kernels import Task

MPIEXEC = shutil.which("mpiexec")
RANKED = Path(__file__).with_name("ranked.py")
SCALE = Path(__file__).parent / "benchmarks" / "scale.py"

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None,
    reason="needs mpiexec (apt-get install openmpi-bin) and the package mpi4py",
)


@pytest.mark.parametrize("n", [1, 127, 128, 129, 1000, 32_768, 32_769, 10**7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 300])
def test_every_particle_has_one_process_and_blocks_are_not_cut(n, size):
    shares = [ranks.share(n, rank, size) for rank in range(size)]
    parts = [ranks.particles(n, share) for share in shares]
    assert [i for share in shares for i in share] == list(range(ranks.share(n, 0, 1).stop))
    assert parts[0].start == 0
    assert parts[-1].stop == n
    for before, after in itertools.pairwise(parts):
        assert before.stop == after.start
        assert before.stop % 128 == 0 or before.stop == n
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 128 * (1 + -(-n // (128 * 256)))


@pytest.mark.parametrize("d", [3, 32])  # arguments with the features, and before them
def test_parts_swept_on_their_own_give_the_bits_of_one_process(d):
    rng = np.random.default_rng(0)
    n, steps = 3000, 3  # 24 blocks
    net = sde.MeanFieldNetwork(0.2 * rng.normal(size=(5, d)), rng.choice([-1, 1], 5))
    noise, pieces = sde.StableNoise(1.5, "II", 0.3), net.pieces
    start = rng.normal(size=(n, d))
    alone = sde.simulate(net, noise, n=n, t1=0.375, dt=0.125, initial=start)
    draws, mean_field = noise.draws(0.125, 0, 0), net.mean_field(start)
    shares = [ranks.share(n, rank, 3) for rank in range(3)]
    rows = [ranks.particles(n, share) for share in shares]
    parts = [start[part.start : part.stop].copy() for part in rows]
    sums = ranks.room_for_sums(pieces, n)
    for step in range(steps):
        for share, part, theta in zip(shares, rows, parts, strict=True):
            task = Task(0.125, 1, moving=True, interacting=True, first=part.start)
            chunks = share.start, share.stop
            nothing = np.empty((0, 0))
            ranks.sweep(pieces, draws, task, step, theta, mean_field, nothing, n, chunks, sums)
        assert ranks.fold(sums, n, True, mean_field)
    np.testing.assert_array_equal(np.concatenate(parts), alone.theta)
    np.testing.assert_array_equal(mean_field, alone.mean_field[-1])


def mpiexec(size, *arguments):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "NUMBA_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        # more processes than cores: they give way while they wait; on this machine only
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_MCA_btl": "self,vader,tcp",
        "OMPI_MCA_btl_tcp_if_include": "lo",
        "OMPI_MCA_oob_tcp_if_include": "lo",
    }
    command = [str(MPIEXEC), "-n", str(size), sys.executable, "-m", "mpi4py", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=280
    )


@pytest.fixture(scope="module")
def one_process():
    known = systems()
    return {name: hashed(simulate(name, known)) for name in CASES}


@needs_mpi
@pytest.mark.parametrize("size", [1, 2, 4])
def test_processes_together_get_the_bits_of_one(size, one_process, tmp_path):
    done = mpiexec(size, str(RANKED), str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["found"] == one_process
    assert result["stored"] == one_process["network"]
    firsts, counts = zip(*result["rows"], strict=True)
    assert sum(counts) == 1000
    assert list(firsts) == [sum(counts[:rank]) for rank in range(size)]
    # one process had lost its last checkpoint: all went on from the one before
    assert result["steps"] == [[7]] + (size - 1) * [[8, 7]]
    assert result["went on"] == 2 * [one_process["network"]]
    errors = result["errors"]
    assert errors["overflow"].startswith("FloatingPointError: the state stopped being finite")
    if size > 1:
        assert "another seed in rank 1 than in rank 0" in errors["different"]


@needs_mpi
def test_an_error_in_one_process_ends_all(tmp_path):
    script = tmp_path / "one_fails.py"
    script.write_text(
        "import numpy, sde\n"
        "from mpi4py import MPI\n"
        "comm = MPI.COMM_WORLD\n"
        "net = sde.MeanFieldNetwork([[1.0]], [1])\n"
        "law = sde.Gaussian() if comm.rank == 0 else sde.Point((1.0, 2.0))\n"
        "sde.simulate(net, sde.StableNoise(1.5, 'I'), n=300, t1=1, dt=.5, initial=law, comm=comm)\n"
    )
    done = mpiexec(2, str(script))
    assert done.returncode != 0
    assert "need a point of dimension 1, got (1.0, 2.0)" in done.stderr


@needs_mpi
@pytest.mark.parametrize(("size", "more", "own"), [(2, (), 50_048), (1, ("--one-of", "256"), 384)])
def test_the_constants_of_the_page_on_scale_are_measured_again(size, more, own):
    done = mpiexec(size, str(SCALE), "--n", "1e5", "--steps", "2", *more)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["particles of a rank"] == own
    assert found["ns a particle-step"] > 0
    assert 0 < found["share of exchanges"] < 1
    assert ("bytes of an exchange" in found) == (size == 2)
