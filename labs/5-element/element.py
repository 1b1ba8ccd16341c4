"""The processing element: it keeps a weight, multiplies what passes by it, and adds that to the sum from above.

                 sum_in
                    |
                    v
               +---------+
 activation_in | shadow  | activation_out
 ------------> | in use  | ------------>
 weight_in     |  a*w+s  | weight_out
 ------------> |         | ------------>
               +---------+
                    |
                    v
                 sum_out

Everything that leaves comes out of a register: it is seen one cycle after what came in. ``ports.py`` says what the
fields of activations and weights mean.
"""

# Amaranth has no types:
# mypy: allow-subclassing-any
from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from ports import element_ports


class Element(wiring.Component):
    """One element of the array, for numbers of ``bits`` bits, sums of ``sum_bits``, in an array ``columns`` wide.

    Use these three and no 8, 32 or 4: the proofs are made on a narrow element.
    """

    def __init__(self, bits: int = 8, sum_bits: int = 32, columns: int = 4) -> None:
        self.bits, self.sum_bits, self.columns = bits, sum_bits, columns
        super().__init__(element_ports(bits, sum_bits, columns))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.move_right(m)
        weight = self.weight(m)
        self.add_to_sum(m, self.multiply_add(weight))
        return m

    def move_right(self, m: Module) -> None:
        """Drive ``activation_out`` and ``weight_out``: a cycle later, the right-hand neighbour sees what came in here.

        Of an activation, ``active`` and ``first`` always move on; ``value`` must if ``active``, and is best left
        unchanged if not (a wire that does not toggle takes no power). A weight moves on, with one hop less, only if it
        has hops to go; where ``valid`` is 0, its ``value`` and ``hops`` mean nothing.
        """
        # hole: move-right
        m.d.sync += [
            self.activation_out.active.eq(self.activation_in.active),
            self.activation_out.first.eq(self.activation_in.first),
            self.weight_out.valid.eq(self.weight_in.valid & (self.weight_in.hops != 0)),
            self.weight_out.value.eq(self.weight_in.value),
            self.weight_out.hops.eq(self.weight_in.hops - 1),
        ]
        with m.If(self.activation_in.active):
            m.d.sync += self.activation_out.value.eq(self.activation_in.value)
        # end hole

    def weight(self, m: Module) -> Value:
        """Return the weight for the activation that is at the input in this cycle: ``bits`` bits, without a sign.

        A valid weight with no hops to go becomes the *shadow* at the end of the cycle. In a cycle with ``first``, the
        weight is the shadow as it stands, and stays the weight until the next ``first``. A weight that arrives in a
        cycle with ``first`` is too late for that tile: it is the shadow of the one after.
        """
        # hole: weights
        shadow = Signal(self.bits)
        in_use = Signal(self.bits)
        with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
            m.d.sync += shadow.eq(self.weight_in.value)
        weight = Signal(self.bits)
        m.d.comb += weight.eq(Mux(self.activation_in.first, shadow, in_use))
        m.d.sync += in_use.eq(weight)
        return weight
        # end hole

    def multiply_add(self, weight: Value) -> Value:
        """Return activation × weight + ``sum_in``, all of them in two's complement; it may be wider than ``sum_bits``.

        Like ``sum_in``, ``weight`` is plain bits: ``.as_signed()`` reads bits as two's complement.
        """
        # hole: multiply-add
        product = self.activation_in.value.as_signed() * weight.as_signed()
        return product + self.sum_in.as_signed()
        # end hole

    def add_to_sum(self, m: Module, total: Value) -> None:
        """Drive ``sum_out``: a cycle later, the low bits of ``total`` if there was an activation, else ``sum_in``."""
        # hole: pass-through
        m.d.sync += self.sum_out.eq(Mux(self.activation_in.active, total, self.sum_in))
        # end hole
