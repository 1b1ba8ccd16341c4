"""The vector unit, driven directly, equals a plain model of the pass in every byte and every cycle."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Sequence

import pytest

from tests import oracle_arith as oracle
from tests.rtl.unit_bench import Memories, Run, drive
from weft.isa import timing
from weft.isa.elements import ELEMENT, ELEMENTS
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine, Pipeline, load
from weft.isa.vector_ops import BINARY, REDUCTIONS, SOURCES, UNARY, VectorOp
from weft.rtl.vector import VectorUnit

NANO = load("nano")
MACHINES = {
    "nano": NANO,
    "shallow": dataclasses.replace(NANO, pipeline=Pipeline(vector=1, reduce=1)),
    "deep, int8 only": dataclasses.replace(NANO, types=("int8",), pipeline=Pipeline(vector=7, reduce=6)),
}
IN_MEMORY = (SOURCES.index("row"), SOURCES.index("scalar"))
UNUSED = {"x": ("pre", "second"), "y": ("pre", "first"), "z": ("then", "first")}
"""An operand does not read if this operation stands in this place."""
WIDEN: dict[str, Callable[[int], int]] = {"word": lambda w: w, "bf16": oracle.bf2f, "int8": oracle.i8_to_i32}
NARROW: dict[str, Callable[[int], int]] = {"word": lambda w: w, "bf16": oracle.f2bf, "int8": oracle.i32_to_i8}


def name_of(table: Sequence[VectorOp], index: int) -> str:
    return table[index].name


def reading(step: Instruction) -> list[str]:
    return [
        o
        for o, (place, unused) in UNUSED.items()
        if step[f"{o}_source"] in IN_MEMORY and name_of(BINARY, step[place]) != unused
    ]


def address(step: Instruction, operand: str, i1: int, i0: int) -> int:
    return step[operand] + i0 * step[f"{operand}_stride0"] + i1 * step[f"{operand}_stride1"]


class Model:
    """Executes passes one word at a time on bytes."""

    def __init__(self, memories: Memories) -> None:
        self.dim = memories.machine.dim
        self.scratchpad, self.accumulator = bytearray(memories.scratchpad), bytearray(memories.accumulator)

    def _memory(self, local: int) -> tuple[bytearray, int]:
        if local & ACCUMULATOR_BIT:
            return self.accumulator, local - ACCUMULATOR_BIT
        return self.scratchpad, local

    def _operand(self, step: Instruction, o: str, i1: int, i0: int, lane: int) -> int:
        source = SOURCES[step[f"{o}_source"]]
        if source in ("imm", "lane"):
            return step["imm"] if source == "imm" else i1 * self.dim + lane
        kind = ELEMENTS[step[f"{o}_type"]]
        size = ELEMENT[kind].bytes
        memory, at = self._memory(address(step, o, i1, i0) + (lane * size if source == "row" else 0))
        return WIDEN[kind](int.from_bytes(memory[at : at + size], "little"))

    def _write(self, step: Instruction, i1: int, i0: int, words: Sequence[int]) -> None:
        kind = ELEMENTS[step["d_type"]]
        size = ELEMENT[kind].bytes
        for lane, word in enumerate(words):
            memory, at = self._memory(address(step, "d", i1, i0) + lane * size)
            memory[at : at + size] = NARROW[kind](word).to_bytes(size, "little")

    def _word(self, step: Instruction, i1: int, i0: int, lane: int) -> int:
        x, y, z = (self._operand(step, o, i1, i0, lane) for o in "xyz")
        pre, then = (oracle.BINARY[name_of(BINARY, step[place])] for place in ("pre", "then"))
        return then(oracle.UNARY[name_of(UNARY, step["f"])](pre(x, y)), z)

    def run(self, step: Instruction) -> None:
        scope, _, operation = name_of(REDUCTIONS, step["reduce"]).partition("_")
        join = oracle.fmax if operation == "fmax" else oracle.fadd
        for i1 in range(step["count1"]):
            rows = [[self._word(step, i1, i0, lane) for lane in range(step["lanes"])] for i0 in range(step["count0"])]
            if scope == "row":
                self._write(step, i1, 0, [_reduced_rows(column, join) for column in zip(*rows, strict=True)])
                continue
            for i0, row in enumerate(rows):
                self._write(step, i1, i0, row if scope == "none" else [_tree(row, self.dim, join)])


def _tree(values: Sequence[int], width: int, join: Callable[[int, int], int]) -> int:
    level: list[int | None] = [*values, *[None] * (width - len(values))]
    while len(level) > 1:
        level = [a if b is None or a is None else join(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    assert level[0] is not None
    return level[0]


def _reduced_rows(column: Sequence[int], join: Callable[[int, int], int]) -> int:
    partials = list(column[:8])
    for i0, word in enumerate(column[8:], 8):
        partials[i0 % 8] = join(partials[i0 % 8], word)
    return _tree(partials, 8, join)


def random_operand(
    machine: Machine, rng: random.Random, name: str, kind: str, whole: bool, counts: tuple[int, int]
) -> dict[str, int]:
    """An address and strides that keep an operand in the lower half of a bank, the destination in the upper."""
    in_accumulator = kind == "word"
    memory = machine.accumulator if in_accumulator else machine.scratchpad
    unit = (machine.row_bytes if whole else 4) if in_accumulator else 1
    size = machine.row_bytes if in_accumulator else machine.word_bytes
    room = memory.bank_bytes // 2 - size
    strides, low, high = [], 0, 0
    for count in counts:
        step = rng.randint(-2 * size, 2 * size) // unit * unit
        span = step * (count - 1)
        if high - low + abs(span) > room:
            step = span = 0
        strides.append(step)
        low, high = low + min(span, 0), high + max(span, 0)
    base = rng.randrange(-low, room - high + 1) // unit * unit
    base = max(base, -low)
    bank = rng.randrange(2) if name != "d" else rng.randrange(memory.banks)
    local = bank * memory.bank_bytes + (memory.bank_bytes // 2 if name == "d" else 0) + base
    return {
        name: local + (ACCUMULATOR_BIT if in_accumulator else 0),
        f"{name}_stride0": strides[0],
        f"{name}_stride1": strides[1],
        f"{name}_type": ELEMENTS.index(kind),
    }


def random_pass(machine: Machine, rng: random.Random, **fixed: int) -> Instruction:
    """A pass with random operations, shapes and operands; operands meet in one bank often."""
    kinds = ["word", "int8", *(["bf16"] if "bf16" in machine.types else [])]
    counts = fixed.get("count0", rng.choice((1, 2, 3, 7, 8, 9, 13))), fixed.get("count1", rng.randint(1, 3))
    over = name_of(REDUCTIONS, fixed.get("reduce", 0))
    values = {
        "pre": rng.randrange(len(BINARY)),
        "f": rng.choice([i for i, op in enumerate(UNARY) if op.built]),
        "then": rng.randrange(len(BINARY)),
        "imm": oracle.random_words(rng, 1)[0],
        "count0": counts[0],
        "count1": counts[1],
        "lanes": rng.randint(1, machine.dim),
        "post": rng.getrandbits(16),
    }
    for o in "xyz":
        source = rng.choice(("row", "row", "row", "scalar", "imm", "lane"))
        values[f"{o}_source"] = SOURCES.index(source)
        values |= random_operand(machine, rng, o, rng.choice(kinds), source == "row", counts)
    values |= random_operand(machine, rng, "d", rng.choice(kinds), not over.startswith("lane"), counts)
    return make("vector", **{**values, **fixed})


def bank_of(machine: Machine, local: int) -> tuple[str, int]:
    if local & ACCUMULATOR_BIT:
        return "acc", (local - ACCUMULATOR_BIT) // machine.accumulator.bank_bytes
    return "sp", local // machine.scratchpad.bank_bytes


def check_timing(machine: Machine, program: Sequence[Instruction], run: Run, memories: Memories) -> None:
    """Accesses, claims, releases and retirements are those of the contract; passes follow each other at once."""
    reads, writes, releases, retires = [], [], [], []
    start = 0

    def access(operand: str, port: str, local: int) -> tuple[str, int]:
        if local & ACCUMULATOR_BIT:
            return f"acc_{port}", (local - ACCUMULATOR_BIT) // machine.row_bytes * machine.row_bytes
        return f"sp_{port}", local

    for step, claims in zip(program, run.claims, strict=True):
        used = reading(step)
        banks = [bank_of(machine, step[o]) for o in used]
        n = max([1, *(banks.count(bank) for bank in banks)])
        scope = name_of(REDUCTIONS, step["reduce"]).split("_")[0]
        depth, reduce_depth = machine.pipeline.vector, machine.pipeline.reduce * (scope != "none")
        for row, (i1, i0) in enumerate(itertools.product(range(step["count1"]), range(step["count0"]))):
            first = start + 1 + row * n
            for place, o in enumerate(used):
                name, at = access(o, f"read_{o}", address(step, o, i1, i0))
                reads.append((first + banks[:place].count(banks[place]), name, at))
            if scope != "row" or i0 == step["count0"] - 1:
                name, at = access("d", "write", address(step, "d", i1, 0 if scope == "row" else i0))
                writes.append((first + n + depth + reduce_depth, name, at))
        rows = step["count0"] * step["count1"]
        last = timing.vector_last_read(start, rows, n)
        retire = timing.vector_retire(start, rows, n, depth, reduce_depth)
        wanted: dict[str, int] = {}
        for memory, bank in banks:
            wanted[f"{memory}_read"] = wanted.get(f"{memory}_read", 0) | 1 << bank
        releases += [(last, 0, kind, mask) for kind, mask in wanted.items()]
        memory, bank = bank_of(machine, step["d"])
        wanted[f"{memory}_write"] = 1 << bank
        releases.append((retire, 0, f"{memory}_write", 1 << bank))
        assert claims[0] == wanted
        retires.append(retire)
        start = retire + 1
    assert run.starts == [0, *(retire + 1 for retire in retires[:-1])]
    assert run.retires == retires
    assert run.posts == [step["post"] for step in program]
    assert run.occupied == set(range(1, retires[-1] + 1)) - set(run.starts)
    assert sorted(memories.reads) == sorted(reads)
    assert sorted(memories.writes) == sorted(writes)
    assert sorted(run.releases) == sorted(releases)


def program_for(machine: Machine, rng: random.Random) -> list[Instruction]:
    """Every operation in every place it can stand in, then every reduction over several shapes."""
    program = [random_pass(machine, rng, pre=i, count0=4, count1=1) for i in range(len(BINARY))]
    program += [random_pass(machine, rng, then=i, f=0, count0=4, count1=1) for i in range(len(BINARY))]
    program += [random_pass(machine, rng, f=i, count0=6, count1=1) for i, op in enumerate(UNARY) if op.built]
    add, first = (next(i for i, op in enumerate(BINARY) if op.name == name) for name in ("fadd", "first"))
    for reduce, count0 in itertools.product(range(1, 5), (1, 2, 3, 5, 8, 11, 18)):
        program.append(random_pass(machine, rng, reduce=reduce, count0=count0, pre=rng.choice((add, first)), f=0,
                                   then=rng.choice((add, first)), lanes=1 + count0 % machine.dim))  # fmt: skip
    return program


@pytest.mark.parametrize("name", MACHINES)
def test_passes(name: str) -> None:
    machine, rng = MACHINES[name], random.Random(name)
    words = [oracle.random_words(rng, m.bytes // 4) for m in (machine.scratchpad, machine.accumulator)]
    scratchpad, accumulator = (bytearray(b"".join(w.to_bytes(4, "little") for w in ws)) for ws in words)
    memories = Memories(machine, scratchpad, accumulator)
    program = program_for(machine, rng)
    if name != "nano":
        program = program[::3]
    model = Model(memories)
    for step in program:
        model.run(step)
    run = drive(VectorUnit(machine), 1, memories, program, limit=10_000)
    assert memories.scratchpad == model.scratchpad
    assert memories.accumulator == model.accumulator
    check_timing(machine, program, run, memories)


def test_a_block_index_counts_lanes_on() -> None:
    """Source ``lane`` numbers the elements of a row of several blocks."""
    lane, first = SOURCES.index("lane"), 0
    step = make("vector", pre=first, then=first, x_source=lane, count1=3, lanes=4, d=ACCUMULATOR_BIT, d_stride1=16)
    memories = Memories(NANO, bytearray(NANO.scratchpad.bytes), bytearray(NANO.accumulator.bytes))
    drive(VectorUnit(NANO), 1, memories, [step])
    assert list(memories.accumulator[: 3 * 16 : 4]) == list(range(12))
