"""The RTL engine's edges: programs that do not end, faults, and traces longer than what was reserved."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

from tests.sim.rtl_tools import need_rtl
from weft.isa.assembler import assemble
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.verify import compare

need_rtl()

from weft.sim.rtl import engine as rtl  # noqa: E402  (needs the tools)
from weft.sim.rtl.build import PLAIN, WAVE  # noqa: E402  (needs the tools)

pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def engine() -> rtl.RtlEngine:
    return rtl.RtlEngine()


def program(text: str) -> Program:
    return assemble(f".machine nano\n.data 0x2000 hex 00\n{text}\nhalt\n")


MOVE = "load dram=0x2000 local=sp[0] bytes=4 post=s0\nstore dram=0x2040 local=sp[0] bytes=4 wait=s0"
STUCK = "load dram=0x2000 local=sp[0] bytes=4\nstore dram=0x2000 local=sp[0] bytes=4 wait=s3"


def test_a_deadlock_is_found_without_waiting_for_the_limit(engine: rtl.RtlEngine) -> None:
    with pytest.raises(DeadlockError) as caught:
        engine.run(program(STUCK))
    assert caught.value.exit_code == 4
    text = str(caught.value)
    assert text.startswith("deadlock: nothing moves any more from cycle ")
    assert "on; store: instruction 1 (store, from " in text
    assert "does not start; dispatch: nothing after instruction 1 (store, from " in text
    assert "load:" not in text
    with pytest.raises(DeadlockError, match=r"on; nothing was dispatched or traced; `weft sim --engine fast` says"):
        engine.run(program(STUCK), trace=False)


def test_a_waveform_asked_for_after_a_run_takes_the_model_that_writes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtl, "Model", lambda machine, variant: variant)  # which is built is all that is asked
    changing, machine = rtl.RtlEngine(), load("nano")
    for wave, variant in ((None, PLAIN), ("a.vcd", WAVE), (None, PLAIN)):
        changing.wave = wave
        built: Any = changing.model(machine)
        assert built is variant


def test_the_cycle_limit_is_that_of_the_fast_engine(engine: rtl.RtlEngine) -> None:
    one = program(MOVE)
    cycles = FastEngine().run(one).cycles
    assert engine.run(one, max_cycles=cycles).cycles == cycles
    with pytest.raises(DeadlockError, match=f"^no halt within {cycles - 1} cycles: the program is longer, or it never"):
        engine.run(one, max_cycles=cycles - 1)


def test_ctrl_c_ends_a_run_that_would_take_an_hour(engine: rtl.RtlEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_LIMIT_EXECUTED", str(10**9))
    endless = program("loop count=255\nloop count=65535\nload dram=0x2000 local=sp[0] bytes=4\nend\nend")
    engine.run(program(MOVE))  # the model is there now: only the run is interrupted
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    alarm = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    try:
        alarm.start()
        with pytest.raises(KeyboardInterrupt):
            engine.run(endless, trace=False)
    finally:
        alarm.cancel()
        signal.signal(signal.SIGINT, before)
    assert engine.run(program(MOVE)).cycles == FastEngine().run(program(MOVE)).cycles


def test_an_opcode_that_is_none(engine: rtl.RtlEngine) -> None:
    one = program(MOVE)
    image = one.image()
    image[one.entry + 64 : one.entry + 128] = 0xFF
    with pytest.raises(ProgramError, match=r"^instruction 1 \(store, from .*\): .*opcode is none .*\(fault 'opcode'"):
        engine.run(one, image)


def test_a_program_that_overwrites_itself(engine: rtl.RtlEngine) -> None:
    # More instructions than are fetched ahead lie between the store and its target.
    load_word = "load dram=0x2000 local=sp[0] bytes=4"
    one = program(
        "load dram=0x2000 local=sp[0] bytes=64 post=s0\n"
        "store dram=2560 local=sp[0] bytes=64 wait=s0 post=s1\n"
        f"{load_word} wait=s1\n" + f"{load_word}\n" * 41
    )
    image = one.image()
    image[0x2000:0x2040] = 0xFF
    with pytest.raises(ProgramError, match=r"^instruction 40 \(load, from .*\): .* \(fault 'opcode'\)$"):
        engine.run(one, image)


def test_a_read_outside_the_dram_image(engine: rtl.RtlEngine) -> None:
    one = program("load dram=0x200000 local=sp[0] bytes=4")
    wanted = r"^instruction 0 \(load, from .*\): DRAM answered a read .* \(DRAM address 0x200000\) \(fault 'read_"
    with pytest.raises(ProgramError, match=wanted):
        engine.run(one)


def test_a_fault_leaves_the_engine_usable(engine: rtl.RtlEngine) -> None:
    with pytest.raises(ProgramError):
        engine.run(program("store dram=0x200000 local=sp[0] bytes=4"))
    one = program(MOVE)
    assert compare(one, [FastEngine().run(one), engine.run(one)]).differences == ()


def test_a_trace_longer_than_reserved(engine: rtl.RtlEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = random_program(load("nano"), 7)
    monkeypatch.setattr(rtl, "_FIRST_CAPACITY", 3)
    run = engine.run(one)
    assert run.trace is not None
    assert len(run.trace.pc) > 3
    assert compare(one, [FastEngine().run(one), run]).differences == ()


def test_without_a_trace_all_else_is_the_same(engine: rtl.RtlEngine) -> None:
    one = random_program(load("nano"), 8)
    traced, plain = engine.run(one), engine.run(one, trace=False)
    assert plain.trace is None
    assert plain.cycles == traced.cycles
    assert compare(one, [traced, dataclasses.replace(plain, engine="plain")]).differences == ()


def test_the_given_image_is_left_as_it_was(engine: rtl.RtlEngine) -> None:
    one = program(MOVE)
    image = one.image()
    image[0x2000:0x2004] = (1, 2, 3, 4)
    before = image.copy()
    assert engine.run(one, image).dram[0x2040:0x2044].tolist() == [1, 2, 3, 4]
    assert np.array_equal(image, before)
