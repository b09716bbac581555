"""How often the verdicts were right, the intervals covered, and the mutants were caught."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from scipy import stats

from theory_checks.calibration.records import STOPPED, Record
from theory_checks.claim import Claim
from theory_checks.mutants import Mutant
from theory_checks.verdict import Quantity

__all__ = ["ClaimSummary", "Coverage", "MutantSummary", "Summary", "summarize"]

#: Of 100 seeds: verdicts on record, and mutants caught; intervals that cover at level 0.99.
VERDICT_TARGET, COVERAGE_TARGET = 0.99, 0.97
#: The long-run value is known well enough when its error is below this share of a half-width.
ENOUGH = 0.2


def needed(target: float, seeds: int) -> int:
    """
    Return how many of the seeds meet a target.

    Examples
    --------
    >>> needed(0.99, 100), needed(0.97, 100), needed(0.99, 8)
    (99, 97, 8)
    """
    return math.ceil(round(target * seeds, 9))


@dataclass(frozen=True)
class Coverage:
    """
    How often one interval of a claim covered the long-run value of its estimate.

    The long-run value, for the interval of one seed, is the mean of the estimates of all other
    seeds: what the estimate is in the long run at these numbers of particles and steps. A bias that
    every seed shares does not show here; the regions of the claims are about that.

    Parameters
    ----------
    name, kind : str
        Name of the quantity (for the first seed), and its role, or "control".
    level : float
        Nominal level.
    covered, seeds : int
        Intervals that covered, and all of them.
    value : float
        Mean of the estimates over all seeds.
    error_share : float
        Standard error of the long-run value over the median half-width of the intervals.
    margin : float
        The least distance of an interval from the nearest end of its region, in half-widths of it:
        how clear the closest decision was. Negative if one straddled the end, infinite without a
        region.

    Examples
    --------
    >>> Coverage("slope", "law", 0.99, 96, 100, -0.5, 0.04, 2.0).met
    False
    """

    name: str
    kind: str
    level: float
    covered: int
    seeds: int
    value: float
    error_share: float
    margin: float

    @property
    def enough(self) -> bool:
        """Whether the long-run value is known well enough to say how often it was covered."""
        return self.error_share <= ENOUGH

    @property
    def met(self) -> bool:
        """Whether enough intervals covered."""
        return self.covered >= needed(COVERAGE_TARGET, self.seeds)


def chance_of_a_miss(coverage: Coverage) -> float:
    """
    Return the probability that an interval of exact level is below its target.

    Examples
    --------
    >>> round(chance_of_a_miss(Coverage("slope", "law", 0.99, 96, 100, -0.5, 0.04, 2.0)), 3)
    0.018
    """
    fewest = needed(COVERAGE_TARGET, coverage.seeds)
    return float(stats.binom.cdf(fewest - 1, coverage.seeds, coverage.level))


@dataclass(frozen=True)
class ClaimSummary:
    """
    What the seeds found about one claim, without mutants.

    Parameters
    ----------
    id, recorded : str
        Of the claim.
    seeds, right : int
        Seeds that were run, and those with the verdict on record.
    others : tuple of (int, str, str)
        Seed, verdict and what was not inside its region, for each of the other seeds.
    coverages : tuple of Coverage
        One for each quantity and control with an interval.
    seconds : float
        Median CPU time of a check.
    """

    id: str
    recorded: str
    seeds: int
    right: int
    others: tuple[tuple[int, str, str], ...]
    coverages: tuple[Coverage, ...]
    seconds: float

    @property
    def met(self) -> bool:
        """Whether verdicts and intervals meet their targets."""
        right = self.right >= needed(VERDICT_TARGET, self.seeds)
        return right and all(each.met for each in self.coverages)


@dataclass(frozen=True)
class MutantSummary:
    """
    How often one mutant was caught.

    Parameters
    ----------
    name, description : str
        Of the mutant.
    seeds, caught : int
        Seeds that were run, and those in which one of the claims it touches, or more, caught it.
    by_claim : tuple of (str, int, int)
        Id, seeds that were run and those in which the claim caught it.
    missed : tuple of int
        Seeds in which none did.
    """

    name: str
    description: str
    seeds: int
    caught: int
    by_claim: tuple[tuple[str, int, int], ...]
    missed: tuple[int, ...]

    @property
    def met(self) -> bool:
        """Whether it was caught often enough."""
        return self.caught >= needed(VERDICT_TARGET, self.seeds)


@dataclass(frozen=True)
class Summary:
    """
    What a calibration found.

    Parameters
    ----------
    version : str
        Of the package.
    seeds, coverage_seeds : range
        The seeds of the mutants, and of the claims without them.
    claims : tuple of ClaimSummary
        Verdicts and intervals.
    mutants : tuple of MutantSummary
        Power.
    missing : int
        Checks that are not finished.
    """

    version: str
    seeds: range
    coverage_seeds: range
    claims: tuple[ClaimSummary, ...]
    mutants: tuple[MutantSummary, ...]
    missing: int = 0

    @cached_property
    def met(self) -> bool:
        """Whether every target is met, and no check missing."""
        claims = all(claim.met for claim in self.claims)
        mutants = all(mutant.met for mutant in self.mutants)
        return claims and mutants and not self.missing

    @property
    def covered(self) -> tuple[int, int]:
        """Intervals that cover, and all of them, over claims and seeds."""
        each = [coverage for claim in self.claims for coverage in claim.coverages]
        return sum(c.covered for c in each), sum(c.seeds for c in each)

    @property
    def expected_misses(self) -> float:
        """Mean number of intervals below the target if each covered at its nominal level."""
        return sum(chance_of_a_miss(c) for claim in self.claims for c in claim.coverages)


def summarize(
    records: Iterable[Record],
    claims: Sequence[Claim],
    mutants: Sequence[Mutant],
    seeds: tuple[range, range],
    version: str,
    missing: int = 0,
) -> Summary:
    """
    Count what the records say, of the seeds of the mutants and of the claims without them.

    Examples
    --------
    >>> from theory_checks.verdict import Evidence
    >>> claim = Claim("theorem-0", "Zero", "It is zero.", "0 = 0", "holds", lambda s: Evidence(()))
    >>> records = [Record("theorem-0", "", seed, "abc", "holds", 1.0) for seed in range(3)]
    >>> summarize(records, [claim], [], (range(3), range(3)), "0.1").claims[0].right
    3
    """
    kept = sorted(
        (r for r in records if r.seed in seeds[0 if r.mutant else 1]),
        key=lambda record: record.item,
    )
    grouped = {key: tuple(group) for key, group in groupby(kept, lambda r: r.item[:2])}
    of_claims = [
        _of_claim(claim, grouped[claim.id, ""]) for claim in claims if (claim.id, "") in grouped
    ]
    recorded = {claim.id: str(claim.recorded) for claim in claims}
    of_mutants = []
    for mutant in mutants:
        touched = {c: grouped[c, mutant.name] for c in mutant.claims if (c, mutant.name) in grouped}
        if touched:
            of_mutants.append(_of_mutant(mutant, touched, recorded))
    return Summary(version, *seeds, tuple(of_claims), tuple(of_mutants), missing)


def _of_claim(claim: Claim, records: Sequence[Record]) -> ClaimSummary:
    """Count the verdicts on one claim, and the intervals that cover."""
    others = [(r.seed, r.verdict, _reason(r)) for r in records if r.verdict != claim.recorded]
    finished = [record for record in records if record.verdict != STOPPED]
    measured = [_labelled(record) for record in finished]
    if len({len(labelled) for labelled in measured}) > 1:
        raise ValueError(f"need as many quantities for every seed, got others from {claim.id}")
    coverages = [_coverage(column) for column in zip(*measured, strict=True)]
    return ClaimSummary(
        id=claim.id,
        recorded=claim.recorded,
        seeds=len(records),
        right=len(records) - len(others),
        others=tuple(others),
        coverages=tuple(each for each in coverages if each is not None),
        seconds=float(np.median([record.seconds for record in records])),
    )


def _of_mutant(
    mutant: Mutant, touched: dict[str, tuple[Record, ...]], recorded: dict[str, str]
) -> MutantSummary:
    """Count the seeds in which a mutant was caught, by each claim and by any."""
    caught = {c: {r.seed for r in rs if r.verdict != recorded[c]} for c, rs in touched.items()}
    seeds = {record.seed for records in touched.values() for record in records}
    missed = seeds - set().union(*caught.values())
    return MutantSummary(
        name=mutant.name,
        description=mutant.description,
        seeds=len(seeds),
        caught=len(seeds) - len(missed),
        by_claim=tuple((c, len(records), len(caught[c])) for c, records in touched.items()),
        missed=tuple(sorted(missed)),
    )


def _reason(record: Record) -> str:
    """Return what was not inside its region, or what was raised."""
    measured = (*record.quantities, *record.controls)
    names = [q.name for q in measured if q.status in ("outside", "undecided")]
    return record.error or "; ".join(names)


def _labelled(record: Record) -> list[tuple[str, Quantity]]:
    """Return what was measured, with the role of each quantity."""
    controls = [("control", control) for control in record.controls]
    return [*((str(quantity.role), quantity) for quantity in record.quantities), *controls]


def _coverage(column: Sequence[tuple[str, Quantity]]) -> Coverage | None:
    """Return the coverage of one quantity over the seeds; None if it has no interval.

    A name may hold a number that was measured, so quantities of different seeds are matched by
    their place.
    """
    kind, quantities = column[0][0], [quantity for _, quantity in column]
    low, high, estimates = (
        np.array([getattr(q, field) for q in quantities]) for field in ("low", "high", "estimate")
    )
    if len(quantities) < 2 or np.all(low == high):
        return None
    others = (estimates.sum() - estimates) / (len(estimates) - 1)
    half = float(np.median((high - low) / 2))
    error = float(estimates.std(ddof=1)) / math.sqrt(len(estimates) - 1)
    return Coverage(
        name=quantities[0].name,
        kind="reported" if quantities[0].relation == "reported" else kind,
        level=quantities[0].level,
        covered=int(np.sum((low <= others) & (others <= high))),
        seeds=len(quantities),
        value=float(estimates.mean()),
        error_share=error / half if half > 0 else math.inf,
        margin=min(_margin(quantity) for quantity in quantities),
    )


def _margin(quantity: Quantity) -> float:
    """Return how far an interval is from the nearest end of its region, in half-widths."""
    low, high = quantity.region
    half = (quantity.high - quantity.low) / 2
    if quantity.status == "reported" or half == 0:
        return math.inf
    inside = min(quantity.low - low, high - quantity.high)
    outside = max(quantity.low - high, low - quantity.high)
    return max(inside, outside) / half if math.isfinite(half) else -1.0
