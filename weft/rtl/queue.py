"""A queue of instruction records (or of anything else): what is pushed in one cycle is at its head from the next on."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """``depth`` entries of ``width`` bits. ``full`` and ``valid`` say how it was at the start of the cycle.

    Pushing when full and popping when empty are mistakes of the user.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.depth = depth
        super().__init__(
            {
                "push": In(1),
                "entry": In(width),
                "full": Out(1),
                "valid": Out(1),
                "head": Out(width),
                "pop": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        depth = self.depth
        places = max(depth, 2)  # a memory of one entry would have an address of no bits
        m.submodules.entries = entries = Memory(shape=len(self.entry), depth=places, init=[])
        write, read = entries.write_port(), entries.read_port(domain="comb")
        level = Signal(range(depth + 1))
        at_write, at_read = Signal(range(places)), Signal(range(places))
        m.d.comb += [
            write.en.eq(self.push),
            write.addr.eq(at_write),
            write.data.eq(self.entry),
            read.addr.eq(at_read),
            self.head.eq(read.data),
            self.full.eq(level == depth),
            self.valid.eq(level != 0),
        ]
        m.d.sync += level.eq(level + self.push - self.pop)
        for at, moves in ((at_write, self.push), (at_read, self.pop)):
            with m.If(moves):
                with m.If(at == places - 1):
                    m.d.sync += at.eq(0)
                with m.Else():
                    m.d.sync += at.eq(at + 1)
        return m
