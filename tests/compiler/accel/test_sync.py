"""Tests of tasks and their order: regions, waits, loops that are peeled, and interleaving."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.compiler.accel.support import sound
from weft.compiler.targets.accel.assemble import assemble
from weft.compiler.targets.accel.loops import HardwareLoop, executed, flatten, leaves, peel_first, peel_last
from weft.compiler.targets.accel.schedule import interleave
from weft.compiler.targets.accel.sync import PAIRS, edges, masked, masks
from weft.compiler.targets.accel.tasks import Task
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import ACCUMULATOR_BIT as ACC
from weft.isa.machine import load
from weft.isa.program import Buffer
from weft.sim.fast.engine import FastEngine

EDU = load("edu")


def _load(local: int, size: int, dram: int = 0) -> Task:
    return Task(EDU, (make("load", dram=dram, local=local, bytes=size),))


def _store(local: int, size: int, dram: int = 4096) -> Task:
    return Task(EDU, (make("store", dram=dram, local=local, bytes=size),))


def _relu(x: int, d: int, rows: int) -> Task:
    strides = {"x_stride0": 32, "d_stride0": 32}
    return Task(EDU, (make("vector", f="relu", x_source="row", x=ACC | x, d=ACC | d, count0=rows, lanes=8, **strides),))


def test_a_reader_waits_for_its_writer_and_a_writer_for_the_readers_before_it() -> None:
    tasks = [_load(ACC, 256), _relu(0, 1024, 8), _store(ACC | 1024, 256), _load(ACC, 256), _relu(0, 1024, 8)]
    assert edges(tasks) == ({}, {"load": 0}, {"vector": 1}, {"vector": 1}, {"load": 3, "store": 2})


def test_disjoint_work_does_not_wait() -> None:
    strided = make("load", dram=0, local=ACC, bytes=8, count0=4, dram_stride0=8, local_stride0=64)
    between = make("store", dram=4096, local=ACC | 32, bytes=8, count0=3, dram_stride0=8, local_stride0=64)
    assert edges([Task(EDU, (strided,)), Task(EDU, (between,))]) == ({}, {})


def test_what_is_known_through_another_unit_is_not_waited_for_again() -> None:
    # The store reads what the pass wrote, and the pass had waited for the load.
    tasks = [_load(ACC, 256), _relu(0, 0, 8), _store(ACC, 256)]
    assert edges(tasks)[2] == {"vector": 1}


def test_waits_and_posts_of_a_pair_of_units_are_as_many() -> None:
    rng = random.Random(1)
    tasks = []
    for _ in range(200):
        at = rng.randrange(8) * 256
        tasks.append(rng.choice([_load(ACC | at, 256), _store(ACC | at, 256), _relu(at, rng.randrange(8) * 256, 8)]))
    waits = edges(tasks)
    wait, post = masks(tasks, waits)
    for number in range(len(PAIRS)):
        assert sum(w >> number & 1 for w in wait) == sum(p >> number & 1 for p in post)
    order = interleave(EDU, tasks, waits)
    place = {index: at for at, index in enumerate(order)}
    assert sorted(order) == list(range(len(tasks)))
    for index, before in enumerate(waits):
        assert all(place[i] < place[index] for i in before.values())


@pytest.mark.parametrize("seed", range(6))
def test_random_tasks_do_the_same_in_program_order_and_interleaved(seed: int) -> None:
    """The program has no race and leaves DRAM as the tasks one after the other would."""
    rng = random.Random(seed)
    tasks: list[Task] = []
    expected = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) - 1000
    chip = np.zeros((32, 64), np.float32)
    for _ in range(80):
        kind, slot, other, row = rng.choice("lsv"), rng.randrange(32), rng.randrange(32), rng.randrange(64)
        if kind == "l":
            tasks.append(_load(ACC | slot * 256, 256, row * 256))
            chip[slot] = expected[row]
        elif kind == "s":
            tasks.append(_store(ACC | slot * 256, 256, row * 256))
            expected[row] = chip[slot]
        elif slot != other:
            tasks.append(_relu(slot * 256, other * 256, 8))
            chip[other] = np.maximum(chip[slot], 0)
    buffer = Buffer("x", "state", "float32", (64, 64), 0, 256)
    program = sound(assemble(EDU, tasks, [], [buffer], {}, 64 * 256, {}))
    dram = program.image()
    buffer.write(dram, np.arange(64 * 64, dtype=np.float32).reshape(64, 64) - 1000)
    run = FastEngine().run(program, dram)
    np.testing.assert_array_equal(buffer.read(run.dram), expected)


def _nest() -> HardwareLoop:
    inner = HardwareLoop(5, (make("load", local=0, bytes=8, dram=0),), {"local": 8, "dram": 64})
    return HardwareLoop(3, (make("load", local=1024, bytes=8, dram=8), inner), {"dram": 1024, "local": 64})


def _trace(instructions: list[Instruction]) -> list[tuple[int, int]]:
    """(dram, local) of every executed instruction of a flat program."""
    result, at, stack = [], 0, []
    while at < len(instructions):
        i = instructions[at]
        if i.name == "loop":
            stack.append([at, i["count"], 0])
        elif i.name == "end":
            stack[-1][2] += 1
            if stack[-1][2] < stack[-1][1]:
                at = stack[-1][0]
            else:
                stack.pop()
        else:
            moved = [i[o] + sum(s[2] * i[f"{o}_inc{d}"] for d, s in enumerate(stack)) for o in ("dram", "local")]
            result.append((moved[0], moved[1]))
        at += 1
    return result


@pytest.mark.parametrize("buffer", [4, 8, 32])
def test_peeling_and_flattening_change_nothing_that_is_executed(buffer: int) -> None:
    wanted = [
        address
        for i in range(3)
        for address in [(8 + i * 1024, 1024 + i * 64), *((i * 1024 + j * 64, i * 64 + j * 8) for j in range(5))]
    ]
    for nodes in ((_nest(),), peel_first((_nest(),)), peel_last((_nest(),)), peel_last(peel_first((_nest(),)))):
        assert _trace(flatten(nodes, buffer)) == wanted
        assert executed(nodes) == len(wanted)
        assert not any(name == "loop" for name in (i.name for i, _ in leaves(nodes)))


def test_a_waiting_task_waits_once_and_posts_once_though_it_loops() -> None:
    flat = flatten(masked(Task(EDU, (_nest(),)), 4, 8).nodes, 32)
    marked = [(i["wait"], i["post"]) for i in flat if i.name == "load"]
    assert marked[0] == (4, 0)
    assert marked[-1] == (0, 8)
    assert set(marked[1:-1]) == {(0, 0)}


def test_regions_of_a_loop_cover_all_its_iterations() -> None:
    regions = Task(EDU, (_nest(),)).regions
    written = sorted((r.access.low, r.access.high) for r in regions if r.write)
    assert written == [(0, 168), (1024, 1160)]
