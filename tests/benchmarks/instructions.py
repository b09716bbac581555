"""The vector instructions of a compiled loop, counted, and replayed without waiting for each other.

The replay runs the same instructions, on the same kinds of operands, but with registers chosen so
that none needs the result of another, and with all memory in the first-level cache. What it takes
is the least that the machine's execution units allow for this mix: a roofline, measured.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from llvmlite.binding import initialize_native_asmparser
from numba import types
from numba.extending import intrinsic

from sde.addresses import aligned

__all__ = ["NUMBERS", "Block", "hot_block", "replay"]

#: Float64 numbers that a replay works on: 4 KB, loads from the first half, stores to the other.
NUMBERS = 512

#: A replay is unrolled to at least this many instructions, so that its own loop costs nothing.
UNROLLED = 256

_BYTES = {"x": 16, "y": 32, "z": 64}
_VECTOR = re.compile(r"%([xyz])mm\d+")
_MASK = re.compile(r"%k\d")
_INTEGER = re.compile(r"%(r\w+|e\w\w)")
_ARITHMETIC = re.compile(r"v(f[mn]|mul|add|sub|div|sqrt|min|max)")


@dataclass(frozen=True)
class Block:
    """The vector instructions of a basic block, in AT&T syntax."""

    instructions: tuple[str, ...]

    @property
    def counts(self) -> Counter[str]:
        """How often each mnemonic occurs."""
        return Counter(line.split()[0] for line in self.instructions)

    @property
    def stored(self) -> int:
        """Bytes that the block stores, but for registers that it spills."""
        return sum(_width(line) for line in self.instructions if _is_address(_operands(line)[-1]))

    @property
    def multiplied(self) -> int:
        """Bytes that fused multiply-adds write."""
        return sum(_width(line) for line in self.instructions if line.startswith("vfm"))

    @property
    def loaded(self) -> int:
        """Bytes that the block loads as vectors, but for registers that it spilled."""
        lines = (line for line in self.instructions if not re.search("broadcast|{1to", line))
        return sum(_width(line) for line in lines if any(map(_is_address, _operands(line)[:-1])))


def _operands(line: str) -> list[str]:
    """Split the operands of an instruction; an address has commas of its own.

    Examples
    --------
    >>> _operands("vfmadd231ps 32(%rax,%rbp,4), %ymm4, %ymm3")
    ['32(%rax,%rbp,4)', '%ymm4', '%ymm3']
    """
    text = line.split(None, 1)[1] if " " in line else ""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text)]


def _bare(operand: str) -> str:
    """Leave out what AVX-512 may write behind an operand: a mask, zeroing, a broadcast.

    Examples
    --------
    >>> _bare("%zmm7 {%k5} {z}"), _bare("8(%rsi){1to8}")
    ('%zmm7', '8(%rsi)')
    """
    return operand.partition("{")[0].rstrip()


def _is_address(operand: str) -> bool:
    return _bare(operand).endswith(")") and "%rsp" not in operand


def _width(line: str) -> int:
    return max((_BYTES[kind] for kind in _VECTOR.findall(line)), default=8)


def hot_block(assembly: str) -> Block:
    """Return the basic block with the most vector instructions: a loop, or what it was unrolled to.

    Examples
    --------
    >>> before, loop = "vaddpd %ymm0, %ymm1, %ymm2\\n", "vmulpd (%rax), %ymm1, %ymm2\\n"
    >>> hot_block(before + ".LBB0_1:\\n" + loop * 2).counts
    Counter({'vmulpd': 2})
    """
    blocks: list[list[str]] = [[]]
    for raw in assembly.splitlines():
        line = " ".join(raw.split("#")[0].split())
        if line.endswith(":") or re.match(r"j[a-z]+ ", line):
            blocks.append([])
        elif re.match(r"v\w+ ", line) and not line.startswith("vzero"):
            blocks[-1].append(line)
    largest: list[str] = max(blocks, key=lambda lines: len(lines))
    return Block(tuple(largest))


def _independent(instructions: Sequence[str]) -> Iterator[str]:
    """Rewrite instructions so that none waits for another.

    Raises
    ------
    RuntimeError
        If an operand is of a kind not known here, as a gather's address: what the assembler can't
        read would end the process.
    """
    sources, numbers, others = (cycle(range(*ends)) for ends in ((0, 4), (4, 12), (12, 16)))
    places, integers = cycle(range(0, 2048, 64)), cycle(("%r8", "%r9", "%r10", "%r11"))
    masks, results = cycle((1, 2, 3)), cycle((4, 5, 6, 7))
    for line in instructions:
        name, operands = line.split()[0], _operands(line)
        targets = numbers if _ARITHMETIC.match(name) else others
        changed = []
        for at, operand in enumerate(operands):
            last = at == len(operands) - 1
            bare = _bare(operand)
            marks = _MASK.sub(lambda _: f"%k{next(masks)}", operand[len(bare) :])
            vector = _VECTOR.fullmatch(bare)
            if vector:
                bare = f"%{vector[1]}mm{next(targets if last else sources)}"
            elif _MASK.fullmatch(bare):
                bare = f"%k{next(results if last else masks)}"
            elif bare.startswith("$"):
                bare = f"${bare}"
            elif _INTEGER.fullmatch(bare):  # moved to a vector
                bare = next(integers) if re.fullmatch(r"%r(\d+|[a-z]{2})", bare) else "%r8d"
            elif bare.endswith(")") and not _VECTOR.search(bare):
                bare = f"{next(places) + 2048 * last}($0)"
            else:
                raise RuntimeError(f"the bound of the instructions cannot replay {line!r}")
            changed.append(bare + marks)
        yield f"{name} {', '.join(changed)}"


def replay(block: Block) -> Callable[[Any, int], None]:
    """Compile a function `run(numbers, passes)` that replays a block on `NUMBERS` numbers.

    They must start a cache line: some instructions end the process where they do not.

    Raises
    ------
    RuntimeError
        If the block has no AVX instructions: the machine is not an x86 processor with AVX; or one
        whose operands are not known here.
    """
    if not block.instructions:
        raise RuntimeError("the bound of the instructions needs an x86 processor with AVX2")
    initialize_native_asmparser()
    times = -(-UNROLLED // len(block.instructions))
    body = "\n".join(_independent(block.instructions * times))
    width = "z" if "%zmm" in body else "y"
    fills = [f"vmovups ($0), %{width}mm{register}" for register in range(16)]
    masks = [f"k{register}" for register in range(1, 8)] if _MASK.search(body) else []
    fills += [f"kxnorw %{mask}, %{mask}, %{mask}" for mask in masks]  # all lanes take part
    fill = "\n".join(fills)
    text = f"{fill}\nmovq $1, %rcx\n1:\n{body}\ndecq %rcx\njnz 1b\nvzeroupper"
    registers = ["rcx", "r8", "r9", "r10", "r11", *masks]
    clobbered = [f"~{{{name}}}" for name in (*registers, "memory", "flags")]
    clobbered += [f"~{{ymm{register}}}" for register in range(16)]

    @intrinsic
    def run_text(_typing: Any, _address: Any, _passes: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 2)
            constraints = ",".join(["r", "r", *clobbered])
            builder.call(ir.InlineAsm(kind, text, constraints, side_effect=True), arguments)

        return types.void(types.intp, types.intp), generate

    call: Any = run_text

    @numba.njit
    def run(numbers: Any, passes: int) -> None:
        call(numbers.ctypes.data, max(1, passes // times))

    numbers = aligned(NUMBERS, np.float64)
    numbers[:] = 1.0
    run(numbers, 1)
    compiled: Callable[[Any, int], None] = run
    return compiled
