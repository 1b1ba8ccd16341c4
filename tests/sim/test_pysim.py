"""Amaranth's simulator as an engine: equal to the fast engine in every cycle and byte; clear when a program fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weft.isa.assembler import assemble
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim.engines import get_engine
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.pysim import PysimEngine
from weft.sim.verify import compare

UNUSUAL = {
    "queues.load": 1, "queues.matrix": 1, "queues.vector": 2, "queues.store": 1, "queues.outstanding": 1,
    "queues.fetch": 2, "bus.burst": 2, "dram.latency": 7, "dram.beat_cycles": 3, "pipeline.mac": 2,
    "pipeline.accumulate": 5, "pipeline.vector": 2, "pipeline.reduce": 1,
}  # fmt: skip

MOVES = """
.machine nano
.data 0x2000 hex 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
.data 0x3000 hex 00
load dram=0x2000 local=sp[0x40] bytes=32 post=s0
loop count=3
  store dram=0x3000 local=sp[0x40] bytes=30 wait=s0 dram_inc0=64 post=s1
  load dram=0x2000 local=sp[0x40] bytes=10 count0=3 dram_stride0=8 local_stride0=12 post=s0 wait=s1
end
halt
"""


@pytest.fixture(scope="module")
def engine() -> PysimEngine:
    return PysimEngine()


def test_moves_are_equal_to_the_fast_engine_and_leave_waves(
    engine: PysimEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = assemble(MOVES)
    monkeypatch.setattr(engine, "wave", tmp_path / "out.vcd")
    run = engine.run(program)
    assert compare(program, [FastEngine().run(program), run]).differences == ()
    assert bytes(run.dram[0x3000:0x301E]) == bytes(range(30))
    assert "dispatch_pc" in (tmp_path / "out.vcd").read_text()


@pytest.mark.parametrize(("changes", "seed"), [({}, 0), ({}, 1), (UNUSUAL, 2), ({"bus.bytes": 16}, 3), ({"dim": 2}, 4)])
def test_random_programs_are_equal_to_the_fast_engine(engine: PysimEngine, changes: dict[str, int], seed: int) -> None:
    program = random_program(load("nano", changes), seed, length=6)
    expected = FastEngine().run(program)
    assert compare(program, [expected, engine.run(program, max_cycles=expected.cycles + 9)]).differences == ()


def failing(text: str) -> Program:
    return assemble(f".machine nano\n.data 0x2000 hex 00\n{text}\nhalt\n")


def test_a_deadlock_is_found_without_waiting_for_the_limit(engine: PysimEngine) -> None:
    with pytest.raises(DeadlockError, match=r"^deadlock: nothing moves any more from cycle \d+ on, after instr"):
        engine.run(failing("store dram=0x2000 local=sp[0] bytes=4 wait=s3"))


def test_the_cycle_limit_ends_a_long_run(engine: PysimEngine) -> None:
    with pytest.raises(DeadlockError, match=r"^the program did not halt within 60 cycles; after instruction 0"):
        engine.run(failing("load dram=0x2000 local=sp[0] bytes=4\n"), max_cycles=60)


def test_a_fault_names_instruction_and_cause(engine: PysimEngine) -> None:
    with pytest.raises(ProgramError, match=r"^instruction 0 \(load, from .*\): DRAM answered a read .*'read_error'"):
        engine.run(failing("load dram=0x200000 local=sp[0] bytes=4"))


def test_it_is_called_pysim_and_keeps_the_given_dram(engine: PysimEngine) -> None:
    assert isinstance(get_engine("pysim"), PysimEngine)
    program = failing("load dram=0x2000 local=sp[0] bytes=4 post=s0\nstore dram=0x2010 local=sp[0] bytes=4 wait=s0")
    dram = np.full(program.dram_bytes, 9, np.uint8)
    dram[: len(program.code)] = np.frombuffer(program.code, np.uint8)
    before = dram.copy()
    run = engine.run(program, dram, trace=False)
    assert run.trace is None
    assert np.array_equal(dram, before)
    assert (run.dram[0x2010:0x2014] == 9).all()
