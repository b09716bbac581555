"""Stable noise: laws, tails, purity of the draws, extreme words.

Every random test has a fixed seed and states the rate at which it would fail on a correct sampler.
"""

import math

import numba
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sde import DirectionalNoise, StableNoise, random, sampling, transforms
from sde.positive_stable import positive_stable_quantile
from sde.quantiles import upper_quantile

KINDS = sampling.KINDS
ALPHAS = (0.5, 0.7, 1 - 1e-9, 1.0, 1 + 1e-9, 1.2, 1.5, 1.9, 2 - 1e-9, 2.0)
EDGES = (0, 1, 2**11 - 1, 2**11, 2**32, 2**63 - 1, 2**63, 2**64 - 2**11, 2**64 - 2, 2**64 - 1)


@numba.njit
def symmetric(parameters, a, b):
    return transforms.symmetric_of(parameters, a, b)


@numba.njit
def subordinator(parameters, a, b):
    return transforms.subordinator_of(parameters, a, b)


def parameters(alpha, kind):
    return StableNoise(alpha, kind).draws(1.0, 0, 0).parameters


def dkw(n, level):
    """Return the distance that an empirical distribution exceeds with probability `level`."""
    return math.sqrt(math.log(2 / level) / (2 * n))


# --- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", range(24))
def test_characteristic_function(case):
    # 24 x 4 tests at two-sided level 1e-6: false-failure rate 1e-4
    rng = np.random.default_rng([1, case])
    kind, dim, n = KINDS[case % 3], int(rng.integers(1, 6)), 20_000
    noise = StableNoise(float(rng.uniform(0.5, 2)), kind, float(rng.uniform(0.2, 3)))
    x = noise.sample(n, dim, seed=case)
    u = rng.normal(size=(4, dim)) / noise.sigma
    expected = noise.characteristic_function(u)
    variance = (1 + noise.characteristic_function(2 * u)) / 2 - expected**2
    z = (np.cos(x @ u.T).mean(axis=0) - expected) / np.sqrt(variance / n)
    assert np.abs(z).max() < stats.norm.isf(0.5e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.7, 1 - 1e-9, 1.0, 1 + 1e-9, 1.2, 1.5, 1.9, 2.0])
def test_distribution_function(alpha, kind):
    # 24 tests at level 4e-6 (Dvoretzky, Kiefer, Wolfowitz, Massart): false-failure rate 1e-4
    n = 40_000
    direction = {"I": [0.5, 0.5], "II": [0.0, 1.0], "III": [0.6, -0.8]}[kind]  # of unit scale
    x = np.sort(StableNoise(alpha, kind).sample(n, 2, seed=8) @ direction)
    points = np.linspace(-20, 20, 161) ** 3 / 400
    empirical = np.searchsorted(x, points, side="right") / n
    exact = oracles.stable_cdf_by_inversion(alpha, points)
    assert np.abs(empirical - exact).max() < dkw(n, 4e-6)


def test_inversion_oracle_at_exact_laws():
    x = np.linspace(-20, 20, 101)
    assert oracles.stable_cdf_by_inversion(1, x) == pytest.approx(stats.cauchy.cdf(x), abs=1e-8)
    normal = stats.norm(scale=math.sqrt(2)).cdf(x)
    assert oracles.stable_cdf_by_inversion(2, x) == pytest.approx(normal, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("alpha", "law"), [(2, stats.norm(scale=2**0.5)), (1, stats.cauchy())])
def test_exact_laws(alpha, law, kind):
    # 12 tests at level 1e-5: false-failure rate 1.2e-4
    x = StableNoise(alpha, kind, sigma=3.0).sample(50_000, 2, seed=2) / 3
    assert min(stats.kstest(column, law.cdf).pvalue for column in x.T) > 1e-5


def test_type_i_coordinates_are_equal():
    x = StableNoise(1.5, "I").sample(1000, 4)
    assert (x == x[:, :1]).all()


def test_type_ii_coordinates_are_independent():
    # signs of 3 pairs of coordinates at two-sided level 1e-5: false-failure rate 3e-5
    x = np.sign(StableNoise(1.2, "II").sample(40_000, 3, seed=4))
    pairs = np.array([(x[:, i] * x[:, j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))])
    assert np.abs(pairs).max() * 200 < stats.norm.isf(0.5e-5)


@pytest.mark.parametrize("dim", [1, 3, 4, 7, 8, 9, 16, 21])
def test_type_i_writes_one_number_to_all_coordinates(dim):
    one = StableNoise(1.5, "I").sample(201, 1, seed=4)
    several = StableNoise(1.5, "I").sample(201, dim, seed=4)
    np.testing.assert_array_equal(several, np.repeat(one, dim, axis=1))


@pytest.mark.parametrize("alpha", [0.7, 1.5, 2.0])
def test_type_iii_directions_are_uniform_and_free_of_the_norm(alpha):
    # 3 x 3 tests at level 1e-5: false-failure rate 1e-4
    x = StableNoise(alpha, "III").sample(40_000, 3, seed=5)
    norm = np.linalg.norm(x, axis=1)
    height = x[:, 2] / norm  # uniform on (-1, 1) in three dimensions (Archimedes)
    assert stats.kstest((height + 1) / 2, "uniform").pvalue > 1e-5
    turn = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) + 0.5
    assert stats.kstest(turn, "uniform").pvalue > 1e-5
    upper = norm > np.median(norm)
    assert stats.ks_2samp(height[upper], height[~upper]).pvalue > 1e-5


def test_gaussian_norms():
    # one test at level 1e-5
    x = StableNoise(2.0, "III", sigma=0.5).sample(50_000, 5, seed=6)
    square = (x**2).sum(axis=1) / (2 * 0.25)
    assert stats.kstest(square, stats.chi2(5).cdf).pvalue > 1e-5


# --- tails ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("alpha", [0.8, 1.5])
def test_tail_frequency(alpha, dim, kind):
    # 18 tests at level 5e-6 with 3 % of room for the next order: false-failure rate below 1e-4
    noise, n, share = StableNoise(alpha, kind, sigma=2.0), 400_000, 1e-3
    x = (noise.tail_constant(dim) / share) ** (1 / alpha)
    found = int((np.linalg.norm(noise.sample(n, dim, seed=11), axis=1) > x).sum())
    assert stats.binom.ppf(2.5e-6, n, 0.97 * share) <= found
    assert found <= stats.binom.isf(2.5e-6, n, 1.03 * share)


@pytest.mark.parametrize("dim", [1, 2, 5, 30])
@pytest.mark.parametrize("kind", KINDS)
@given(alpha=st.floats(0.05, 1.999), sigma=st.floats(0.01, 100))
@settings(max_examples=25)
def test_tail_constant(kind, dim, alpha, sigma):
    if abs(alpha - 1) < 1e-6:  # where the oracle's quotient loses its digits
        return
    expected = oracles.tail_constant(alpha, kind, dim) * sigma**alpha
    assert StableNoise(alpha, kind, sigma).tail_constant(dim) == pytest.approx(expected, rel=1e-8)


@given(alpha=st.floats(0.05, 2.0))
def test_tail_constants_agree_in_one_dimension(alpha):
    first, second, third = (StableNoise(alpha, kind).tail_constant(1) for kind in KINDS)
    assert first == second
    assert first == pytest.approx(third, rel=1e-10, abs=1e-300)


def test_gaussian_has_no_heavy_tail():
    assert [StableNoise(2.0, kind).tail_constant(3) for kind in KINDS] == [0.0, 0.0, 0.0]


# --- draws are pure functions of their counters ---------------------------------------------------

noises = st.builds(
    StableNoise,
    st.one_of(st.floats(0.5, 2.0), st.sampled_from(ALPHAS)),
    st.sampled_from(KINDS),
    st.floats(0.0, 10.0),
)


@settings(max_examples=40, deadline=None)
@given(
    noises, st.integers(1, 300), st.integers(0, 300), st.integers(1, 4), st.integers(0, 2**64 - 1)
)
def test_a_particle_does_not_see_the_others(noise, n, more, dim, seed):
    few = noise.increments(n, dim, 0.1, 3, seed=seed, replicate=seed)
    many = noise.increments(n + more, dim, 0.1, 3, seed=seed, replicate=seed)
    assert (few == many[:, :n]).all()


@settings(max_examples=40, deadline=None)
@given(noises, st.integers(1, 200), st.integers(1, 3), st.integers(1, 4), st.integers(1, 9))
def test_coarse_increments_are_sums_of_fine_ones(noise, n, dim, steps, substeps):
    dt = 0.1
    coarse = noise.increments(n, dim, dt, steps, substeps=substeps, seed=3)
    fine = noise.increments(n, dim, dt / substeps, steps * substeps, seed=3)
    total = np.zeros_like(coarse)
    for s in range(substeps):
        total += fine[s::substeps]
    assert (coarse == total).all()


@pytest.mark.parametrize("alpha", [0.5, 1.5, 2.0])
@pytest.mark.parametrize("kind", [*KINDS, "directions"])
def test_noise_is_written_to_a_block_or_added(kind, alpha):
    @numba.njit
    def draw(draws, block, scratch, adding):
        sampling.draw_block(draws, 128, 3, (0, 2), block, scratch, adding)

    if kind == "directions":
        noise = DirectionalNoise(alpha, directions=[[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    else:
        noise = StableNoise(alpha, kind)
    scratch, draws = np.empty(sampling.SCRATCH), noise.draws(1.0, 0, 0)
    block = np.full((2, 128), np.nan)
    draw(draws, block, scratch, False)
    np.testing.assert_array_equal(block.T, noise.increments(256, 2, 1.0, 4)[3, 128:])
    twice = block.copy()
    draw(draws, twice, scratch, True)
    np.testing.assert_allclose(twice, 2 * block, rtol=1e-14)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("alpha", [0.5, 1.5, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_coordinates_may_be_drawn_in_parts(kind, alpha, size):
    @numba.njit
    def draw(draws, whole, parts, part, scratch):
        sampling.draw_block(draws, 128, 3, (0, 6), whole, scratch, False)
        scratch[:] = np.nan
        for c in range(0, 6, size):
            sampling.draw_block(draws, 128, 3, (c, c + size), part, scratch, False)
            parts[c : c + size] = part

    draws = StableNoise(alpha, kind).draws(1.0, 0, 0)
    assert draws.in_parts
    whole, parts, part = (np.full((rows, 128), np.nan) for rows in (6, 6, size))
    draw(draws, whole, parts, part, np.empty(sampling.SCRATCH))
    np.testing.assert_array_equal(parts, whole)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_matter(kind):
    threads = numba.get_num_threads()
    runs = []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            runs.append(StableNoise(1.5, kind).increments(5000, 3, 0.1, 4, seed=1))
    finally:
        numba.set_num_threads(threads)
    assert (runs[0] == runs[1]).all()


@pytest.mark.parametrize("alpha", [1.5, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_streams_share_no_draw(kind, alpha):
    noise = StableNoise(alpha, kind)
    first = noise.increments(200, 2, 1.0, 3, seed=1, replicate=1)
    others = (
        noise.increments(200, 2, 1.0, 3, seed=2, replicate=1),
        noise.increments(200, 2, 1.0, 3, seed=1, replicate=2),
        noise.increments(200, 2, 1.0, 3, seed=1, replicate=0),
        noise.sample(200, 2, seed=1)[None],
        noise.sample(200, 2, seed=2)[None],
        *(noise.increments(200, 2, 1.0, 1, seed=1, replicate=2**k) for k in (32, 63)),
        *(noise.increments(200, 2, 1.0, 1, seed=1 + 2**k, replicate=1) for k in (32, 63)),
    )
    values = [np.unique(x) for x in (first, *others)]
    together = np.concatenate(values)
    assert len(np.unique(together)) == len(together)


def words_of(noise_key, counter, step, index):
    """Return the two random words of a counter, by the oracle."""
    w = oracles.philox((counter, 0, step, index), (noise_key % 2**32, noise_key >> 32))
    return w[0] << 32 | w[1], w[2] << 32 | w[3]


def inverted(alpha, word):
    """Return the draw of a word by the law's quantile function."""
    tail = np.array([((word >> 1) + 0.5) / 2**64])
    return (1 - 2 * (word & 1)) * float(upper_quantile(alpha, tail)[0])


#: Particle, step and coordinate, at edges of blocks and halves of blocks.
PLACES = ((0, 0, 0), (1, 0, 1), (63, 1, 0), (64, 0, 1), (127, 1, 0), (128, 1, 1), (200, 0, 1))


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5, 2.0])
def test_increments_are_quantiles_of_their_words(alpha):
    noise, dt = StableNoise(alpha, "II", sigma=0.7), 0.125
    key = int(random.stream_key(5, 6, "noise"))
    got = noise.increments(201, 2, dt, 2, seed=5, replicate=6)
    common = StableNoise(alpha, "I", sigma=0.7).increments(201, 2, dt, 2, seed=5, replicate=6)
    for particle, step, coordinate in PLACES:
        # particles i and i + 64 of a block of 128 share a block of the generator
        pair, half = particle // 128 * 64 + particle % 64, particle // 64 % 2
        draw = inverted(alpha, words_of(key, pair, step, coordinate)[half])
        scaled = 0.7 * dt ** (1 / alpha) * draw
        assert got[step, particle, coordinate] == pytest.approx(scaled, rel=1e-8)
        assert common[step, particle, coordinate] == got[step, particle, 0]


def test_increments_of_a_small_index_are_the_transform_of_their_words():
    noise, dt = StableNoise(0.5, "II", sigma=0.7), 0.125
    key = int(random.stream_key(5, 6, "noise"))
    got = noise.increments(201, 2, dt, 2, seed=5, replicate=6)
    for particle, step, coordinate in PLACES:
        a, b = words_of(key, particle, step, coordinate)
        v, exponential = ((a >> 1) + 0.5) / 2**64, -math.log(((b >> 11) + 0.5) / 2**53)
        angle = (1 - 2 * (a & 1)) * math.pi * (0.5 - v)
        scaled = 0.7 * dt**2 * oracles.symmetric_stable(0.5, angle, exponential)
        assert got[step, particle, coordinate] == pytest.approx(scaled, rel=1e-8)


@pytest.mark.parametrize("alpha", [0.5, 0.7, 1.5, 2.0])
def test_type_iii_increments_are_a_root_times_normal_quantiles(alpha):
    noise = StableNoise(alpha, "III")
    key = int(random.stream_key(5, 6, "noise"))
    got = noise.increments(201, 2, 1.0, 2, seed=5, replicate=6)
    for particle, step, coordinate in PLACES:
        pair, half = particle // 128 * 64 + particle % 64, particle // 64 % 2
        normal = inverted(2.0, words_of(key, pair, step, coordinate + 1)[half]) / math.sqrt(2)
        if alpha == 2:
            root = math.sqrt(2)
        elif alpha < 0.6:
            a, b = words_of(key, particle, step, 0)
            v, exponential = ((a >> 1) + 0.5) / 2**64, -math.log(((b >> 11) + 0.5) / 2**53)
            angle = math.pi * (1 - v if a & 1 else v)
            root = oracles.root_of_positive_stable(alpha, angle, exponential)
        else:
            word = words_of(key, pair, step, 0)[half]
            tail = ((word >> 1) + 0.5) / 2**64
            root = math.sqrt(2 * positive_stable_quantile(alpha / 2, tail, above=word & 1 == 0))
        assert got[step, particle, coordinate] == pytest.approx(root * normal, rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5, 2.0])
def test_increments_scale_like_a_root_of_time(alpha, kind):
    unit = StableNoise(alpha, kind).increments(300, 2, 1.0, 2, seed=4)
    scaled = StableNoise(alpha, kind, sigma=0.3).increments(300, 2, 0.01, 2, seed=4)
    assert scaled == pytest.approx(0.3 * 0.01 ** (1 / alpha) * unit, rel=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_that_overflow_are_infinite_and_the_others_are_not_changed(kind):
    unit = StableNoise(0.7, kind).sample(4000, 1, seed=2)
    large = StableNoise(0.7, kind, sigma=1e306).sample(4000, 1, seed=2)
    assert not np.isnan(large).any()
    assert (np.sign(large) == np.sign(unit)).all()
    # |S| > 180 overflows, of which 4000 draws have about 80; a factor of it may overflow before
    beyond, finite = np.abs(unit) > 180, np.isfinite(large)
    assert 0 < beyond.sum() <= (~finite).sum() < 200
    assert np.isinf(large[beyond]).all()
    assert large[finite] == pytest.approx(1e306 * unit[finite], rel=1e-13)


def test_without_scale_there_is_no_noise():
    assert not StableNoise(0.8, "III", sigma=0.0).increments(100, 2, 1.0, 2).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("alpha", "near"), [(1, 1 - 1e-9), (1, 1 + 1e-9), (2, 2 - 1e-9)])
def test_law_is_continuous_in_alpha(alpha, near, kind):
    at, beside = (StableNoise(a, kind).sample(2000, 3, seed=3) for a in (alpha, near))
    # the weight of large jumps is of order 1e-9 over the distance of a word to its largest value
    assert beside == pytest.approx(at, rel=1e-4 if kind == "III" else 1e-6)


# --- transforms of words --------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ALPHAS)
def test_extreme_words_give_finite_numbers(alpha):
    words = [np.uint64(word) for word in EDGES]
    for a in words:
        for b in words:
            for kind in ("I", "II"):
                assert math.isfinite(symmetric(parameters(alpha, kind), a, b))
            if alpha < 2:
                root = subordinator(parameters(alpha, "III"), a, b)
                assert math.isfinite(root)
                assert root >= 0


@settings(max_examples=300)
@given(st.floats(0.5, 2.0), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_any_words_give_finite_numbers(alpha, a, b):
    a, b = np.uint64(a), np.uint64(b)
    assert math.isfinite(symmetric(parameters(alpha, "I"), a, b))
    assert alpha == 2 or math.isfinite(subordinator(parameters(alpha, "III"), a, b))


@settings(max_examples=300)
@given(
    st.floats(0.5, 1.99),
    st.integers(2**50, 2**64 - 1),  # at smaller angles the oracle's cosine cancels
    st.integers(2**40, 2**64 - 2**40),
)
def test_transforms_are_those_of_the_literature(alpha, a, b):
    v, exponential = ((a >> 1) + 0.5) / 2**64, -math.log(((b >> 11) + 0.5) / 2**53)
    sign, upper = 1 - 2 * (a & 1), a & 1 == 1
    a, b = np.uint64(a), np.uint64(b)
    expected = oracles.symmetric_stable(alpha, sign * math.pi * (0.5 - v), exponential)
    if abs(alpha - 1) > 1e-6:
        found = symmetric(parameters(alpha, "I"), a, b)
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)
    angle = math.pi * (1 - v if upper else v)
    root = oracles.root_of_positive_stable(alpha, angle, exponential)
    assert subordinator(parameters(alpha, "III"), a, b) == pytest.approx(root, rel=1e-7)
