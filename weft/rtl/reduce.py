"""Reductions of a vector pass: a tree over the lanes of a row, and partials over the rows of a block."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.isa.vector_ops import ROW_PARTIALS
from weft.rtl.arith import Fp32Add
from weft.rtl.arith.vector_ops import fp32_max
from weft.rtl.interfaces import log2
from weft.rtl.pipe import delayed, spread

PARTIAL_BITS = log2(ROW_PARTIALS)


class Join(wiring.Component):
    """``y`` is ``fmax(a, b)`` with ``maximum``, else ``fadd(a, b)``; combinational."""

    def __init__(self) -> None:
        super().__init__({"maximum": In(1), "a": In(32), "b": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.add = add = Fp32Add()
        m.d.comb += [
            add.a.eq(self.a),
            add.b.eq(self.b),
            self.y.eq(Mux(self.maximum, fp32_max(m, self.a, self.b), add.y)),
        ]
        return m


class LaneTree(wiring.Component):
    """``total``: ``values`` of lanes 0 to ``lanes`` joined by a binary tree, ``pipeline.reduce`` cycles later.

    ``lanes`` (active lanes less one) and ``maximum`` are those of the pass and do not change on the way.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        values = data.ArrayLayout(32, machine.dim)
        super().__init__({"values": In(values), "lanes": In(8), "maximum": In(1), "total": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        levels = log2(self.machine.dim)
        values: list[Value] = [self.values[i] for i in range(self.machine.dim)]
        for level, registers in enumerate(spread(self.machine.pipeline.reduce, levels)):
            for i in range(len(values) // 2):
                m.submodules[f"join{level}_{i}"] = join = Join()
                right_is_there = self.lanes >= (2 * i + 1) << level
                m.d.comb += [join.maximum.eq(self.maximum), join.a.eq(values[2 * i]), join.b.eq(values[2 * i + 1])]
                joined = Mux(right_is_there, join.y, values[2 * i])
                values[i] = delayed(m, joined, registers, f"level{level}_{i}")
            del values[len(values) // 2 :]
        m.d.comb += self.total.eq(values[0])
        return m


ROW_LAYOUT = data.StructLayout({"valid": 1, "fresh": 1, "partial": PARTIAL_BITS, "others": PARTIAL_BITS})
"""What a row reducer is told with a row: ``valid``, there is one; ``partial``, which partial it joins; ``fresh``, it
is the partial's first; ``others[i]``, whether the block has rows in the 2^i partials to be combined with these."""


class RowReducer(wiring.Component):
    """One lane of a reduction over rows. With a block's last row, ``total`` is the reduced block,
    ``pipeline.reduce`` cycles later.

    Partials are combined in a tree as their last rows arrive: at most one pair, one pair of pairs, and so on, is
    complete with each row, so one adder a level is enough. Until then what a level has stored is not meant, and is
    stored over.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__({"value": In(32), "row": In(ROW_LAYOUT), "maximum": In(1), "total": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        registers = spread(self.machine.pipeline.reduce, PARTIAL_BITS + 1)
        row: data.View = self.row
        kept = self._slots(0)
        value = Mux(row.fresh, self.value, self._join(m, "rows", kept[row.partial], self.value))
        for level in range(PARTIAL_BITS):
            index = Value.cast(row.partial)[level:]
            with m.If(row.valid), m.Switch(index):
                for i, slot in enumerate(kept):
                    with m.Case(i):
                        m.d.sync += slot.eq(value)
            late = delayed(m, Cat(value, kept[index ^ 1], row), registers[level], f"level{level}")
            value, other, row = late[:32], late[32:64], data.View(ROW_LAYOUT, late[64:])
            value = Mux(row.others[level], self._join(m, f"partials{level}", value, other), value)
            kept = self._slots(level + 1)
        m.d.comb += self.total.eq(delayed(m, value, registers[-1], "late_total"))
        return m

    @staticmethod
    def _slots(level: int) -> Array:
        return Array(Signal(32, name=f"kept{level}_{i}", reset_less=True) for i in range(ROW_PARTIALS >> level))

    def _join(self, m: Module, name: str, a: Value, b: Value) -> Value:
        m.submodules[name] = join = Join()
        m.d.comb += [join.maximum.eq(self.maximum), join.a.eq(a), join.b.eq(b)]
        return join.y
