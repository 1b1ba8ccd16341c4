"""The fast engine as others use it: what it returns, keeps, and refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from weft.isa.encoding import Instruction, make
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.events import EVENTS
from weft.isa.machine import load
from weft.isa.program import Buffer, Program
from weft.sim.engines import get_engine
from weft.sim.fast.engine import FastEngine
from weft.sim.fast.plan import timing
from weft.sim.fuzz import random_program

NANO = load("nano")


def program(*instructions: Instruction) -> Program:
    """A nano program over a buffer of 4 KiB."""
    buffer = Buffer("bytes", "input", "int8", (4096,), 4096, 4096)
    return Program(NANO, (*instructions, make("halt")), buffers=(buffer,))


def copy(wait: int = 0, post: int = 0, **fields: Any) -> Instruction:
    return make("load", dram=4096, local=0, bytes=8, wait=wait, post=post, **fields)


def test_a_load_alone() -> None:
    # Fetch: picked in 0 and 1, accepted in 1 and 2, 16 beats of 4 bytes from 21 and 37 on, seen 2 after the last.
    # Load: pushed in 38, starts in 39, picked in 40, accepted in 41, first beat in 61, last in 62, written in 63.
    run = FastEngine().run(program(copy()))
    assert run.trace is not None
    assert run.trace.dispatch.tolist() == [38, 64]
    assert run.trace.start.tolist() == [39, 64]
    assert run.trace.retire.tolist() == [63, 64]
    assert run.cycles == 65
    assert (run.read_beats, run.write_beats) == (2 * 16 + 2, 0)
    counts = {event.name: int(run.events[event.index]) for event in EVENTS if run.events[event.index]}
    assert counts == {
        "dispatch.busy": 2, "dispatch.fetch": 53, "dispatch.drain": 10, "load.busy": 2, "load.drain": 23,
        "load.idle": 40, "matrix.idle": 65, "vector.idle": 65, "store.idle": 65,
    }  # fmt: skip


def test_a_run_starts_from_the_image_it_is_given() -> None:
    one = program(copy())
    dram = one.image()
    dram[4096:4104] = range(1, 9)
    before = dram.copy()
    run = get_engine("fast").run(one, dram, trace=False)
    assert run.scratchpad[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 0, 0]
    assert np.array_equal(dram, before)
    assert run.trace is None


def test_repeated_runs_are_equal() -> None:
    one, engine = random_program(NANO, 11), FastEngine()
    first, second = engine.run(one), engine.run(one)
    assert first.cycles == second.cycles == timing(one).cycles
    for memory in ("dram", "scratchpad", "accumulator"):
        assert np.array_equal(getattr(first, memory), getattr(second, memory))


def test_a_deadlock_names_what_each_unit_waits_for() -> None:
    stuck = program(make("store", dram=4096, local=0, bytes=4, wait=0b1, post=0b1010), copy(wait=0b1010, post=0b1))
    message = (
        r"deadlock in cycle \d+: load: instruction 1 \(load\) waits for semaphore 1, 3; "
        r"store: instruction 0 \(store\) waits for semaphore 0; "
        r"dispatch: instruction 2 \(halt\) waits for the units to finish"
    )
    with pytest.raises(DeadlockError, match=message):
        FastEngine().run(stuck)


def test_a_full_queue_is_named() -> None:
    blocked = program(*[copy(wait=1)] * 6, make("store", dram=4096, local=0, bytes=4, post=1))
    message = r"dispatch: instruction 4 \(load\) waits for the load queue, which is full"
    with pytest.raises(DeadlockError, match=message):
        FastEngine().run(blocked)


def test_the_cycle_limit() -> None:
    engine, one = FastEngine(), program(copy())
    with pytest.raises(DeadlockError, match="no halt within 64 cycles: "):
        engine.run(one, max_cycles=64)
    assert engine.run(one, max_cycles=65).cycles == 65
    with pytest.raises(DeadlockError, match="no halt within 64 cycles: the program takes 65"):
        engine.run(one, max_cycles=64)


def test_a_semaphore_overflows() -> None:
    posts = [make("loop", count=300), copy(post=2), make("end")]
    one = program(*posts, make("store", dram=4096, local=0, bytes=4, wait=2))
    with pytest.raises(ProgramError, match=r"instruction 1 \(load\): a semaphore it posts counts past 255 in cycle"):
        timing(dataclasses.replace(one, instructions=(*one.instructions[:3], copy(count0=2048), *one.instructions[3:])))


def test_a_small_image() -> None:
    one = program(copy())
    with pytest.raises(ProgramError, match=r"needs a DRAM image of 8192 bytes; given uint8\[4096\]"):
        FastEngine().run(one, np.zeros(4096, np.uint8))


def test_an_invalid_program() -> None:
    with pytest.raises(ProgramError, match="instruction 0"):
        FastEngine().run(program(make("load", dram=1 << 20, local=0, bytes=8)))


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        ([make("loop", count=2)], r"instruction 0 \(loop\): has no matching end"),
        ([make("end")], r"instruction 0 \(end\): no loop is open"),
        ([make("loop", count=2)] * 4 + [make("end")] * 4, r"instruction 3 \(loop\): loops nest to depth 3"),
        (
            [make("loop", count=2), *[copy()] * 32, make("end")],
            r"instruction 0 \(loop\): 33 instructions .*queues.loop = 32",
        ),
        ([make("halt"), copy()], "must end with its first 'halt'"),
        (
            [make("load", dram=4096, local=1 << 20, bytes=8)],
            "local address 0x100000, reached by an operand",
        ),
    ],
)
def test_timing_refuses_broken_structure(instructions: list[Instruction], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        timing(program(*instructions))
