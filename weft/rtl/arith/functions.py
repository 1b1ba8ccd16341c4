"""exp2, log2 and reciprocal on one datapath: one table memory, one interpolator, one normaliser and rounder."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from weft.isa.functions import (
    C0_BITS,
    C1_BITS,
    C2_BITS,
    DELTA_BITS,
    EXP2_BITS,
    FRACTION_BITS,
    FUNCTIONS,
    INDEX_BITS,
    LOG2_BITS,
    coefficients,
)
from weft.rtl.arith.floats import FIELD, INF, NAN, normalised, rounded, take_apart

EXP2, LOG2, RECIPROCAL = (FUNCTIONS.index(name) for name in ("exp2", "log2", "reciprocal"))
"""Values of ``op``: the place of a function in ``isa.functions.FUNCTIONS``."""

RESULT_BITS = 60
"""Width of the normaliser: log2's sum, 8 bits of exponent above its 52 fraction bits."""


class FunctionUnit(wiring.Component):
    """``y = f(x)`` on fp32 words, where ``op`` is the place of f in ``isa.functions.FUNCTIONS``; combinational."""

    def __init__(self) -> None:
        super().__init__({"op": In(range(len(FUNCTIONS))), "x": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        x = take_apart(m, self.x, "x")
        is_exp2, is_log2 = self.op == EXP2, self.op == LOG2
        fraction = x.significand[:23]

        # exp2 wants its argument in fixed point, the others their fraction as it is.
        fixed = Signal(33)
        argument = Signal(signed(34))
        index, delta = Signal(INDEX_BITS), Signal(DELTA_BITS)
        too_small = x.field < 134 - 33
        m.d.comb += [
            fixed.eq(Mux(too_small, 0, Cat(Const(0, 9), x.significand) >> (Const(134) - x.field)[:6])),
            argument.eq(Mux(x.sign, -fixed, fixed)),
            Cat(delta, index).eq(Mux(is_exp2, argument[:EXP2_BITS], fraction << 2)),
        ]
        y = self._interpolate(m, index, delta)

        # log2: exponent plus t times log2(1+t)/t, where 1+t is in [0.75, 1.5).
        upper = fraction[22]
        exponent, offset = Signal(signed(9)), Signal(signed(24))
        total = Signal(signed(RESULT_BITS + 1))
        m.d.comb += [
            exponent.eq(x.field - 127 + upper),
            offset.eq(Cat(Mux(upper, Cat(fraction, 1), fraction << 1))),
            total.eq(Cat(Const(0, LOG2_BITS), exponent).as_signed() + offset * y),
        ]

        magnitude = Signal(RESULT_BITS)
        top, field, sign = Signal(FIELD), Signal(FIELD), Signal()
        with m.Switch(self.op):
            with m.Case(EXP2):
                m.d.comb += top.eq(127 + argument[EXP2_BITS:].as_signed())
            with m.Case(LOG2):
                m.d.comb += [top.eq(127 + RESULT_BITS - 1 - LOG2_BITS), sign.eq(total[-1])]
            with m.Default():
                m.d.comb += [top.eq(Const(254) - x.field), sign.eq(x.sign)]
        log2_magnitude = Mux(total[-1], -total, total)
        m.d.comb += magnitude.eq(Mux(is_log2, log2_magnitude, y << (RESULT_BITS - FRACTION_BITS - 1)))
        significand, count = normalised(m, magnitude, "result")
        m.d.comb += field.eq(top - count)
        word = rounded(m, sign, significand, field, "result")

        m.d.comb += self.y.eq(Mux(magnitude == 0, 0, word))
        with m.Switch(self.op):
            with m.Case(EXP2), m.If(x.field >= 135):
                m.d.comb += self.y.eq(Mux(x.sign, 0, INF))
            with m.Case(LOG2):
                with m.If(x.zero):
                    m.d.comb += self.y.eq(Cat(Const(INF, 31), 1))
                with m.Elif(x.sign):
                    m.d.comb += self.y.eq(NAN)
                with m.Elif(x.inf):
                    m.d.comb += self.y.eq(INF)
            with m.Case(RECIPROCAL), m.If(x.zero | x.inf):
                m.d.comb += self.y.eq(Cat(Mux(x.zero, Const(INF, 31), 0), x.sign))
        with m.If(x.nan):
            m.d.comb += self.y.eq(NAN)
        return m

    def _interpolate(self, m: Module, index: Signal, delta: Signal) -> Signal:
        """The function value, in units of 2^-28."""
        read = []
        for place, width in enumerate((C0_BITS, C1_BITS, C2_BITS)):
            # 1 << width below: a two's complement coefficient as the bits that hold it.
            words = [entry[place] % (1 << width) for name in FUNCTIONS for entry in coefficients(name)]
            words += [0] * ((1 << INDEX_BITS) * 4 - len(words))
            memory = Memory(shape=width, depth=len(words), init=words)
            m.submodules[f"c{place}"] = memory
            port = memory.read_port(domain="comb")
            m.d.comb += port.addr.eq(Cat(index, self.op))
            read.append(port.data)
        c0, c1, c2 = read
        inner, y = Signal(signed(C1_BITS + 1)), Signal(C0_BITS)
        m.d.comb += [
            inner.eq(c1.as_signed() + ((c2 * delta) >> DELTA_BITS)),
            y.eq(c0 + ((inner * delta) >> DELTA_BITS)),
        ]
        return y
