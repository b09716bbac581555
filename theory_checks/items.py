"""
A run as a study: the items of each claim, and what workers compute of them.

Each part of a claim is an item, and so is the conclusion that the check draws from its parts. What
an item finds depends on the sources of the check, the profile, the seed and the versions of the
numerical libraries: they are its key.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from sde.study import Item, Key, Store, pack, unpack
from theory_checks.claim import Claim, Parts, Profile, Settings
from theory_checks.sources import PACKAGES, check_modules, digest
from theory_checks.verdict import Evidence

__all__ = ["Task", "claim_items", "evidence_of", "is_current", "reporting", "unused"]

LIBRARIES = ("numba", "numpy", "scipy")

Advance = Callable[[float, str], None]
_advance: ContextVar[Advance] = ContextVar("_advance")


class SourcesError(RuntimeError):
    """A worker with other sources than the run."""


@dataclass(frozen=True)
class Task:
    """
    What a worker is told of a claim: its functions, by name, and the settings.

    Parameters
    ----------
    id : str
        Id of the claim.
    check, parts : callable
        Those of the claim.
    profile : {"quick", "standard", "deep"}
    seed : int
        Settings of the run.
    code : str
        Digest of the sources with which the run was started.
    libraries : dict
        Versions of the numerical libraries with which it was started.
    """

    id: str
    check: Callable[[Settings], Evidence]
    parts: Callable[[Settings], Parts] | None
    profile: Profile
    seed: int
    code: str
    libraries: dict[str, str]

    @classmethod
    def of(cls, claim: Claim, profile: Profile, seed: int) -> "Task":
        """Return the task of a claim."""
        code = _code(*check_modules(claim.check))
        return cls(claim.id, claim.check, claim.parts, profile, seed, code, _libraries())

    def key(self, part: str = "") -> Key:
        """Return the key of a part, or of the conclusion."""
        module, *_ = check_modules(self.check)
        settings = {"profile": self.profile, "seed": self.seed, "module": module}
        name = f"{self.id}: {part}" if part else self.id
        return Key.of(name, self.code, **settings, **self.libraries)

    def named_parts(self) -> Parts:
        """Return the parts of the claim, by name."""
        return self.parts(self.settings()) if self.parts else {}

    def settings(self, payloads: Sequence[bytes] = ()) -> Settings:
        """Return settings with what the parts have found; refuse to mix sources."""
        here, wanted = _code(*check_modules(self.check)), (self.code, self.libraries)
        if (here, _libraries()) != wanted:
            raise SourcesError(
                f"need the code of the run on every worker, {self.code} with {self.libraries}, got "
                f"{here} with {_libraries()} for {self.id}; install the same versions"
            )
        bare = Settings(self.profile, self.seed, _advance.get(_say_nothing))
        if not payloads or self.parts is None:
            return bare
        values = (unpack(payload, self._packages()) for payload in payloads)
        finished = dict(zip(self.parts(bare), values, strict=True))
        return Settings(self.profile, self.seed, bare.advance, finished)

    def _packages(self) -> frozenset[str]:
        """Return the packages whose classes may be made of what is stored."""
        return frozenset({*PACKAGES, check_modules(self.check)[0].partition(".")[0]})


def claim_items(task: Task) -> Iterator[Item]:
    """
    Yield the items of a claim: its parts, then its conclusion.

    Examples
    --------
    >>> from theory_checks.verdict import Quantity
    >>> slope = Quantity("slope", 1.0, 0.9, 1.1, 0.5, ">=", role="printed")
    >>> claim = Claim("theorem-0", "Zero", "s", "p", "holds", lambda settings: Evidence((slope,)))
    >>> [item.key.item for item in claim_items(Task.of(claim, "quick", 0))]
    ['theorem-0']
    """
    parts = [Item(task.key(name), compute_part, (task, name)) for name in task.named_parts()]
    yield from parts
    yield Item(task.key(), conclude, (task,), tuple(part.key for part in parts))


def compute_part(task: Task, name: str) -> bytes:
    """Return what a part finds, packed."""
    return pack(task.named_parts()[name]())


def conclude(task: Task, payloads: Sequence[bytes] = ()) -> bytes:
    """Return the evidence of a check whose parts are finished, packed."""
    return pack(task.check(task.settings(payloads)))


def evidence_of(store: Store, task: Task) -> Any:
    """Return what the check of a finished claim returned."""
    return unpack(store[task.key()].payload, task._packages())


def is_current(key: Key) -> bool:
    """
    Whether the conclusion under this key was drawn with the code and the libraries as they are now.

    Examples
    --------
    >>> is_current(Key.of("theorem-0", "1f3a", module="no_such_module"))
    False
    """
    known = key.values
    return (
        _libraries().items() <= known.items()
        and _code(str(known["module"]), "theory_checks.verdict") == key.code
    )


def unused(items: Sequence[Item], store: Store) -> list[str]:
    """
    Say which finished items of the same names are not used, and why; a line for each reason.

    Examples
    --------
    >>> import tempfile
    >>> item = Item(Key.of("theorem-0", "1f3a", seed=0), bytes)
    >>> with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
    ...     store.put(Key.of("theorem-0", "1f3a", seed=1), b"", 0.0)
    ...     unused([item], store)
    ['1 finished item is kept but not used: seed 1 instead of 0.']
    """
    reasons: dict[str, int] = {}
    for item in items:
        if item.key not in store:
            for other in store.keys_of(item.key.item):
                why = item.key.difference(other)
                reasons[why] = reasons.get(why, 0) + 1
    return [
        f"{count} finished {'item is' if count == 1 else 'items are'} kept but not used: {why}."
        for why, count in reasons.items()
    ]


@contextmanager
def reporting(advance: Advance) -> Iterator[None]:
    """Report the progress inside items that this process computes while the context is open."""
    token = _advance.set(advance)
    try:
        yield
    finally:
        _advance.reset(token)


def _say_nothing(_fraction: float, _what: str) -> None:
    """Report nothing: progress inside an item stays in its process."""


@cache
def _libraries() -> dict[str, str]:
    """Return the versions of the libraries on which the bits of a result may depend."""
    return {name: version(name) for name in LIBRARIES}


@cache
def _code(*modules: str) -> str:
    """Return the digest of sources as they were when it was first asked for."""
    return digest(*modules)
