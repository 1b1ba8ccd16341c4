"""The control registers: access, starting again, faults, the watchdog, on a core whose arithmetic units do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.rtl.core_bench import ENTRY, OKAY, SLAVE_ERROR, CoreBench
from tests.rtl.simulate import simulate
from weft.isa.encoding import encode_all, make
from weft.isa.events import EVENTS
from weft.isa.machine import load
from weft.isa.registers import BY_NAME, FAULT_BY_NAME, REGISTERS

NANO = load("nano")

LOAD = make("load", dram=0x2000, local=0x100, bytes=96, post=1)
STORE = make("store", dram=0x3000, local=0x100, bytes=96, wait=1)
HALT = make("halt")


def test_registers_answer_by_their_table() -> None:
    b = CoreBench([HALT])

    async def bench(ctx: Any) -> None:
        for name in ("ENTRY", "LENGTH", "WATCHDOG_LO", "WATCHDOG_HI"):
            for data_first in (False, True):
                value = 0x12345600 + BY_NAME[name].offset + data_first
                assert await b.write(ctx, BY_NAME[name].offset, value, data_first) == OKAY
                assert await b.value(ctx, name) == value
        for register in REGISTERS[:12]:
            if register.access == "ro":
                assert await b.write(ctx, register.offset, 1) == SLAVE_ERROR
        assert await b.read(ctx, 0xFFC) == (0, SLAVE_ERROR)

    simulate(b.core, bench)


def test_a_program_runs_twice_and_is_counted_each_time() -> None:
    b = CoreBench([LOAD, STORE, HALT])

    async def bench(ctx: Any) -> None:
        counts = []
        for run in range(2):
            b.memory[0x2000:0x2060] = np.arange(96) + run
            b.memory[0x3000:0x3060] = 0
            await b.execute(ctx)
            assert np.array_equal(b.memory[0x3000:0x3060], np.arange(96) + run)
            assert await b.value(ctx, "STATUS") == 0b010
            cycles = await b.value(ctx, "CYCLES_LO")
            events = {event.name: await b.value(ctx, f"{event.name.upper().replace('.', '_')}_LO") for event in EVENTS}
            for unit in ("dispatch", "load", "matrix", "vector", "store"):
                assert sum(n for name, n in events.items() if name.startswith(f"{unit}.")) == cycles
            beats = await b.value(ctx, "READ_BEATS_LO"), await b.value(ctx, "WRITE_BEATS_LO")
            assert beats == ((3 * 64 + 96) // NANO.bus.bytes, 96 // NANO.bus.bytes)
            counts.append((cycles, events))
        assert counts[0] == counts[1]

    simulate(b.core, bench)


def test_faults_stop_the_core_and_leave_it_startable() -> None:
    b = CoreBench([LOAD, STORE, make("end"), HALT])

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b110
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["loop_end"].code
        assert await b.value(ctx, "FAULT_PC") == 2
        b.memory[0x2000:0x2060] = 7
        await b.execute(ctx, loads_fail=True)
        assert await b.value(ctx, "FAULT_CAUSE") in (FAULT_BY_NAME["read_error"].code, FAULT_BY_NAME["loop_end"].code)
        b.memory[ENTRY + 128 : ENTRY + 192] = np.frombuffer(encode_all([HALT]), np.uint8)
        await b.execute(ctx, loads_fail=True)
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["read_error"].code
        assert await b.value(ctx, "FAULT_PC") == 0
        assert not b.memory[0x3000:0x3060].any(), "the store behind it never started"
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b010
        assert (b.memory[0x3000:0x3060] == 7).all()

    simulate(b.core, bench)


def test_a_write_outside_of_dram_is_a_fault_of_the_store() -> None:
    b = CoreBench([make("store", dram=0x100000, local=0x100, bytes=96), HALT])

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["write_error"].code
        assert await b.value(ctx, "FAULT_PC") == 0

    simulate(b.core, bench)


def test_the_watchdog_ends_a_deadlock() -> None:
    b = CoreBench([make("store", dram=0x3000, local=0x100, bytes=96, wait=1), HALT])

    async def bench(ctx: Any) -> None:
        await b.write(ctx, BY_NAME["WATCHDOG_LO"].offset, 300)
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b110
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["watchdog"].code
        assert await b.value(ctx, "FAULT_PC") == 1
        assert 300 <= await b.value(ctx, "CYCLES_LO") < 310

    simulate(b.core, bench)
