"""The burst walk splits rows as docs/timing.md says: at the burst limit, at 4 KiB, and at the end of a row."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.encoding import Instruction, encode, make
from weft.isa.machine import Bus, Machine, load
from weft.rtl.bursts import PAGE, BurstWalker, used_bytes

NANO = load("nano")
EDU = load("edu")
MACHINES = [
    NANO, dataclasses.replace(NANO, bus=Bus(4, 1)), dataclasses.replace(EDU, bus=Bus(8, 256)),
    dataclasses.replace(NANO, bus=Bus(16, 8)), load("cloud"),
]  # fmt: skip


def bursts(machine: Machine, i: Instruction) -> list[tuple[int, int, int]]:
    """(DRAM address, local address, beats) of every burst, the plainest way: beat by beat."""
    size = machine.bus.bytes
    found = []
    for i2, i1, i0 in itertools.product(range(i["count2"]), range(i["count1"]), range(i["count0"])):
        dram = i["dram"] + i0 * i["dram_stride0"] + i1 * i["dram_stride1"] + i2 * i["dram_stride2"]
        local = i["local"] + i0 * i["local_stride0"] + i1 * i["local_stride1"] + i2 * i["local_stride2"]
        open_burst: list[int] = []
        for at in range(0, i["bytes"], size):
            if open_burst and (open_burst[2] == machine.bus.burst or (dram + at) % PAGE == 0):
                found.append(open_burst)
                open_burst = []
            open_burst = open_burst or [dram + at, local + at, 0]
            open_burst[2] += 1
        found.append(open_burst)
    return [(burst[0], burst[1], burst[2]) for burst in found]


def some_load(machine: Machine, rng: random.Random) -> Instruction:
    size = machine.bus.bytes

    def stride(most: int) -> int:
        return rng.randrange(-most, most) * size

    strides = {f"dram_stride{i}": stride(700) for i in range(3)} | {f"local_stride{i}": stride(40) for i in range(3)}
    return make(
        "load",
        dram=0x10000 + rng.randrange(3000) * size,
        local=0x8000 + rng.randrange(256) * size,
        bytes=rng.choice([1, size, rng.randrange(1, 40), rng.randrange(1, 5000)]),
        count0=rng.randrange(1, 4),
        count1=rng.randrange(1, 3),
        count2=rng.randrange(1, 3),
        **strides,
    )


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m.bus.bytes} bytes x {m.bus.burst}")
def test_walk_gives_every_burst_in_order(machine: Machine) -> None:
    rng = random.Random(7)
    transfers = [some_load(machine, rng) for _ in range(12)]
    dut = BurstWalker(machine)

    async def bench(ctx: Any) -> None:
        for transfer in transfers:
            ctx.set(dut.load, 1)
            ctx.set(dut.instr.as_value(), int.from_bytes(encode(transfer), "little"))
            await ctx.tick()
            ctx.set(dut.load, 0)
            ctx.set(dut.instr.as_value(), 0)
            expected = bursts(machine, transfer)
            for number, burst in enumerate(expected):
                found = (ctx.get(dut.address), ctx.get(dut.local), ctx.get(dut.length) + 1)
                assert found == burst, f"burst {number} of {transfer}"
                assert ctx.get(dut.last) == (number + 1 == len(expected))
                ctx.set(dut.step, 0)
                if rng.random() < 0.2:
                    await ctx.tick()
                ctx.set(dut.step, 1)
                await ctx.tick()
                ctx.set(dut.step, 0)

    simulate(dut, bench)


def test_last_beat_of_a_row_uses_only_its_bytes() -> None:
    from amaranth import Module, Signal

    left, mask = Signal(16), Signal(EDU.bus.bytes)
    m = Module()
    m.d.comb += mask.eq(used_bytes(EDU, left))
    m.d.sync += Signal().eq(0)

    async def bench(ctx: Any) -> None:
        for remaining in (*range(1, 20), 256, 65536):
            ctx.set(left, remaining - 1)
            assert ctx.get(mask) == (1 << min(remaining, EDU.bus.bytes)) - 1

    simulate(m, bench)
