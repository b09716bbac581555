"""What a claim is, and how one is found by its name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from theory_checks.validation import nearest, one_of, whole
from theory_checks.verdict import Evidence, Verdict

__all__ = ["Claim", "Parts", "Profile", "Settings", "find_claims"]

Profile = Literal["quick", "standard", "deep"]
#: Pieces of a check that do not depend on each other, by what each does, in words. A piece returns
#: what `sde.study.pack` packs: numbers, arrays, tuples, dataclasses.
Parts = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True)
class Settings:
    """
    How a check is to be run.

    Parameters
    ----------
    profile : {"quick", "standard", "deep"}
        How much to simulate: "quick" decides every verdict, the others narrow the intervals.
    seed : int
        Seed of every simulation and bootstrap, from 0 to 2**64 - 1.
    advance : callable
        ``advance(fraction, what)`` reports the fraction done, in [0, 1], and what is being done.
    finished : mapping
        What parts of the check have found already, by their names.

    Examples
    --------
    >>> Settings("quick", 0, lambda fraction, what: None).profile
    'quick'
    """

    profile: Profile
    seed: int
    advance: Callable[[float, str], None]
    finished: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the profile and the seed."""
        one_of("profile", self.profile, get_args(Profile))
        seed = whole("seed", self.seed, at_least=0)
        if seed >= 2**64:
            raise ValueError(f"need seed < 2**64, got seed={seed}")
        object.__setattr__(self, "seed", seed)

    def other_seed(self, k: int) -> int:
        """
        Return the k-th seed after this one, for simulations that share no noise with the main ones.

        Examples
        --------
        >>> Settings("quick", 2**64 - 1, lambda fraction, what: None).other_seed(1)
        0
        """
        return (self.seed + k) % 2**64

    def compute(self, parts: Parts) -> dict[str, Any]:
        """
        Return what each part of the check finds, computing those that are not finished already.

        Examples
        --------
        >>> settings = Settings("quick", 7, lambda fraction, what: None, {"means": 0.5})
        >>> settings.compute({"means": lambda: 0.25, "medians": lambda: 0.75})
        {'means': 0.5, 'medians': 0.75}
        """
        found = {}
        for k, (name, part) in enumerate(parts.items()):
            if name in self.finished:
                found[name] = self.finished[name]
                continue
            self.advance(k / len(parts), name)
            found[name] = part()
        return found


@dataclass(frozen=True)
class Claim:
    """
    One numbered statement and the check of it.

    Parameters
    ----------
    id : str
        Name on the command line, such as "theorem-4.2".
    title : str
        A few words.
    statement : str
        One line in words.
    printed_form : str
        The printed formula, as plain text.
    recorded : Verdict
        The verdict that careful checks have found; a run reports when it finds another.
    check : callable
        ``check(settings)`` simulates and measures, and returns the evidence.
    setting : str
        What is simulated: system, noise, times, numbers.
    method : str
        Why these quantities, in paragraphs of plain text; indented lines are formulas.
    parts : callable, optional
        ``parts(settings)`` names the pieces that `check` has computed by ``settings.compute``. A
        run keeps what each finds, and gives them to workers; without, the check is one piece.

    Examples
    --------
    >>> claim = Claim("theorem-0", "Zero", "It is zero.", "0 = 0", "holds", lambda s: Evidence(()))
    >>> claim.recorded
    'holds'
    """

    id: str
    title: str
    statement: str
    printed_form: str
    recorded: Verdict
    check: Callable[[Settings], Evidence]
    setting: str = ""
    method: str = ""
    parts: Callable[[Settings], Parts] | None = None

    def __post_init__(self) -> None:
        """Check the recorded verdict."""
        one_of(f"recorded verdict of {self.id}", self.recorded, get_args(Verdict))


def find_claims(names: Iterable[str], known: Mapping[str, Claim]) -> list[Claim]:
    """
    Return the claims of the given names, each once, or all of them when there is no name.

    Raises
    ------
    ValueError
        If a name is not known; the nearest known one is suggested.

    Examples
    --------
    >>> claim = Claim("theorem-0", "Zero", "It is zero.", "0 = 0", "holds", lambda s: Evidence(()))
    >>> find_claims(["theorem_0"], {"theorem-0": claim})
    Traceback (most recent call last):
    ...
    ValueError: need a known claim, got 'theorem_0'; did you mean theorem-0? Known: theorem-0
    """
    wanted = list(dict.fromkeys(names)) or list(known)
    for name in wanted:
        if name not in known:
            hint = nearest(name, known) or "."
            raise ValueError(f"need a known claim, got {name!r}{hint} Known: {', '.join(known)}")
    return [known[name] for name in wanted]
