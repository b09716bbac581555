"""The runs of tables as a study: each run is an item of its store, computed once."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sde.study import (
    Alone,
    Crew,
    Finished,
    Item,
    Key,
    Processes,
    Store,
    compute,
    digest,
    pack,
    unpack,
)
from sde.tables import experiment
from sde.tables.experiment import Result, Setting, Split
from sde.tables.published import Convention, Table

__all__ = ["LIBRARIES", "Found", "items_of", "measure", "settings_of"]

#: Whose versions a result depends on.
LIBRARIES = ("numba", "numpy", "scipy")


@dataclass(frozen=True)
class Found:
    """What the runs of a setting found, in the order of the seeds, and the time of each."""

    results: tuple[Result, ...]
    seconds: tuple[float, ...]


def settings_of(
    tables: Sequence[Table], convention: Convention = "paper", split: Split | None = None
) -> dict[Setting, int]:
    """
    Return the settings of the tables' rows, and about how many steps a training takes in each.

    Examples
    --------
    >>> from sde.tables.published import EXPERIMENTS
    >>> len(settings_of(EXPERIMENTS["ecg5000"])), len(settings_of(EXPERIMENTS["cifar10"]))
    (14, 7)
    """
    return {
        table.setting(row, convention, split): table.usual_steps
        for table in tables
        for row in table.rows
    }


def items_of(settings: Iterable[Setting], seeds: int) -> dict[tuple[Setting, int], Item]:
    """
    Return an item for each run, seed by seed, so that rows have equally many at any time.

    Examples
    --------
    >>> setting = Setting("digits", "own", 64, "II", 1.75, 0.01, 0.05, 200, 50, 1000)
    >>> [item.key.item for item in items_of([setting], seeds=2).values()]
    ['digits own n=64 II alpha=1.75 sigma=0.01 seed=0', \
'digits own n=64 II alpha=1.75 sigma=0.01 seed=1']
    """
    code = digest(experiment.__name__)
    libraries = {name: version(name) for name in LIBRARIES}

    def item(setting: Setting, seed: int) -> Item:
        key = Key.of(_name(setting, seed), code, setting=repr(setting), seed=seed, **libraries)
        return Item(key, perform, (setting, seed))

    return {(each, seed): item(each, seed) for seed in range(seeds) for each in settings}


def perform(setting: Setting, seed: int) -> bytes:
    """Return the result of a run, packed."""
    return pack(experiment.run(setting, seed))


def measure(
    settings: Collection[Setting],
    seeds: int,
    folder: Path,
    workers: int,
    *,
    resume: bool = False,
    run: bool = True,
    begin: Callable[[Counter[Setting]], None] = lambda _: None,
    advance: Callable[[], None] = lambda: None,
) -> dict[Setting, Found]:
    """
    Compute the runs that the folder's store lacks, and return what all of them found.

    Parameters
    ----------
    settings : collection of Setting
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
    run : bool
        Whether to compute what is missing; otherwise it is missing in what is returned.
    begin : callable
        Called with the number of runs of each setting that are missing, before the first.
    advance : callable
        Called after each of them.

    Raises
    ------
    StoreError
        If the folder can't be used.
    ItemError, WorkerError
        If a run raises, or a process dies twice.
    """
    items = items_of(settings, seeds)
    with Store(folder, resume=resume) as store:
        if run:
            missing = {which: item for which, item in items.items() if item.key not in store}
            begin(Counter(setting for setting, _ in missing))
            with _crew(workers) as crew:
                for _ in compute(list(missing.values()), store, crew):
                    advance()
        finished = {which: store[item.key] for which, item in items.items() if item.key in store}
    return {
        each: _found([finished[each, seed] for seed in range(seeds) if (each, seed) in finished])
        for each in settings
    }


def _found(runs: Sequence[Finished]) -> Found:
    """Return what runs have found, unpacked."""
    results = tuple(unpack(each.payload, ("sde",)) for each in runs)
    return Found(results, tuple(each.seconds for each in runs))


def _crew(workers: int) -> AbstractContextManager[Crew]:
    return Alone() if workers == 1 else Processes(workers)


def _name(setting: Setting, seed: int) -> str:
    law = "no noise"
    if setting.alpha is not None:
        law = f"{setting.kind} alpha={setting.alpha:g} sigma={setting.sigma:g}"
    return f"{setting.dataset} {setting.split} n={setting.width} {law} seed={seed}"
