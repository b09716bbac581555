"""What `test_ranks` runs under mpiexec: cases, hashes of their results, and errors."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np

import sde
from sde.checkpoint import Checkpoints


def systems():
    rng = np.random.default_rng(0)
    return {
        "network": sde.MeanFieldNetwork(rng.normal(size=(5, 2)), rng.choice([-1, 1], 5)),
        "matrix": sde.MeanFieldNetwork(0.2 * rng.normal(size=(24, 40)), rng.choice([-1, 1], 24)),
    }


#: System, noise and particles: fewer blocks than ranks, a last block that is not full, more blocks
#: than chunks, no slopes to keep, many coordinates, a state in float32.
CASES = {
    "network": ("network", "II", {"n": 1000}),
    "few": ("network", "I", {"n": 200}),
    "many": ("network", "III", {"n": 40_000, "substeps": 2}),
    "matrix": ("matrix", "II", {"n": 10_000}),
    "single": ("network", "II", {"n": 1000, "dtype": "float32"}),
    "array": (
        "network",
        "I",
        {"n": 300, "replicate": 1, "initial": np.linspace(-1, 1, 600).reshape(300, 2)},
    ),
}


def simulate(name, known, **more):
    system, kind, options = CASES[name]
    common = {"t1": 1.0, "dt": 0.125, "save_at": [0.0, 0.5], "seed": 7}
    return sde.simulate(known[system], sde.StableNoise(1.5, kind, 0.4), **common, **options, **more)


def hashed(sol, comm=None):
    """Return a hash of a solution whose particles are spread over the processes."""
    parts = [(sol.theta, sol.saved)] if comm is None else comm.allgather((sol.theta, sol.saved))
    theta = np.concatenate([part[0] for part in parts])
    saved = np.concatenate([np.asarray(part[1]) for part in parts], axis=1)
    digest = hashlib.sha256()
    for array in (theta, saved, sol.mean_field):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def message(call):
    """Return what an error says."""
    try:
        call()
    except (ValueError, FloatingPointError) as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def go_on(known, comm, folder):
    """Go on from checkpoints of which the last is not there in one process."""
    options = {"comm": comm, "checkpoint": folder, "every_seconds": 0}
    whole = simulate("network", known, **options)
    own = folder / f"rank-{comm.rank}-of-{comm.size}"
    if comm.rank == 0:
        (own / "step-8.checkpoint").unlink()
    comm.barrier()
    steps = comm.allgather(Checkpoints(own).steps())
    again = simulate("network", known, **options)
    shutil.rmtree(own)
    return steps, hashed(whole, comm), hashed(again, comm)


def main(folder):
    from mpi4py import MPI

    comm, known = MPI.COMM_WORLD, systems()
    found = {name: hashed(simulate(name, known, comm=comm), comm) for name in CASES}
    sol = simulate("network", known, comm=comm)
    rows = comm.allgather((sol.parameters["first"], len(sol.theta)))
    steps, whole, again = go_on(known, comm, folder / "checkpoints")
    stored = simulate("network", known, comm=comm, save_to=folder / "store")
    noise = sde.StableNoise(1.5, "II", 1e303)
    errors = {
        "overflow": message(
            lambda: sde.simulate(known["network"], noise, n=500, t1=1e9, dt=1e7, comm=comm)
        ),
        "different": message(
            lambda: sde.simulate(
                known["network"], noise, n=500, t1=1.0, dt=0.5, seed=comm.rank, comm=comm
            )
        ),
    }
    if comm.rank == 0:
        result = {
            "found": found, "rows": rows, "steps": steps, "went on": [whole, again],
            "errors": errors,
        }  # fmt: skip
    stored_hash = hashed(stored, comm)
    if comm.rank == 0:
        print(json.dumps(result | {"stored": stored_hash}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
