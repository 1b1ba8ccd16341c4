"""An independent oracle of ``docs/arithmetic.md`` in exact rational numbers: slow, plain, used by tests only.

Words are Python integers of 32 bits (bf16: 16, int8: 8). Names are those of ``isa/vector_ops.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

from weft.isa.functions import coefficients

MASK = 0xFFFFFFFF
NAN = 0x7FC00000
INF = 0x7F800000
SIGN = 0x80000000

SPECIAL = (
    0x00000000, 0x80000000, 0x00000001, 0x807FFFFF, 0x00800000, 0x80800000, 0x00800001, 0x80FFFFFF,
    0x01000000, 0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x3F800001, 0xBF7FFFFF, 0x40490FDB, 0xC2FC0000,
    0xC2FC0001, 0x42FFFFFF, 0x43000000, 0x33800000, 0xB3800000, 0x1F800000, 0x20000001, 0x5F000000,
    0x4F000000, 0xCF000000, 0x4EFFFFFF, 0x7E800000, 0x7F000000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000,
    0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001,
)  # fmt: skip
"""fp32 words at every edge: zeros, subnormals, smallest and largest normals, ones, infinities, NaNs."""


def flush(word: int) -> int:
    """A subnormal becomes zero with its sign."""
    return word if word & 0x7F800000 else word & SIGN


def is_nan(word: int) -> bool:
    return word & 0x7FFFFFFF > INF


def is_inf(word: int) -> bool:
    return word & 0x7FFFFFFF == INF


def is_zero(word: int) -> bool:
    return flush(word) & 0x7FFFFFFF == 0


def value(word: int) -> Fraction:
    """The exact value of a finite word, after flushing."""
    word = flush(word)
    exponent = word >> 23 & 0xFF
    if exponent == 0:
        return Fraction(0)
    magnitude = ((1 << 23) + (word & 0x7FFFFF)) * Fraction(2) ** (exponent - 150)
    return -magnitude if word & SIGN else magnitude


def round_word(exact: Fraction, zero_sign: int = 0) -> int:
    """The fp32 word nearest to ``exact``, ties to even, flushed after rounding; zero takes ``zero_sign``."""
    if exact == 0:
        return zero_sign
    sign = SIGN if exact < 0 else 0
    magnitude = abs(exact)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < Fraction(2) ** exponent:
        exponent -= 1
    significand = round(magnitude / Fraction(2) ** (exponent - 23))  # Python rounds a Fraction's ties to even
    if significand == 1 << 24:
        significand, exponent = 1 << 23, exponent + 1
    if exponent < -126:
        return sign
    if exponent > 127:
        return sign | INF
    return sign | (exponent + 127) << 23 | significand - (1 << 23)


def fma(a: int, b: int, c: int) -> int:
    """``a * b + c`` of fp32 words with one rounding."""
    if is_nan(a) or is_nan(b) or is_nan(c):
        return NAN
    sign = (a ^ b) & SIGN
    if is_inf(a) or is_inf(b):
        if is_zero(a) or is_zero(b) or (is_inf(c) and (c & SIGN) != sign):
            return NAN
        return sign | INF
    if is_inf(c):
        return c
    both_negative = (is_zero(a) or is_zero(b)) and is_zero(c) and sign and c & SIGN
    return round_word(value(a) * value(b) + value(c), SIGN if both_negative else 0)


def fma_bf16(a: int, b: int, c: int) -> int:
    return fma(a << 16, b << 16, c)


def fadd(a: int, b: int) -> int:
    return fma(a, 0x3F800000, b)


def fsub(a: int, b: int) -> int:
    return fadd(a, b if is_nan(b) else b ^ SIGN)


def fmul(a: int, b: int) -> int:
    return fma(a, b, (a ^ b) & SIGN)


def signed(word: int, bits: int = 32) -> int:
    return word - (1 << bits) if word >> (bits - 1) else word


def _order(word: int) -> tuple[Fraction, int]:
    if is_inf(word):
        return (Fraction(-(2**200)) if word & SIGN else Fraction(2**200)), 0
    return value(word), 0 if word & SIGN else 1


def fmin(a: int, b: int) -> int:
    return NAN if is_nan(a) or is_nan(b) else flush(min(a, b, key=_order))


def fmax(a: int, b: int) -> int:
    return NAN if is_nan(a) or is_nan(b) else flush(max(a, b, key=_order))


def _mask(condition: bool) -> int:
    return MASK if condition else 0


def _ordered(a: int, b: int, test: Callable[[Fraction, Fraction], bool]) -> int:
    return _mask(not is_nan(a) and not is_nan(b) and test(_order(a)[0], _order(b)[0]))


BINARY: dict[str, Callable[[int, int], int]] = {
    "first": lambda a, b: a,
    "second": lambda a, b: b,
    "fadd": fadd,
    "fsub": fsub,
    "frsub": lambda a, b: fsub(b, a),
    "fmul": fmul,
    "fmin": fmin,
    "fmax": fmax,
    "feq": lambda a, b: _ordered(a, b, lambda x, y: x == y),
    "fne": lambda a, b: MASK ^ _ordered(a, b, lambda x, y: x == y),
    "flt": lambda a, b: _ordered(a, b, lambda x, y: x < y),
    "fle": lambda a, b: _ordered(a, b, lambda x, y: x <= y),
    "fgt": lambda a, b: _ordered(a, b, lambda x, y: x > y),
    "fge": lambda a, b: _ordered(a, b, lambda x, y: x >= y),
    "iadd": lambda a, b: (a + b) & MASK,
    "isub": lambda a, b: (a - b) & MASK,
    "imul": lambda a, b: (a * b) & MASK,
    "imin": lambda a, b: min(a, b, key=signed),
    "imax": lambda a, b: max(a, b, key=signed),
    "ieq": lambda a, b: _mask(a == b),
    "ine": lambda a, b: _mask(a != b),
    "ilt": lambda a, b: _mask(signed(a) < signed(b)),
    "ile": lambda a, b: _mask(signed(a) <= signed(b)),
    "igt": lambda a, b: _mask(signed(a) > signed(b)),
    "ige": lambda a, b: _mask(signed(a) >= signed(b)),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "andn": lambda a, b: ~a & b & MASK,
    "shl": lambda a, b: (a << (b & 31)) & MASK,
    "shr": lambda a, b: (signed(a) >> (b & 31)) & MASK,
    "ushr": lambda a, b: a >> (b & 31),
}


def _interpolate(name: str, index: int, delta: int) -> int:
    c0, c1, c2 = coefficients(name)[index]
    return c0 + (((c1 + ((c2 * delta) >> 18)) * delta) >> 18)


def exp2(t: int) -> int:
    if is_nan(t):
        return NAN
    if is_inf(t) or abs(value(t)) >= 256:
        return 0 if t & SIGN else INF
    x = int(value(t) * 2**25)  # int() truncates toward zero
    f = x & (1 << 25) - 1
    return round_word(_interpolate("exp2", f >> 18, f & (1 << 18) - 1) * Fraction(2) ** ((x >> 25) - 28))


def reciprocal(t: int) -> int:
    if is_nan(t):
        return NAN
    if is_zero(t) or is_inf(t):
        return (t & SIGN) | (INF if is_zero(t) else 0)
    y = _interpolate("reciprocal", t >> 16 & 0x7F, (t & 0xFFFF) << 2)
    result = y * Fraction(2) ** (127 - 28 - (t >> 23 & 0xFF))
    return round_word(-result if t & SIGN else result)


def log2(t: int) -> int:
    if is_nan(t):
        return NAN
    if is_zero(t):
        return SIGN | INF
    if t & SIGN:
        return NAN
    if is_inf(t):
        return INF
    y = _interpolate("log2", t >> 16 & 0x7F, (t & 0xFFFF) << 2)
    k = (t >> 23) - 127
    excess = Fraction(t & 0x7FFFFF, 1 << 23)
    if excess >= Fraction(1, 2):
        k, excess = k + 1, (1 + excess) / 2 - 1
    return round_word(k + excess * y / 2**28)


def f2i(t: int) -> int:
    if is_nan(t):
        return 0
    if is_inf(t):
        return 0x80000000 if t & SIGN else 0x7FFFFFFF
    return max(-(2**31), min(2**31 - 1, int(value(t)))) & MASK


UNARY: dict[str, Callable[[int], int]] = {
    "identity": lambda t: t,
    "relu": lambda t: fmax(t, 0),
    "fabs": lambda t: NAN if is_nan(t) else flush(t) & ~SIGN,
    "fneg": lambda t: NAN if is_nan(t) else flush(t) ^ SIGN,
    "exp2": exp2,
    "log2": log2,
    "reciprocal": reciprocal,
    "i2f": lambda t: round_word(Fraction(signed(t))),
    "f2i": f2i,
}


def bf2f(half: int) -> int:
    """A bf16 word as an fp32 word."""
    return NAN if is_nan(half << 16) else flush(half << 16)


def f2bf(word: int) -> int:
    """An fp32 word as a bf16 word."""
    if is_nan(word):
        return 0x7FC0
    if is_inf(word) or is_zero(word):
        return flush(word) >> 16
    unit = Fraction(2) ** ((word >> 23 & 0xFF) - 134)
    # Nearest multiple of bf16's spacing; beyond its largest number that is infinity's pattern as an fp32 sum.
    return round_word(round(value(word) / unit) * unit) >> 16


def i8_to_i32(byte: int) -> int:
    return signed(byte, 8) & MASK


def i32_to_i8(word: int) -> int:
    return max(-128, min(127, signed(word))) & 0xFF


def random_words(rng: random.Random, count: int) -> list[int]:
    """Words that meet edges often: uniform, exponents close together, few bits, small integers, specials."""
    kinds: tuple[Callable[[], int], ...] = (
        lambda: rng.getrandbits(32),
        lambda: rng.getrandbits(1) << 31 | rng.randint(120, 134) << 23 | rng.getrandbits(23),
        lambda: rng.getrandbits(1) << 31 | rng.randint(60, 68) << 23 | rng.getrandbits(23),
        lambda: rng.getrandbits(1) << 31 | rng.randint(1, 26) << 23 | rng.getrandbits(23),
        lambda: rng.getrandbits(1) << 31 | rng.randint(1, 130) << 23 | 3 << rng.randint(0, 21),
        lambda: rng.randint(-300, 300) & MASK,
        lambda: rng.choice(SPECIAL),
    )
    return [rng.choice(kinds)() for _ in range(count)]
