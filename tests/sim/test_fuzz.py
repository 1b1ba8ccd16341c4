"""Random programs: valid and free of races and deadlocks by construction, varied, and reproducible."""

from __future__ import annotations

from collections import Counter

import pytest

from weft.isa.assembler import assemble
from weft.isa.checker import check
from weft.isa.container import from_bytes, to_bytes
from weft.isa.disassembler import disassemble
from weft.isa.instructions import ACCUMULATOR_BIT, INSTRUCTIONS
from weft.isa.machine import load
from weft.isa.stream import expand
from weft.isa.validator import validate
from weft.isa.vector_ops import BINARY, REDUCTIONS, SOURCES, UNARY
from weft.sim.fuzz import random_program
from weft.sim.fuzz.instructions import PAGE

NARROW = {"queues.load": 1, "queues.matrix": 1, "queues.vector": 1, "queues.store": 1, "queues.loop": 4}
SMALL = {"scratchpad.bytes": 256, "accumulator.bytes": 256}


@pytest.mark.parametrize(
    ("preset", "changes", "count"),
    [
        ("nano", {}, 80), ("edu", {}, 30), ("edge-int8", {}, 20), ("nano", NARROW, 15), ("nano", SMALL, 15),
        ("nano", {"bus.bytes": 8}, 20), ("nano", {"bus.bytes": 16}, 20), ("edge-int8", {"bus.bytes": 32}, 10),
    ],
)  # fmt: skip
def test_random_programs_are_valid(preset: str, changes: dict[str, int], count: int) -> None:
    machine = load(preset, changes)
    for seed in range(count):
        program = random_program(machine, seed)
        validate(program)
        check(program)
        assert len(expand(program)) < 200


def test_the_same_seed_gives_the_same_program() -> None:
    machine = load("nano")
    assert random_program(machine, 5).digest == random_program(machine, 5).digest
    assert random_program(machine, 5).digest != random_program(machine, 6).digest


def test_everything_occurs() -> None:
    seen: Counter[str] = Counter()
    for seed in range(120):
        for one in random_program(load("nano"), seed).instructions:
            seen[one.name] += 1
            if one.name == "vector":
                names = (BINARY[one["pre"]], UNARY[one["f"]], BINARY[one["then"]], REDUCTIONS[one["reduce"]])
                seen.update(op.name for op in names)
                seen.update(SOURCES[one[f"{operand}_source"]] for operand in "xyz")
            if one.name == "matmul":
                seen[f"type {one['type']} transposed {one['transpose_a']}{one['transpose_w']}"] += 1
            negative = any(value < 0 for value in one.fields.values())
            seen["negative"] += negative
    wanted = [spec.name for spec in INSTRUCTIONS if spec.built]
    wanted += [op.name for table in (BINARY, UNARY, REDUCTIONS) for op in table if op.built]
    wanted += [*SOURCES, "negative"]
    wanted += [f"type {t} transposed {a}{w}" for t in (0, 1) for a in (0, 1) for w in (0, 1)]
    assert not [name for name in wanted if not seen[name]]


@pytest.mark.parametrize("bus", [4, 8, 16])
def test_every_form_of_a_transfer_occurs(bus: int) -> None:
    machine = load("nano", {"bus.bytes": bus})
    seen: Counter[str] = Counter()
    for seed in range(80):
        for i in random_program(machine, seed).instructions:
            if i.name in ("load", "store"):
                forms = {
                    "below a beat": i["bytes"] < bus,
                    "a part of a beat at the end": i["bytes"] > bus and i["bytes"] % bus != 0,
                    "several bursts": i["bytes"] > bus * machine.bus.burst,
                    "over a page": i["dram"] // PAGE != (i["dram"] + i["bytes"] - 1) // PAGE,
                    "an odd beat": i["local"] // bus % 2 == 1 and i["dram"] // bus % 2 == 1,
                }
                memory = "acc" if i["local"] & ACCUMULATOR_BIT else "sp"
                seen.update(f"{i.name} {memory} {form}" for form, holds in forms.items() if holds)
    kinds = [f"{name} {memory} {form}" for name in ("load", "store") for memory in ("sp", "acc") for form in forms]
    if bus == 4:  # a word of the accumulator is a beat
        kinds = [kind for kind in kinds if "acc" not in kind or "beat" not in kind]
    assert not [kind for kind in kinds if seen[kind] < 2]


def test_random_programs_survive_text_and_file() -> None:
    machine = load("nano", {"dram.latency": 37, "pipeline.mac": 2})
    for seed in range(5):
        program = random_program(machine, seed)
        assert assemble(disassemble(program)) == program
        assert from_bytes(to_bytes(program)) == program
