"""DRAM traffic worked out from a trace: every burst is where the contract puts it, and nothing is lost in windows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.reports.by_hand import BEGINS, CYCLES, run_by_hand
from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.errors import ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.reports.bandwidth import FETCH, READ, SAMPLES, WRITE, Bursts, bursts, over_time, retirements
from weft.sim.engines import get_engine
from weft.sim.fuzz import random_program
from weft.sim.run import Run

SLOW = {"dram.latency": 3, "dram.beat_cycles": 3, "bus.burst": 4}
TIGHT = {"queues.fetch": 2, "queues.outstanding": 1}


def agrees(program: Program, run: Run) -> None:
    """The bursts are those of the run: the same retirements, the same beats, one at a time on the channel."""
    assert run.trace is not None
    found, machine = bursts(program, run), program.machine
    ends = retirements(found, machine)
    units = [program.instructions[pc].spec.unit for pc in run.trace.pc.tolist()]
    moved = [n for n, unit in enumerate(units) if unit in ("load", "store")]
    assert sorted(ends) == moved
    assert [ends[n] for n in moved] == run.trace.retire[moved].tolist()
    assert found.beats[found.kind != WRITE].sum() == run.read_beats
    assert found.beats[found.kind == WRITE].sum() == run.write_beats
    assert (found.begin[1:] >= (found.begin + found.beats * machine.dram.beat_cycles)[:-1]).all()
    over = over_time(found, machine, run.cycles)
    assert sum(over["read"]) + sum(over["fetch"]) == run.read_beats * machine.bus.bytes
    assert sum(over["write"]) == run.write_beats * machine.bus.bytes
    assert len(over["read"]) == len(over["write"]) == len(over["fetch"]) == -(-run.cycles // over["window"])
    together = np.array([over["read"], over["write"], over["fetch"]]).sum(axis=0)
    assert (together <= over["window"] * over["capacity"]).all()


def test_by_hand() -> None:
    program, run = run_by_hand()
    assert run.cycles == CYCLES
    found = bursts(program, run)
    assert found.begin.tolist() == BEGINS
    assert found.kind.tolist() == [FETCH] * 4 + [READ, WRITE]
    assert found.owner.tolist() == [-1] * 4 + [0, 2]
    assert found.address.tolist() == [0x1000, 0x1040, 0x1080, 0x10C0, 0x0, 0x100]
    assert found.beats.tolist() == [16] * 6
    over = over_time(found, program.machine, run.cycles)
    assert (over["window"], over["capacity"]) == (1, 4.0)
    assert [cycle for cycle, moved in enumerate(over["read"]) if moved] == list(range(85, 101))
    assert [cycle for cycle, moved in enumerate(over["write"]) if moved] == list(range(151, 167))


def test_digits(digits: tuple[Program, Run]) -> None:
    agrees(*digits)
    program, run = digits
    over = over_time(bursts(program, run), program.machine, run.cycles)
    assert SAMPLES // 2 < len(over["read"]) <= SAMPLES


@pytest.mark.parametrize(
    ("preset", "changes", "count"),
    [
        ("nano", {}, 12), ("edu", {}, 8), ("nano", SLOW, 8), ("edu", TIGHT, 8), ("edge-int8", {}, 4),
        ("nano", {"bus.bytes": 16}, 8), ("edge-int8", {"bus.bytes": 32}, 4),
    ],
)  # fmt: skip
def test_random_programs(preset: str, changes: dict[str, int], count: int) -> None:
    machine = load(preset, changes)
    for seed in range(count):
        program = random_program(machine, seed)
        agrees(program, get_engine("fast").run(program))


@pytest.mark.parametrize("beat_cycles", [2, 3, 7])
def test_a_slow_channel_that_never_rests_is_full_in_every_window(beat_cycles: int) -> None:
    machine = load("nano", {"dram.beat_cycles": beat_cycles})
    found = Bursts(*(np.array([n]) for n in (READ, 0, 0, 1000, 5)))  # 1000 beats from cycle 5 on
    over = over_time(found, machine, 5 + 1000 * beat_cycles)
    full = over["window"] * machine.bus.bytes // beat_cycles
    assert full == over["window"] * over["capacity"]
    assert over["read"][1:-1] == [full] * (len(over["read"]) - 2)
    assert sum(over["read"]) == 1000 * machine.bus.bytes
    assert sum(over["write"]) == sum(over["fetch"]) == 0


def test_rows_are_split_at_pages_and_at_the_longest_burst() -> None:
    machine = load("nano", {"bus.burst": 8})
    program = gemm_program(machine, 3, 40, 9)  # rows of 160 bytes, which pages cut here and there
    run = get_engine("fast").run(program)
    agrees(program, run)
    found = bursts(program, run)
    mine = found.kind != FETCH  # a fetched line is one burst, however long
    assert Counter(found.beats[mine].tolist())[8] > 0
    first, last = found.address[mine], found.address[mine] + found.beats[mine] * 4 - 1
    assert (first // 4096 == last // 4096).all()


def test_a_run_without_times_is_refused() -> None:
    program, _ = run_by_hand()
    with pytest.raises(ProgramError, match="engine 'interp' has no time, so there is nothing to report"):
        bursts(program, get_engine("interp").run(program))
    with pytest.raises(ProgramError, match="the run kept no trace, so there is nothing to report; run with a trace"):
        bursts(program, get_engine("fast").run(program, trace=False))
