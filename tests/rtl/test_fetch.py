"""Fetch asks for lines as soon as there is room; their instructions are seen two cycles after the last beat."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.machine import load
from weft.rtl.fetch import Fetch


@pytest.mark.parametrize("preset", ["nano", "edu", "cloud"])
def test_instructions_come_in_order_and_in_their_cycle(preset: str) -> None:
    machine = load(preset)
    rng = random.Random(preset)
    lines, a_line = 12, machine.line_bytes // INSTRUCTION_BYTES
    depth, beats, entry = machine.queues.fetch, machine.line_bytes // machine.bus.bytes, 0x4000
    words = [rng.getrandbits(512) for _ in range(lines * a_line)]
    dut = Fetch(machine)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.enable, 1)
        ctx.set(dut.entry, entry)
        ctx.set(dut.lines, lines)
        asked = taken = arrived_beats = 0
        seen_from: list[int] = []  # per arrived line: the cycle from which dispatch sees it
        for cycle in range(1000):
            room = depth - (asked * a_line - taken) >= a_line
            assert ctx.get(dut.want) == (asked < lines and room), f"cycle {cycle}"
            visible = a_line * sum(at <= cycle for at in seen_from)
            assert ctx.get(dut.valid) == (visible > taken), f"cycle {cycle}"
            assert ctx.get(dut.waiting) == (asked > arrived_beats // beats)
            picked = bool(ctx.get(dut.want)) and rng.random() < 0.7
            if picked:
                assert ctx.get(dut.address) == entry + asked * machine.line_bytes
            ctx.set(dut.picked, picked)
            beat = arrived_beats < asked * beats and rng.random() < 0.8
            ctx.set(dut.beat, beat)
            if beat:
                line, place = divmod(arrived_beats, beats)
                content = sum(words[line * a_line + i] << 512 * i for i in range(a_line))
                ctx.set(dut.data, content >> place * 8 * machine.bus.bytes & (1 << 8 * machine.bus.bytes) - 1)
                ctx.set(dut.last, place + 1 == beats)
                assert ctx.get(dut.arriving_pc) == line * a_line
                arrived_beats += 1
                if place + 1 == beats:
                    seen_from.append(cycle + 2)
            take = bool(ctx.get(dut.valid)) and rng.random() < (0.9 if cycle % 100 < 60 else 0.05)
            ctx.set(dut.take, take)
            if take:
                assert ctx.get(dut.instruction) == words[taken]
                taken += 1
            asked += picked
            await ctx.tick()
            if taken == len(words):
                break
        assert taken == len(words)
        assert ctx.get(dut.exhausted)

    simulate(dut, bench)
