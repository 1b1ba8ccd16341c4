"""What each instruction does to the memories, in the plainest way."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weft.isa.elements import ELEMENTS
from weft.isa.encoding import Instruction
from weft.isa.errors import ProgramError
from weft.isa.instructions import ACCUMULATOR_BIT, MATMUL_TYPES
from weft.isa.vector_ops import BINARY, REDUCTIONS, ROW_PARTIALS, SOURCES, UNARY
from weft.sim.interp import numbers

_REDUCE = {"fsum": "fadd", "fmax": "fmax"}


@dataclass(frozen=True)
class Memories:
    """The three memories, and DIM."""

    dim: int
    dram: memoryview
    scratchpad: bytearray
    accumulator: bytearray

    def local(self, address: int) -> tuple[str, int]:
        if address & ACCUMULATOR_BIT:
            return "accumulator", address & ~ACCUMULATOR_BIT
        return "scratchpad", address

    def read(self, memory: str, address: int, size: int) -> bytes:
        """``size`` bytes. Raises ProgramError outside the memory."""
        content: bytearray | memoryview = getattr(self, memory)
        if address < 0 or address + size > len(content):
            last = address + size - 1
            raise ProgramError(f"reads bytes {address:#x} to {last:#x} of the {memory}; it has {len(content):#x}")
        return bytes(content[address : address + size])

    def write(self, memory: str, address: int, data: bytes) -> None:
        """Put bytes. Raises ProgramError outside the memory."""
        content: bytearray | memoryview = getattr(self, memory)
        if address < 0 or address + len(data) > len(content):
            last = address + len(data) - 1
            raise ProgramError(f"writes bytes {address:#x} to {last:#x} of the {memory}; it has {len(content):#x}")
        content[address : address + len(data)] = data


Index = tuple[int, ...]


def _moved(i: Instruction, operand: str, index: Index) -> int:
    """An operand's address in this iteration of the loops around the instruction."""
    return i[operand] + sum(step * i[f"{operand}_inc{depth}"] for depth, step in enumerate(index))


def _rows(i: Instruction, operand: str) -> Iterator[int]:
    """Offsets of an operand's rows, level 0 fastest."""
    for i2 in range(i["count2"]):
        for i1 in range(i["count1"]):
            for i0 in range(i["count0"]):
                yield (
                    i0 * i[f"{operand}_stride0"] + i1 * i[f"{operand}_stride1"] + i2 * i[f"{operand}_stride2"]
                )


def load(memories: Memories, i: Instruction, index: Index) -> None:
    """DRAM to on-chip memory."""
    dram = _moved(i, "dram", index)
    memory, local = memories.local(_moved(i, "local", index))
    for source, target in zip(_rows(i, "dram"), _rows(i, "local"), strict=True):
        memories.write(memory, local + target, memories.read("dram", dram + source, i["bytes"]))


def store(memories: Memories, i: Instruction, index: Index) -> None:
    """On-chip memory to DRAM."""
    dram = _moved(i, "dram", index)
    memory, local = memories.local(_moved(i, "local", index))
    for source, target in zip(_rows(i, "local"), _rows(i, "dram"), strict=True):
        memories.write("dram", dram + target, memories.read(memory, local + source, i["bytes"]))


def _matrix(memories: Memories, address: int, offsets: list[int], count: int, kind: str) -> list[list[float]]:
    """Stored rows of ``count`` elements as numbers."""
    memory, base = memories.local(address)
    size = 2 if kind == "bf16" else 1
    rows: list[list[float]] = []
    for offset in offsets:
        data = memories.read(memory, base + offset, count * size)
        if kind == "bf16":
            table = numbers.bf16_values()
            rows.append([table[half] for half in struct.unpack(f"<{count}H", data)])
        else:
            rows.append(list(struct.unpack(f"<{count}b", data)))
    return rows


def _transposed(rows: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _tile_sum(kind: str, row: list[float], column: list[float]) -> int:
    """The word of one element of the product."""
    if kind == "int8":
        return int(sum(a * b for a, b in zip(row, column, strict=True))) & 0xFFFFFFFF
    total = 0.0
    for a, b in zip(row, column, strict=True):
        total = numbers.fma(a, b, total)
    return numbers.to_word(total)


def matmul(memories: Memories, i: Instruction, index: Index) -> None:
    """One tile."""
    kind = MATMUL_TYPES[i["type"]]
    count = i["count0"] * i["count1"] * i["count2"]
    if i["transpose_a"]:
        stored = [step * i["a_stride0"] for step in range(i["k"])]
        a = _transposed(_matrix(memories, _moved(i, "a", index), stored, count, kind))
    else:
        a = _matrix(memories, _moved(i, "a", index), list(_rows(i, "a")), i["k"], kind)
    stored_rows, width = (i["n"], i["k"]) if i["transpose_w"] else (i["k"], i["n"])
    stored = [step * i["w_stride"] for step in range(stored_rows)]
    w = _matrix(memories, _moved(i, "w", index), stored, width, kind)
    columns = w if i["transpose_w"] else _transposed(w)
    memory, base = memories.local(_moved(i, "d", index))
    add = numbers.BINARY["fadd" if kind == "bf16" else "iadd"]
    form = f"<{i['n']}I"
    for row, offset in zip(a, _rows(i, "d"), strict=True):
        words = [_tile_sum(kind, row, column) for column in columns]
        if i["accumulate"]:
            before = struct.unpack(form, memories.read(memory, base + offset, 4 * i["n"]))
            words = [add(old, word) for old, word in zip(before, words, strict=True)]
        memories.write(memory, base + offset, struct.pack(form, *words))


def _words(memories: Memories, address: int, count: int, kind: str) -> list[int]:
    """Elements in memory as words."""
    memory, base = memories.local(address)
    if kind == "word":
        return list(struct.unpack(f"<{count}I", memories.read(memory, base, 4 * count)))
    if kind == "bf16":
        halves = struct.unpack(f"<{count}H", memories.read(memory, base, 2 * count))
        return [numbers.bf16_to_word(half) for half in halves]
    return [byte & 0xFFFFFFFF for byte in struct.unpack(f"<{count}b", memories.read(memory, base, count))]


def _bytes(words: list[int], kind: str) -> bytes:
    """Words as elements in memory."""
    if kind == "word":
        return struct.pack(f"<{len(words)}I", *words)
    if kind == "bf16":
        return struct.pack(f"<{len(words)}H", *map(numbers.word_to_bf16, words))
    return bytes(map(numbers.word_to_int8, words))


def vector(memories: Memories, i: Instruction, index: Index) -> None:
    """One pass."""
    lanes = i["lanes"]
    pre, then = BINARY[i["pre"]].name, BINARY[i["then"]].name
    function, reduction = UNARY[i["f"]].name, REDUCTIONS[i["reduce"]].name
    unused = {"x": pre == "second", "y": pre == "first", "z": then == "first"}

    def place(operand: str, block: int, row: int) -> int:
        base = i[operand] + index[i[f"{operand}_level"]] * i[f"{operand}_inc"]
        return base + row * i[f"{operand}_stride0"] + block * i[f"{operand}_stride1"]

    def operand(name: str, block: int, row: int) -> list[int]:
        source, kind = SOURCES[i[f"{name}_source"]], ELEMENTS[i[f"{name}_type"]]
        if unused[name]:
            return [0] * lanes
        if source == "imm":
            return [i["imm"]] * lanes
        if source == "lane":
            return [block * memories.dim + lane for lane in range(lanes)]
        if source == "scalar":
            return _words(memories, place(name, block, row), 1, kind) * lanes
        return _words(memories, place(name, block, row), lanes, kind)

    def put(block: int, row: int, words: list[int]) -> None:
        memory, base = memories.local(place("d", block, row))
        memories.write(memory, base, _bytes(words, ELEMENTS[i["d_type"]]))

    over, _, kind = reduction.partition("_")
    op = numbers.BINARY[_REDUCE.get(kind, "first")]
    for block in range(i["count1"]):
        partials: list[list[int] | None] = [None] * ROW_PARTIALS
        for row in range(i["count0"]):
            x, y, z = (operand(name, block, row) for name in "xyz")
            words = []
            for lane in range(lanes):
                value = numbers.UNARY[function](numbers.BINARY[pre](x[lane], y[lane]))
                words.append(numbers.BINARY[then](value, z[lane]))
            if over == "none":
                put(block, row, words)
            elif over == "lane":
                total = numbers.tree(op, [*words, *[None] * (memories.dim - lanes)])
                put(block, row, [total] if total is not None else [])
            else:
                before = partials[row % ROW_PARTIALS]
                partials[row % ROW_PARTIALS] = (
                    words if before is None else [op(a, b) for a, b in zip(before, words, strict=True)]
                )
        if over == "row":
            columns = [[None if p is None else p[lane] for p in partials] for lane in range(lanes)]
            put(block, 0, [total for total in (numbers.tree(op, column) for column in columns) if total is not None])


MEANING: dict[str, Callable[[Memories, Instruction, Index], None]] = {
    "load": load,
    "store": store,
    "matmul": matmul,
    "vector": vector,
}
