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

__all__ = ["NUMBERS", "Block", "hot_block", "replay"]

#: Float64 numbers that a replay works on: 4 KB, loads from the first half, stores to the other.
NUMBERS = 512

#: A replay is unrolled to at least this many instructions, so that its own loop costs nothing.
UNROLLED = 256

_BYTES = {"x": 16, "y": 32, "z": 64}
_VECTOR = re.compile(r"%([xyz])mm\d+")
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
    def loaded(self) -> int:
        """Bytes that the block loads as vectors, but for registers that it spilled."""
        lines = (line for line in self.instructions if not line.startswith("vbroadcast"))
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


def _is_address(operand: str) -> bool:
    return operand.endswith(")") and "%rsp" not in operand


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
    """Rewrite instructions so that none waits for another."""
    sources, numbers, others = (cycle(range(*ends)) for ends in ((0, 4), (4, 12), (12, 16)))
    places, integers = cycle(range(0, 2048, 64)), cycle(("%r8", "%r9", "%r10", "%r11"))
    for line in instructions:
        name, operands = line.split()[0], _operands(line)
        targets = numbers if _ARITHMETIC.match(name) else others
        changed = []
        for at, operand in enumerate(operands):
            last = at == len(operands) - 1
            vector = _VECTOR.fullmatch(operand)
            if vector:
                changed.append(f"%{vector[1]}mm{next(targets if last else sources)}")
            elif operand.startswith("$"):
                changed.append(f"${operand}")
            elif operand.startswith("%"):  # part of an address, or moved to a vector
                changed.append(
                    next(integers) if len(operand) == 4 and "e" not in operand else "%r8d"
                )
            else:
                changed.append(f"{next(places) + 2048 * last}($0)")
        yield f"{name} {', '.join(changed)}"


def replay(block: Block) -> Callable[[Any, int], None]:
    """Compile a function `run(numbers, passes)` that replays a block on `NUMBERS` numbers.

    They should start a cache line: the kernels' do.

    Raises
    ------
    RuntimeError
        If the block has no AVX instructions: the machine is not an x86 processor with AVX.
    """
    if not block.instructions:
        raise RuntimeError("the bound of the instructions needs an x86 processor with AVX2")
    initialize_native_asmparser()
    times = -(-UNROLLED // len(block.instructions))
    body = "\n".join(_independent(block.instructions * times))
    fill = "\n".join(f"vmovups ($0), %ymm{register}" for register in range(16))
    text = f"{fill}\nmovq $1, %rcx\n1:\n{body}\ndecq %rcx\njnz 1b\nvzeroupper"
    clobbered = [f"~{{{name}}}" for name in ("rcx", "r8", "r9", "r10", "r11", "memory", "flags")]
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

    run(np.ones(NUMBERS), 1)
    compiled: Callable[[Any, int], None] = run
    return compiled
