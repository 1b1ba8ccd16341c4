"""Parts of floating-point numbers: taking words apart, normalising, rounding, packing.

The functions add logic to a module and return values; the arithmetic is that of ``docs/arithmetic.md``. An *exponent
field* may leave 1..254 inside a computation; ``rounded`` flushes or saturates it at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

NAN = 0x7FC00000
INF = 0x7F800000

FIELD_BITS = 11
FIELD = signed(FIELD_BITS)
"""Shape of an exponent field that may have left its range."""


@dataclass(frozen=True)
class FloatParts:
    """An fp32 word taken apart, flushed: ``significand`` has its hidden bit, and is 0 if the number is zero."""

    sign: Value
    field: Value
    significand: Value
    zero: Value
    inf: Value
    nan: Value


def take_apart(m: Module, word: Value, name: str) -> FloatParts:
    """The parts of an fp32 word."""
    zero = Signal(name=f"{name}_zero")
    full = Signal(name=f"{name}_full")
    significand = Signal(24, name=f"{name}_significand")
    fraction = word[:23]
    m.d.comb += [
        zero.eq(word[23:31] == 0),
        full.eq(word[23:31] == 255),
        significand.eq(Mux(zero, 0, Cat(fraction, 1))),
    ]
    return FloatParts(word[31], word[23:31], significand, zero, full & (fraction == 0), full & (fraction != 0))


def flushed(word: Value) -> Value:
    """The word with a subnormal replaced by zero of its sign."""
    return Cat(Mux(word[23:31] == 0, 0, word[:31]), word[31])


def is_nan(word: Value) -> Value:
    """Whether an fp32 word is any NaN."""
    return word[:31] > INF


def normalised(m: Module, value: Value, name: str) -> tuple[Value, Value]:
    """``value`` shifted left until its top bit is set, and by how much; all zeros stay zero."""
    width = len(value)
    counts = []
    step = 1 << ((width - 1).bit_length() - 1)
    while step:
        empty = Signal(name=f"{name}_empty{step}")
        shifted = Signal(width, name=f"{name}_by{step}")
        m.d.comb += [
            empty.eq(value[width - step :] == 0),
            shifted.eq(Mux(empty, (value << step)[:width], value)),
        ]
        counts.append(empty)
        value = shifted
        step >>= 1
    return value, Cat(*reversed(counts))


def rounded(m: Module, sign: Value, significand: Value, field: Value, name: str) -> Value:
    """The fp32 word of a normalised significand of more than 24 bits, whose top bit has exponent ``field``.

    Its lowest bit may stand for everything below it (sticky). Rounds to nearest even; below 2^-126 gives zero
    and from 2^128 on infinity, with ``sign``. A zero significand gives a meaningless word.
    """
    width = len(significand)
    extra = width - 24
    up = Signal(name=f"{name}_up")
    # The carry of rounding runs on into the exponent, as it should.
    total = Signal(signed(FIELD_BITS + 23), name=f"{name}_total")
    word = Signal(32, name=f"{name}_word")
    beyond_half = significand[: extra - 1].any()
    m.d.comb += [
        up.eq(significand[extra - 1] & (beyond_half | significand[extra])),
        total.eq(Cat(significand[extra : extra + 23], field).as_signed() + up),
        word.eq(Cat(total[:31], sign)),
    ]
    out_field = total[23:].as_signed()
    with m.If(out_field <= 0):
        m.d.comb += word.eq(Cat(Const(0, 31), sign))
    with m.Elif(out_field >= 255):
        m.d.comb += word.eq(Cat(Const(INF, 31), sign))
    return word
