"""The cases: what is computed, by whom, and how many times faster this library has to be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from .contestants import OURS, Contestant, peer
from .costs import call_cost, compile_cost, memory_cost
from .growth import growth
from .measurement import Study
from .rates import multiply_add_share
from .roofline import Stage, network_stages, pull_stages, vector_stages
from .training_work import TrainingWork
from .work import DrawWork, NetworkWork, PullWork, Work

__all__ = ["CASES", "Case", "Entry", "find"]


@dataclass(frozen=True)
class Case:
    """A work, who competes on it, and the targets.

    Parameters
    ----------
    name, title : str
        What the command line and the table call it.
    work : callable
        Makes the work for a number of threads.
    contestants : sequence of Contestant
        This library first.
    targets : mapping
        Least median ratio peer / ours, by name of the peer.
    threads : int, optional
        Number of threads where it is not the command's.
    least_threads : int
        Threads without which the case means nothing.
    stages : callable, optional
        Makes the loops whose instructions bound our time from below.
    """

    name: str
    title: str
    work: Callable[[int], Work]
    contestants: Sequence[Contestant]
    targets: Mapping[str, float] = field(default_factory=dict)
    threads: int | None = None
    least_threads: int = 1
    stages: Callable[[], Sequence[Stage]] | None = None


Entry = Case | Study

#: Holding BLAS to a number of threads takes threadpoolctl.
BLAS = ("numpy", "threadpoolctl")
NETWORK = (
    peer(OURS, (), "peers_ours", "network"),
    peer("JAX", ("jax",), "peers_jax", "network"),
    peer("PyTorch", ("torch",), "peers_torch", "network"),
    peer("NumPy", BLAS, "peers_numpy", "network"),
)
IN_CACHE = peer("sde in the cache", (), "peers_ours", "in_cache")
SCIPY = peer("scipy", ("scipy",), "peers_scipy", "sample")
SAMPLE = peer(OURS, (), "peers_ours", "sample")
DGEMM = (
    peer("NumPy dgemm", BLAS, "peers_numpy", "products"),
    peer("PyTorch dgemm", ("torch",), "peers_torch", "products"),
)
TRAINING = (
    peer(OURS, (), "peers_ours", "training"),
    peer("PyTorch", ("torch", "scipy"), "peers_torch", "training"),
)
SGEMM = peer("NumPy sgemm", BLAS, "peers_numpy", "training_products")


def _draws() -> Case:
    return Case(
        "draws",
        "stable numbers, alpha = 1.5",
        lambda _: DrawWork(1.5, "II", 2**18, 1),
        (SAMPLE, SCIPY, peer("NumPy", ("numpy",), "peers_numpy", "sample")),
        {"scipy": 30, "NumPy": 10},
        threads=1,
    )


def _vectors(kind: str, alpha: float) -> Case:
    return Case(
        f"vectors-{kind}-{alpha}",
        f"vectors of Type {kind}, p = 8, alpha = {alpha}",
        lambda _: DrawWork(alpha, kind, 2**15, 8),
        (SAMPLE, SCIPY),
        {"scipy": 25},
        threads=1,
        stages=None if kind == "II" else lambda: vector_stages(kind, 8),
    )


def _network(
    name: str,
    targets: Mapping[str, float],
    *,
    p: int,
    m: int,
    n: int,
    steps: int,
    dtype: str = "float64",
    contestants: Sequence[Contestant] = NETWORK,
    least_threads: int = 1,
    bounded: bool = False,
) -> Case:
    return Case(
        name,
        f"tanh network, p = {p}, m = {m}, n = {n:,}, {dtype}",
        lambda threads: NetworkWork.random(
            p=p, m=m, n=n, steps=steps, threads=threads, dtype=dtype
        ),
        contestants,
        targets,
        least_threads=least_threads,
        stages=(lambda: network_stages(p, m, dtype)) if bounded else None,
    )


def _step(name: str, targets: Mapping[str, float], dtype: str) -> Case:
    return _network(
        name,
        targets,
        p=4,
        m=32,
        n=65_536,
        steps=64,
        dtype=dtype,
        contestants=NETWORK if dtype == "float32" else (*NETWORK, IN_CACHE),
        bounded=True,
    )


def _matrix(p: int, m: int, n: int, steps: int) -> Case:
    targets = {"JAX": 1.3, "PyTorch": 1.3, "NumPy dgemm": 0.7, "PyTorch dgemm": 0.7}
    name = f"matrix-p{p}-m{m}"
    return _network(name, targets, p=p, m=m, n=n, steps=steps, contestants=(*NETWORK, *DGEMM))


def _pull() -> Case:
    return Case(
        "mean-field-ou",
        "mean-field Ornstein-Uhlenbeck written by a user, p = 2, n = 65,536",
        lambda threads: PullWork.random(p=2, n=65_536, steps=32, threads=threads),
        (
            peer(OURS, (), "peers_ours", "pull"),
            peer("NumPy", ("numpy",), "peers_numpy", "pull"),
        ),
        {"NumPy": 8},
        stages=lambda: pull_stages(2),
    )


def _threads() -> Case:
    one = peer(f"{OURS}, 1 thread", (), "peers_ours", "one_thread")
    return _network(
        "threads",
        {one.name: 1.85},
        p=4,
        m=32,
        n=1_000_000,
        steps=8,
        contestants=(NETWORK[0], one),
        least_threads=2,
        bounded=True,
    )


def _training_ecg(kind: str, target: float) -> Case:
    return Case(
        f"training-ecg5000-{kind}",
        f"a step of training as on ECG5000, n = 10,000, Type {kind}, float32",
        lambda threads: TrainingWork.random(
            m=500, d=140, n=10_000, classes=2, kind=kind, rate=1e-4, steps=60, threads=threads
        ),
        (*TRAINING, SGEMM),
        {"PyTorch": target},
    )


def _training_mnist() -> Case:
    return Case(
        "training-mnist",
        "a step of training as on MNIST, n = 5,000, batch 5,000, Type I, float32",
        lambda threads: TrainingWork.random(
            m=5000, d=784, n=5000, classes=10, kind="I", rate=1e-4, steps=20, threads=threads
        ),
        (*TRAINING, SGEMM),
        {"PyTorch": 1.0, "NumPy sgemm": 0.75},
    )


def _registry() -> dict[str, Entry]:
    entries: list[Entry] = [
        _draws(),
        *(_vectors(kind, a) for kind in ("I", "II", "III") for a in (1.2, 1.5, 1.75, 1.9)),
        _step("step", {"JAX": 6, "PyTorch": 8, "NumPy": 10}, "float64"),
        _step("step-float32", {"JAX": 4}, "float32"),
        _network("step-p1-m1", {"JAX": 4}, p=1, m=1, n=65_536, steps=64),
        _network("step-p16-m128", {"JAX": 4}, p=16, m=128, n=65_536, steps=48, bounded=True),
        _matrix(140, 500, 10_000, 12),
        _matrix(784, 1000, 4096, 8),
        _pull(),
        _threads(),
        *(_training_ecg(kind, ratio) for kind, ratio in (("I", 1.1), ("II", 4.5), ("III", 2))),
        _training_mnist(),
        Study("multiply-add", "share of the machine's multiply-add rate", multiply_add_share),
        Study("growth", "growth of time in n, m, p and steps", growth),
        Study("memory", "peak memory, n = 10,000,000, p = 4, 10 steps", memory_cost),
        Study("compile", "first call of every feature and loss, and from the cache", compile_cost),
        Study("call", "a call with n = 16 and 100 steps", call_cost),
    ]
    return {entry.name: entry for entry in entries}


CASES: dict[str, Entry] = _registry()


def find(names: Sequence[str], cases: Mapping[str, Entry] | None = None) -> list[Entry]:
    """Return the cases of the given names or patterns, in the order of the table; all for none.

    Raises
    ------
    ValueError
        If a name matches no case.

    Examples
    --------
    >>> [case.name for case in find(["step-p*"])]
    ['step-p1-m1', 'step-p16-m128']
    """
    registry = CASES if cases is None else cases
    for name in names:
        if not any(fnmatchcase(known, name) for known in registry):
            close = get_close_matches(name, registry, n=1)
            hint = f"did you mean {close[0]}?" if close else "see `sde bench --list`"
            raise ValueError(
                f"need the name of a case or a pattern such as 'step*', got {name!r}; {hint}"
            )
    if not names:
        return list(registry.values())
    return [e for key, e in registry.items() if any(fnmatchcase(key, name) for name in names)]
