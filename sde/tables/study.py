"""The runs of tables as a study: each run is an item of its store, computed once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sde.study import Alone, Crew, Item, Key, Processes, Store, compute, digest, pack, unpack
from sde.tables import experiment
from sde.tables.experiment import Result, Setting
from sde.tables.published import Table

__all__ = ["LIBRARIES", "Found", "items_of", "measure", "settings_of"]

#: Whose versions a result depends on.
LIBRARIES = ("numba", "numpy", "scipy")


@dataclass(frozen=True)
class Found:
    """What the runs of a setting found, in the order of the seeds, and the time of each."""

    results: tuple[Result, ...]
    seconds: tuple[float, ...]


def settings_of(
    tables: Sequence[Table], convention: str = "paper", split: str | None = None
) -> list[Setting]:
    """
    Return the settings of the tables' rows, without repetitions.

    Examples
    --------
    >>> from sde.tables.published import EXPERIMENTS
    >>> len(settings_of(EXPERIMENTS["ecg5000"])), len(settings_of(EXPERIMENTS["cifar10"]))
    (14, 7)
    """
    found = (table.setting(row, convention, split) for table in tables for row in table.rows)
    return list(dict.fromkeys(found))


def items_of(settings: Sequence[Setting], seeds: int) -> Iterator[Item]:
    """
    Yield an item for each run, seed by seed, so that rows have equally many at any time.

    Examples
    --------
    >>> setting = Setting("digits", "own", 64, "II", 1.75, 0.01, 0.05, 200, 50, 1000)
    >>> [item.key.item for item in items_of([setting], seeds=2)]
    ['digits own n=64 II alpha=1.75 sigma=0.01 seed=0', \
'digits own n=64 II alpha=1.75 sigma=0.01 seed=1']
    """
    code = digest(experiment.__name__)
    libraries = {name: version(name) for name in LIBRARIES}
    for seed in range(seeds):
        for setting in settings:
            key = Key.of(_name(setting, seed), code, setting=repr(setting), seed=seed, **libraries)
            yield Item(key, perform, (setting, seed))


def perform(setting: Setting, seed: int) -> bytes:
    """Return the result of a run, packed."""
    return pack(experiment.run(setting, seed))


def measure(
    settings: Sequence[Setting],
    seeds: int,
    folder: Path,
    workers: int,
    *,
    resume: bool = False,
    advance: Callable[[Item], None] = lambda _: None,
) -> list[Found]:
    """
    Compute the runs that the folder's store lacks, and return what all of them found.

    Parameters
    ----------
    settings : sequence of Setting
        All different.
    seeds : int
        Seeds 0, ..., seeds - 1 of each.
    folder : Path
        An existing folder.
    workers : int
        Processes that share the cores. BLAS has one thread in each, so that results do not depend
        on their number.
    resume : bool
        Whether to go on where the folder holds finished runs; otherwise it is refused then.
    advance : callable
        Called with each run that is finished.

    Raises
    ------
    StoreError
        If the folder can't be used.
    ItemError, WorkerError
        If a run raises, or a process dies twice.
    """
    items = list(items_of(settings, seeds))
    with Store(folder, resume=resume) as store:
        with _crew(workers) as crew:
            for item in compute(items, store, crew):
                advance(item)
        finished = [store[item.key] for item in items]
    results = [unpack(each.payload, ("sde",)) for each in finished]
    rows = len(settings)
    return [
        Found(tuple(results[k::rows]), tuple(each.seconds for each in finished[k::rows]))
        for k in range(rows)
    ]


def _crew(workers: int) -> AbstractContextManager[Crew]:
    return Alone() if workers == 1 else Processes(workers)


def _name(setting: Setting, seed: int) -> str:
    law = "no noise"
    if setting.alpha is not None:
        law = f"{setting.kind} alpha={setting.alpha:g} sigma={setting.sigma:g}"
    return f"{setting.dataset} {setting.split} n={setting.width} {law} seed={seed}"
