"""Stable draws against the law exp(-|u|^alpha), bulk and tail, on many draws.

With ``--extended`` on 10^8 draws a case (and ``-rP`` shows the figures). The false-failure rates
in the comments are those of a correct sampler if the seeds were changed.
"""

import functools
import math

import mpmath
import numba
import numpy as np
import oracles
import pytest
from scipy import special, stats

from sde import StableNoise, sampling, transforms
from sde.positive_stable import positive_stable_quantile

ALPHAS = (0.7, 1.0, 1.2, 1.5, 1.75, 1.95, 2.0)
CASES = [(alpha, kind) for alpha in ALPHAS for kind in sampling.KINDS]

#: Unit vectors or multiples: the scalar product with a vector of each type is S.
DIRECTIONS = {"I": [1.0], "II": [1.0], "III": [0.6, -0.8]}

#: The tail is counted beyond these.
FAR = np.array([1e3, 1e4, 1e5, 1e6])

#: Bins in x / (1 + |x|), each of less than 2e-4 of the law where |x| < 100.
BINS = 2**12
CHUNK = 2**20


@numba.njit
def tally(x, far, counts, beyond):
    """Add to the counts of draws in bins, and to those of draws beyond each distance."""
    for value in x:
        size = abs(value)
        shrunk = value / (1 + size)
        counts[min(int((shrunk + 1) * (BINS // 2)), BINS - 1)] += 1
        for i in range(len(far)):
            beyond[i] += size > far[i]


@functools.cache
def counted(alpha, kind, n):
    """Return the counts of n draws in bins, and beyond each distance in `FAR`."""
    counts, beyond = np.zeros(BINS, np.int64), np.zeros(len(FAR), np.int64)
    noise, direction = StableNoise(alpha, kind), np.array(DIRECTIONS[kind])
    for first in range(0, n, CHUNK):
        seed = 10**6 * CASES.index((alpha, kind)) + first // CHUNK
        x = noise.sample(min(CHUNK, n - first), len(direction), seed=seed)
        tally(x @ direction, FAR, counts, beyond)
    assert counts.sum() == n
    return counts, beyond


@functools.cache
def law_at_edges(alpha):
    """Return the exact distribution function at the edges between bins."""
    shrunk = np.arange(1, BINS) / (BINS // 2) - 1
    return oracles.stable_cdf(alpha, shrunk / (1 - np.abs(shrunk)))


def size(extended):
    return 10**8 if extended else 10**6


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("alpha", "kind"), CASES)
def test_kolmogorov_smirnov(alpha, kind, extended):
    # 21 tests at level 5e-6: false-failure rate below 1e-4. The supremum is taken over the edges
    # of bins only, so it is at most Kolmogorov's; it is below 0.2 / sqrt(n) with chance 1e-12.
    n = size(extended)
    counts, _ = counted(alpha, kind, n)
    distance = np.abs(np.cumsum(counts)[:-1] / n - law_at_edges(alpha)).max()
    level = stats.kstwobign.sf(math.sqrt(n) * distance)
    print(f"alpha={alpha}, Type {kind}: n={n}, distance {distance:.3e}, p = {level:.3f}")
    assert level > 5e-6
    assert distance > 0.2 / math.sqrt(n)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("alpha", "kind"), [case for case in CASES if case[0] < 2])
def test_tail_beyond_a_thousand(alpha, kind, extended):
    # 3 standard errors where they are normal: 18 tests at level 2.7e-3 at x = 1000, fixed seeds,
    # false-failure rate 5 %. By the Poisson law at level 1e-6 elsewhere: 1e-4 together.
    n = size(extended)
    _, beyond = counted(alpha, kind, n)
    constant = StableNoise(alpha, kind).tail_constant(1)
    for x, count in zip(FAR, beyond, strict=True):
        first, exact = constant * x**-alpha, oracles.stable_tail(alpha, x)
        ratio, error = count / (n * exact), 1 / math.sqrt(n * exact)
        print(f"alpha={alpha}, Type {kind}, x={x:.0e}: {count} draws, {ratio:.4f} ± {error:.4f}")
        assert first == pytest.approx(oracles.stable_tail(alpha, x, terms=1), rel=1e-12)
        assert stats.poisson.ppf(5e-7, n * exact) <= count <= stats.poisson.isf(5e-7, n * exact)
        if x == 1000 and n * exact > 100:
            assert abs(ratio - 1) < 3 * error


# --- the far tail, from rare words ----------------------------------------------------------------


@numba.njit
def symmetric_draws(law, a, b):
    return np.array([transforms.symmetric_of(law, a[i], b[i]) for i in range(len(a))])


@numba.njit
def subordinator_draws(law, a, b):
    return np.array([transforms.subordinator_of(law, a[i], b[i]) for i in range(len(a))])


def law_of(alpha, kind="II"):
    return StableNoise(alpha, kind).draws(1.0, 0, 0).parameters


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("x", [1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("alpha", [1.0, 1.2, 1.5, 1.75, 1.95])
def test_tail_constant_given_a_small_angle(alpha, x, extended):
    """Draws beyond x need a small angle, so only words with leading zeros are transformed.

    The angle is ±θ, θ = π(1/2 - v). For alpha >= 1, |S|^alpha cos θ / E^(alpha - 1) is
    sin(αθ) (sin(αθ) / cos((α - 1)θ))^(α - 1), where the quotient sin θ + cos θ tan((α - 1)θ) is
    at most 2 sin θ. So |S|^alpha <= (2E)^(alpha - 1) / sin(πv), and E < 38, sin(πv) >= 2v.
    """
    # 20 tests at 4.4 standard errors: false-failure rate 2e-4
    n, rng = 20_000_000 if extended else 500_000, np.random.default_rng([int(100 * alpha), int(x)])
    zeros = math.floor(math.log2(x**alpha / 76 ** (alpha - 1)))  # hence 2v < 2^-zeros
    found = 0
    for _ in range(0, n, 500_000):
        a, b = rng.integers(0, 2**64, (2, 500_000), dtype=np.uint64)
        found += (np.abs(symmetric_draws(law_of(alpha), a >> np.uint64(zeros), b)) > x).sum()
    share = oracles.stable_tail(alpha, x) * 2.0**zeros
    error = math.sqrt((1 - share) / (n * share))
    print(f"alpha={alpha}, x={x:.0e}: {found} draws, {found / n / share:.5f} ± {error:.5f}")
    assert error < 0.1
    assert abs(found / n / share - 1) < 4.4 * error


@pytest.mark.parametrize("alpha", [alpha for alpha in ALPHAS if alpha < 2])
def test_the_smallest_angle_gives_the_largest_draws(alpha):
    # To first order in v = 2^-65, |S|^alpha = sin(πα/2) E^(alpha - 1) / (πv), and
    # A^(alpha / 2) = 2^(alpha / 2) sin(πα/2) E^(alpha / 2 - 1) / (πv).
    b = np.arange(2**56, 2**64 - 2**56, 2**56, dtype=np.uint64)
    e = -np.log(((b >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53)
    front = 2.0**65 / math.pi * math.sin(math.pi * alpha / 2)
    for a in (0, 1):
        draws = symmetric_draws(law_of(alpha), np.full_like(b, a), b)
        assert (np.sign(draws) == 1 - 2 * (a % 2)).all()
        assert np.abs(draws) == pytest.approx((front * e ** (alpha - 1)) ** (1 / alpha), rel=1e-9)
    roots = subordinator_draws(law_of(alpha, "III"), np.ones_like(b), b)
    power = 2 ** (alpha / 2) * front * e ** (alpha / 2 - 1)
    assert roots == pytest.approx(power ** (1 / alpha), rel=1e-9)


@pytest.mark.parametrize("alpha", [alpha for alpha in ALPHAS if alpha < 2])
def test_the_tail_is_not_clipped(alpha):
    edges = np.array([0, 2**63, 2**64 - 1], dtype=np.uint64)
    symmetric = symmetric_draws(law_of(alpha), np.zeros_like(edges), edges).max()
    least = 2.0**-65  # tail probability of the tables
    root = math.sqrt(2 * positive_stable_quantile(alpha / 2, least, above=True))
    isotropic = root * stats.norm.isf(least)
    powers = [math.log2(largest) * alpha for largest in (symmetric, isotropic)]
    print(f"alpha={alpha}: largest draws 2^({powers[0]:.2f}/alpha), 2^({powers[1]:.2f}/alpha)")
    assert min(powers) > 52


# --- the oracles ----------------------------------------------------------------------------------


def test_distribution_function_at_exact_laws():
    x = np.concatenate([[0.0], *(sign * np.logspace(-6, 6, 200) for sign in (-1, 1))])
    normal = stats.norm(scale=math.sqrt(2)).cdf(x)
    assert oracles.stable_cdf(2, x) == pytest.approx(normal, abs=1e-14)
    assert oracles.stable_cdf(1, x) == pytest.approx(stats.cauchy.cdf(x), abs=1e-14)
    assert oracles.stable_tail(1, 30.0) == pytest.approx(2 * stats.cauchy.sf(30), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.2, 1.5, 1.75, 1.95, 2.0])
def test_distribution_function_inverts_the_characteristic_function(alpha):
    # Gil-Pelaez (1951): F(x) = 1/2 + (1/π) ∫ sin(ux) exp(-u^alpha) du / u
    for x in (0.05, 1.0, 6.0):
        top = 40 ** (1 / alpha)  # exp(-40) is 4e-18
        pieces = [0, *(2.0**-k for k in range(40, 0, -1)), *np.arange(1, top, 3 / max(x, 1)), top]
        with mpmath.workdps(20):
            integral = mpmath.quad(
                lambda u, x=x: mpmath.sin(u * x) / u * mpmath.exp(-(u**alpha)), pieces, maxdegree=4
            )
        expected = 0.5 + float(integral) / math.pi
        assert float(oracles.stable_cdf(alpha, x)) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.2, 1.5, 1.75, 1.95])
def test_tail_series_is_the_tail_of_the_distribution_function(alpha):
    x = np.array([100.0, 1e3, 1e4])
    lower = 2 * oracles.stable_cdf(alpha, -x)
    assert oracles.stable_tail(alpha, x) == pytest.approx(lower, rel=1e-6, abs=1e-13)
    constant = 2 / math.pi * special.gamma(alpha) * math.sin(math.pi * alpha / 2)
    assert oracles.stable_tail(alpha, 1e9) == pytest.approx(constant * 1e9**-alpha, rel=1e-5)
