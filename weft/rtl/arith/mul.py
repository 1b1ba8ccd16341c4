"""fp32 multiplication."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.rtl.arith.floats import FIELD, INF, NAN, rounded, take_apart


class Fp32Mul(wiring.Component):
    """``y = fmul(a, b)`` on fp32 words; combinational."""

    def __init__(self) -> None:
        super().__init__({"a": In(32), "b": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = take_apart(m, self.a, "a"), take_apart(m, self.b, "b")
        product = Signal(48)
        significand = Signal(48)
        field = Signal(FIELD)
        sign = a.sign ^ b.sign
        m.d.comb += [
            product.eq(a.significand * b.significand),
            significand.eq(Mux(product[-1], product, product << 1)),
            field.eq(a.field + b.field - 127 + product[-1]),
        ]
        word = rounded(m, sign, significand, field, "product")
        zero = a.zero | b.zero
        infinite = a.inf | b.inf
        m.d.comb += self.y.eq(word)
        with m.If(a.nan | b.nan | (zero & infinite)):
            m.d.comb += self.y.eq(NAN)
        with m.Elif(zero):
            m.d.comb += self.y.eq(Cat(Const(0, 31), sign))
        with m.Elif(infinite):
            m.d.comb += self.y.eq(Cat(Const(INF, 31), sign))
        return m
