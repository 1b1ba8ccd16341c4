"""A monitor: it sees the ports of an element, never its inside, and asserts what must hold of any right one.

It may import neither ``element`` nor ``column``: with a right element inside it could not tell which of two is broken.
"""

# Amaranth has no types:
# mypy: allow-subclassing-any
from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from ports import element_ports


class Monitor(wiring.Component):
    """All the ports of an element, as inputs."""

    def __init__(self, bits: int = 8, sum_bits: int = 32, columns: int = 4) -> None:
        self.bits, self.sum_bits, self.columns = bits, sum_bits, columns
        members = element_ports(bits, sum_bits, columns)
        super().__init__({name: In(member.shape) for name, member in members.items()})

    def elaborate(self, platform: object) -> Module:
        """Assert what the docstrings of ``element.py`` promise, with ``m.d.comb += Assert(condition, "its name")``.

        An assertion is checked in every cycle, for all inputs. None may fail on an element that keeps its promises,
        whatever it does where nothing is promised; every element that breaks one must be caught by at least one.
        ``past(m, x)`` is ``x`` of a cycle ago (0 in the first cycle). Registers of your own are allowed.
        """
        m = Module()
        # hole: properties
        activation, weight = past(m, self.activation_in), past(m, self.weight_in)
        m.d.comb += [
            Assert(self.activation_out.active == activation.active, "active moves right"),
            Assert(self.activation_out.first == activation.first, "first moves right"),
            Assert(~activation.active | (self.activation_out.value == activation.value), "an activation moves right"),
            Assert(self.weight_out.valid == (weight.valid & (weight.hops != 0)), "a weight stops after its hops"),
        ]
        with m.If(self.weight_out.valid):
            m.d.comb += [
                Assert(self.weight_out.value == weight.value, "a weight moves right"),
                Assert(self.weight_out.hops + 1 == weight.hops, "one hop less"),
            ]
        arrived = Signal(self.bits)
        applied = Signal(self.bits)
        with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
            m.d.sync += arrived.eq(self.weight_in.value)
        with m.If(self.activation_in.first):
            m.d.sync += applied.eq(arrived)
        product = Mux(activation.active, activation.value.as_signed() * applied.as_signed(), 0)
        wanted = (past(m, self.sum_in).as_signed() + product)[: self.sum_bits]
        m.d.comb += Assert(self.sum_out == wanted, "the sum")
        # end hole
        return m


def past(m: Module, value: Value) -> Value:
    """``value`` of a cycle ago, with the same fields; 0 in the first cycle. It may be called inside ``with m.If``."""
    register = Signal.like(value)
    clocked = Module()  # a module of its own, so that no condition around the call stops the register
    clocked.d.sync += register.eq(value)
    m.submodules += clocked
    return register
