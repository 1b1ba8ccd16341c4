"""The control registers: access, starting again, faults, the watchdog, on a core whose arithmetic units do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from isa.encoding import encode_all, make
from isa.events import EVENTS
from isa.machine import load
from isa.registers import BY_NAME, FAULT_BY_NAME, REGISTERS
from rtl.core import Core
from sim.dram import DramModel
from tests.rtl.idle import IdleUnit
from tests.rtl.simulate import simulate

NANO = load("nano")
OKAY, SLAVE_ERROR = 0, 2
ENTRY = 0x400


class Bench:
    """Register access, and a clock loop with DRAM behind the core."""

    def __init__(self, *program: Any) -> None:
        units = {unit: IdleUnit(NANO, unit) for unit in ("matrix", "vector")}
        self.core = Core(NANO, units=units)
        self.memory = np.zeros(0x4000, np.uint8)
        code = np.frombuffer(encode_all(program), np.uint8)
        self.memory[ENTRY : ENTRY + len(code)] = code
        self.length = len(program)

    async def write(self, ctx: Any, offset: int, value: int, data_first: bool = False) -> int:
        """Write one register, address and data in different cycles; returns the response."""
        core = self.core
        ctx.set(core.s_axil_awaddr, offset)
        ctx.set(core.s_axil_wdata, value)
        ctx.set(core.s_axil_wstrb, 15)
        ctx.set(core.s_axil_bready, 0)
        for valid in (core.s_axil_wvalid, core.s_axil_awvalid)[:: 1 if data_first else -1]:
            ctx.set(valid, 1)
            await ctx.tick()
            ctx.set(valid, 0)
        await ctx.tick().repeat(3)
        assert ctx.get(core.s_axil_bvalid), "the response waits until it is taken"
        response = int(ctx.get(core.s_axil_bresp))
        ctx.set(core.s_axil_bready, 1)
        await ctx.tick()
        assert not ctx.get(core.s_axil_bvalid)
        return response

    async def read(self, ctx: Any, offset: int) -> tuple[int, int]:
        """(value, response) of one register."""
        core = self.core
        ctx.set(core.s_axil_araddr, offset)
        ctx.set(core.s_axil_arvalid, 1)
        ctx.set(core.s_axil_rready, 0)
        await ctx.tick()
        ctx.set(core.s_axil_arvalid, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(core.s_axil_rvalid), "the answer waits until it is taken"
        answer = int(ctx.get(core.s_axil_rdata)), int(ctx.get(core.s_axil_rresp))
        ctx.set(core.s_axil_rready, 1)
        await ctx.tick()
        return answer

    async def value(self, ctx: Any, name: str) -> int:
        value, response = await self.read(ctx, BY_NAME[name].offset)
        assert response == OKAY
        return value

    async def execute(self, ctx: Any, error_at: int = -1) -> None:
        """Start and clock until the core has halted; ``error_at``: a DRAM address whose beats answer with an error."""
        core = self.core
        dram = DramModel(NANO, self.memory)
        for ready in (core.m_axi_arready, core.m_axi_awready, core.m_axi_wready):
            ctx.set(ready, 1)
        await self.write(ctx, BY_NAME["ENTRY"].offset, ENTRY)
        await self.write(ctx, BY_NAME["LENGTH"].offset, self.length)
        ctx.set(core.s_axil_awaddr, BY_NAME["CONTROL"].offset)
        ctx.set(core.s_axil_wdata, 1)
        ctx.set(core.s_axil_awvalid, 1)
        ctx.set(core.s_axil_wvalid, 1)
        await ctx.tick()
        ctx.set(core.s_axil_awvalid, 0)
        ctx.set(core.s_axil_wvalid, 0)
        while not ctx.get(core.trace_running):
            await ctx.tick()
        cycle = 0
        while ctx.get(core.trace_running):
            beat, response = dram.read_beat(cycle), dram.write_response(cycle)
            ctx.set(core.m_axi_rvalid, beat is not None)
            if beat is not None:
                ctx.set(core.m_axi_rid, beat.id)
                ctx.set(core.m_axi_rdata, beat.data)
                ctx.set(core.m_axi_rlast, beat.last)
                ctx.set(core.m_axi_rresp, SLAVE_ERROR if beat.id == 1 and error_at >= 0 else beat.response)
                dram.read_taken()
            ctx.set(core.m_axi_bvalid, response is not None)
            if response is not None:
                ctx.set(core.m_axi_bresp, response)
                dram.response_taken()
            if ctx.get(core.m_axi_arvalid):
                beats = ctx.get(core.m_axi_arlen) + 1
                dram.accept_read(cycle, ctx.get(core.m_axi_arid), ctx.get(core.m_axi_araddr), beats)
            if ctx.get(core.m_axi_awvalid):
                dram.accept_write(cycle, ctx.get(core.m_axi_awaddr), ctx.get(core.m_axi_awlen) + 1)
            if ctx.get(core.m_axi_wvalid):
                dram.write_beat(ctx.get(core.m_axi_wdata), ctx.get(core.m_axi_wstrb))
            await ctx.tick()
            cycle += 1
            assert cycle < 2000
        assert dram.idle


LOAD = make("load", dram=0x2000, local=0x100, bytes=96, post=1)
STORE = make("store", dram=0x3000, local=0x100, bytes=96, wait=1)
HALT = make("halt")


def test_registers_answer_by_their_table() -> None:
    b = Bench(HALT)

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
    b = Bench(LOAD, STORE, HALT)

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
    b = Bench(LOAD, STORE, make("end"), HALT)

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b110
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["loop_end"].code
        assert await b.value(ctx, "FAULT_PC") == 2
        b.memory[0x2000:0x2060] = 7
        await b.execute(ctx, error_at=0x2000)
        assert await b.value(ctx, "FAULT_CAUSE") in (FAULT_BY_NAME["read_error"].code, FAULT_BY_NAME["loop_end"].code)
        b.memory[ENTRY + 128 : ENTRY + 192] = np.frombuffer(encode_all([HALT]), np.uint8)
        await b.execute(ctx, error_at=0x2000)
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["read_error"].code
        assert await b.value(ctx, "FAULT_PC") == 0
        assert not b.memory[0x3000:0x3060].any(), "the store behind it never started"
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b010
        assert (b.memory[0x3000:0x3060] == 7).all()

    simulate(b.core, bench)


def test_a_write_outside_of_dram_is_a_fault_of_the_store() -> None:
    b = Bench(make("store", dram=0x100000, local=0x100, bytes=96), HALT)

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["write_error"].code
        assert await b.value(ctx, "FAULT_PC") == 0

    simulate(b.core, bench)


def test_the_watchdog_ends_a_deadlock() -> None:
    b = Bench(make("store", dram=0x3000, local=0x100, bytes=96, wait=1), HALT)

    async def bench(ctx: Any) -> None:
        await b.write(ctx, BY_NAME["WATCHDOG_LO"].offset, 300)
        await b.execute(ctx)
        assert await b.value(ctx, "STATUS") == 0b110
        assert await b.value(ctx, "FAULT_CAUSE") == FAULT_BY_NAME["watchdog"].code
        assert await b.value(ctx, "FAULT_PC") == 1
        assert 300 <= await b.value(ctx, "CYCLES_LO") < 310

    simulate(b.core, bench)
