"""The least time that the machine's execution units allow for a work's vector instructions.

A unit of work is a sum of loops over the lanes of a block. Each loop is compiled from the body that
the kernels use, its instructions are counted from the assembly, and they are replayed without
waiting for results or for memory (`instructions.replay`), in all threads at once: two threads may
have to share the units of one core. The replays take turns with the contestants, so that a slow
spell of the machine hits both. The sum of their times in a round is a bound for this code on this
machine; only fewer instructions, not a better order of them, would beat it.
Loading and storing particles, generating addresses and all calls are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np

from sde import block_steps, blocks, lanes, network_blocks, products, sampling, scalar_draws
from sde.features import find_feature
from sde.lanes import (
    WIDTH,
    for_half,
    for_lanes,
    for_quarter,
    sum_lanes,
)
from sde.lookup import evaluate_cells
from sde.native import compiled, inlined

from .instructions import NUMBERS, Block, hot_block, replay
from .measure import Spread, Timing
from .peers_ours import pull_functions

__all__ = ["Bound", "Replays", "Stage", "network_stages", "pull_stages", "vector_stages"]

#: Passes over a block in a timed replay: a few milliseconds.
PASSES = 20_000


@dataclass(frozen=True)
class Stage:
    """A loop of a work.

    Parameters
    ----------
    name : str
        What it computes.
    count : float
        Lanes of it that a unit of work needs.
    block : Block
        Its instructions.
    lanes : float
        Lanes that a pass over the block serves.
    """

    name: str
    count: float
    block: Block
    lanes: float

    @property
    def instructions(self) -> float:
        """Vector instructions a unit of work."""
        return self.count * len(self.block.instructions) / self.lanes


@dataclass(frozen=True)
class Bound:
    """What the instructions of a unit of work take, in nanoseconds.

    Parameters
    ----------
    rounds : tuple of float
        The sum over the loops, round by round of the contestants.
    instructions : float
        Vector instructions a unit of work.
    stages : mapping
        The median of each loop.
    """

    rounds: tuple[float, ...]
    instructions: float
    stages: Mapping[str, float]

    @property
    def spread(self) -> Spread:
        """Median, quartiles and extremes of the rounds."""
        return Spread.of(self.rounds)


@dataclass(frozen=True)
class Replays:
    """The replays of a work's loops, to be timed by turns with its contestants.

    Parameters
    ----------
    stages : sequence of Stage
        The loops.
    threads : int
        Threads that replay at once.
    calls : mapping
        A call of a few milliseconds for each loop.
    """

    stages: Sequence[Stage]
    threads: int
    calls: Mapping[str, Callable[[], Any]]

    @classmethod
    def of(cls, stages: Sequence[Stage], threads: int) -> Self:
        """Compile the replays of all loops.

        Raises
        ------
        RuntimeError
            If the machine is not an x86 processor with AVX.
        """
        calls = {f"replay of {s.name}": _in_all_threads(replay(s.block), threads) for s in stages}
        return cls(stages, threads, calls)

    def bound(self, timings: Mapping[str, Timing]) -> Bound:
        """Return the bound that the timings of the calls set."""
        seconds = np.array([timings[name].rounds for name in self.calls])
        units = [PASSES * self.threads * stage.lanes / stage.count for stage in self.stages]
        spent = 1e9 * seconds / np.array(units)[:, None]
        medians = np.median(spent, axis=1)
        return Bound(
            tuple(spent.sum(axis=0).tolist()),
            sum(stage.instructions for stage in self.stages),
            {stage.name: float(ns) for stage, ns in zip(self.stages, medians, strict=True)},
        )


def _in_all_threads(run: Any, threads: int) -> Callable[[], Any]:
    """Return a call that replays in all threads, each with its own cache lines of numbers."""

    @numba.njit(parallel=True)
    def together(numbers: Any, passes: int) -> None:
        for thread in numba.prange(len(numbers)):
            run(numbers[thread], passes)

    def call(passes: int = PASSES) -> None:
        numba.set_num_threads(threads)
        together(numbers, passes)

    numbers = _aligned_ones(threads)
    call(1)
    return call


def _aligned_ones(threads: int) -> Any:
    """Return what each thread's replay works on, from the start of a cache line, and a gap."""
    room = np.ones(threads * 2 * NUMBERS + 8)
    first = -room.ctypes.data % 64 // 8
    return room[first : first + threads * 2 * NUMBERS].reshape(threads, -1)[:, :NUMBERS]


def _stage(
    name: str,
    count: float,
    body: Any,
    arguments: tuple[Any, ...],
    size: int,
    over: Any = for_lanes,
    *,
    stores: bool = True,
) -> Stage:
    """Compile a loop over lanes; a lane stores `size` bytes, or loads them if it only sums."""

    @compiled()
    def loop(arguments: Any) -> Any:
        return over(body, arguments)

    loop(arguments)
    (assembly,) = loop.outer.inspect_asm().values()  # type: ignore[attr-defined]  # numba's
    block = hot_block(assembly)
    return Stage(name, count, block, (block.stored if stores else block.loaded) / size)


def pair_at_zero(evaluations: network_blocks.Evaluations) -> Any:
    """Return the body of the loop over pairs of data from the first lane on."""
    pair = evaluations.pair

    @inlined
    def body(lane: int, x: Any, y: Any, theta: Any, a: Any, b: Any, g: Any, h: Any) -> None:
        pair(lane, 0, x, y, theta, a, b, g, h)

    return body


def network_stages(p: int, m: int, dtype: str) -> list[Stage]:
    """Return the loops of a particle-step of a tanh network that keeps its slopes."""
    single = dtype == "float32"
    number: Any = np.float32 if single else np.float64
    size = np.dtype(number).itemsize
    fused = network_blocks.fused_products(find_feature("tanh"), p)
    pair = pair_at_zero(network_blocks.make_evaluations(find_feature("tanh"), p, single=single))
    for_few = for_half if single else for_quarter
    row, few, x = np.zeros(WIDTH, number), np.zeros((fused, WIDTH), number), np.zeros(fused, number)
    noise, times = np.zeros(WIDTH), 1 if fused else 2  # the drift's, and those of the arguments
    return [
        _stage("features", m / 2, pair, (x, x, few, *[row] * 4), 4 * size, for_few),
        _stage("their sums", m, lanes._lane_value, (row,), size, sum_lanes, stores=False),
        _products(times * p * m, p, number),
        *_draws(p),
        _update(p, row, noise),
    ]


def pull_stages(p: int) -> list[Stage]:
    """Return the loops of a particle-step of the mean-field Ornstein-Uhlenbeck system."""
    position, pulled = pull_functions(p)
    block, row, mean = np.zeros((2, p, WIDTH)), np.zeros(WIDTH), np.zeros(p)
    size = 8 * p
    return [
        _stage("observables", 1, blocks.lane_observable(position), (block[0], block[1]), size),
        _stage("their sums", p, lanes._lane_value, (row,), 8, sum_lanes, stores=False),
        _stage("drift", 1, blocks.lane_drift(pulled), (block[0], mean, block[1]), size),
        *_draws(p),
        _update(p, row, row),
    ]


def vector_stages(kind: str, dim: int) -> list[Stage]:
    """Return the loops of a vector of Type I or III.

    The copies stand for the stores that write one number to all coordinates.
    """
    row = np.zeros(WIDTH)
    if kind == "I":
        return [
            *_draws(1),
            _stage("copies", dim - 1, sampling._copy_stage, (row, row), 8),
        ]
    return [
        *_draws(1 + dim),
        _stage("scaling the noise", dim, sampling._scale_each_stage, (row, row, row), 8),
    ]


def _draws(count: float) -> list[Stage]:
    """Return the loops of numbers by inversion; one lane of words serves two."""
    word, cells, row = np.uint64(1), np.zeros(WIDTH, dtype=np.int64), np.zeros(WIDTH)
    words = (word, word, word, word, cells, row)
    return [
        _stage("words and cells", count / 2, scalar_draws._table_stage, words, 32, for_half),
        _lookup(count),
    ]


def _update(p: int, row: Any, noise: Any) -> Stage:
    """Return the loop of the Euler step."""
    given = (0.1, row, noise, WIDTH, 1e30, row)
    return _stage("update", p, block_steps._move, given, row.itemsize, sum_lanes)


def _products(count: float, p: int, number: Any) -> Stage:
    """Return the loop that adds up the terms of a product of a matrix of p rows and a block."""
    product = products._twelve if p >= products.GROUP else products._four

    @compiled()
    def loop(matrix: Any, rows: Any, out: Any) -> None:
        kind, size = out.dtype, len(rows)
        places = matrix.ctypes.data, rows.ctypes.data, out.ctypes.data
        product(size, len(out), *places, kind, True, places[0])

    rows = np.zeros((products.GROUP, WIDTH), number)
    loop(np.zeros(len(rows) ** 2, number), rows, rows.copy())
    (assembly,) = loop.outer.inspect_asm().values()  # type: ignore[attr-defined]  # numba's
    block = hot_block(assembly)
    return Stage("products", count, block, block.multiplied / rows.itemsize)


def _lookup(count: float) -> Stage:
    @compiled()
    def loop(cells: Any, table: Any, row: Any) -> None:
        evaluate_cells(cells.ctypes.data, table.ctypes.data, row.ctypes.data)

    loop(np.zeros(WIDTH, dtype=np.int64), np.zeros(64), np.zeros(WIDTH))
    (assembly,) = loop.outer.inspect_asm().values()  # type: ignore[attr-defined]  # numba's
    block = hot_block(assembly)
    return Stage("lookup", count, block, block.stored / 8)
