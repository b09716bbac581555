"""Loops over the lanes of a block, vectorised and interleaved.

A block holds `WIDTH` particles, one row a coordinate. The elementary functions are long chains of
dependent operations, and a processor's schedulers hold only a few dozen of them: a loop that works
on one vector at a time waits most of the time for the last result. `for_lanes` asks the compiler to
work on several vectors at once, and on vectors as wide as the machine's: by itself it takes half as
wide ones on Intel's processors with AVX-512, whose first models slowed down. Numba has no such
requests of its own.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sde.addresses import CACHE_LINE
from sde.native import compiled

__all__ = [
    "HALF",
    "QUARTER",
    "WIDE",
    "WIDTH",
    "for_half",
    "for_lanes",
    "for_quarter",
    "has_wide_vectors",
    "lane_sum",
    "lanes_intrinsic",
    "loop_request",
    "sum_lanes",
]

#: Particles in a block: one row of a block is 1 KB, so a block stays in the first-level cache.
WIDTH = 128
HALF, QUARTER = WIDTH // 2, WIDTH // 4

#: Vectors that a loop works on at once. A tanh on four takes two thirds of what it takes on one. On
#: eight it takes 1.1 times as long as on four (Zen 3, 16 registers), and 1.2 to 1.4 times where
#: another thread uses the same core; other features lose as much, or nothing.
INTERLEAVED = 4

#: Bits of a vector of AVX-512.
WIDE = 512

_WORD = ir.IntType(64)


def loop_request(module: Any, wishes: dict[str, int]) -> Any:
    """Return the metadata of a loop that is to be compiled so; they name the loop, too."""
    number = ir.IntType(32)
    nodes = [module.add_metadata([f"llvm.loop.{w}", number(wishes[w])]) for w in wishes]
    # A loop's node names itself first, so that no two loops share one; the number makes it new.
    node = module.add_metadata([number(len(module.metadata)), *nodes])
    node.operands = (node, *nodes)
    return node


def _align_stack(builder: Any) -> None:
    """Have the stack of the function that is being built start a cache line.

    By itself the compiler aligns it to 16 bytes only: in most processes vectors that are kept there
    lie in two lines each, and loops that run out of registers take an eighth longer.
    """
    attributes = builder.function.attributes
    attributes.add("nounwind")  # errors are returned; without one such, the other is not written
    attributes.alignstack = CACHE_LINE


def _emit_loop(builder: Any, count: int, wishes: dict[str, int], body: Any, kind: Any) -> Any:
    """Emit a loop over the first `count` lanes; return the sum of what `body(lane)` gives.

    `kind` is the type of the sum. The compiler is told that no lane reads what another one writes:
    else it compares all addresses, which takes as long as the loop.
    """
    _align_stack(builder)
    before, request = builder.block, loop_request(builder.module, wishes)
    loop = builder.append_basic_block("lanes")
    after = builder.append_basic_block("lanes.end")
    builder.branch(loop)
    builder.position_at_end(loop)
    lane, total = builder.phi(_WORD), builder.phi(kind)
    lane.add_incoming(_WORD(0), before)
    total.add_incoming(ir.Constant(kind, 0.0), before)
    term = body(lane)
    for instruction in loop.instructions:
        if isinstance(instruction, ir.CallInstr):  # inlining hands it on to loads and stores
            instruction.set_metadata("llvm.mem.parallel_loop_access", request)
    # lanes may be added in any order, which is fixed once the loop is compiled
    added = builder.fadd(total, term, flags=["reassoc", "nsz", "contract"])
    following = builder.add(lane, _WORD(1), flags=["nuw", "nsw"])
    lane.add_incoming(following, builder.block)
    total.add_incoming(added, builder.block)
    back = builder.cbranch(builder.icmp_unsigned("<", following, _WORD(count)), loop, after)
    back.set_metadata("llvm.loop", request)
    builder.position_at_end(after)
    return added


def has_wide_vectors(context: Any) -> bool:
    """Return whether the machine that is compiled for has vectors of `WIDE` bits."""
    features: str = context.codegen().magic_tuple()[2]
    return "+avx512f" in features.split(",")


def _wishes(context: Any, kinds: Any) -> dict[str, int]:
    """Return how a loop over arrays, and other things, of these types is to be vectorised."""
    wishes = {"interleave.count": INTERLEAVED}
    if has_wide_vectors(context):
        bits = max(kind.dtype.bitwidth for kind in kinds if isinstance(kind, types.Array))
        wishes["vectorize.width"] = WIDE // bits
    return wishes


def lanes_intrinsic(count: int, *, summing: bool = False) -> Any:
    """Return a loop over `count` lanes."""

    @intrinsic
    def over_lanes(typing: Any, body: Any, arguments: Any) -> Any:
        inner = typing.resolve_function_type(body, (types.intp, *arguments.types), {})
        if inner is None:
            return None
        result = inner.return_type if summing else types.void

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            function = context.get_function(body, inner)
            unpacked = [builder.extract_value(values[1], i) for i in range(len(arguments.types))]

            kind = context.get_value_type(result) if summing else ir.DoubleType()
            wishes = _wishes(context, arguments.types)

            def one(lane: Any) -> Any:
                given = function(builder, [lane, *unpacked])
                return given if summing else ir.Constant(kind, 0.0)

            total = _emit_loop(builder, count, wishes, one, kind)
            return total if summing else context.get_dummy_value()

        return result(body, arguments), generate

    return over_lanes


#: `for_lanes(body, (a, b, ...))` calls `body(lane, a, b, ...)` for every lane. The body must be
#: compiled with `forceinline`, and no lane may read or write what another one writes; it is
#: vectorised if it has no branch.
for_lanes: Any = lanes_intrinsic(WIDTH)

#: The same for the first half of the lanes, or quarter.
for_half: Any = lanes_intrinsic(HALF)
for_quarter: Any = lanes_intrinsic(QUARTER)

#: `sum_lanes(body, (a, b, ...))` returns the sum of `body(lane, a, b, ...)` over the lanes, in the
#: type of the terms.
sum_lanes: Any = lanes_intrinsic(WIDTH, summing=True)


@compiled(forceinline=True)
def _lane_value(lane: int, row: Any) -> Any:
    return row[lane]


# Inlined, so that a process has no second copy of it: a copy that another kernel brings along is
# optimised anew and may add in another order, and which of them is called would depend on what was
# compiled, and what came from the cache, before.
@compiled(forceinline=True)
def lane_sum(row: Any, count: int) -> float:
    """Return the sum of the first `count` lanes; the others are set to zero."""
    for lane in range(count, WIDTH):
        row[lane] = 0.0
    total: float = sum_lanes(_lane_value, (row,))
    return total
