"""Fetch: asks for the program's lines in order, assembles their beats and queues their instructions."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from weft.isa.fields import INSTRUCTION_BITS, INSTRUCTION_BYTES
from weft.isa.machine import Machine
from weft.rtl.interfaces import log2


class Fetch(wiring.Component):
    """``lines`` lines from DRAM byte ``entry``, while ``enable``.

    ``want``/``picked``: the next line's read burst at ``address``. ``beat``, ``data``, ``last``: read beats of lines.
    ``valid``/``take``: the oldest ``instruction``. ``exhausted``: no instruction is left, here or in DRAM.
    ``waiting``: lines asked for have not arrived. ``arriving_pc``: first instruction of the line that arrives next.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "enable": In(1),
                "entry": In(32),
                "lines": In(32),
                "want": Out(1),
                "address": Out(32),
                "picked": In(1),
                "beat": In(1),
                "data": In(8 * machine.bus.bytes),
                "last": In(1),
                "valid": Out(1),
                "instruction": Out(INSTRUCTION_BITS),
                "take": In(1),
                "exhausted": Out(1),
                "waiting": Out(1),
                "arriving_pc": Out(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        depth, bus_bits = machine.queues.fetch, 8 * machine.bus.bytes
        a_line = machine.line_bytes // INSTRUCTION_BYTES
        inner = log2(a_line)

        used = Signal(range(depth + 1))
        asked, arrived = Signal(32), Signal(32)
        m.d.comb += [
            self.want.eq(self.enable & (asked != self.lines) & (depth - used >= a_line)),
            self.address.eq(self.entry + Cat(Const(0, log2(machine.line_bytes)), asked)),
            self.exhausted.eq((asked == self.lines) & (used == 0)),
            self.waiting.eq(asked != arrived),
            self.arriving_pc.eq(Cat(Const(0, inner), arrived)),
        ]
        m.d.sync += used.eq(used + self.picked * a_line - self.take)
        with m.If(self.picked):
            m.d.sync += asked.eq(asked + 1)

        line = Signal(8 * machine.line_bytes)
        complete = Signal()
        m.d.sync += complete.eq(self.beat & self.last)
        with m.If(self.beat):
            m.d.sync += line.eq(Cat(line, self.data)[bus_bits:])
        with m.If(self.beat & self.last):
            m.d.sync += arrived.eq(arrived + 1)

        m.submodules.queue = queue = Memory(shape=8 * machine.line_bytes, depth=depth // a_line, init=[])
        write, read = queue.write_port(), queue.read_port(domain="comb")
        at_write = Signal(log2(depth) - inner)
        at_read = Signal(log2(depth))
        level = Signal(range(depth + 1))
        m.d.comb += [
            write.en.eq(complete),
            write.addr.eq(at_write),
            write.data.eq(line),
            read.addr.eq(at_read[inner:]),
            self.valid.eq(level != 0),
            self.instruction.eq(read.data.word_select(at_read[:inner], INSTRUCTION_BITS) if inner else read.data),
        ]
        m.d.sync += level.eq(level + complete * a_line - self.take)
        with m.If(complete):
            m.d.sync += at_write.eq(at_write + 1)
        with m.If(self.take):
            m.d.sync += at_read.eq(at_read + 1)
        return m
