"""The AXI ports of the core as tables, and the choice of the next read address."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from weft.isa.machine import Machine
from weft.isa.registers import ADDRESS_BITS
from weft.rtl.bursts import LENGTH_BITS
from weft.rtl.interfaces import log2

FETCH_ID, LOAD_ID = 0, 1
"""AXI identifiers of reads."""

INCREMENTING = 1
"""AXI burst type."""


def axi_members(machine: Machine) -> dict[str, Member]:
    """The AXI4 master port; names as in the AXI specification."""
    size = machine.bus.bytes
    address = {"id": Out(1), "addr": Out(32), "len": Out(LENGTH_BITS), "size": Out(3), "burst": Out(2)}
    channels = {
        "ar": {**address, "valid": Out(1), "ready": In(1)},
        "r": {"id": In(1), "data": In(8 * size), "resp": In(2), "last": In(1), "valid": In(1), "ready": Out(1)},
        "aw": {**address, "valid": Out(1), "ready": In(1)},
        "w": {"data": Out(8 * size), "strb": Out(size), "last": Out(1), "valid": Out(1), "ready": In(1)},
        "b": {"id": In(1), "resp": In(2), "valid": In(1), "ready": Out(1)},
    }
    return {f"m_axi_{name}{signal}": member for name, signals in channels.items() for signal, member in signals.items()}


def axi_lite_members() -> dict[str, Member]:
    """The AXI4-Lite slave port: 32-bit data."""
    channels = {
        "aw": {"addr": In(ADDRESS_BITS), "valid": In(1), "ready": Out(1)},
        "w": {"data": In(32), "strb": In(4), "valid": In(1), "ready": Out(1)},
        "b": {"resp": Out(2), "valid": Out(1), "ready": In(1)},
        "ar": {"addr": In(ADDRESS_BITS), "valid": In(1), "ready": Out(1)},
        "r": {"data": Out(32), "resp": Out(2), "valid": Out(1), "ready": In(1)},
    }
    return {f"s_axil_{n}{signal}": member for n, signals in channels.items() for signal, member in signals.items()}


class ReadAddress(wiring.Component):
    """Picks one read burst a cycle, fetch's before load's, and puts its address on the channel in the next.

    Nothing is picked while an address waits to be accepted.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "fetch_want": In(1),
                "fetch_address": In(32),
                "fetch_picked": Out(1),
                "load_want": In(1),
                "load_address": In(32),
                "load_length": In(LENGTH_BITS),
                "load_picked": Out(1),
                "arvalid": Out(1),
                "arready": In(1),
                "arid": Out(1),
                "araddr": Out(32),
                "arlen": Out(LENGTH_BITS),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line_beats = self.machine.line_bytes // self.machine.bus.bytes
        with m.If(~self.arvalid | self.arready):
            m.d.comb += [
                self.fetch_picked.eq(self.fetch_want),
                self.load_picked.eq(self.load_want & ~self.fetch_want),
            ]
            m.d.sync += self.arvalid.eq(self.fetch_want | self.load_want)
        with m.If(self.fetch_picked | self.load_picked):
            m.d.sync += [
                self.arid.eq(Mux(self.fetch_want, FETCH_ID, LOAD_ID)),
                self.araddr.eq(Mux(self.fetch_want, self.fetch_address, self.load_address)),
                self.arlen.eq(Mux(self.fetch_want, line_beats - 1, self.load_length)),
            ]
        return m


def beat_size(machine: Machine) -> Const:
    """The AXI size of a beat."""
    return Const(log2(machine.bus.bytes), 3)
