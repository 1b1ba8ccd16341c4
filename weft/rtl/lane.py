"""One lane of the vector unit: ``f(x PRE y) THEN z``, and its part of a reduction over rows."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from weft.isa.machine import Machine
from weft.isa.vector_ops import BINARY, UNARY
from weft.rtl.arith import Binary, Unary
from weft.rtl.cells import cell_verilog
from weft.rtl.pipe import delayed, spread
from weft.rtl.reduce import ROW_LAYOUT, RowReducer


class Lane(wiring.Component):
    """``result`` is the pass's word ``pipeline.vector`` cycles after its operands; ``total`` that of a reduction over
    rows, ``pipeline.reduce`` cycles after the ``result`` that ``row`` tells of.

    The operations (``pre``, ``f``, ``then``, ``maximum``) are those of the pass and do not change while it runs.
    """

    MODULE: ClassVar[str] = "weft_lane"

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(self.ports(machine))

    @staticmethod
    def ports(machine: Machine) -> dict[str, Member]:
        """Operations, operands and results."""
        return {
            "pre": In(range(len(BINARY))),
            "f": In(range(len(UNARY))),
            "then": In(range(len(BINARY))),
            "maximum": In(1),
            **{operand: In(32) for operand in "xyz"},
            "row": In(ROW_LAYOUT),
            "result": Out(32),
            "total": Out(32),
        }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.pre = pre = Binary()
        m.submodules.f = f = Unary()
        m.submodules.then = then = Binary()
        m.submodules.reducer = reducer = RowReducer(self.machine)
        registers = spread(self.machine.pipeline.vector, 4)
        operands = delayed(m, Cat(self.x, self.y, self.z), registers[0], "operands")
        z = operands[64:]
        m.d.comb += [pre.op.eq(self.pre), pre.a.eq(operands[:32]), pre.b.eq(operands[32:64])]
        first = delayed(m, Cat(pre.y, z), registers[1], "first")
        m.d.comb += [f.op.eq(self.f), f.x.eq(first[:32])]
        second = delayed(m, Cat(f.y, first[32:]), registers[2], "second")
        m.d.comb += [
            then.op.eq(self.then),
            then.a.eq(second[:32]),
            then.b.eq(second[32:]),
            self.result.eq(delayed(m, then.y, registers[3], "third")),
            reducer.value.eq(self.result),
            reducer.row.eq(self.row),
            reducer.maximum.eq(self.maximum),
            self.total.eq(reducer.total),
        ]
        return m


def lane_verilog(machine: Machine) -> str:
    """The Verilog of module ``weft_lane``."""
    return cell_verilog(Lane, machine)
