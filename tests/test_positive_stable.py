"""The positive stable law against its Laplace transform, closed forms and simulation."""

import math

import mpmath
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sde.lookup import CELLS
from sde.positive_stable import (
    log_positive_stable_quantile,
    positive_stable_cdf,
    positive_stable_quantile,
)
from sde.quantiles import root_table
from sde.scalar_draws import ROWS


@pytest.mark.parametrize("beta", [0.3, 0.6, 0.9, 0.97])
def test_both_tails_invert_the_laplace_transform(beta):
    for q in (0.5, 0.05, 1e-4, 1e-9, 1e-15):
        for above in (True, False):
            x = float(positive_stable_quantile(beta, q, above=above))
            tail = oracles.positive_stable_tail(beta, x)
            exact, other = float(tail if above else 1 - tail), float(1 - tail if above else tail)
            found = positive_stable_cdf(beta, x, above=above)
            print(beta, q, above, f"{found / exact - 1:.1e}")
            assert found == pytest.approx(exact, rel=1e-12)
            assert positive_stable_cdf(beta, x, above=not above) == pytest.approx(other, rel=1e-12)
            assert exact == pytest.approx(q, rel=1e-10)


def test_at_one_half_it_is_levy():
    x = np.geomspace(1e-2, 1e12, 57)
    assert positive_stable_cdf(0.5, x) == pytest.approx(stats.levy.cdf(x, scale=0.5), rel=1e-12)
    above = stats.levy.sf(x, scale=0.5)
    assert positive_stable_cdf(0.5, x, above=True) == pytest.approx(above, rel=1e-12)


@pytest.mark.parametrize("beta", [0.05, 0.5, 0.999, 1 - 1e-13])
def test_at_the_ends(beta):
    x = np.array([[-1.0, 0.0], [1e-300, 1e-30]])
    assert positive_stable_cdf(beta, x)[0].tolist() == [0.0, 0.0]
    assert positive_stable_cdf(beta, x, above=True)[0].tolist() == [1.0, 1.0]
    assert positive_stable_cdf(beta, np.inf) == 1.0
    assert 0 <= positive_stable_cdf(beta, np.inf, above=True) < 1e-300


@pytest.mark.parametrize("beta", [0.05, 0.3, 0.6, 0.75, 0.95, 0.99])
def test_against_simulation(beta):
    # 6 tests at level 1e-5: false-failure rate 6e-5
    rng = np.random.default_rng([3, round(100 * beta)])
    angle, exponential = np.pi * rng.random(4000), rng.exponential(size=4000)
    # the oracle's law is E e^{-sA} = e^{-(2s)^b}
    x = np.sort(oracles.root_of_positive_stable(2 * beta, angle, exponential) ** 2 / 2)
    rank = np.arange(4000) / 4000
    p = positive_stable_cdf(beta, x)
    assert np.abs(p - rank).max() < math.sqrt(math.log(2e5) / 8000) + 1 / 4000


@settings(max_examples=60)
@given(st.floats(0.05, 0.9999), st.floats(1e-15, 0.999), st.booleans())
def test_quantiles_invert_the_distribution_function(beta, q, above):
    log_x = log_positive_stable_quantile(beta, q, above=above)
    if abs(log_x) < 600:
        assert positive_stable_cdf(beta, np.exp(log_x), above=above) == pytest.approx(q, rel=1e-9)


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9, 0.99, 1 - 1e-6, 1 - 1e-9, 1 - 1e-13])
def test_upper_tail(beta):
    # P(A > x) ~ x^-beta / Γ(1 - beta), with a relative error of the order of the probability over
    # 1 - beta
    q = 1e-9 * (1 - beta)
    x = positive_stable_quantile(beta, q, above=True)
    assert x**-beta / math.gamma(1 - beta) == pytest.approx(q, rel=1e-4)


@pytest.mark.parametrize("rest", [1e-9, 1e-13])
@pytest.mark.parametrize("above", [True, False])
def test_near_one_it_is_landau(rest, above):
    """(A - 1) / ε - log ε, ε = 1 - β, tends to the law with E e^{-rY} = e^{r log r}.

    So the logarithm of E e^{-sA} = exp(-s^β) says at s = r / ε. Its tail is the integral of
    e^{-ry - r log r} sin(πr) / (πr), on the cut of its Laplace transform.
    """
    rest = 1 - (1 - rest)
    for q in (0.5, 0.01, 1e-6):
        y = np.expm1(log_positive_stable_quantile(1 - rest, q, above=above)) / rest - math.log(rest)
        with mpmath.workdps(40):
            tail = mpmath.quad(
                lambda r, y=y: mpmath.exp(-r * (y + mpmath.log(r))) * mpmath.sinpi(r) / r,
                [0, *mpmath.linspace(mpmath.mpf(2) ** -20, 1, 20), *range(2, 150)],
            )
            exact = float(tail / mpmath.pi if above else 1 - tail / mpmath.pi)
        # for ε > 0 the law is another, by an error of the order of ε log(ε)^2
        error = rest * math.log(rest) ** 2 * -math.log(q)
        print(rest, above, q, y, f"{exact / q - 1:.1e} {error:.1e}")
        assert exact == pytest.approx(q, rel=error)


# --- the table that draws are read from -----------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.6, 0.7, 1.0, 1.5, 1.95, 1.9999, 2 - 1e-9])
@pytest.mark.parametrize("above", [True, False])
def test_roots_have_the_probability_of_their_place(alpha, above):
    rng = np.random.default_rng([int(100 * alpha), above])
    u = 2.0 ** -rng.uniform(1, 65, 3000)
    mantissa, exponent = np.frexp(2 * u)
    inside = np.floor(CELLS * (2 * mantissa - 1))  # the cell within its octave
    cell = CELLS * (exponent + 63) + inside.astype(int)
    place = 2 * mantissa - (1 + (inside + 0.5) / CELLS)
    assert cell.min() >= 0
    assert cell.max() < ROWS - 1  # the last row is for u = 1/2
    terms = root_table(alpha, above=above)[cell]
    root = sum(terms[:, k] * place**k for k in range(terms.shape[1]))
    found = positive_stable_cdf(alpha / 2, root**2 / 2, above=above)
    # The polynomials give a root to 1e-14. Near 2 the law is nearly a point: that moves t by
    # 2 β / (1 - β) times as much; and P(A <= x) is about exp(-e^t a(0)).
    moved = 2e-14 * alpha / (2 - alpha) * (1 - np.log(u))
    error = np.abs(found / u - 1)
    print(alpha, above, "abs", np.abs(found - u).max(), "rel", error.max(), (error / moved).max())
    assert (error < 2e-12 + moved).all()
