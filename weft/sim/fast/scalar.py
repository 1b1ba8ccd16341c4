"""The arithmetic of ``docs/arithmetic.md`` as compiled scalar functions on 32-bit words.

Every function takes and returns ``uint32`` bit patterns (bf16 as ``uint16``, int8 as ``int8``), has no branch that
survives compilation where it can be helped, and is inlined into the loop that calls it, so that a loop over arrays
of words vectorises. ``BINARY`` and ``UNARY`` give them by the names of ``isa/vector_ops.py``.

The processor's own IEEE arithmetic does the rounding. Gradual underflow is turned into flushing afterwards: a
result below 2^-126 is flushed, one above stands. Exactly 2^-126 is the only doubtful one: it may come from the
sliver just below 2^-126 that rounds up on the subnormal grid but not with unbounded exponent. A sum of two fp32
numbers has no sliver (it is a multiple of 2^-149); a product is looked at in double precision, where it is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weft.sim.fast.functions import exp2, log2, reciprocal
from weft.sim.fast.jit import inline
from weft.sim.fast.words import (
    MAGNITUDE,
    NAN,
    ONES,
    SIGN,
    SMALLEST,
    ZERO,
    Word,
    as_float,
    as_word,
    finish,
    flush,
    fused,
    is_nan,
)

_SLIVER = 2.0**-126 - 2.0**-151
"""The smallest magnitude that rounds up to 2^-126 with unbounded exponent."""


@inline
def fma_words(a: Word, b: Word, c: Word) -> Word:
    """``a * b + c`` with one rounding, of fp32 words of which ``a`` and ``b`` hold bf16 numbers."""
    x, y, z = as_float(flush(a)), as_float(flush(b)), as_float(flush(c))
    result = finish(fused(x, y, z))
    if result & MAGNITUDE == SMALLEST:
        product, addend = np.float64(x) * np.float64(y), np.float64(z)
        total = product + addend
        part = total - product
        error = (product - (total - part)) + (addend - part)
        if abs(total) < _SLIVER or (abs(total) == _SLIVER and error * total < 0.0):
            return Word(result & SIGN)
    return result


@inline
def fma_bf16(a: np.uint16, b: np.uint16, c: Word) -> Word:
    """The matrix element: bf16 ``a``, ``b`` (uint16) and fp32 word ``c``."""
    return fma_words(Word(a) << Word(16), Word(b) << Word(16), c)


@inline
def fadd(a: Word, b: Word) -> Word:
    return finish(as_float(flush(a)) + as_float(flush(b)))


@inline
def fsub(a: Word, b: Word) -> Word:
    return finish(as_float(flush(a)) - as_float(flush(b)))


@inline
def frsub(a: Word, b: Word) -> Word:
    return fsub(b, a)


@inline
def fmul(a: Word, b: Word) -> Word:
    product = np.float64(as_float(flush(a))) * np.float64(as_float(flush(b)))
    word = finish(np.float32(product))
    return Word(word & SIGN if abs(product) < _SLIVER else word)


@inline
def _order(word: Word) -> np.int32:
    """An int32 that orders like the flushed number, -0 below +0."""
    w = np.int32(flush(word))
    return np.int32(w ^ ((w >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@inline
def fmin(a: Word, b: Word) -> Word:
    chosen = flush(a if _order(a) < _order(b) else b)
    return Word(NAN if is_nan(a) or is_nan(b) else chosen)


@inline
def fmax(a: Word, b: Word) -> Word:
    chosen = flush(a if _order(a) > _order(b) else b)
    return Word(NAN if is_nan(a) or is_nan(b) else chosen)


@inline
def feq(a: Word, b: Word) -> Word:
    return Word(ONES if as_float(flush(a)) == as_float(flush(b)) else ZERO)


@inline
def fne(a: Word, b: Word) -> Word:
    return Word(ZERO if as_float(flush(a)) == as_float(flush(b)) else ONES)


@inline
def flt(a: Word, b: Word) -> Word:
    return Word(ONES if as_float(flush(a)) < as_float(flush(b)) else ZERO)


@inline
def fle(a: Word, b: Word) -> Word:
    return Word(ONES if as_float(flush(a)) <= as_float(flush(b)) else ZERO)


@inline
def fgt(a: Word, b: Word) -> Word:
    return flt(b, a)


@inline
def fge(a: Word, b: Word) -> Word:
    return fle(b, a)


@inline
def first(a: Word, b: Word) -> Word:
    return Word(a)


@inline
def second(a: Word, b: Word) -> Word:
    return Word(b)


@inline
def iadd(a: Word, b: Word) -> Word:
    return Word(a + b)


@inline
def isub(a: Word, b: Word) -> Word:
    return Word(a - b)


@inline
def imul(a: Word, b: Word) -> Word:
    return Word(a * b)


@inline
def imin(a: Word, b: Word) -> Word:
    return Word(a if np.int32(a) < np.int32(b) else b)


@inline
def imax(a: Word, b: Word) -> Word:
    return Word(a if np.int32(a) > np.int32(b) else b)


@inline
def ieq(a: Word, b: Word) -> Word:
    return Word(ONES if a == b else ZERO)


@inline
def ine(a: Word, b: Word) -> Word:
    return Word(ONES if a != b else ZERO)


@inline
def ilt(a: Word, b: Word) -> Word:
    return Word(ONES if np.int32(a) < np.int32(b) else ZERO)


@inline
def ile(a: Word, b: Word) -> Word:
    return Word(ONES if np.int32(a) <= np.int32(b) else ZERO)


@inline
def bit_and(a: Word, b: Word) -> Word:
    return Word(a & b)


@inline
def bit_or(a: Word, b: Word) -> Word:
    return Word(a | b)


@inline
def bit_xor(a: Word, b: Word) -> Word:
    return Word(a ^ b)


@inline
def bit_andn(a: Word, b: Word) -> Word:
    return Word((a ^ ONES) & b)


@inline
def shl(a: Word, b: Word) -> Word:
    return Word(a << (b & Word(31)))


@inline
def shr(a: Word, b: Word) -> Word:
    return Word(np.int32(a) >> np.int32(b & Word(31)))


@inline
def ushr(a: Word, b: Word) -> Word:
    return Word(a >> (b & Word(31)))


@inline
def identity(t: Word) -> Word:
    return Word(t)


@inline
def relu(t: Word) -> Word:
    return fmax(t, ZERO)


@inline
def fabs(t: Word) -> Word:
    return Word(NAN if is_nan(t) else flush(t) & MAGNITUDE)


@inline
def fneg(t: Word) -> Word:
    return Word(NAN if is_nan(t) else flush(t) ^ SIGN)


@inline
def i2f(t: Word) -> Word:
    return Word(as_word(np.float32(np.int32(t))))


@inline
def f2i(t: Word) -> Word:
    x = np.float64(as_float(Word(t)))
    low, high = -2147483648.0, 2147483647.0
    clamped = low if x < low else (high if x > high else (x if x == x else 0.0))
    return Word(np.int32(clamped))


@inline
def bf2f(half: np.uint16) -> Word:
    """The fp32 word of a bf16 (uint16)."""
    w = Word(half) << Word(16)
    return Word(NAN if is_nan(w) else flush(Word(w)))


@inline
def f2bf(t: Word) -> np.uint16:
    """The bf16 (uint16) nearest to an fp32 word."""
    w = flush(t)
    rounded = (w + Word(0x7FFF) + ((w >> Word(16)) & Word(1))) >> Word(16)
    return np.uint16(0x7FC0 if is_nan(t) else rounded)


@inline
def i8_to_i32(byte: np.int8) -> Word:
    """The sign-extended word of an int8."""
    return Word(np.int32(np.int8(byte)))


@inline
def i32_to_i8(t: Word) -> np.int8:
    """The int8 nearest to an int32 word."""
    v = np.int32(t)
    return np.int8(-128 if v < -128 else (127 if v > 127 else v))


_FLOAT_BINARY = (fadd, fsub, frsub, fmul, fmin, fmax, feq, fne, flt, fle, fgt, fge)
_INTEGER_BINARY = (first, second, iadd, isub, imul, imin, imax, ieq, ine, ilt, ile, shl, shr, ushr)
_BITS = {"and": bit_and, "or": bit_or, "xor": bit_xor, "andn": bit_andn}

BINARY: dict[str, Callable[..., Any]] = {f.__name__: f for f in _FLOAT_BINARY + _INTEGER_BINARY} | _BITS
"""Operations of two words, by name."""
UNARY: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (identity, relu, fabs, fneg, exp2, log2, reciprocal, i2f, f2i)
}
"""Operations of one word, by name."""
