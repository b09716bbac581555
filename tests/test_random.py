"""The counter-based generator: known answers, an oracle, streams, uniforms."""

import math
from fractions import Fraction

import numba
import numpy as np
import oracles
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from sde import random

ONES = 2**32 - 1
words = st.integers(0, ONES)
longs = st.integers(0, 2**64 - 1)


@numba.njit
def philox(c0, c1, c2, c3, k0, k1):
    return random.philox(c0, c1, c2, c3, k0, k1)


@numba.njit
def draw(key, first, lane, step, index):
    return random.draw(key, first, lane, step, index)


@numba.njit
def units(bits):
    return random.open_unit(bits), random.half_unit(bits)


def run(function, *values):
    return tuple(int(word) for word in function(*(np.uint64(value) for value in values)))


# kat_vectors of Random123 1.14, lines "philox4x32 10"
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(counter, key, answer):
    assert run(philox, *counter, *key) == answer
    assert oracles.philox(counter, key) == answer


@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_generator_is_that_of_the_paper(counter, key):
    assert run(philox, *counter, *key) == oracles.philox(counter, key)


@given(longs, longs, st.integers(0, 127), st.integers(0, 2**48 - 1), st.integers(0, 2**16 - 1))
def test_counter_holds_particle_step_and_index(key, particle, lane, step, index):
    lane = min(lane, particle & ONES)  # of a first one with the same high word
    counter = (particle & ONES, particle >> 32, step & ONES, (step >> 32) << 16 | index)
    w = oracles.philox(counter, (key & ONES, key >> 32))
    assert run(draw, key, particle - lane, lane, step, index) == (
        w[0] << 32 | w[1],
        w[2] << 32 | w[3],
    )


@given(longs, longs, st.sampled_from(sorted(random.STREAMS)))
def test_key_is_a_block_of_the_seed(seed, replicate, stream):
    number = random.STREAMS[stream]
    w = oracles.philox((replicate & ONES, replicate >> 32, number, 0), (seed & ONES, seed >> 32))
    assert int(random.stream_key(seed, replicate, stream)) == w[0] << 32 | w[1]


def test_keys_are_distinct():
    # 3 * 10^4 keys of 64 bits: a collision of ideal keys has chance 5e-11
    keys = {
        int(random.stream_key(seed, replicate, stream))
        for seed in (*range(49), 2**64 - 1)
        for replicate in (*range(198), 2**63, 2**64 - 1)
        for stream in random.STREAMS
    }
    assert len(keys) == 50 * 200 * len(random.STREAMS)


@pytest.mark.parametrize("bits", [0, 1, 2**11 - 1, 2**63, 2**64 - 2**11, 2**64 - 1])
def test_units_at_edge_words(bits):
    whole, half = units(np.uint64(bits))
    assert 0 < whole < 1
    assert 0 < half <= 0.5
    assert half == pytest.approx(max(bits / 2**65, 2.0**-65), rel=0.6)
    assert whole == pytest.approx(max(bits / 2**64, 2.0**-54), rel=1e-3)


@given(longs)
def test_units_of_any_word(bits):
    whole, half = units(np.uint64(bits))
    exact = Fraction(2 * (bits >> 11) + 1, 2**54)
    assert abs(Fraction(whole) - exact) <= Fraction(1, 2**54)
    assert half == float(Fraction(2 * (bits >> 1) + 1, 2**65))  # rounded once


@example(2**23 - 1)
@given(st.one_of(st.integers(0, 2**53 - 2), st.integers(0, 999).map(lambda k: 2**53 - 2 - k)))
def test_neighbouring_units_differ_by_their_spacing(k):
    # exactly: differences of such neighbours are doubles
    (below, half_below), (above, half_above) = (units(np.uint64(each << 11)) for each in (k, k + 1))
    assert 0 < above - below <= 2.0**-53 * (1 + 2.0**-30 * (k == 2**23 - 1))
    assert 0 < half_above - half_below <= 2.0**-54


@pytest.mark.parametrize("stream", sorted(random.STREAMS))
def test_uniforms_are_uniform_and_independent(stream):
    # 3 streams x 3 tests at level 1e-5: false-failure rate 1e-4
    u = random.uniforms(100_000, 2, seed=3, replicate=1, stream=stream)
    assert stats.kstest(u[:, 0], "uniform").pvalue > 1e-5
    assert stats.kstest(u[:, 1], "uniform").pvalue > 1e-5
    correlation = 12 * np.mean((u[:, 0] - 0.5) * (u[:, 1] - 0.5)) * math.sqrt(len(u))
    assert abs(correlation) < stats.norm.isf(0.5e-5)


@settings(max_examples=20)
@given(st.integers(1, 400), st.integers(0, 400), st.integers(1, 3))
def test_uniforms_of_a_particle_do_not_depend_on_the_others(n, first, dim):
    whole = random.uniforms(first + n, dim, seed=9, replicate=2, stream="initial")
    part = random.uniforms(n, dim, seed=9, replicate=2, stream="initial", first=first)
    assert (whole[first:] == part).all()
