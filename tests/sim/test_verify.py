"""The comparison of runs fails when it should, and says which instruction, cycle, address and values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from weft.base.errors import WeftError
from weft.isa.assembler import assemble
from weft.isa.events import EVENTS
from weft.isa.program import Program
from weft.sim.fast.engine import FastEngine
from weft.sim.interp import InterpEngine
from weft.sim.run import Run
from weft.sim.verify import Verification, compare, report, verify

TEXT = """
.machine nano
.data 0x2000 hex 000102030405060708090a0b0c0d0e0f
.data 0x3000 hex 00
load dram=0x2000 local=sp[0x40] bytes=16 post=s0
store dram=0x3000 local=sp[0x40] bytes=16 wait=s0
halt
"""


@pytest.fixture(scope="module")
def program() -> Program:
    return assemble(TEXT)


@pytest.fixture(scope="module")
def run(program: Program) -> Run:
    return FastEngine().run(program)


def against(program: Program, run: Run, **changes: Any) -> Verification:
    """``run`` compared with itself as another engine that differs in ``changes``."""
    return compare(program, [run, dataclasses.replace(run, engine="rtl", **changes)])


def changed(array: Any, at: int, by: int = 1) -> Any:
    copy = array.copy()
    copy[at] += by
    return copy


def test_a_run_equals_itself(program: Program, run: Run) -> None:
    result = against(program, run)
    assert result.equal
    assert result.retire_equal
    assert result.memory_equal
    assert result.differences == ()


@pytest.mark.parametrize("what", ["dispatch", "start", "retire"])
def test_a_cycle_of_an_instruction(program: Program, run: Run, what: str) -> None:
    assert run.trace is not None
    cycle = int(getattr(run.trace, what)[1])
    trace = dataclasses.replace(run.trace, **{what: changed(getattr(run.trace, what), 1)})
    result = against(program, run, trace=trace)
    place = f"executed instruction 1 (instruction 1: store, from {program.instructions[1].source})"
    assert result.differences == (f"{what} of {place}: cycle {cycle} on fast, {cycle + 1} on rtl",)
    assert result.retire_equal == (what != "retire")
    assert result.memory_equal
    assert not result.equal


def test_another_instruction(program: Program, run: Run) -> None:
    assert run.trace is not None
    trace = dataclasses.replace(run.trace, pc=changed(run.trace.pc, 1))
    result = against(program, run, trace=trace)
    assert "fast executed 3 instructions and rtl 3; the first to differ is executed instruction 1 (" in str(result)
    assert not result.retire_equal


def test_total_cycles_events_and_beats(program: Program, run: Run) -> None:
    event = EVENTS[3]
    count = int(run.events[event.index])
    result = against(
        program,
        run,
        cycles=run.cycles + 2,
        events=changed(run.events, event.index, 5),
        read_beats=run.read_beats - 1,
        write_beats=run.write_beats + 1,
    )
    assert result.differences == (
        f"total cycles: {run.cycles} on fast, {run.cycles + 2} on rtl",
        f"event {event.name}: {count} cycles on fast, {count + 5} on rtl",
        f"read_beats: {run.read_beats} on fast, {run.read_beats - 1} on rtl",
        f"write_beats: {run.write_beats} on fast, {run.write_beats + 1} on rtl",
    )
    assert result.cycles == {"fast": run.cycles, "rtl": run.cycles + 2}
    assert not result.equal


@pytest.mark.parametrize(
    ("memory", "at", "word", "left", "right"),
    [
        ("dram", 0x3005, 0x3004, "07060504", "07060604"),
        ("scratchpad", 0x40, 0x40, "03020100", "03020101"),
        ("accumulator", 0xFFF, 0xFFC, "00000000", "01000000"),
    ],
)
def test_a_byte(program: Program, run: Run, memory: str, at: int, word: int, left: str, right: str) -> None:
    result = against(program, run, **{memory: changed(getattr(run, memory), at)})
    assert result.differences == (
        f"{memory} byte {at:#x}: the word at {word:#x} is 0x{left} on fast, 0x{right} on rtl (1 bytes differ)",
    )
    assert result.retire_equal
    assert not result.memory_equal


def test_the_interpreter_takes_part_in_memories_only(program: Program) -> None:
    result = verify(program, [FastEngine(), InterpEngine()], name="moves")
    assert result.equal
    assert list(result.cycles) == ["fast"]


def test_the_report(program: Program, run: Run) -> None:
    good, bad = against(program, run), against(program, run, dram=changed(run.dram, 0x3000))
    assert report([good])["equal"] is True
    assert "differences" not in report([good])["programs"][0]
    found = report([good, bad])
    assert (found["schema"], found["equal"]) == (1, False)
    assert found["programs"][1]["memory_equal"] is False
    assert found["programs"][1]["differences"][0].startswith("dram byte 0x3000: ")


def test_an_image_is_what_runs_start_from(program: Program) -> None:
    image = program.image()
    image[0x2000] = 77
    engine = FastEngine()
    assert engine.run(program, image).dram[0x3000] == 77
    assert verify(program, [engine, InterpEngine()], image).equal
    assert np.array_equal(image[:0x2000], program.image()[:0x2000])


def test_engines_may_be_names(program: Program) -> None:
    assert verify(program, ["fast", InterpEngine()]).equal
    with pytest.raises(WeftError, match="no engine 'fats'; did you mean 'fast'"):
        verify(program, ["fats"])
