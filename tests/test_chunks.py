"""Chunks share the blocks, and threads share the chunks."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde import chunks
from sde.addresses import CACHE_LINE
from sde.chunks import deal, empty_deal, next_chunk, next_item


@pytest.mark.parametrize("n", [1, 500, 1024, 1025, 10_000, 131_072, 131_200, 10**6])
def test_chunks_share_the_blocks(n):
    blocks = -(-n // 128)
    count = chunks.chunk_count(n)
    assert count == min(blocks, 256)
    edges = [chunks.chunk_bounds(chunk, count, blocks) for chunk in range(count)]
    sizes = [last - first for first, last in edges]
    assert sum(sizes) == blocks
    assert max(sizes) - min(sizes) <= 1
    assert edges[0][0] == 0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))


@numba.njit
def take_in_turns(order, threads, count):
    """Let threads take a chunk each time they are named; return what each got, sweep by sweep."""
    taken, got = empty_deal(threads), np.empty((2, len(order)), np.int64)
    for sweep in range(2):
        deal(taken, threads, count)
        for i, thread in enumerate(order):
            got[sweep, i] = next_chunk(taken, thread, threads, count)
    return got, taken.ctypes.data


@numba.njit(parallel=True)
def take_together(threads, count, sweeps):
    """Count how often each chunk is taken by threads that run at once."""
    taken, times = empty_deal(threads), np.zeros((threads, count), np.int64)
    for _ in range(sweeps):
        deal(taken, threads, count)
        for thread in numba.prange(threads):
            chunk = next_chunk(taken, thread, threads, count)
            while chunk >= 0:
                times[thread, chunk] += 1
                chunk = next_chunk(taken, thread, threads, count)
    return times


def own_chunks(thread, threads, count):
    return list(range(*chunks.chunk_bounds(thread, threads, count)))


@given(data=st.data(), threads=st.integers(1, 5), count=st.integers(1, 100))
def test_every_chunk_is_taken_once(data, threads, count):
    calls = data.draw(st.permutations([t for t in range(threads) for _ in range(count + 1)]))
    got, place = take_in_turns(np.array(calls), threads, count)
    assert place % CACHE_LINE == 0
    for sweep in got.tolist():
        assert sorted(chunk for chunk in sweep if chunk >= 0) == list(range(count))
        for thread in range(threads):
            theirs = [chunk for t, chunk in zip(calls, sweep, strict=True) if t == thread]
            mine = own_chunks(thread, threads, count)
            own = [chunk in mine for chunk in theirs]
            # its own come first, in order, and never again once it has turned to others'
            assert own == sorted(own, reverse=True)
            assert theirs[: sum(own)] == sorted(theirs[: sum(own)])
            if count < 16 * threads:  # nobody takes what may be in another one's cache
                assert set(theirs) <= {*mine, -1}


def test_a_thread_does_the_work_of_one_that_stands_still():
    (got, _), (few, _) = (take_in_turns(np.zeros(c + 1, np.int64), 2, c) for c in (32, 31))
    assert got[0].tolist() == [*range(32), -1]
    assert few[0].tolist() == [*range(15), *[-1] * 17]


@pytest.mark.parametrize("count", [20, 256])
def test_no_chunk_is_taken_twice_or_left_by_threads_that_run_at_once(count, set_threads):
    set_threads(2)
    times = take_together(2, count, 2000)
    assert (times.sum(axis=0) == 2000).all()


@numba.njit
def take_all(thread, threads, items, owners):
    taken = empty_deal(threads)
    deal(taken, threads, items)
    return [next_item(taken, thread, threads, items, owners) for _ in range(items + 1)]


def test_items_that_no_cache_holds_are_taken_however_few_they_are():
    assert take_all(1, 3, 7, 1) == [2, 3, -1, -1, -1, -1, -1, -1]
    assert take_all(1, 3, 7, 2) == [2, 3, 4, 5, 6, -1, -1, -1]
    assert take_all(1, 3, 7, 3) == [2, 3, 4, 5, 6, 0, 1, -1]
