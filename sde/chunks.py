"""Chunks of blocks: what a thread, or a process of MPI, takes at a time.

A chunk sums in the order of its blocks, and the sums of the chunks are added in order. How many
there are depends on the number of particles alone, so that results depend neither on threads nor on
processes.
"""

from sde.lanes import WIDTH
from sde.native import expanded

__all__ = ["chunk_bounds", "chunk_count"]

#: Most chunks of a sweep: enough to balance two to sixty-four threads, few enough to keep the
#: sums of the chunks small beside the state.
CHUNKS = 256


@expanded
def chunk_bounds(chunk: int, chunks: int, blocks: int) -> tuple[int, int]:
    """Return the first block of a chunk and the one after its last."""
    return chunk * blocks // chunks, (chunk + 1) * blocks // chunks


@expanded
def chunk_count(n: int) -> int:
    """Return the number of chunks of n particles."""
    return min(CHUNKS, (n + WIDTH - 1) // WIDTH)
