"""The arithmetic of docs/arithmetic.md on Python numbers: words are ints, fp32 values are floats.

A Python float is a double, so it holds every fp32 value, and every product of two, exactly. A sum of those is exact
or its error can be told; where it is not exact, rationals take over. Values are flushed when they are read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cache

from weft.isa.functions import coefficients

NAN_WORD = 0x7FC00000
SMALLEST = 2.0**-126
BEYOND = 2.0**128
_MASK = 0xFFFFFFFF


def to_float(word: int) -> float:
    """The value of an fp32 word, flushed."""
    if word & 0x7F800000 == 0:
        return -0.0 if word >> 31 else 0.0
    value: float = struct.unpack("<f", word.to_bytes(4, "little"))[0]
    return value


def to_word(value: float) -> int:
    """The word of a value that is one of fp32's."""
    if value != value:
        return NAN_WORD
    return int.from_bytes(struct.pack("<f", value), "little")


def to_int(word: int) -> int:
    """The value of an int32 word."""
    return word - (1 << 32) if word >> 31 else word


def _limit(value: float) -> float:
    """Underflow and overflow of a value with 24 significant bits."""
    if -SMALLEST < value < SMALLEST:
        return math.copysign(0.0, value)
    if value >= BEYOND or value <= -BEYOND:
        return math.copysign(math.inf, value)
    return value


def round_parts(negative: bool, magnitude: int, exponent: int) -> float:
    """``round`` of ±magnitude·2**exponent, magnitude above 0."""
    extra = magnitude.bit_length() - 24
    if extra > 0:
        kept, rest, half = magnitude >> extra, magnitude & ((1 << extra) - 1), 1 << (extra - 1)
        magnitude = kept + (rest > half or (rest == half and kept & 1))
        exponent += extra
    value = math.ldexp(magnitude, exponent)
    return _limit(-value if negative else value)


def round_value(value: float) -> float:
    """``round`` of a double; zeros, infinities and NaN as they are."""
    if value == 0 or value - value != 0:
        return value
    fraction, exponent = math.frexp(value)
    return _limit(math.ldexp(round(fraction * 16777216.0), exponent - 24))


def add(a: float, b: float) -> float:
    """a + b, rounded once, for doubles of which none is beyond what one product of fp32 values can be."""
    total = a + b
    if total - total != 0:  # infinite or NaN: IEEE 754's rules are ours
        return total
    part = total - a
    if (a - (total - part)) + (b - part) == 0:  # the double sum is exact
        return round_value(total)
    exact = Fraction(a) + Fraction(b)
    return round_parts(exact < 0, abs(exact.numerator), 1 - exact.denominator.bit_length())


def fma(a: float, b: float, c: float) -> float:
    """a·b + c, rounded once; a·b is exact in a double."""
    return add(a * b, c)


def _smaller(a: float, b: float) -> bool:
    return a < b or (a == b and math.copysign(1, a) < math.copysign(1, b))


def _fmin(a: float, b: float) -> float:
    if a != a or b != b:
        return math.nan
    return a if _smaller(a, b) else b


def _fmax(a: float, b: float) -> float:
    if a != a or b != b:
        return math.nan
    return b if _smaller(a, b) else a


def _floats(operation: Callable[[float, float], float]) -> Callable[[int, int], int]:
    return lambda a, b: to_word(operation(to_float(a), to_float(b)))


def _test(condition: Callable[[float, float], bool]) -> Callable[[int, int], int]:
    return lambda a, b: _MASK if condition(to_float(a), to_float(b)) else 0


def _integers(operation: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda a, b: operation(to_int(a), to_int(b)) & _MASK


BINARY: dict[str, Callable[[int, int], int]] = {
    "first": lambda a, b: a,
    "second": lambda a, b: b,
    "fadd": _floats(add),
    "fsub": lambda a, b: BINARY["fadd"](a, b ^ 0x80000000),
    "frsub": lambda a, b: BINARY["fadd"](b, a ^ 0x80000000),
    "fmul": _floats(lambda a, b: round_value(a * b)),
    "fmin": _floats(_fmin),
    "fmax": _floats(_fmax),
    "feq": _test(lambda a, b: a == b),
    "fne": _test(lambda a, b: a != b),
    "flt": _test(lambda a, b: a < b),
    "fle": _test(lambda a, b: a <= b),
    "iadd": _integers(lambda a, b: a + b),
    "isub": _integers(lambda a, b: a - b),
    "imul": _integers(lambda a, b: a * b),
    "imin": _integers(min),
    "imax": _integers(max),
    "ieq": _integers(lambda a, b: -(a == b)),
    "ine": _integers(lambda a, b: -(a != b)),
    "ilt": _integers(lambda a, b: -(a < b)),
    "ile": _integers(lambda a, b: -(a <= b)),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "andn": lambda a, b: ~a & b,
    "shl": lambda a, b: a << (b & 31) & _MASK,
    "shr": _integers(lambda a, b: a >> (b & 31)),
    "ushr": lambda a, b: a >> (b & 31),
}


def _interpolate(name: str, index: int, delta: int) -> int:
    c0, c1, c2 = coefficients(name)[index]
    return c0 + (((c1 + ((c2 * delta) >> 18)) * delta) >> 18)


def _exp2(word: int) -> float:
    x = to_float(word)
    if x != x:
        return x
    if abs(x) >= 256:
        return math.inf if x > 0 else 0.0
    steps = math.trunc(Fraction(x) * 2**25)
    fraction = steps & (2**25 - 1)
    y = _interpolate("exp2", fraction >> 18, fraction & (2**18 - 1))
    return round_parts(False, y, (steps >> 25) - 28)


def _log2(word: int) -> float:
    x = to_float(word)
    if x == 0:
        return -math.inf
    if x != x or x < 0:
        return math.nan
    if x == math.inf:
        return x
    exponent, fraction = word >> 23 & 0xFF, word & 0x7FFFFF
    y = _interpolate("log2", fraction >> 16, (fraction & 0xFFFF) << 2)
    if fraction < 1 << 22:
        k, t = exponent - 127, 2 * fraction
    else:
        k, t = exponent - 126, fraction - (1 << 23)
    total = (k << 52) + t * y
    return round_parts(total < 0, abs(total), -52) if total else 0.0


def _reciprocal(word: int) -> float:
    x = to_float(word)
    if x != x:
        return x
    if x == 0 or abs(x) == math.inf:
        return math.copysign(math.inf if x == 0 else 0.0, x)
    exponent, fraction = word >> 23 & 0xFF, word & 0x7FFFFF
    y = _interpolate("reciprocal", fraction >> 16, (fraction & 0xFFFF) << 2)
    return round_parts(x < 0, y, 99 - exponent)


def _f2i(word: int) -> int:
    x = to_float(word)
    if x != x:
        return 0
    return int(max(-(2.0**31), min(2.0**31 - 1, x))) & _MASK


def _i2f(word: int) -> float:
    value = to_int(word)
    return round_parts(value < 0, abs(value), 0) if value else 0.0


UNARY: dict[str, Callable[[int], int]] = {
    "identity": lambda t: t,
    "relu": lambda t: BINARY["fmax"](t, 0),
    "fabs": lambda t: to_word(abs(to_float(t))),
    "fneg": lambda t: to_word(-to_float(t)),
    "exp2": lambda t: to_word(_exp2(t)),
    "log2": lambda t: to_word(_log2(t)),
    "reciprocal": lambda t: to_word(_reciprocal(t)),
    "i2f": lambda t: to_word(_i2f(t)),
    "f2i": _f2i,
}


def bf16_to_word(half: int) -> int:
    """bf16 to fp32, flushed."""
    return to_word(to_float(half << 16))


def word_to_bf16(word: int) -> int:
    """fp32 to bf16, rounded to nearest even."""
    word = to_word(to_float(word))
    if word & 0x7FFFFFFF >= 0x7F800000:
        return word >> 16
    return (word + 0x7FFF + ((word >> 16) & 1)) >> 16


def word_to_int8(word: int) -> int:
    """int32 to the byte of a saturated int8."""
    return max(-128, min(127, to_int(word))) & 0xFF


@cache
def bf16_values() -> list[float]:
    """The value of every bf16 pattern, flushed."""
    return [to_float(half << 16) for half in range(1 << 16)]


def tree(op: Callable[[int, int], int], values: list[int | None]) -> int | None:
    """A binary tree over a power of two of places; None where nothing is."""
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [(a if b is None else b) if a is None or b is None else op(a, b) for a, b in pairs]
    return values[0]
