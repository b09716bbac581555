"""Chunks of blocks: what a thread, or a process of MPI, takes at a time.

A chunk sums in the order of its blocks, and the sums of the chunks are added in order. How many
there are depends on the number of particles alone, so that results depend neither on threads nor on
processes.

A thread takes its own chunks first, the same in every step: they may still be in its cache. Then it
takes what others have left, as cores are not equally fast: some are built slower, some are shared.
"""

from typing import Any

import numpy as np

from sde.addresses import CACHE_LINE, aligned, count_up
from sde.lanes import WIDTH
from sde.native import expanded, inlined

__all__ = ["chunk_bounds", "chunk_count", "deal", "empty_deal", "next_chunk", "next_item"]

#: Most chunks of a sweep: enough to balance two to sixty-four threads, few enough to keep the
#: sums of the chunks small beside the state.
CHUNKS = 256

#: Fewest chunks a thread of which others may take some. Another core has to fetch a chunk from the
#: cache of the one that had it, which takes as long as the work on it.
MANY = 16

#: Integers in a cache line: each thread's next chunk has a line of its own.
APART = CACHE_LINE // 8


@expanded
def chunk_bounds(chunk: int, chunks: int, blocks: int) -> tuple[int, int]:
    """Return the first block of a chunk and the one after its last."""
    return chunk * blocks // chunks, (chunk + 1) * blocks // chunks


@inlined
def chunk_count(n: int) -> int:
    """Return the number of chunks of n particles."""
    return min(CHUNKS, (n + WIDTH - 1) // WIDTH)


@inlined
def empty_deal(threads: int) -> Any:
    """Return memory for what the threads take next."""
    return aligned(threads * APART, np.int64)


@expanded
def deal(taken: Any, threads: int, items: int) -> None:
    """Give each thread its chunks, or other items, before they are taken."""
    for thread in range(threads):
        taken[thread * APART] = chunk_bounds(thread, threads, items)[0]


@expanded
def next_item(taken: Any, thread: int, threads: int, items: int, owners: int) -> int:
    """Return an item that nobody has taken yet, or -1 if a thread is to take no more.

    It takes its own, and then those of others, until it has tried so many owners.
    """
    for i in range(owners):
        owner = (thread + i) % threads
        item: int = count_up(taken.ctypes.data + owner * CACHE_LINE)
        if item < chunk_bounds(owner, threads, items)[1]:
            return item
    return -1


@expanded
def next_chunk(taken: Any, thread: int, threads: int, chunks: int) -> int:
    """Return a chunk that nobody has taken yet, or -1 if a thread is to take no more."""
    owners = threads if chunks >= MANY * threads else 1
    return next_item(taken, thread, threads, chunks, owners)
