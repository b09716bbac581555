"""The check of one claim in a run: its items, their progress, and the result."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sde.study import DiskError, Item, Store
from sde.study.lock import in_words
from theory_checks import plots
from theory_checks.claim import Claim, Profile
from theory_checks.display import Display
from theory_checks.items import Task, claim_items, evidence_of
from theory_checks.results import ClaimResult
from theory_checks.verdict import Evidence, Verdict, decide

__all__ = ["Check", "ClaimError", "writing"]


class ClaimError(RuntimeError):
    """A check that did not finish; its cause is the error that the check raised."""


@dataclass
class Check:
    """
    A claim that is being checked.

    Parameters
    ----------
    claim : Claim
        What is checked.
    task : Task
        What workers are told of it.
    items : tuple of Item
        Its parts, and its conclusion last.
    started : bool
        Whether anything of it was shown.
    finished : int
        Number of items that are finished.
    """

    claim: Claim
    task: Task
    items: tuple[Item, ...]
    started: bool = False
    finished: int = 0

    @classmethod
    def of(cls, claim: Claim, profile: Profile, seed: int) -> "Check":
        """Return the check of a claim of which nothing is finished."""
        task = Task.of(claim, profile, seed)
        return cls(claim, task, tuple(claim_items(task)))

    def part(self, item: Item) -> str:
        """Return in words what an item does; nothing if it is the whole check."""
        name = item.key.item.removeprefix(self.claim.id).removeprefix(": ")
        return name or ("conclusion" if len(self.items) > 1 else "")

    def show(self, display: Display, fraction: float = 0.0, what: str = "") -> None:
        """Show how far the check is, with a fraction of one more item."""
        if not self.started:
            display.start(self.claim.id)
            self.started = True
        if what:
            done = (self.finished + fraction) / len(self.items)
            display.advance(self.claim.id, done, what)

    def result(self, store: Store, display: Display) -> ClaimResult:
        """Decide the verdict on what the items found, and draw the figures."""
        evidence = evidence_of(store, self.task)
        self.show(display, what="drawing")
        verdict, figures = self._concluded(evidence, store.path.parent)
        display.finish(self.claim.id, verdict)
        rows = [store[item.key] for item in self.items]
        return ClaimResult(
            id=self.claim.id,
            title=self.claim.title,
            statement=self.claim.statement,
            printed_form=self.claim.printed_form,
            recorded=self.claim.recorded,
            verdict=verdict,
            quantities=evidence.quantities,
            controls=evidence.controls,
            figures=tuple(figures),
            captions={figure.name: figure.caption for figure in evidence.figures},
            seconds=round(sum(row.seconds for row in rows), 3),
            setting=self.claim.setting,
            method=self.claim.method,
            date=rows[-1].finished[:10],
        )

    def _concluded(self, evidence: Evidence, folder: Path) -> tuple[Verdict, list[str]]:
        """Return the verdict, and the names of the figures that were drawn."""
        try:
            with writing(folder):
                drawn = [plots.render(figure, folder) for figure in evidence.figures]
            return decide(evidence), [name for names in drawn for name in names]
        except DiskError:
            raise
        except Exception as error:
            raise ClaimError(
                f"the check of {self.claim.id} stopped: {type(error).__name__}: {error}"
            ) from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what it means when files cannot be written to the folder."""
    try:
        yield
    except OSError as error:
        raise DiskError(in_words(folder, os.strerror(error.errno or 0))) from error
