"""Live bytes: by hand, against every access that a run makes, and never more than a memory has."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.reports.by_hand import LOAD, PASS, STORE, run_by_hand
from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.access import accesses
from weft.isa.elements import DRAM
from weft.isa.errors import ProgramError
from weft.isa.machine import load
from weft.isa.operands import OPERANDS
from weft.isa.program import Program
from weft.reports.occupancy import LiveBuffer, live, over_time
from weft.sim.engines import get_engine
from weft.sim.fast.stream import expand
from weft.sim.run import Run


def test_by_hand() -> None:
    program, run = run_by_hand()
    lives = live(program, run)
    assert lives == [
        LiveBuffer("accumulator[0x0:0x40]", "accumulator", 0, 64, LOAD[0], PASS[1]),
        LiveBuffer("accumulator[0x100:0x140]", "accumulator", 0x100, 64, PASS[0], STORE[1]),
    ]
    over = over_time(lives, program.machine)
    steps = [[0, 0], [LOAD[0], 64], [PASS[0], 128], [PASS[1] + 1, 64], [STORE[1] + 1, 0]]
    assert over["accumulator"]["points"] == steps
    peak = over["accumulator"]["peak"]
    assert (peak["cycle"], peak["bytes"]) == (PASS[0], 128)
    assert [buffer["address"] for buffer in peak["buffers"]] == [0, 0x100]
    empty = {"capacity": 8192, "points": [[0, 0]], "peak": {"cycle": 0, "bytes": 0, "buffers": []}, "buffers": []}
    assert over["scratchpad"] == empty


def fits(program: Program, run: Run) -> list[LiveBuffer]:
    """No memory holds more than it has, nor one byte twice; the peak is the most of all points."""
    lives = live(program, run)
    for memory, over in over_time(lives, program.machine).items():
        mine = [one for one in lives if one.memory == memory]
        totals = [total for _, total in over["points"]]
        assert totals[0] == totals[-1] == 0
        assert over["peak"]["bytes"] == max(totals) <= over["capacity"]
        assert sum(buffer["bytes"] for buffer in over["peak"]["buffers"]) == over["peak"]["bytes"]
        for cycle, total in over["points"]:
            assert total == sum(one.bytes for one in mine if one.start <= cycle <= one.end)
        for number, a in enumerate(mine):
            for b in mine[:number]:
                together = a.start <= b.end and b.start <= a.end
                assert not together or a.address >= b.address + b.bytes or b.address >= a.address + a.bytes
    return lives


def covers(lives: list[LiveBuffer], program: Program, run: Run) -> None:
    """Every on-chip access lies in a buffer that is live from its instruction's start to its retirement."""
    assert run.trace is not None
    stream = expand(program)
    for n, pc in enumerate(run.trace.pc.tolist()):
        instruction = program.instructions[pc]
        start, retire = int(run.trace.start[n]), int(run.trace.retire[n])
        for access in accesses(program.machine, instruction):
            if access.memory == DRAM:
                continue
            slot = [o.field for o in OPERANDS[instruction.name]].index(access.field)
            moved = int(stream.address[n, slot]) - instruction[access.field]
            low, high = access.low + moved, access.high + moved
            assert any(
                one.memory == access.memory
                and one.address <= low
                and high <= one.address + one.bytes
                and one.start <= start
                and retire <= one.end
                for one in lives
            ), (n, instruction, access)


def test_digits(digits: tuple[Program, Run]) -> None:
    program, run = digits
    lives = fits(program, run)
    covers(lives, program, run)
    assert any("weight" in one.name for one in lives)  # parameters are told by name
    assert over_time(lives, program.machine)["accumulator"]["peak"]["bytes"] == 32768


@pytest.mark.parametrize("changes", [{}, {"scratchpad.bytes": 512, "accumulator.bytes": 512}])
def test_products(changes: dict[str, int]) -> None:
    """On the smaller machine the compiler tries plans that do not fit, which must leave nothing behind."""
    program = gemm_program(load("nano", changes), 20, 9, 40)
    run = get_engine("fast").run(program)
    covers(fits(program, run), program, run)


def test_a_program_without_lives_shows_the_extents_of_its_loops() -> None:
    program = gemm_program(load("nano"), 20, 9, 40)
    run = get_engine("fast").run(program)
    bare = dataclasses.replace(program, meta={})
    covers(live(bare, run), bare, run)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"memory": "attic"}, "attic"),
        ({"address": 1 << 20}, "scratchpad bytes 1048576 to 1048584 do not exist"),
        ({"first": [10**6]}, "out of bounds"),
        ({"last": []}, "empty"),
        ({"bytes": "many"}, "many"),
    ],
)
def test_what_a_program_says_is_checked(entry: dict[str, Any], text: str) -> None:
    program, run = run_by_hand()
    good = {"name": "a", "memory": "scratchpad", "address": 0, "bytes": 8, "first": [0], "last": [1]}
    broken = dataclasses.replace(program, meta={"lives": [good | entry]})
    with pytest.raises(ProgramError, match=r"list of on-chip buffers is not valid .*compile it again") as error:
        live(broken, run)
    assert text in str(error.value)
    assert live(dataclasses.replace(program, meta={"lives": [good]}), run)[0].end == PASS[1]
