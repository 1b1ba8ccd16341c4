"""Transfers as bursts: the walk over a transfer's rows, and each row split at the burst limit and at 4 KiB."""

from __future__ import annotations

from typing import Any

from amaranth import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.fields import SEMAPHORES
from weft.isa.instructions import BY_NAME, LOCAL_BITS
from weft.isa.machine import Machine
from weft.rtl.interfaces import instruction_layout, log2
from weft.rtl.walker import AddressWalker, RowCounter

PAGE = 4096
"""AXI bursts do not cross a multiple of this many bytes."""

LEVELS = 3
_SPEC = BY_NAME["load"]
_BITS = {name: placed.field.width for name, placed in _SPEC.layout.items()}
BYTES_BITS = _BITS["bytes"]
DRAM_BITS = _BITS["dram"]
LENGTH_BITS = 8
"""Bits of an AXI burst length."""


def transfer_view(instr: Value) -> data.View:
    """The fields of a load or of a store (both have the same)."""
    return data.View(instruction_layout(_SPEC), instr)


def landing_layout() -> data.StructLayout:
    """What is left of a load once its bursts are asked for: where its data goes."""
    strides = {f"local_stride{i}": _SPEC.layout[f"local_stride{i}"].field for i in range(LEVELS)}
    return data.StructLayout(
        {
            "local": LOCAL_BITS,
            "bytes": BYTES_BITS,
            **{f"count{i}": _BITS[f"count{i}"] for i in range(LEVELS)},
            **{name: signed(field.width) for name, field in strides.items()},
            "post": SEMAPHORES,
        }
    )


def add_walk(m: Module, name: str, load: Value, step: Value, fields: Any, addresses: tuple[str, ...]) -> Any:
    """Place a row counter and an address walker for each of ``addresses`` ("dram", "local").

    Returns the counter and the walkers' current addresses: those of a row's first byte.
    """
    counter = RowCounter([_BITS[f"count{i}"] for i in range(LEVELS)])
    m.submodules[f"{name}_rows"] = counter
    m.d.comb += [counter.load.eq(load), counter.step.eq(step)]
    m.d.comb += [counter.counts[f"level{i}"].eq(fields[f"count{i}"]) for i in range(LEVELS)]
    result = []
    for operand in addresses:
        walker = AddressWalker(_BITS[operand], LEVELS, _BITS[f"{operand}_stride0"])
        m.submodules[f"{name}_{operand}"] = walker
        m.d.comb += [
            walker.load.eq(load),
            walker.step.eq(step),
            walker.base.eq(fields[operand]),
            walker.ends.eq(counter.ends),
        ]
        m.d.comb += [walker.strides[f"level{i}"].eq(fields[f"{operand}_stride{i}"]) for i in range(LEVELS)]
        result.append(walker.address)
    return counter, *result


class BurstWalker(wiring.Component):
    """The bursts of the transfer ``instr`` (a record), loaded by ``load``; ``step`` goes on to the next.

    ``address``: DRAM byte address. ``local``: local address of its first byte. ``length``: beats less one. ``left``:
    bytes of the row from this burst on, less one. ``last``: this is the transfer's last burst.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "instr": In(instruction_layout(_SPEC)),
                "load": In(1),
                "step": In(1),
                "address": Out(DRAM_BITS),
                "local": Out(LOCAL_BITS),
                "length": Out(LENGTH_BITS),
                "left": Out(BYTES_BITS),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.machine.bus
        beat = log2(bus.bytes)
        row_ends = Signal()
        offset, row_bytes = Signal(BYTES_BITS), Signal(BYTES_BITS)
        rows, dram, local = add_walk(m, "walk", self.load, self.step & row_ends, self.instr, ("dram", "local"))
        beats, room = self.left[beat:], ~self.address[beat : log2(PAGE)]
        shortest = Mux(beats < room, beats, room)
        m.d.comb += [
            self.address.eq(dram + offset),
            self.local.eq(local + offset),
            self.length.eq(Mux(shortest < bus.burst, shortest, Const(bus.burst - 1, LENGTH_BITS))),
            row_ends.eq(self.length == beats),
            self.last.eq(row_ends & rows.last),
        ]
        with m.If(self.load):
            m.d.sync += [offset.eq(0), self.left.eq(self.instr.bytes), row_bytes.eq(self.instr.bytes)]
        with m.Elif(self.step):
            with m.If(row_ends):
                m.d.sync += [offset.eq(0), self.left.eq(row_bytes)]
            with m.Else():
                moved = (self.length + 1) << beat
                m.d.sync += [offset.eq(offset + moved), self.left.eq(self.left - moved)]
        return m


def used_bytes(machine: Machine, left: Value) -> Value:
    """Which bytes of a beat are used when ``left`` + 1 bytes of its row remain."""
    size, beat = machine.bus.bytes, log2(machine.bus.bytes)
    partial = ~(Const(-2, size + 1) << left[:beat])[:size]
    return Mux(left[beat:] == 0, partial, Const((1 << size) - 1, size))
