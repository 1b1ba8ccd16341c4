"""The tables of operands and elements against the interpreter, which does not look at them, and against the engines."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from weft.isa import operands
from weft.isa.access import accesses
from weft.isa.elements import ACCUMULATOR, ELEMENT, ELEMENTS, SCRATCHPAD
from weft.isa.encoding import Instruction, make
from weft.isa.fields import Field, FieldKind
from weft.isa.instructions import ACCUMULATOR_BIT, BY_NAME
from weft.isa.machine import load
from weft.isa.operands import OPERANDS, Condition, Operand, When
from weft.isa.program import Program
from weft.isa.validator import problems
from weft.isa.vector_ops import BINARY, PLACES, REDUCTIONS, UNARY
from weft.sim.fast import scalar
from weft.sim.fast.calls import calls_of
from weft.sim.fast.numerics import execute
from weft.sim.fast.places import MemoryContents, places_in, room_of
from weft.sim.fast.stream import expand
from weft.sim.interp import numbers
from weft.sim.interp.meaning import MEANING, Memories

NANO = load("nano")
Bytes = frozenset[tuple[str, int]]
"""Bytes of memories."""


@dataclass(frozen=True)
class Recording(Memories):
    """Memories without an end, of random bytes, that note what is read and what is written."""

    touched: dict[str, set[tuple[str, int]]] = field(default_factory=lambda: {"read": set(), "write": set()})

    def _note(self, how: str, memory: str, address: int, size: int) -> None:
        self.touched[how].update((memory, address + i) for i in range(size))

    def read(self, memory: str, address: int, size: int) -> bytes:
        self._note("read", memory, address, size)
        return random.Random(f"{memory} {address}").randbytes(size)

    def write(self, memory: str, address: int, data: bytes) -> None:
        self._note("write", memory, address, len(data))


def value(of: Field, rng: random.Random) -> int:
    """Small numbers, any address from which no stride leads below 0, any choice that is built."""
    if of.name in PLACES:
        return rng.choice([code for code, op in enumerate(PLACES[of.name]) if op.built])
    if of.kind is FieldKind.CHOICE:
        return rng.randrange(len(of.choices))
    if of.kind is FieldKind.LOCAL:
        return rng.randrange(1 << 10, 1 << 12) | rng.choice([0, ACCUMULATOR_BIT])
    if of.kind is FieldKind.STRIDE:
        return rng.randint(-40, 40)
    return rng.randint(of.minimum, min(of.maximum, of.minimum + 3))


def instruction(name: str, rng: random.Random) -> Instruction:
    """Any instruction, legal or not."""
    layout = BY_NAME[name].layout
    values: dict[str, Any] = {key: value(placed.field, rng) for key, placed in layout.items() if key != "opcode"}
    return make(name, **values)


@functools.cache
def meant() -> list[tuple[Instruction, tuple[int, ...], Bytes, Bytes]]:
    """Random instructions with their loops' indices, and the bytes that the interpreter then reads and writes."""
    rng, found = random.Random(1), []
    for name, count in {"load": 30, "store": 30, "matmul": 150, "vector": 700}.items():
        for _ in range(count):
            i, index = instruction(name, rng), tuple(rng.randrange(3) for _ in range(3))
            memories = Recording(NANO.dim, memoryview(b""), bytearray(), bytearray())
            MEANING[name](memories, i, index)
            found.append((i, index, frozenset(memories.touched["read"]), frozenset(memories.touched["write"])))
    return found


def told(i: Instruction, index: tuple[int, ...]) -> tuple[Bytes, Bytes]:
    """The bytes that the tables say an instruction reads and writes."""
    read: set[tuple[str, int]] = set()
    write: set[tuple[str, int]] = set()
    for one in accesses(NANO, i):
        shift = sum(a * b for a, b in zip(index, one.increments, strict=True))
        touched = {(one.memory, int(start) + shift + byte) for start in one.starts for byte in range(one.size)}
        read |= touched if one.read else set()
        write |= touched if one.write else set()
    return frozenset(read), frozenset(write)


def wrong() -> Instruction | None:
    """The first instruction of which the tables tell anything but what the interpreter does."""
    return next((i for i, index, *bytes_ in meant() if list(told(i, index)) != bytes_), None)


def test_an_instruction_touches_the_bytes_that_the_tables_say_and_no_others() -> None:
    assert wrong() is None


def test_every_form_and_condition_is_met() -> None:
    """In what is random above each operand is touched and left alone, and lies in each of its forms."""
    seen = {(i.name, t.operand.field, t.read, t.write, t.form) for i, *_ in meant() for t in operands.touched(i)}
    forms = {(name, o.field, form) for name, table in OPERANDS.items() for o in table for form in o.forms}
    assert {(name, field, form) for name, field, _, _, form in seen} == forms
    assert {(read, write) for name, field, read, write, _ in seen if (name, field) == ("matmul", "d")} == {
        (False, True), (True, True),
    }  # fmt: skip


def _changed(when: When | None) -> Iterator[When | None]:
    """Other conditions: one more or one less, one turned round or with a choice less."""
    yield None if when == () else ()
    conditions = when or ()
    for at, condition in enumerate(conditions):
        rest = (*conditions[:at], *conditions[at + 1 :])
        yield rest
        yield (*rest, dataclasses.replace(condition, unless=not condition.unless))
        for choice in condition.choices if len(condition.choices) > 1 else ():
            unbuilt = {op.name for op in PLACES.get(condition.field.name, ()) if not op.built}
            if choice not in unbuilt:
                left = tuple(other for other in condition.choices if other != choice)
                yield (*rest, Condition(condition.field, left, condition.unless))


def _mutants(operand: Operand) -> Iterator[Operand]:
    """An operand with one thing about it told wrong."""
    yield from (dataclasses.replace(operand, read=when) for when in _changed(operand.read))
    yield from (dataclasses.replace(operand, write=when) for when in _changed(operand.write))
    if operand.element in ELEMENT:
        yield from (dataclasses.replace(operand, element=other) for other in ELEMENTS if other != operand.element)
    for at, form in enumerate(operand.forms):
        changed = [dataclasses.replace(form, run=form.run[1:])] if form.run else []
        changed += [dataclasses.replace(form, run=(*form.run, form.levels[0][0]))]
        levels = [tuple(level for level in form.levels if level != left) for left in form.levels]
        changed += [dataclasses.replace(form, levels=fewer) for fewer in levels]
        conditions = [] if at + 1 == len(operand.forms) else [when for when in _changed(form.when) if when is not None]
        changed += [dataclasses.replace(form, when=when) for when in conditions]
        for other in changed:
            yield dataclasses.replace(operand, forms=(*operand.forms[:at], other, *operand.forms[at + 1 :]))


MUTANTS = [
    (name, at, mutant) for name, table in OPERANDS.items() for at, o in enumerate(table) for mutant in _mutants(o)
]


@pytest.fixture
def uncached() -> Iterator[None]:
    operands._touched.cache_clear()
    yield
    operands._touched.cache_clear()


@pytest.mark.usefixtures("uncached")
def test_every_fault_in_the_tables_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(MUTANTS) > 100
    for name, at, mutant in MUTANTS:
        table = OPERANDS[name]
        monkeypatch.setattr(operands, "OPERANDS", {**OPERANDS, name: (*table[:at], mutant, *table[at + 1 :])})
        operands._touched.cache_clear()
        assert wrong() is not None, (name, mutant)


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.usefixtures("uncached")
def test_a_wrong_size_of_an_element_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ELEMENT, name, dataclasses.replace(ELEMENT[name], bytes=ELEMENT[name].bytes * 2))
    assert wrong() is not None


def test_an_operation_depends_on_what_it_is_said_to_use() -> None:
    rng = random.Random(2)
    for op in BINARY:
        for at, use in enumerate("ab"):
            depends = False
            for _ in range(200):
                pair = [rng.getrandbits(32)] * 2 if rng.random() < 0.2 else [rng.getrandbits(32), rng.getrandbits(32)]
                other = [*pair]
                other[at] = rng.getrandbits(32)
                depends |= numbers.BINARY[op.name](*pair) != numbers.BINARY[op.name](*other)
            assert depends == (use in op.uses), op


def test_what_is_built_is_in_every_engine_and_nothing_else_is() -> None:
    for table, engines in ((BINARY, (numbers.BINARY, scalar.BINARY)), (UNARY, (numbers.UNARY, scalar.UNARY))):
        for engine in engines:
            assert [op.name for op in table if op.name in engine] == [op.name for op in table if op.built]
    assert {op.join for op in REDUCTIONS if op.built and op.over} <= set(numbers.BINARY)


def _results(i: Instruction) -> list[tuple[bytes, ...]]:
    """All memories after an instruction, from the same random contents, by the interpreter and by the fast engine."""
    machine = NANO
    sizes = (1 << 12, machine.scratchpad.bytes, machine.accumulator.bytes)
    rng = np.random.default_rng(3)
    # Bytes of numbers whose sums neither saturate nor become NaN.
    contents = [(rng.integers(0x20, 0x60, size, np.uint8)) for size in sizes]
    slow = Memories(machine.dim, memoryview(bytearray(contents[0])), bytearray(contents[1]), bytearray(contents[2]))
    MEANING[i.name](slow, i, (0, 0, 0))
    program = Program(machine, (i, make("halt")))
    stream = expand(program)
    memory = MemoryContents(*(content.copy() for content in contents))
    room, buffers = room_of(machine)
    execute(
        calls_of(stream.table), places_in(memory, room), machine.dim, stream.table, stream.pc, stream.address,
        np.zeros(1, np.int64), np.zeros(4, np.int64),
    )  # fmt: skip
    assert len(buffers)
    return [
        (bytes(slow.dram), bytes(slow.scratchpad), bytes(slow.accumulator)),
        (memory.dram.tobytes(), memory.scratchpad.tobytes(), memory.accumulator.tobytes()),
    ]


PLACE = {SCRATCHPAD: 0, ACCUMULATOR: ACCUMULATOR_BIT}


def _placements() -> Iterator[Instruction]:
    """Every operand as each element in each memory, read as a row and as one element, and not read at all."""
    for a, w, d in itertools.product(PLACE.values(), repeat=3):
        for kind, accumulate in itertools.product(NANO.types, (0, 1)):
            yield make("matmul", a=a, w=w | 0x800, d=d | 0x400, k=4, n=4, w_stride=8, type=kind, accumulate=accumulate)
    legal = {operand: ACCUMULATOR_BIT | 0x400 * bank for bank, operand in enumerate("xyzd")}
    sources = {f"{o}_source": "row" for o in "xyz"}
    for operand, element, base in itertools.product("xyzd", ELEMENTS, PLACE.values()):
        address = legal[operand] & ~ACCUMULATOR_BIT | base
        for source in ("row", "scalar", "imm") if operand != "d" else ("row",):
            for pre, then in (("iadd", "iadd"), ("first", "iadd"), ("second", "first")):
                values: dict[str, Any] = {**legal, **sources, operand: address, f"{operand}_type": element}
                values |= {f"{operand}_source": source} if operand != "d" else {}
                yield make("vector", pre=pre, then=then, lanes=4, **values)


def test_legal_is_what_the_engines_agree_on() -> None:
    """An operand may lie where both find it: what the rules refuse the engines do not agree on."""
    verdicts = {True: 0, False: 0}
    for i in _placements():
        legal = not problems(Program(NANO, (i, make("halt"))))
        interpreted, fast = _results(i)
        assert (interpreted == fast) == legal, i
        verdicts[legal] += 1
    assert min(verdicts.values()) > 30, verdicts


@pytest.mark.usefixtures("uncached")
@pytest.mark.parametrize("name", ELEMENTS)
def test_a_wrong_memory_of_an_element_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SCRATCHPAD if ELEMENT[name].memory == ACCUMULATOR else ACCUMULATOR
    monkeypatch.setitem(ELEMENT, name, dataclasses.replace(ELEMENT[name], memory=other))
    with pytest.raises(AssertionError):
        test_legal_is_what_the_engines_agree_on()
