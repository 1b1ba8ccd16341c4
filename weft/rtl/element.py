"""The processing element: one multiply-add, with the weight in use and the weight to be used next."""

from __future__ import annotations

from typing import Any, ClassVar

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from weft.isa.machine import Machine
from weft.rtl.arith import Bf16Fma
from weft.rtl.cells import cell_verilog
from weft.rtl.interfaces import log2
from weft.rtl.pipe import delayed


def element_bits(machine: Machine) -> int:
    """Bits of an element on its way through the array."""
    return 8 * machine.element_bytes


def activation_layout(machine: Machine) -> data.StructLayout:
    """What moves right with an activation.

    - ``value``: the element; an int8 has its 8 bits at the bottom.
    - ``active``: there is a row here, and this row of the array takes part; if not, the sum passes unchanged.
    - ``first``: the tile's first row: from here on the shadow weight is the weight.
    - ``int8``: the operation is ``fma_int8``, not ``fma_bf16``.
    """
    return data.StructLayout({"value": element_bits(machine), "active": 1, "first": 1, "int8": 1})


def weight_layout(machine: Machine) -> data.StructLayout:
    """What moves right with a weight: it is kept by the element that sees it with ``hops`` 0."""
    return data.StructLayout({"value": element_bits(machine), "valid": 1, "hops": log2(machine.dim)})


class ProcessingElement(wiring.Component):
    """One element of the array.

    Activations and weights move to the right-hand neighbour in one cycle; the sum comes from above and is ready
    for the element below ``pipeline.mac`` cycles later. The tile's first activation multiplies the shadow weight and
    makes it the weight in use; a weight that arrives in that very cycle is the shadow of the tile after.
    """

    MODULE: ClassVar[str] = "weft_element"

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(self.ports(machine))

    @staticmethod
    def ports(machine: Machine) -> dict[str, Member]:
        """Activation, weight and partial sum, in and out."""
        shapes: dict[str, Any] = {
            "activation": activation_layout(machine),
            "weight": weight_layout(machine),
            "sum": 32,
        }
        return {
            **{f"{name}_in": In(shape) for name, shape in shapes.items()},
            **{f"{name}_out": Out(shape) for name, shape in shapes.items()},
        }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._pass_on(m)
        weight = self._weight(m)
        product_sum = Signal(32)
        m.d.comb += product_sum.eq(self._multiply_add(m, weight))
        total = Mux(self.activation_in.active, product_sum, self.sum_in)
        m.d.comb += self.sum_out.eq(delayed(m, total, self.machine.pipeline.mac, "total"))
        return m

    def _pass_on(self, m: Module) -> None:
        bits = element_bits(self.machine)
        activation = Signal(bits, reset_less=True)
        weight = Signal(bits, reset_less=True)
        hops = Signal.like(self.weight_in.hops, reset_less=True)
        active = Signal()
        first = Signal()
        int8 = Signal(reset_less=True)
        valid = Signal()
        m.d.sync += [
            active.eq(self.activation_in.active),
            first.eq(self.activation_in.first),
            int8.eq(self.activation_in.int8),
            valid.eq(self.weight_in.valid & (self.weight_in.hops != 0)),
        ]
        with m.If(self.activation_in.active):
            m.d.sync += activation.eq(self.activation_in.value)
        with m.If(self.weight_in.valid):
            m.d.sync += [weight.eq(self.weight_in.value), hops.eq(self.weight_in.hops - 1)]
        m.d.comb += [
            self.activation_out.value.eq(activation),
            self.activation_out.active.eq(active),
            self.activation_out.first.eq(first),
            self.activation_out.int8.eq(int8),
            self.weight_out.value.eq(weight),
            self.weight_out.valid.eq(valid),
            self.weight_out.hops.eq(hops),
        ]

    def _weight(self, m: Module) -> Value:
        bits = element_bits(self.machine)
        shadow = Signal(bits, reset_less=True)
        in_use = Signal(bits, reset_less=True)
        with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
            m.d.sync += shadow.eq(self.weight_in.value)
        with m.If(self.activation_in.first):
            m.d.sync += in_use.eq(shadow)
        weight = Signal(bits)
        m.d.comb += weight.eq(Mux(self.activation_in.first, shadow, in_use))
        return weight

    def _multiply_add(self, m: Module, weight: Value) -> Value:
        value = self.activation_in.value
        results: dict[str, Value] = {}
        if "int8" in self.machine.types:
            product = value[:8].as_signed() * weight[:8].as_signed()
            results["int8"] = (product + self.sum_in.as_signed())[:32]
        if "bf16" in self.machine.types:
            m.submodules.fma = fma = Bf16Fma()
            m.d.comb += [fma.a.eq(value), fma.b.eq(weight), fma.c.eq(self.sum_in)]
            results["bf16"] = fma.y
        if len(results) == 1:
            return next(iter(results.values()))
        return Mux(self.activation_in.int8, results["int8"], results["bf16"])


def element_verilog(machine: Machine) -> str:
    """The Verilog of module ``weft_element``."""
    return cell_verilog(ProcessingElement, machine)
