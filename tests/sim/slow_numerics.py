"""What a program computes, element by element in exact arithmetic: the oracle of the fast engine's numerics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tests import oracle_arith as exact
from weft.isa.elements import ELEMENTS
from weft.isa.encoding import Instruction
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine
from weft.isa.vector_ops import BINARY, REDUCTIONS, SOURCES, UNARY

SIZES = {"word": 4, "bf16": 2, "int8": 1}


class Memories:
    """DRAM, scratchpad and accumulator as byte arrays."""

    def __init__(self, machine: Machine, dram: bytes) -> None:
        self.dim = machine.dim
        self.dram = bytearray(dram)
        self.scratchpad = bytearray(machine.scratchpad.bytes)
        self.accumulator = bytearray(machine.accumulator.bytes)

    def chip(self, address: int) -> tuple[bytearray, int]:
        if address & ACCUMULATOR_BIT:
            return self.accumulator, address - ACCUMULATOR_BIT
        return self.scratchpad, address

    def read(self, kind: str, address: int) -> int:
        """The word an element becomes."""
        memory, at = self.chip(address)
        raw = int.from_bytes(memory[at : at + SIZES[kind]], "little")
        return int({"word": lambda x: x, "bf16": exact.bf2f, "int8": exact.i8_to_i32}[kind](raw))

    def write(self, kind: str, address: int, word: int) -> None:
        memory, at = self.chip(address)
        value = {"word": lambda x: x, "bf16": exact.f2bf, "int8": exact.i32_to_i8}[kind](word)
        memory[at : at + SIZES[kind]] = (value % (1 << 8 * SIZES[kind])).to_bytes(SIZES[kind], "little")


def _rows(i: Instruction) -> Iterator[tuple[int, int, int]]:
    for i2, i1, i0 in product(range(i["count2"]), range(i["count1"]), range(i["count0"])):
        yield i0, i1, i2


def _steps(i: Instruction, operand: str, index: tuple[int, int, int]) -> int:
    return sum(index[level] * i[f"{operand}_stride{level}"] for level in range(3))


def _transfer(m: Memories, i: Instruction, at: dict[str, int]) -> None:
    for index in _rows(i):
        memory, near = m.chip(at["local"] + _steps(i, "local", index))
        far = at["dram"] + _steps(i, "dram", index)
        if i.name == "load":
            memory[near : near + i["bytes"]] = m.dram[far : far + i["bytes"]]
        else:
            m.dram[far : far + i["bytes"]] = memory[near : near + i["bytes"]]


def _matmul(m: Memories, i: Instruction, at: dict[str, int]) -> None:
    kind = ("bf16", "int8")[i["type"]]
    size = SIZES[kind]
    for r, index in enumerate(_rows(i)):
        for j in range(i["n"]):
            total = 0
            for k in range(i["k"]):
                row = k * i["a_stride0"] + r * size if i["transpose_a"] else _steps(i, "a", index) + k * size
                weight = j * i["w_stride"] + k * size if i["transpose_w"] else k * i["w_stride"] + j * size
                a, w = m.read(kind, at["a"] + row), m.read(kind, at["w"] + weight)
                if kind == "bf16":
                    total = exact.fma(a, w, total)
                else:
                    total = (exact.signed(a) * exact.signed(w) + total) & exact.MASK
            place = at["d"] + _steps(i, "d", index) + 4 * j
            if i["accumulate"]:
                total = exact.BINARY["fadd" if kind == "bf16" else "iadd"](m.read("word", place), total)
            m.write("word", place, total)


def _tree(op: str, values: list[int | None]) -> int | None:
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [b if a is None else a if b is None else exact.BINARY[op](a, b) for a, b in pairs]
    return values[0]


def _vector(m: Memories, i: Instruction, at: dict[str, int]) -> None:
    pre, f, then = BINARY[i["pre"]].name, UNARY[i["f"]].name, BINARY[i["then"]].name
    reduce, kind, lanes = REDUCTIONS[i["reduce"]].name, ELEMENTS[i["d_type"]], range(i["lanes"])
    op = {"sum": "fadd", "max": "fmax"}.get(reduce[-3:], "")

    def place(operand: str, i0: int, i1: int) -> int:
        return at[operand] + i0 * i[f"{operand}_stride0"] + i1 * i[f"{operand}_stride1"]

    def operand(name: str, i0: int, i1: int, lane: int) -> int:
        source, element = SOURCES[i[f"{name}_source"]], ELEMENTS[i[f"{name}_type"]]
        if source == "imm":
            return i["imm"]
        if source == "lane":
            return i1 * m.dim + lane
        return m.read(element, place(name, i0, i1) + (lane * SIZES[element] if source == "row" else 0))

    for i1 in range(i["count1"]):
        partials: list[list[int | None]] = [[None] * 8 for _ in lanes]
        for i0 in range(i["count0"]):
            row = []
            for lane in lanes:
                x = operand("x", i0, i1, lane) if pre != "second" else 0
                y = operand("y", i0, i1, lane) if pre != "first" else 0
                t = exact.UNARY[f](exact.BINARY[pre](x, y))
                z = operand("z", i0, i1, lane) if then != "first" else 0
                row.append(exact.BINARY[then](t, z))
            if reduce.startswith("lane"):
                m.write(kind, place("d", i0, i1), _tree(op, row + [None] * (m.dim - len(row))) or 0)
            elif reduce == "none":
                for lane in lanes:
                    m.write(kind, place("d", i0, i1) + lane * SIZES[kind], row[lane])
            for lane in lanes if reduce.startswith("row") else ():
                old = partials[lane][i0 % 8]
                partials[lane][i0 % 8] = row[lane] if old is None else exact.BINARY[op](old, row[lane])
        for lane in lanes if reduce.startswith("row") else ():
            m.write(kind, place("d", 0, i1) + lane * SIZES[kind], _tree(op, partials[lane]) or 0)


EXECUTE = {"load": _transfer, "store": _transfer, "matmul": _matmul, "vector": _vector}
