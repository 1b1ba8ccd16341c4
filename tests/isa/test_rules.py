"""The rules about places against every byte of every iteration, and their texts where examples are not enough."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from weft.isa import rules
from weft.isa.access import Access, accesses
from weft.isa.assembler import assemble
from weft.isa.elements import DRAM, SCRATCHPAD
from weft.isa.encoding import Instruction, make
from weft.isa.fields import LOOP_LEVELS
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import load
from weft.isa.program import Buffer, Program
from weft.isa.rules import PlacedInstruction
from weft.isa.validator import problems
from weft.isa.vector_ops import REDUCTIONS

NANO = load("nano")
ENTRY, END = 0x400, 0x1000
"""The program's code; its DRAM ends at END."""
STUB = Program(
    NANO, (*[make("load", dram=0, local=0, bytes=4)] * 3, make("halt")), ENTRY,
    (Buffer("b", "state", "int8", (16,), END - 16, 16),),
)  # fmt: skip
CODE = range(ENTRY, ENTRY + len(STUB.code))

Runs = list[range]


def runs(access: Access, index: tuple[int, ...]) -> Runs:
    """The bytes of an operand in one iteration, run by run."""
    base = access.base + sum(i * step for i, step in zip(index, access.increments, strict=True))
    found = []
    for place in itertools.product(*(range(count) for count, _ in access.levels)):
        start = base + sum(i * stride for i, (_, stride) in zip(place, access.levels, strict=True))
        found.append(range(start, start + access.size))
    return found


def touched(found: Runs) -> set[int]:
    return {byte for run in found for byte in run}


def size_of(memory: str) -> tuple[int, int]:
    """Bytes of a memory and of a bank."""
    if memory == DRAM:
        return END, END
    on_chip = NANO.scratchpad if memory == SCRATCHPAD else NANO.accumulator
    return on_chip.bytes, on_chip.bank_bytes


def iterations(trips: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    yield from itertools.product(*map(range, (*trips, *[1] * (LOOP_LEVELS - len(trips)))))


def outside(i: Instruction, trips: tuple[int, ...]) -> bool:
    """Whether a byte is outside its memory, or an operand in two banks at a time."""
    for access in accesses(NANO, i):
        size, bank = size_of(access.memory)
        for index in iterations(trips):
            mine = touched(runs(access, index))
            if min(mine) < 0 or max(mine) >= size or min(mine) // bank != max(mine) // bank:
                return True
    return False


def in_code(i: Instruction, trips: tuple[int, ...]) -> bool:
    """Whether a store writes the program's code."""
    if i.name != "store":
        return False
    target = accesses(NANO, i)[0]
    return any(touched(runs(target, index)) & set(CODE) for index in iterations(trips))


def reads_what_it_writes(i: Instruction, trips: tuple[int, ...]) -> bool:
    """Whether an operand of a pass overlaps the destination, other than row by row in its own place."""
    if i.name != "vector":
        return False
    *operands, d = accesses(NANO, i)
    for access in operands:
        meet = access.memory == d.memory and any(
            touched(runs(access, index)) & touched(runs(d, index)) for index in iterations(trips)
        )
        together = all(a == b for trip, a, b in zip(trips, access.increments, d.increments, strict=False) if trip > 1)
        alone = len(touched(runs(d, (0, 0, 0)))) == d.runs * d.size
        rows = ([run.start for run in runs(one, (0, 0, 0))] for one in (access, d))
        in_place = next(rows) == next(rows) and i[f"{access.field}_type"] == i["d_type"]
        if meet and not (REDUCTIONS[i["reduce"]].name == "none" and together and alone and in_place):
            return True
    return False


ORACLES: dict[str, Callable[[Instruction, tuple[int, ...]], bool]] = {
    "_extents": outside, "_code": in_code, "_reads_what_it_writes": reads_what_it_writes,
}  # fmt: skip


def transfer(name: str, rng: random.Random) -> dict[str, Any]:
    """A transfer near the borders of banks, memories, the program's code or its DRAM."""
    size = 4 * rng.randint(1, 4)
    values: dict[str, Any] = {"bytes": size, "local": near(rng, 4)}
    values["dram"] = max(0, rng.choice([0, ENTRY, CODE.stop, END]) + 4 * rng.randint(-8, 8))
    for level in range(3):
        values[f"count{level}"] = rng.choice([1, 1, 2, 3])
        values[f"dram_stride{level}"], values[f"local_stride{level}"] = (4 * rng.randint(-5, 5) for _ in range(2))
        values[f"dram_inc{level}"] = rng.choice([0, 4 * rng.randint(-80, 80)])
        values[f"local_inc{level}"] = rng.choice([0, 4 * rng.randint(-4, 4), 0x800])
    return values


def near(rng: random.Random, step: int) -> int:
    """A local address near a border of a bank."""
    memory, bit = rng.choice([(NANO.scratchpad, 0), (NANO.accumulator, ACCUMULATOR_BIT)])
    border = rng.randint(0, memory.banks) * memory.bank_bytes
    return max(0, border + step * rng.randint(-6, 6)) | bit


def a_pass(name: str, rng: random.Random) -> dict[str, Any]:
    """A pass whose operands lie close to its destination, many of them in place."""
    d = near(rng, 16)
    values: dict[str, Any] = {"pre": rng.choice(["first", "iadd", "second"]), "then": rng.choice(["first", "iadd"])}
    values |= {"lanes": rng.randint(1, 4), "reduce": rng.choice(["none", "none", "none", "lane_fsum", "row_fmax"])}
    values |= {f"count{level}": rng.choice([1, 1, 2, 3]) for level in range(2)}
    values |= {"d": d, "d_type": rng.choice(["word", "word", "bf16", "int8"]), "d_level": rng.randrange(3)}
    values |= {"d_inc": 16 * rng.choice([0, 0, 1, -1, 2])}
    values |= {f"d_stride{level}": 16 * rng.choice([0, 1, 2, 3, -1, 6]) for level in range(2)}
    for o in "xyz":
        loose = rng.choice([0.05, 0.3])
        mine = {f"{o}{key[1:]}": value for key, value in values.items() if key[0] == "d"}
        values |= mine | {f"{o}_source": rng.choice(["row", "row", "scalar", "imm"])}
        for key in list(mine):
            if rng.random() < loose:
                values[key] = {
                    o: max(0, (d & ~ACCUMULATOR_BIT) + 16 * rng.randint(-4, 4)) | d & ACCUMULATOR_BIT,
                    f"{o}_type": rng.choice(["word", "bf16", "int8"]), f"{o}_level": rng.randrange(3),
                }.get(key, 16 * rng.randint(-2, 6))  # fmt: skip
    return values


def test_places_are_refused_exactly_where_a_byte_is_wrong() -> None:
    rng = random.Random(4)
    seen: Counter[tuple[str, bool]] = Counter()
    kinds = {"load": transfer, "store": transfer, "vector": a_pass}
    for _ in range(4000):
        name = rng.choice([*kinds, "vector"])
        i = make(name, **kinds[name](name, rng))
        trips = tuple(rng.choice([1, 2, 3]) for _ in range(rng.randrange(3)))
        placed = PlacedInstruction(STUB, 0, i, trips, accesses(NANO, i))
        for rule, oracle in ORACLES.items():
            found = list(getattr(rules, rule)(placed))
            assert bool(found) == oracle(i, trips), (rule, i, trips, found)
            seen[rule, bool(found)] += 1
    assert min(seen[rule, verdict] for rule in ORACLES for verdict in (True, False)) > 100, seen


MANY = (0x800, 0x800)
"""Loops whose places are too many to be told apart."""


def refused(rule: str, name: str, trips: tuple[int, ...], machine: str = "nano", **values: Any) -> bool:
    """Whether a rule refuses an instruction in loops."""
    program = dataclasses.replace(STUB, machine=load(machine))
    i = make(name, **values)
    return bool(list(getattr(rules, rule)(PlacedInstruction(program, 0, i, trips, accesses(program.machine, i)))))


@pytest.mark.parametrize(
    ("trips", "values", "wrong"),
    [
        # Never in the code's place, but all around it: told for few places and runs, refused for many.
        ((2, 2), {"dram_inc0": 0x800, "dram_inc1": 4}, False),
        (MANY, {"dram_inc0": 0x800, "dram_inc1": 0x10000}, True),
        ((), {"count0": 0x100, "dram_stride0": 0x800}, False),
        ((), {"count0": 0x1000, "dram_stride0": 0x800, "count1": 0x1000, "dram_stride1": 0x10000}, True),
        ((0x1000,), {"dram_inc0": -0x800, "count0": 0x1000, "dram_stride0": 0x800}, True),
        # Many places of several runs, of which none is near.
        ((0x400, 0x400), {"dram_inc0": 0x800, "dram_inc1": 0x200000, "count0": 4, "dram_stride0": 4}, False),
        # Behind the code or before it, however many.
        (MANY, {"dram": CODE.stop, "dram_inc0": 4, "dram_inc1": 0x2000}, False),
        (MANY, {"dram": ENTRY - 4, "dram_inc0": -4, "dram_inc1": -0x2000}, False),
    ],
)  # fmt: skip
def test_stores_around_the_code(trips: tuple[int, ...], values: dict[str, Any], wrong: bool) -> None:
    assert refused("_code", "store", trips, **{"local": 0, "bytes": 4, "dram": 0, **values}) == wrong


def test_operands_that_stay_apart_however_many_their_places() -> None:
    step: dict[str, Any] = {"x_inc": 16, "d_inc": 16, "x_level": 0, "d_level": 1, "x_source": "row", "lanes": 4}
    far = 16 * MANY[0]
    for x, d, wrong in [(0, far, False), (far, 0, False), (0, far - 16, True), (far - 16, 0, True)]:
        places: dict[str, Any] = {"x": x | ACCUMULATOR_BIT, "d": d | ACCUMULATOR_BIT}
        assert refused("_reads_what_it_writes", "vector", MANY, **step, **places) == wrong


def test_an_operand_that_stays_in_one_bank_however_many_its_places() -> None:
    bank, step = load("cloud").scratchpad.bank_bytes, load("cloud").bus.bytes
    last = bank - step * (2 * (MANY[0] - 1) + 1)  # from here the last place ends with the bank
    for local in (0, last, last + step):
        values: dict[str, Any] = {"dram": 0, "bytes": step, "local": local, "local_inc0": step, "local_inc1": step}
        assert refused("_extents", "load", MANY, "cloud", **values) == (local > last)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("load dram=0x2000 local=acc[0x0] bytes=8", []),
        ("matmul a=sp[0x0] w=sp[0x800] d=acc[0x0] k=4 n=4 w_stride=8 transpose_a=yes", []),
        (
            "matmul a=sp[0x0] w=sp[0x800] d=acc[0x0] transpose_a=yes count1=2 count2=3 d_stride1=16 d_stride2=32",
            ["count1 = 2, count2 = 3: must both be 1 with transpose_a = yes"],
        ),
        (
            "vector x=acc[0x2] x_source=scalar d=acc[0x400]",
            ["x = acc[0x2]: must be a multiple of 4"],
        ),
        (
            "vector x=acc[0x4] x_source=row d=acc[0x400]",
            ["x = acc[0x4]: must be a multiple of 16 (an accumulator row)"],
        ),
    ],
)  # fmt: skip
def test_one_instruction_and_all_that_is_wrong_with_it(line: str, found: list[str]) -> None:
    text = f".machine nano\n.buffer b state float32 1x1024 @0x2000 pitch=4096\n{line}\nhalt\n"
    assert [problem.text for problem in problems(assemble(text))] == found
