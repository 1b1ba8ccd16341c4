"""exp2, log2 and reciprocal on words: the integer interpolation of ``docs/arithmetic.md``, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.functions import DELTA_BITS, EXP2_BITS, FRACTION_BITS, LOG2_BITS, coefficients
from weft.sim.fast.jit import inline
from weft.sim.fast.words import INF, NAN, SIGN, ZERO, Word, as_word, flush, is_nan

_DELTA_MASK = (1 << DELTA_BITS) - 1
_ARGUMENT_MASK = (1 << EXP2_BITS) - 1

_EXP2 = np.array(coefficients("exp2"), dtype=np.int64)
_LOG2 = np.array(coefficients("log2"), dtype=np.int64)
_RECIPROCAL = np.array(coefficients("reciprocal"), dtype=np.int64)


@inline
def _interpolate(table: npt.NDArray[np.int64], index: int, delta: int) -> int:
    inner: int = table[index, 1] + ((table[index, 2] * delta) >> DELTA_BITS)
    value: int = table[index, 0] + ((inner * delta) >> DELTA_BITS)
    return value


@inline
def _round(sign: Word, magnitude: int, exponent: int) -> Word:
    """The word of ``magnitude * 2**exponent`` with ``sign`` (0 or the sign bit); int64 magnitude above 0."""
    word: Any = np.int64(as_word(np.float32(magnitude)))
    field = (word >> 23) + exponent
    inside = (field << 23) | (word & 0x7FFFFF)
    return Word(sign | Word(0 if field <= 0 else (0x7F800000 if field >= 255 else inside)))


@inline
def exp2(t: Word) -> Word:
    w: Any = np.int64(flush(t))
    field = (w >> 23) & 0xFF
    significand = ((w & 0x7FFFFF) | 0x800000) if field else 0
    shift = field - (150 - EXP2_BITS)
    shift = 9 if shift > 9 else (-63 if shift < -63 else shift)
    magnitude = significand << shift if shift >= 0 else significand >> -shift
    x = -magnitude if w >> 31 else magnitude
    index = (x & _ARGUMENT_MASK) >> DELTA_BITS
    result = _round(ZERO, _interpolate(_EXP2, index, x & _DELTA_MASK), (x >> EXP2_BITS) - FRACTION_BITS)
    extreme = ZERO if w >> 31 else INF
    return Word(NAN if is_nan(t) else (extreme if field >= 135 else result))


@inline
def log2(t: Word) -> Word:
    w: Any = np.int64(flush(t))
    fraction = w & 0x7FFFFF
    upper = fraction >> 22
    y = _interpolate(_LOG2, fraction >> 16, (fraction & 0xFFFF) << 2)
    exponent = ((w >> 23) & 0xFF) - 127 + upper
    offset = fraction - 0x800000 if upper else 2 * fraction
    total = (exponent << LOG2_BITS) + offset * y
    result = _round(SIGN if total < 0 else ZERO, abs(total), -LOG2_BITS) if total else ZERO
    if w & 0x7FFFFFFF == 0:
        return Word(SIGN | INF)
    return Word(NAN if is_nan(t) or w >> 31 else (INF if w == 0x7F800000 else result))


@inline
def reciprocal(t: Word) -> Word:
    w: Any = np.int64(flush(t))
    sign = Word(t & SIGN)
    field = (w >> 23) & 0xFF
    y = _interpolate(_RECIPROCAL, (w >> 16) & 0x7F, (w & 0xFFFF) << 2)
    result = _round(sign, y, 127 - FRACTION_BITS - field)
    extreme = NAN if is_nan(t) else sign
    return Word(sign | INF if field == 0 else (extreme if field == 255 else result))
