"""Work items: what is missing of a study is computed, and stored as soon as it is finished."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

from threadpoolctl import threadpool_limits

from sde.study.store import Key, Store

__all__ = [
    "Alone",
    "Call",
    "Crew",
    "Item",
    "ItemError",
    "Outcome",
    "WorkerError",
    "compute",
    "perform",
]


class ItemError(RuntimeError):
    """
    An item whose function raised; the cause is what it raised.

    Parameters
    ----------
    name : str
        Name of the item.
    error : str
        What was raised, in a line.
    """

    def __init__(self, name: str, error: str) -> None:
        super().__init__(f"{name} stopped: {error}")
        self.name, self.error = name, error


class WorkerError(RuntimeError):
    """Workers that cannot be had, or that died."""


class RemoteError(Exception):
    """What a function raised in another process, as its traceback in words."""


@dataclass(frozen=True)
class Item:
    """
    One piece of a study.

    Parameters
    ----------
    key : Key
        What is computed.
    function : callable
        ``function(*arguments)``, or ``function(*arguments, payloads)`` where other items are
        needed, returns the payload as bytes. Workers import it by its name.
    arguments : tuple
        What a worker needs to know.
    needs : tuple of Key
        Items of the same study whose payloads, in this order, the function works on.
    """

    key: Key
    function: Callable[..., bytes]
    arguments: tuple[object, ...] = ()
    needs: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Call:
    """What a worker is given: the function of an item and its arguments."""

    name: str
    function: Callable[..., bytes]
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a call: a payload, or an error in words with its cause."""

    name: str
    payload: bytes
    seconds: float
    error: str = ""
    cause: BaseException | None = None


def perform(call: Call, *, remote: bool = True) -> Outcome:
    r"""
    Make a call; what it raises is part of the outcome.

    BLAS has one thread: its results may depend on the number of its threads. The simulator's own
    loops use as many threads as the process has; their results do not.

    Examples
    --------
    >>> perform(Call("row-3", str.encode, ("0.25",))).payload
    b'0.25'
    >>> perform(Call("row-3", bytes.decode, (b"\xff",))).error
    "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    """
    start = perf_counter()
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            payload = call.function(*call.arguments)
    except Exception as error:
        seconds, text = perf_counter() - start, f"{type(error).__name__}: {error}"
        # an exception of a user may not survive the way to another process; its words do
        cause = RemoteError(f"\n{traceback.format_exc()}") if remote else error
        return Outcome(call.name, b"", seconds, text, cause)
    return Outcome(call.name, payload, perf_counter() - start)


class Crew(Protocol):
    """Who computes items: this process, local processes, or a cluster; as text, in words."""

    def slots(self) -> int:
        """Return how many calls can be under way at present."""

    def submit(self, call: Call) -> None:
        """Start a call."""

    def wait(self) -> Sequence[Outcome]:
        """Return calls that are finished, or none after a while, when slots may have changed."""

    def __enter__(self) -> Self:
        """Get ready."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Abandon what is under way."""


class Alone:
    """
    Compute items in this process, one after the other.

    Examples
    --------
    >>> with Alone() as crew:
    ...     crew.submit(Call("row-3", str.encode, ("0.25",)))
    ...     [outcome.payload for outcome in crew.wait()]
    [b'0.25']
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def slots(self) -> int:
        """Return one: a call at a time."""
        return 1

    def submit(self, call: Call) -> None:
        """Note a call, for `wait`."""
        self._calls.append(call)

    def wait(self) -> list[Outcome]:
        """Make the calls."""
        calls, self._calls = self._calls, []
        return [perform(call, remote=False) for call in calls]

    def __str__(self) -> str:
        return "this process"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""


def compute(
    items: Sequence[Item],
    store: Store,
    crew: Crew,
    started: Callable[[Item], None] = lambda _: None,
) -> Iterator[Item]:
    """
    Compute the items that the store lacks, and yield every item when it is in the store.

    Parameters
    ----------
    items : sequence of Item
        Of different keys and names; an item comes after those that it needs.
    store : Store
        Where finished items are; each that finishes is stored before it is yielded.
    crew : Crew
        Who computes.
    started : callable
        Called with each item that is started.

    Raises
    ------
    ItemError
        If a function raises; what is finished by then is stored.

    Examples
    --------
    >>> import tempfile
    >>> from sde.study.store import Key
    >>> one = Item(Key.of("one", "1f3a"), str.encode, ("1",))
    >>> both = Item(Key.of("both", "1f3a"), b"+".join, needs=(one.key, one.key))
    >>> with tempfile.TemporaryDirectory() as folder, Store(folder) as store, Alone() as crew:
    ...     done = [item.key.item for item in compute([one, both], store, crew)]
    ...     print(done, store[both.key].payload)
    ['one', 'both'] b'1+1'
    """
    missing = {item.key.item: item for item in items if item.key not in store}
    yield from (item for item in items if item.key.item not in missing)
    running: dict[str, Item] = {}
    while missing or running:
        for item in _ready(missing, store, crew.slots() - len(running)):
            running[item.key.item] = missing.pop(item.key.item)
            started(item)
            payloads = [store[key].payload for key in item.needs]
            arguments = (*item.arguments, payloads) if payloads else item.arguments
            crew.submit(Call(item.key.item, item.function, arguments))
        for outcome in crew.wait():
            item = running.pop(outcome.name)
            if outcome.error:
                raise ItemError(outcome.name, outcome.error) from outcome.cause
            store.put(item.key, outcome.payload, outcome.seconds)
            yield item


def _ready(missing: dict[str, Item], store: Store, count: int) -> list[Item]:
    """Return the first items, at most so many, that need nothing more."""
    found: list[Item] = []
    for item in missing.values():
        if len(found) >= count:
            break
        if all(key in store for key in item.needs):
            found.append(item)
    return found
