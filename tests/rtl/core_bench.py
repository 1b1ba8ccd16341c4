"""A core whose arithmetic units do nothing, its control registers, and DRAM that may stall at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.rtl.idle import IdleUnit
from weft.isa.encoding import Instruction, encode_all
from weft.isa.machine import Machine, load
from weft.isa.registers import BY_NAME
from weft.rtl.core import Core
from weft.sim.dram import DramModel

OKAY, SLAVE_ERROR = 0, 2
ENTRY = 0x400
UNITS = ("load", "store")


class CoreBench:
    """``memory`` is the DRAM; ``program`` lies in it from ``ENTRY`` on."""

    def __init__(
        self, program: Sequence[Instruction], machine: Machine | None = None, dram_bytes: int = 0x4000
    ) -> None:
        self.machine = machine or load("nano")
        units = {unit: IdleUnit(self.machine, unit) for unit in ("matrix", "vector")}
        self.core = Core(self.machine, units=units)
        self.memory = np.zeros(dram_bytes, np.uint8)
        code = np.frombuffer(encode_all(program), np.uint8)
        self.memory[ENTRY : ENTRY + len(code)] = code
        self.length = len(program)
        self.starts: dict[str, list[int]] = {}
        self.retires: dict[str, list[int]] = {}

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
        """The value of a register that can be read."""
        value, response = await self.read(ctx, BY_NAME[name].offset)
        assert response == OKAY
        return value

    async def execute(self, ctx: Any, stall: float = 0.0, seed: int = 0, loads_fail: bool = False) -> int:
        """Start and clock until the run is over; returns its cycles.

        ``stall``: how often a channel that could move does not. ``loads_fail``: beats of loads answer with an error.
        """
        core, dram, rng = self.core, DramModel(self.machine, self.memory), random.Random(seed)
        self.starts, self.retires = {unit: [] for unit in UNITS}, {unit: [] for unit in UNITS}
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
            self._step(ctx, dram, cycle, rng, stall, loads_fail)
            await ctx.tick()
            cycle += 1
            assert cycle < 4000, "the core does not end"
        assert dram.idle
        return cycle

    def _step(self, ctx: Any, dram: DramModel, cycle: int, rng: random.Random, stall: float, loads_fail: bool) -> None:
        core = self.core
        beat = dram.read_beat(cycle) if rng.random() >= stall else None
        response = dram.write_response(cycle) if rng.random() >= stall else None
        ctx.set(core.m_axi_rvalid, beat is not None)
        if beat is not None:
            ctx.set(core.m_axi_rid, beat.id)
            ctx.set(core.m_axi_rdata, beat.data)
            ctx.set(core.m_axi_rlast, beat.last)
            ctx.set(core.m_axi_rresp, SLAVE_ERROR if beat.id == 1 and loads_fail else beat.response)
            assert ctx.get(core.m_axi_rready)
            dram.read_taken()
        ctx.set(core.m_axi_bvalid, response is not None)
        if response is not None:
            ctx.set(core.m_axi_bresp, response)
            dram.response_taken()
        ready = [rng.random() >= stall for _ in range(3)]
        for signal, on in zip((core.m_axi_arready, core.m_axi_awready), ready[:2], strict=True):
            ctx.set(signal, on)
        if ctx.get(core.m_axi_arvalid) and ready[0]:
            beats = ctx.get(core.m_axi_arlen) + 1
            dram.accept_read(cycle, ctx.get(core.m_axi_arid), ctx.get(core.m_axi_araddr), beats)
        if ctx.get(core.m_axi_awvalid) and ready[1]:
            dram.accept_write(cycle, ctx.get(core.m_axi_awaddr), ctx.get(core.m_axi_awlen) + 1)
        ready[2] = ready[2] and dram.lacks_data
        ctx.set(core.m_axi_wready, ready[2])
        if ctx.get(core.m_axi_wvalid) and ready[2]:
            dram.write_beat(ctx.get(core.m_axi_wdata), ctx.get(core.m_axi_wstrb))
        for unit in UNITS:
            for cycles, what in ((self.starts, "start"), (self.retires, "retire")):
                if ctx.get(getattr(core, f"trace_{unit}_{what}")):
                    cycles[unit].append(cycle)
