"""Sums with one rounding: fp32 addition and the bf16 fused multiply-add share one aligner, adder and rounder."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.rtl.arith.floats import FIELD, INF, NAN, normalised, rounded, take_apart

GUARD = 3
"""Bits kept below the larger term, besides the sticky one. Two serve a normalised term; a bf16 product may lack its
top bit and then needs a third."""


@dataclass(frozen=True)
class Term:
    """``significand`` (24 bits), whose top bit has exponent ``field``; if ``zero``, it is 0 and ``field`` is void."""

    sign: Value
    field: Value
    significand: Value
    zero: Value


def rounded_sum(m: Module, x: Term, y: Term) -> Value:
    """The fp32 word of the exact sum of two terms; each has its top or its second bit set, or is zero."""
    x_leads = Signal()
    distance = Signal(FIELD)
    shift = Signal(5)
    lead, other = Signal(24), Signal(24)
    field, sign = Signal(FIELD), Signal()
    m.d.comb += [
        x_leads.eq(~x.zero & (y.zero | (x.field >= y.field))),
        lead.eq(Mux(x_leads, x.significand, y.significand)),
        other.eq(Mux(x_leads, y.significand, x.significand)),
        field.eq(Mux(x_leads, x.field, y.field)),
        sign.eq(Mux(x_leads, x.sign, y.sign)),
        distance.eq(Mux(x_leads, x.field - y.field, y.field - x.field)),
        shift.eq(Mux(distance[5:].any(), 31, distance[:5])),
    ]
    # What the shift pushes out below the guard bits collapses into one sticky bit.
    spread = Signal(32 + GUARD + 24)
    aligned = Signal(1 + GUARD + 24)
    total = Signal(signed(len(aligned) + 2))
    magnitude = Signal(len(aligned) + 1)
    m.d.comb += [
        spread.eq(Cat(Const(0, 32 + GUARD), other) >> shift),
        aligned.eq(Cat(spread[:32].any(), spread[32:])),
        total.eq(Cat(Const(0, 1 + GUARD), lead) + Mux(x.sign ^ y.sign, -aligned, aligned)),
        magnitude.eq(Mux(total[-1], -total, total)),
    ]
    significand, count = normalised(m, magnitude, "sum")
    word = rounded(m, sign ^ total[-1], significand, field + 1 - count, "sum")
    return Mux(magnitude == 0, Cat(Const(0, 31), x.sign & y.sign), word)


class Fp32Add(wiring.Component):
    """``y = fadd(a, b)`` on fp32 words; combinational."""

    def __init__(self) -> None:
        super().__init__({"a": In(32), "b": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = take_apart(m, self.a, "a"), take_apart(m, self.b, "b")
        total = rounded_sum(
            m,
            Term(a.sign, a.field, a.significand, a.zero),
            Term(b.sign, b.field, b.significand, b.zero),
        )
        m.d.comb += self.y.eq(total)
        with m.If(a.nan | b.nan | (a.inf & b.inf & (a.sign ^ b.sign))):
            m.d.comb += self.y.eq(NAN)
        with m.Elif(a.inf | b.inf):
            m.d.comb += self.y.eq(Mux(a.inf, self.a, self.b))
        return m


class Bf16Fma(wiring.Component):
    """``y = fma_bf16(a, b, c)``: ``a``, ``b`` bf16, ``c`` and ``y`` fp32 words, one rounding; combinational."""

    def __init__(self) -> None:
        super().__init__({"a": In(16), "b": In(16), "c": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = (take_apart(m, Cat(Const(0, 16), half), name) for half, name in ((self.a, "a"), (self.b, "b")))
        c = take_apart(m, self.c, "c")
        product = Signal(16)
        field = Signal(FIELD)
        sign = Signal()
        infinite = Signal()
        m.d.comb += [
            product.eq(a.significand[16:] * b.significand[16:]),
            field.eq(a.field + b.field - 126),
            sign.eq(a.sign ^ b.sign),
            infinite.eq(a.inf | b.inf),
        ]
        total = rounded_sum(
            m,
            Term(sign, field, Cat(Const(0, 8), product), a.zero | b.zero),
            Term(c.sign, c.field, c.significand, c.zero),
        )
        invalid = (infinite & (a.zero | b.zero)) | (infinite & c.inf & (sign ^ c.sign))
        m.d.comb += self.y.eq(total)
        with m.If(a.nan | b.nan | c.nan | invalid):
            m.d.comb += self.y.eq(NAN)
        with m.Elif(infinite):
            m.d.comb += self.y.eq(Cat(Const(INF, 31), sign))
        with m.Elif(c.inf):
            m.d.comb += self.y.eq(self.c)
        return m
