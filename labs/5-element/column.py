"""A column of elements: sums run down it, one element a cycle, and the skew lets each row of a matrix meet its sum.

         activations[0] --> [ element 0 ]      enters in cycle t
                                 |
         activations[1] --> [ element 1 ]      enters in cycle t + 1: with the sum of element 0
                                 |
         activations[2] --> [ element 2 ]      enters in cycle t + 2
                                 |
                                sum            in cycle t + 3
"""

# Amaranth has no types:
# mypy: allow-subclassing-any
from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out
from element import Element
from ports import activation_layout, weight_layout


def edge(rows: int, bits: int, columns: int) -> dict[str, Member]:
    """The ports on the left of a column and, with ``_out``, on its right: one activation and one weight a row."""
    activations = data.ArrayLayout(activation_layout(bits), rows)
    weights = data.ArrayLayout(weight_layout(bits, columns), rows)
    return {
        "activations": In(activations),
        "weights": In(weights),
        "activations_out": Out(activations),
        "weights_out": Out(weights),
    }


class Column(wiring.Component):
    """``rows`` elements, one below the other; ``sum`` is what leaves the lowest. The topmost starts from 0.

    There is no skew in here: row ``k`` is wired straight to element ``k``. What leaves the elements on the right is
    ``activations_out`` and ``weights_out``, so that another column can stand there.
    """

    def __init__(self, rows: int, bits: int = 8, sum_bits: int = 32, columns: int = 4) -> None:
        self.rows, self.bits, self.sum_bits, self.columns = rows, bits, sum_bits, columns
        super().__init__({**edge(rows, bits, columns), "sum": Out(sum_bits)})

    def elaborate(self, platform: object) -> Module:
        """Make ``rows`` elements (each an ``Element`` of this column's widths, as a submodule) and join them."""
        m = Module()
        # hole: chain
        above: Value = Const(0, self.sum_bits)
        for k in range(self.rows):
            m.submodules[f"element_{k}"] = element = Element(self.bits, self.sum_bits, self.columns)
            m.d.comb += [
                element.activation_in.eq(self.activations[k]),
                element.weight_in.eq(self.weights[k]),
                element.sum_in.eq(above),
                self.activations_out[k].eq(element.activation_out),
                self.weights_out[k].eq(element.weight_out),
            ]
            above = element.sum_out
        m.d.comb += self.sum.eq(above)
        # end hole
        return m


class Skew(wiring.Component):
    """The left edge of the array: what enters in row ``k`` leaves ``k`` cycles later, activations and weights alike."""

    def __init__(self, rows: int, bits: int = 8, columns: int = 4) -> None:
        self.rows, self.bits, self.columns = rows, bits, columns
        super().__init__(edge(rows, bits, columns))

    def elaborate(self, platform: object) -> Module:
        """Delay row ``k`` of ``activations`` and ``weights`` by ``k`` registers on the way to its ``_out``.

        ``Signal.like(x)`` makes a register with the fields of ``x``. Row 0 has no register at all.
        """
        m = Module()
        # hole: skew
        for inputs, outputs in ((self.activations, self.activations_out), (self.weights, self.weights_out)):
            for k in range(self.rows):
                late = inputs[k]
                for _ in range(k):
                    register = Signal.like(late)
                    m.d.sync += register.eq(late)
                    late = register
                m.d.comb += outputs[k].eq(late)
        # end hole
        return m


class SkewedColumn(wiring.Component):
    """A column behind its skew: all of a row enters in one cycle, and its sum leaves ``rows`` cycles later."""

    def __init__(self, rows: int, bits: int = 8, sum_bits: int = 32, columns: int = 4) -> None:
        self.rows, self.bits, self.sum_bits, self.columns = rows, bits, sum_bits, columns
        members = edge(rows, bits, columns)
        super().__init__({name: members[name] for name in ("activations", "weights")} | {"sum": Out(sum_bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.skew = skew = Skew(self.rows, self.bits, self.columns)
        m.submodules.column = column = Column(self.rows, self.bits, self.sum_bits, self.columns)
        m.d.comb += [
            skew.activations.eq(self.activations),
            skew.weights.eq(self.weights),
            column.activations.eq(skew.activations_out),
            column.weights.eq(skew.weights_out),
            self.sum.eq(column.sum),
        ]
        return m
