"""The registered claims: what each must say, and that their checks can fail."""

import re

import pytest

import sde
from theory_checks.claim import Settings
from theory_checks.claims import CLAIMS
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
    # intervals ended at least 4.3 standard errors inside its region. The three tests below break a
    # number by far more than an interval, and fail only if a check no longer looks.
    assert verdict("proposition-A.1") == "fails as printed"


def test_a_wrong_tail_constant_is_noticed(monkeypatch):
    right = sde.StableNoise.tail_constant
    monkeypatch.setattr(
        sde.StableNoise, "tail_constant", lambda noise, dim: 1.2 * right(noise, dim)
    )
    assert verdict("theorem-4.3") == "inconclusive"


def test_a_wrong_law_of_the_error_is_noticed(monkeypatch):
    right = sde.CompressionLaw.median
    monkeypatch.setattr(sde.CompressionLaw, "median", lambda law, n: 1.4 * right(law, n))
    assert verdict("theorem-3.1") == "inconclusive"


def test_an_error_that_does_not_fall_with_the_step_is_noticed(monkeypatch):
    right = sde.euler_error
    monkeypatch.setattr(
        sde, "euler_error", lambda *systems, **options: 1 + right(*systems, **options)
    )
    assert verdict("theorem-4.1") == "inconclusive"
