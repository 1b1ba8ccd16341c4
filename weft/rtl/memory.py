"""The on-chip memories: banks with one read and one write port each, and their routing to the units.

A unit's port reaches every bank. The port discipline (see ``rtl/ports.py``) has at most one unit address a bank in one
cycle, so routing is a plain choice of the one that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from weft.isa.machine import Machine
from weft.rtl.interfaces import (
    accumulator_read,
    accumulator_write,
    log2,
    scratchpad_read,
    scratchpad_write,
    transfer_bytes,
)

SCRATCHPAD_READERS = ("weights", "rows", "x", "y", "z", "store")
SCRATCHPAD_WRITERS = ("vector", "load")
ACCUMULATOR_READERS = ("matrix", "x", "y", "z", "store")
ACCUMULATOR_WRITERS = ("matrix", "vector", "load")
"""Who reads and writes: the component's ports are ``read_<client>`` and ``write_<client>``."""

TRANSFERS = ("load", "store")
"""Clients of the scratchpad whose ports are ``transfer_bytes`` wide."""

HALVES = ("even", "odd")


@dataclass(frozen=True)
class _Write:
    """A write as a bank sees it: data and mask of the even and of the odd word."""

    bank: Value
    enable: Value
    address: tuple[Value, Value]
    data: tuple[Value, Value]
    mask: tuple[Value, Value]


class Scratchpad(wiring.Component):
    """Words of ``word_bytes`` in even and odd halves, so that ``word_bytes`` bytes from any byte on take one cycle, and
    so does a beat of a transfer that is an aligned pair of words.

    Bank ``i`` is the memories ``bank<i>_even`` (words 0, 2, ...) and ``bank<i>_odd`` (words 1, 3, ...). An access that
    runs over the end of its bank goes on at the bank's start.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._word = log2(machine.word_bytes)
        self._bank = log2(machine.scratchpad.bank_bytes)
        depth = machine.scratchpad.bank_bytes // (2 * machine.word_bytes)
        self.memories = {
            f"bank{bank}_{half}": Memory(shape=8 * machine.word_bytes, depth=depth, init=[])
            for bank in range(machine.scratchpad.banks)
            for half in HALVES
        }

        def size(client: str) -> int:
            return transfer_bytes(machine) if client in TRANSFERS else machine.word_bytes

        super().__init__(
            {
                **{f"read_{client}": In(scratchpad_read(machine, size(client))) for client in SCRATCHPAD_READERS},
                **{f"write_{client}": In(scratchpad_write(machine, size(client))) for client in SCRATCHPAD_WRITERS},
            }
        )

    def _halves(self, address: Value) -> tuple[Value, Value]:
        """Where in the even and in the odd half the word pair that begins at ``address`` lies."""
        word = address[self._word : self._bank]
        return (word + 1)[1 : len(word)], word[1:]

    def _spread(self, m: Module, client: str) -> _Write:
        """Shift a write to its place in a word pair."""
        port = getattr(self, f"write_{client}")
        size = self.machine.word_bytes
        offset, odd = port.address[: self._word], port.address[self._word]
        data = Signal(16 * size, name=f"{client}_data")
        mask = Signal(2 * size, name=f"{client}_mask")
        with m.If(port.enable):
            m.d.comb += [data.eq(port.data << Cat(Const(0, 3), offset)), mask.eq(port.mask << offset)]
        low, high = (data[: 8 * size], mask[:size]), (data[8 * size :], mask[size:])
        data_halves, mask_halves = ((Mux(odd, h, w), Mux(odd, w, h)) for w, h in zip(low, high, strict=True))
        bank = port.address[self._bank :]
        return _Write(bank, port.enable, self._halves(port.address), data_halves, mask_halves)

    def _align(self, m: Module, client: str, pairs: list[tuple[Value, Value]]) -> None:
        """Give a client the bytes it asked for in the cycle before."""
        port = getattr(self, f"read_{client}")
        size = self.machine.word_bytes
        active = Signal(name=f"{client}_active")
        asked = Signal.like(port.address, name=f"{client}_asked")
        pair = Signal(16 * size, name=f"{client}_pair")
        m.d.sync += active.eq(port.enable)
        with m.If(port.enable):
            m.d.sync += asked.eq(port.address)
        with m.If(active), m.Switch(Cat(asked[self._word], asked[self._bank :])):
            for bank, (even, odd) in enumerate(pairs):
                with m.Case(2 * bank):
                    m.d.comb += pair.eq(Cat(even, odd))
                with m.Case(2 * bank + 1):
                    m.d.comb += pair.eq(Cat(odd, even))
        m.d.comb += port.data.eq(pair >> Cat(Const(0, 3), asked[: self._word]))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        readers = [getattr(self, f"read_{client}") for client in SCRATCHPAD_READERS]
        writes = [self._spread(m, client) for client in SCRATCHPAD_WRITERS]
        pairs = []
        for bank in range(machine.scratchpad.banks):
            outputs = []
            for parity, half in enumerate(HALVES):
                name = f"bank{bank}_{half}"
                m.submodules[name] = memory = self.memories[name]
                read, write = memory.read_port(), memory.write_port(granularity=8)
                m.d.comb += read.en.eq(0)
                for port in readers:
                    with m.If(port.enable & (port.address[self._bank :] == bank)):
                        m.d.comb += [read.en.eq(1), read.addr.eq(self._halves(port.address)[parity])]
                for access in writes:
                    with m.If(access.enable & (access.bank == bank)):
                        m.d.comb += [
                            write.addr.eq(access.address[parity]),
                            write.data.eq(access.data[parity]),
                            write.en.eq(access.mask[parity]),
                        ]
                outputs.append(read.data)
            pairs.append((outputs[0], outputs[1]))
        for client in SCRATCHPAD_READERS:
            self._align(m, client, pairs)
        return m


class Accumulator(wiring.Component):
    """Rows of DIM 32-bit elements. Bank ``i`` is the memory ``bank<i>``."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        depth = machine.accumulator.bank_bytes // machine.row_bytes
        self.memories = {
            f"bank{bank}": Memory(shape=32 * machine.dim, depth=depth, init=[])
            for bank in range(machine.accumulator.banks)
        }
        super().__init__(
            {
                **{f"read_{client}": In(accumulator_read(machine)) for client in ACCUMULATOR_READERS},
                **{f"write_{client}": In(accumulator_write(machine)) for client in ACCUMULATOR_WRITERS},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        inner = log2(machine.accumulator.bank_bytes // machine.row_bytes)
        readers = [getattr(self, f"read_{client}") for client in ACCUMULATOR_READERS]
        writers = [getattr(self, f"write_{client}") for client in ACCUMULATOR_WRITERS]
        outputs = []
        for bank in range(machine.accumulator.banks):
            m.submodules[f"bank{bank}"] = memory = self.memories[f"bank{bank}"]
            read, write = memory.read_port(), memory.write_port(granularity=32)
            m.d.comb += read.en.eq(0)
            for port in readers:
                with m.If(port.enable & (port.row[inner:] == bank)):
                    m.d.comb += [read.en.eq(1), read.addr.eq(port.row[:inner])]
            for port in writers:
                with m.If(port.enable & (port.row[inner:] == bank)):
                    m.d.comb += [write.addr.eq(port.row[:inner]), write.data.eq(port.data), write.en.eq(port.mask)]
            outputs.append(read.data)
        for client, port in zip(ACCUMULATOR_READERS, readers, strict=True):
            bank = Signal.like(port.row[inner:], name=f"{client}_bank")
            active = Signal(name=f"{client}_active")
            m.d.sync += [bank.eq(port.row[inner:]), active.eq(port.enable)]
            with m.If(active), m.Switch(bank):
                for index, output in enumerate(outputs):
                    with m.Case(index):
                        m.d.comb += port.data.eq(output)
        return m
