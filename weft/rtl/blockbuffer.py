"""The block buffer: two blocks of DIM rows of elements, written by row and read DIM cycles later by row or column."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.rtl.element import element_bits
from weft.rtl.interfaces import log2
from weft.rtl.pipe import delayed


class BlockBuffer(wiring.Component):
    """A stream of row slots, delayed by DIM + 1 cycles; on the way every block of DIM slots may be transposed.

    A slot is given in a cycle with ``slot``; ``begin`` marks a tile's first, which opens a new block, as every
    DIM-th after it does. With ``write`` the slot's ``row`` is stored (else what was there before stays). The slot
    comes out DIM + 1 cycles later (``out_slot``) with its ``tag``, and in ``out_row`` the row, or with ``columns`` the
    block's column of the same index: then the block has to be given in DIM cycles that follow on each other.

    Tiles begin at least DIM cycles apart; so what a slot stored is not stored over before it has come out.
    """

    def __init__(self, machine: Machine, tag: Any) -> None:
        self.machine, self._tag = machine, tag
        row = data.ArrayLayout(element_bits(machine), machine.dim)
        super().__init__(
            {
                "slot": In(1),
                "begin": In(1),
                "write": In(1),
                "columns": In(1),
                "row": In(row),
                "tag": In(tag),
                "out_slot": Out(1),
                "out_row": Out(row),
                "out_tag": Out(tag),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dim, bits = self.machine.dim, element_bits(self.machine)
        next_half = Signal()
        next_index = Signal(log2(dim))
        half = Signal()
        index = Signal(log2(dim))
        m.d.comb += [
            half.eq(next_half ^ (self.begin & (next_index != 0))),
            index.eq(Mux(self.begin, 0, next_index)),
        ]
        with m.If(self.slot):
            m.d.sync += [next_half.eq(half ^ (index == dim - 1)), next_index.eq(index + 1)]

        rows = [[Signal(dim * bits, name=f"block{h}_row{i}", reset_less=True) for i in range(dim)] for h in range(2)]
        with m.If(self.slot & self.write), m.Switch(Cat(index, half)):
            for h in range(2):
                for i in range(dim):
                    with m.Case(h * dim + i):
                        m.d.sync += rows[h][i].eq(self.row)

        slot = delayed(m, self.slot, dim, "slot_delay", control=True)
        layout = data.StructLayout({"half": 1, "index": log2(dim), "columns": 1, "tag": self._tag})
        where = data.View(layout, delayed(m, Cat(half, index, self.columns, self.tag), dim, "where_delay"))
        row = Signal(dim * bits, reset_less=True)
        tag = Signal(self._tag, reset_less=True)
        m.d.sync += self.out_slot.eq(slot)
        with m.If(slot):
            m.d.sync += tag.eq(where.tag)
            with m.If(where.columns), m.Switch(Cat(where.index, where.half)):
                for h in range(2):
                    for i in range(dim):
                        with m.Case(h * dim + i):
                            m.d.sync += row.eq(Cat(*(r[i * bits : (i + 1) * bits] for r in rows[h])))
            with m.Else(), m.Switch(Cat(where.index, where.half)):
                for h in range(2):
                    for i in range(dim):
                        with m.Case(h * dim + i):
                            m.d.sync += row.eq(rows[h][i])
        m.d.comb += [self.out_row.eq(row), self.out_tag.eq(tag)]
        return m
