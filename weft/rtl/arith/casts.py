"""Conversions between number formats, as logic over values."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

from weft.rtl.arith.floats import NAN, flushed, is_nan, normalised, rounded, take_apart


def bf2f(half: Value) -> Value:
    """The fp32 word of a bf16: flushed, NaN canonical."""
    word = Cat(Const(0, 16), half)
    return Mux(is_nan(word), NAN, flushed(word))[:32]


def f2bf(m: Module, word: Value) -> Value:
    """The bf16 nearest to an fp32 word, ties to even: flushed, NaN canonical."""
    half = Signal(16)
    up = word[15] & (word[:15].any() | word[16])
    m.d.comb += half.eq(Mux(is_nan(word), NAN >> 16, Mux(word[23:31] == 0, word[31] << 15, word[16:] + up)))
    return half


def i32_to_i8(word: Value) -> Value:
    """The int8 nearest to an int32."""
    fits = (word[7:] == 0) | word[7:].all()
    return Cat(Mux(fits, word[:7], ~word[31].replicate(7)), word[31])


def i8_to_i32(byte: Value) -> Value:
    """The sign-extended int32 of an int8."""
    return Cat(byte, byte[7].replicate(24))


def i2f(m: Module, word: Value) -> Value:
    """The fp32 word nearest to an int32, ties to even."""
    magnitude = Signal(32)
    m.d.comb += magnitude.eq(Mux(word[31], -word, word))
    significand, count = normalised(m, magnitude, "i2f")
    result = rounded(m, word[31], significand, Const(127 + 31) - count, "i2f")
    return Mux(magnitude == 0, 0, result)


def f2i(m: Module, word: Value) -> Value:
    """The int32 of an fp32 word: toward zero, saturating, NaN gives 0."""
    x = take_apart(m, word, "f2i")
    # Aligned so that a number just below 2^31 needs no shift.
    aligned, result = Signal(32), Signal(signed(32))
    m.d.comb += [
        aligned.eq(Cat(Const(0, 8), x.significand) >> (157 - x.field + 1)[:6]),
        result.eq(Mux(x.sign, -aligned, aligned)),
    ]
    with m.If(x.nan | (x.field < 127)):
        m.d.comb += result.eq(0)
    with m.Elif(x.field >= 158):
        m.d.comb += result.eq(Mux(x.sign, Const(-(1 << 31), signed(32)), (1 << 31) - 1))
    return result.as_unsigned()
