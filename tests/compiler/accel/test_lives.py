"""Lives of on-chip buffers follow allocation and release, and find the instructions that touch each."""

from __future__ import annotations

from weft.compiler.targets.accel.assemble import assemble
from weft.compiler.targets.accel.emit import TaskBuilder
from weft.compiler.targets.accel.live_ranges import touching
from weft.isa.machine import load

MACHINE = load("nano")


def test_what_a_plan_that_did_not_fit_began_is_forgotten() -> None:
    b = TaskBuilder(MACHINE)
    kept = b.allocate("accumulator", 64, name="kept")
    tried = b.allocate("accumulator", 64, name="tried")
    b.lives.forget(1)
    b.accumulator.release(tried, 1)
    again = b.allocate("accumulator", 64, name="again")
    b.transfer("load", again.local, 16, 0, 16, 4, 16)
    b.release(again)
    b.release(kept)
    assert [(life.name, life.begin, life.end) for life in b.lives.all] == [("kept", 0, 1), ("again", 0, 1)]
    assert touching(b.tasks, b.lives.all) == [[], [0]]


def test_space_that_is_used_again_is_another_life() -> None:
    """Two values one after the other in the same bytes: each is touched by its own load and store."""
    b = TaskBuilder(MACHINE)
    for dram, name in ((0, "first"), (64, "second")):
        space = b.reserve(0, 0, 64, name)
        b.transfer("load", space.local, 16, dram, 16, 4, 16)
        b.transfer("store", space.local, 16, dram + 4096, 16, 4, 16)
        b.release(space)
    assert touching(b.tasks, b.lives.all) == [[0, 1], [2, 3]]
    program = assemble(MACHINE, b.tasks, (), (), {}, 8192, {}, lives=b.lives.all)
    for life, dram in zip(program.meta["lives"], (0, 64), strict=True):
        touched = [n for n, i in enumerate(program.instructions) if i.name != "halt" and i["dram"] % 4096 == dram]
        assert life["first"] == life["last"] == touched
        assert (life["memory"], life["address"], life["bytes"]) == ("scratchpad", 0, 64)
    assert [life["name"] for life in program.meta["lives"]] == ["first", "second"]
