"""The on-chip memories: any byte address, every bank, old contents for a read in the cycle of a write."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from tests.rtl.simulate import simulate
from weft.isa.machine import Bus, load
from weft.rtl.memory import (
    ACCUMULATOR_READERS,
    ACCUMULATOR_WRITERS,
    SCRATCHPAD_READERS,
    SCRATCHPAD_WRITERS,
    TRANSFERS,
    Accumulator,
    Scratchpad,
)


@pytest.mark.parametrize(("types", "bus"), [(("bf16", "int8"), 4), (("int8",), 4), (("bf16", "int8"), 16)])
def test_scratchpad_reads_and_writes_words_at_any_byte_and_wide_beats(types: tuple[str, ...], bus: int) -> None:
    machine = dataclasses.replace(load("nano"), types=types, bus=Bus(bus, 4))
    word, memory = machine.word_bytes, machine.scratchpad
    dut = Scratchpad(machine)
    rng = random.Random(3)
    model = bytearray(memory.bytes)

    def place(address: int, i: int) -> int:
        bank = address // memory.bank_bytes * memory.bank_bytes
        return bank + (address - bank + i) % memory.bank_bytes

    def somewhere(client: str, bank: int) -> tuple[int, int]:
        """Size of an access, and its address in a bank."""
        wide = client in TRANSFERS and bus > word
        address = bank * memory.bank_bytes + rng.choice([rng.randrange(24), memory.bank_bytes - 3])
        return (bus, address // bus * bus) if wide else (word, address)

    async def bench(ctx: Any) -> None:
        for _ in range(300):
            writes, reads = [], []
            banks = rng.sample(range(memory.banks), len(SCRATCHPAD_WRITERS))
            for client, bank in zip(SCRATCHPAD_WRITERS, banks, strict=True):
                port = getattr(dut, f"write_{client}")
                size, address = somewhere(client, bank)
                data, mask = rng.randbytes(size), rng.getrandbits(size)
                ctx.set(port.enable, rng.random() < 0.8)
                ctx.set(port.address, address)
                ctx.set(port.data, int.from_bytes(data, "little"))
                ctx.set(port.mask, mask)
                if ctx.get(port.enable):
                    writes += [(place(address, i), data[i]) for i in range(size) if mask >> i & 1]
            clients = rng.sample(SCRATCHPAD_READERS, memory.banks)
            for client in SCRATCHPAD_READERS:
                ctx.set(getattr(dut, f"read_{client}").enable, 0)
            for bank, client in enumerate(clients):
                port = getattr(dut, f"read_{client}")
                size, address = somewhere(client, bank)
                ctx.set(port.enable, 1)
                ctx.set(port.address, address)
                reads.append((port, bytes(model[place(address, i)] for i in range(size))))
            await ctx.tick()
            for port, expected in reads:
                assert ctx.get(port.data).to_bytes(len(expected), "little") == expected
            for at, value in writes:
                model[at] = value

    simulate(dut, bench)


def test_accumulator_writes_chosen_elements_of_a_row() -> None:
    machine = load("nano")
    rows = machine.accumulator.bytes // machine.row_bytes
    bank_rows = rows // machine.accumulator.banks
    dut = Accumulator(machine)
    rng = random.Random(4)
    model = [[0] * machine.dim for _ in range(rows)]

    async def bench(ctx: Any) -> None:
        for _ in range(300):
            writes, reads = [], []
            banks = rng.sample(range(machine.accumulator.banks), len(ACCUMULATOR_WRITERS))
            for client, bank in zip(ACCUMULATOR_WRITERS, banks, strict=True):
                port = getattr(dut, f"write_{client}")
                row, mask = bank * bank_rows + rng.randrange(3), rng.getrandbits(machine.dim)
                data = [rng.getrandbits(32) for _ in range(machine.dim)]
                ctx.set(port.enable, rng.random() < 0.8)
                ctx.set(port.row, row)
                ctx.set(port.data, sum(word << 32 * i for i, word in enumerate(data)))
                ctx.set(port.mask, mask)
                if ctx.get(port.enable):
                    writes += [(row, i, data[i]) for i in range(machine.dim) if mask >> i & 1]
            clients = rng.sample(ACCUMULATOR_READERS, machine.accumulator.banks)
            for client in ACCUMULATOR_READERS:
                ctx.set(getattr(dut, f"read_{client}").enable, 0)
            for bank, client in enumerate(clients):
                port = getattr(dut, f"read_{client}")
                row = bank * bank_rows + rng.randrange(3)
                ctx.set(port.enable, 1)
                ctx.set(port.row, row)
                reads.append((port, sum(word << 32 * i for i, word in enumerate(model[row]))))
            await ctx.tick()
            for port, expected in reads:
                assert ctx.get(port.data) == expected
            for row, i, value in writes:
                model[row][i] = value

    simulate(dut, bench)
