"""The registered claims: what each must say, and that their checks can fail."""

import re

import pytest

from theory_checks.claim import Settings
from theory_checks.claims import CLAIMS
from theory_checks.mutants import MUTANTS
from theory_checks.verdict import decide


def verdict(name, seed=0):
    return decide(CLAIMS[name].check(Settings("quick", seed, lambda _fraction, _what: None)))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_says_what_it_is_about(claim):
    numbered = r"(theorem|proposition|lemma)-[0-9A-D]\.\d|equation-\d+|section-\d-[a-z]+"
    assert re.fullmatch(numbered, claim.id)
    for text in (claim.title, claim.statement, claim.printed_form, claim.setting, claim.method):
        assert text.strip()
    assert "Control" in claim.method or "control" in claim.method


def test_gaussian_noise_does_not_compress():
    # False-failure rate: below 1e-3 by the normal law, as over seeds 0 to 5 each of its 99 %
    # intervals ended at least 4 standard errors inside its region. The mutants below break a
    # number by far more than an interval: they fail only if a check no longer looks.
    assert verdict("proposition-A.1") == "fails as printed"


# One mutant for each claim; `theory-checks calibrate` runs all of them, for many seeds.
@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("theorem-3.1", "compression-law"),
        ("theorem-4.1", "euler-error"),
        ("theorem-4.2", "sigma"),
        ("theorem-4.3", "tail-constant-high"),
    ],
)
def test_a_mistake_is_noticed(name, mutant):
    assert name in MUTANTS[mutant].claims
    with MUTANTS[mutant].active():
        assert verdict(name) == "inconclusive"
