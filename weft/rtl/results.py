"""Writing the results of a vector pass: rows or elements, converted, into either memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.elements import ELEMENT, ELEMENTS
from weft.isa.fields import INSTRUCTION_BITS
from weft.isa.machine import Machine
from weft.rtl.arith.casts import f2bf, i32_to_i8
from weft.rtl.interfaces import (
    accumulator_row,
    accumulator_write,
    in_accumulator,
    log2,
    scratchpad_address,
    scratchpad_write,
)
from weft.rtl.operands import local_address_bits, pass_view
from weft.rtl.walker import AddressWalker


class ResultWriter(wiring.Component):
    """The destination of the pass that started last (``start``, with its ``record``).

    In a cycle with ``write`` the words are written at the destination's address, which then goes on (``ends`` as for a
    :class:`AddressWalker`): lanes 0 to ``lanes`` of ``words``, or if ``single`` lane 0 as one element.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(
            {
                "record": In(INSTRUCTION_BITS),
                "start": In(1),
                "write": In(1),
                "ends": In(2),
                "single": In(1),
                "lanes": In(8),
                "words": In(data.ArrayLayout(32, machine.dim)),
                "sp_write": Out(scratchpad_write(machine)),
                "acc_write": Out(accumulator_write(machine)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        machine, dim = self.machine, self.machine.dim
        fields = pass_view(self.record)
        m.submodules.walker = walker = AddressWalker(local_address_bits(machine), 2)
        accumulator = Signal()
        kind = Signal(range(len(ELEMENTS)))
        with m.If(self.start):
            m.d.sync += [accumulator.eq(in_accumulator(fields.d)), kind.eq(fields.d_type)]
        lanes = Signal(dim)
        m.d.comb += [
            walker.load.eq(self.start),
            walker.base.eq(fields.d),
            walker.strides.level0.eq(fields.d_stride0),
            walker.strides.level1.eq(fields.d_stride1),
            walker.step.eq(self.write),
            walker.ends.eq(self.ends),
            lanes.eq(Mux(self.single, 1, Cat(*(self.lanes >= i for i in range(dim))))),
            self.sp_write.enable.eq(self.write & ~accumulator),
            self.sp_write.address.eq(scratchpad_address(machine, walker.address)),
            self.acc_write.enable.eq(self.write & accumulator),
            self.acc_write.row.eq(accumulator_row(machine, walker.address)),
        ]
        element = walker.address[2 : log2(machine.row_bytes)]
        with m.If(self.single):
            m.d.comb += [self.acc_write.data.eq(self.words[0].replicate(dim)), self.acc_write.mask.eq(1 << element)]
        with m.Else():
            m.d.comb += [self.acc_write.data.eq(self.words), self.acc_write.mask.eq(lanes)]
        with m.If(kind == ELEMENTS.index("int8")):
            self._pack(m, "int8", lanes, [i32_to_i8(self.words[i]) for i in range(dim)])
        if machine.holds("bf16"):  # else a scratchpad word has no room for DIM bf16
            with m.Else():
                self._pack(m, "bf16", lanes, [f2bf(m, self.words[i]) for i in range(dim)])
        return m

    def _pack(self, m: Module, kind: str, lanes: Value, elements: list[Value]) -> None:
        size = ELEMENT[kind].bytes
        m.d.comb += [
            self.sp_write.data.eq(Cat(*elements)),
            self.sp_write.mask.eq(Cat(*(lanes[i].replicate(size) for i in range(len(elements))))),
        ]
