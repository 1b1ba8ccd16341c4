"""Issue: semaphores, ports and their priority, and the one event of every cycle."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.encoding import Instruction, encode, make
from weft.isa.fields import SEMAPHORE_MAX
from weft.isa.instructions import UNITS
from weft.isa.machine import load
from weft.rtl.interfaces import PRIORITY, STREAMS
from weft.rtl.issue import Issue, causes
from weft.rtl.ports import PortTable
from weft.rtl.semaphores import Semaphores

NANO = load("nano")
CONTROLLED = ("ready", "hazard", "occupied", "in_flight", "retire", "post")


class Bench:
    """Drives Issue in the place of dispatch and units; a unit is always ready and holds the ports it is told to."""

    def __init__(self) -> None:
        self.dut = Issue(NANO)

    def quiet(self, ctx: Any) -> None:
        ctx.set(self.dut.enable, 1)
        ctx.set(self.dut.push, 0)
        for unit in UNITS:
            port = getattr(self.dut, unit)
            for name in CONTROLLED:
                ctx.set(getattr(port, name), name == "ready")
            for stream in range(len(STREAMS[unit])):
                for kind in ("sp_read", "sp_write", "acc_read", "acc_write"):
                    ctx.set(port.claims[stream][kind], 0)
                    ctx.set(port.release[stream][kind], 0)

    async def push(self, ctx: Any, instruction: Instruction, pc: int = 0) -> None:
        ctx.set(self.dut.push, 1 << UNITS.index(instruction.spec.unit))
        ctx.set(self.dut.record, int.from_bytes(encode(instruction), "little"))
        ctx.set(self.dut.pc, pc)
        await ctx.tick()
        ctx.set(self.dut.push, 0)

    def event(self, ctx: Any, unit: str) -> str:
        events = getattr(self.dut, f"events_{unit}")
        found = [cause for cause in causes(unit) if ctx.get(events[cause])]
        assert len(found) == 1, f"{unit} counts as {found}"
        return found[0]

    def start(self, ctx: Any, unit: str) -> bool:
        return bool(ctx.get(getattr(self.dut, unit).start))


def test_a_head_waits_for_its_semaphore_and_takes_it_as_it_starts() -> None:
    b = Bench()

    async def bench(ctx: Any) -> None:
        b.quiet(ctx)
        await b.push(ctx, make("vector", d=0, wait=0b101))
        assert b.event(ctx, "vector") == "semaphore"
        for mask, now in ((0b001, "semaphore"), (0b100, "busy")):
            ctx.set(b.dut.load.retire, 1)
            ctx.set(b.dut.load.post, mask)
            assert b.event(ctx, "vector") == "semaphore", "a post is seen in the cycle after"
            await ctx.tick()
            ctx.set(b.dut.load.retire, 0)
            assert b.event(ctx, "vector") == now
        assert b.start(ctx, "vector")
        await ctx.tick()
        await b.push(ctx, make("vector", d=0, wait=0b001))
        assert b.event(ctx, "vector") == "semaphore", "the first one took it"

    simulate(b.dut, bench)


def test_causes_are_judged_in_order() -> None:
    b = Bench()
    port = b.dut.matrix

    async def bench(ctx: Any) -> None:
        b.quiet(ctx)
        assert b.event(ctx, "matrix") == "idle"
        ctx.set(port.in_flight, 1)
        assert b.event(ctx, "matrix") == "drain"
        ctx.set(port.hazard, 1)
        ctx.set(port.claims[0].sp_read, 1)
        ctx.set(b.dut.store.claims[0].sp_read, 1)
        await b.push(ctx, make("store", dram=0, local=0, bytes=4))
        await b.push(ctx, make("matmul", a=0, w=0, d=1 << 24, wait=1))
        ctx.set(port.occupied, 1)
        assert b.event(ctx, "matrix") == "busy"
        ctx.set(port.occupied, 0)
        assert b.event(ctx, "matrix") == "semaphore"
        ctx.set(b.dut.load.retire, 1)
        ctx.set(b.dut.load.post, 1)
        await ctx.tick()
        ctx.set(b.dut.load.retire, 0)
        assert b.event(ctx, "matrix") == "port", "the store holds it"
        ctx.set(b.dut.store.release[0].sp_read, 1)
        assert b.event(ctx, "matrix") == "port", "it is held in the cycle of its last access"
        await ctx.tick()
        ctx.set(b.dut.store.release[0].sp_read, 0)
        assert b.event(ctx, "matrix") == "hazard"
        ctx.set(port.hazard, 0)
        assert b.start(ctx, "matrix")
        assert b.event(ctx, "matrix") == "busy"
        await b.push(ctx, make("load", dram=0, local=0, bytes=4))
        ctx.set(b.dut.load.ready, 0)
        assert b.event(ctx, "load") == "outstanding"

    simulate(b.dut, bench)


@pytest.mark.parametrize("loser", range(1, 4))
def test_the_unit_of_higher_priority_gets_the_port(loser: int) -> None:
    first, second = PRIORITY[loser - 1], PRIORITY[loser]
    kind = "sp_write" if second == "load" else "sp_read"
    if second == "load":
        first = "vector"
    dut = PortTable(NANO)

    async def bench(ctx: Any) -> None:
        for unit in (first, second):
            ctx.set(getattr(dut, f"able_{unit}"), 1)
            ctx.set(getattr(dut, f"claims_{unit}")[0][kind], 0b10)
        assert ctx.get(getattr(dut, f"start_{first}")) == 1
        assert ctx.get(getattr(dut, f"start_{second}")) == 0
        assert ctx.get(getattr(dut, f"blocked_{second}")) == 1
        ctx.set(getattr(dut, f"claims_{second}")[0][kind], 0b01)
        assert ctx.get(getattr(dut, f"start_{second}")) == 1, "another bank is free"
        ctx.set(getattr(dut, f"claims_{second}")[0][kind], 0b10)
        ctx.set(getattr(dut, f"able_{first}"), 0)
        assert ctx.get(getattr(dut, f"start_{second}")) == 1, "who does not start claims nothing"

    simulate(dut, bench)


def test_a_stream_shares_its_own_ports_and_waits_for_other_streams_of_its_unit() -> None:
    dut = PortTable(NANO)
    weights, rows = 0, 1

    async def bench(ctx: Any) -> None:
        ctx.set(dut.able_matrix, 1)
        ctx.set(dut.claims_matrix[weights].sp_read, 1)
        for _ in range(2):
            assert ctx.get(dut.start_matrix)
            await ctx.tick()
        ctx.set(dut.claims_matrix[weights].sp_read, 0)
        ctx.set(dut.claims_matrix[rows].sp_read, 1)
        for _ in range(2):
            assert not ctx.get(dut.start_matrix)
            ctx.set(dut.release_matrix[weights].sp_read, 1)
            await ctx.tick()
        ctx.set(dut.release_matrix[weights].sp_read, 0)
        assert ctx.get(dut.start_matrix)

    simulate(dut, bench)


def test_semaphores_report_what_goes_past_their_bounds() -> None:
    dut = Semaphores()

    async def bench(ctx: Any) -> None:
        ctx.set(dut.post_load, 0b10)
        for _ in range(SEMAPHORE_MAX):
            assert ctx.get(dut.overflow) == 0
            await ctx.tick()
        assert ctx.get(dut.overflow) == 0b10
        ctx.set(dut.wait_store, 0b10)
        ctx.set(dut.start_store, 1)
        assert ctx.get(dut.overflow) == 0, "one posted and one taken"

    simulate(dut, bench)


def test_a_fault_names_the_instruction_that_overflowed() -> None:
    b = Bench()

    async def bench(ctx: Any) -> None:
        b.quiet(ctx)
        await b.push(ctx, make("load", dram=0, local=0, bytes=4), pc=7)
        await b.push(ctx, make("load", dram=0, local=0, bytes=4), pc=9)
        await ctx.tick()
        ctx.set(b.dut.load.post, 1 << 4)
        ctx.set(b.dut.vector.retire, 1)
        ctx.set(b.dut.vector.post, 1 << 4)
        for _ in range(SEMAPHORE_MAX):
            await ctx.tick()
        ctx.set(b.dut.vector.retire, 0)
        assert not ctx.get(b.dut.overflow)
        ctx.set(b.dut.load.retire, 1)
        assert ctx.get(b.dut.overflow)
        assert ctx.get(b.dut.overflow_pc) == 7

    simulate(b.dut, bench)
