"""The coefficient tables of exp2, log2 and reciprocal, made by exact integer arithmetic.

How they are used, to the bit, is in ``docs/arithmetic.md``. Each function is cut into 128 segments, and in
each a quadratic passes through the function at the segment's three Chebyshev nodes, which is within a few
percent of the best possible quadratic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

FUNCTIONS = ("exp2", "log2", "reciprocal")
"""Functions that have a table, in the order of the hardware's table memory."""

MAX_ULP = {"exp2": 0.86, "log2": 0.67, "reciprocal": 0.87}
"""Largest error of a result that is a normal number, in units of its last place (2**-23 of its power of two)."""

INDEX_BITS = 7
"""Bits of the segment index."""
DELTA_BITS = 18
"""Bits of the place within a segment."""
FRACTION_BITS = 28
"""Fraction bits of the coefficients and of the function value."""
EXP2_BITS = INDEX_BITS + DELTA_BITS
"""Fraction bits of exp2's fixed-point argument."""
LOG2_BITS = FRACTION_BITS + 24
"""Fraction bits of log2's fixed-point result."""

C0_BITS, C1_BITS, C2_BITS = 29, 23, 14
"""Widths of the coefficients; c0 and c2 are unsigned, c1 is two's complement."""

_WORK = 120  # fraction bits of the arithmetic below: far more than the tables keep
_ONE = 1 << _WORK
_SEGMENTS = 1 << INDEX_BITS
_MIDDLE = 1 << (DELTA_BITS - 1)
_NODE = 113511  # distance of the outer nodes from the middle, round(2**17 * cos(pi / 6))


def _log_of_1_plus(t: int) -> int:
    """Natural logarithm of 1 + t: ``2 atanh(t / (2 + t))`` as a series. Fixed point, for |t| below 1."""
    ratio = (t << _WORK) // (2 * _ONE + t)
    square = ratio * ratio >> _WORK
    total, power, divisor = 0, ratio, 1
    while abs(power) > 1:
        total += power // divisor
        power = power * square >> _WORK
        divisor += 2
    return 2 * total


@cache
def _ln2() -> int:
    return -_log_of_1_plus(-_ONE // 2)


def _exp2(segment: int, delta: int) -> int:
    u = ((segment << DELTA_BITS) + delta) << (_WORK - EXP2_BITS)
    x = u * _ln2() >> _WORK
    total, term, n = 0, _ONE, 1
    while term:
        total += term
        term = (term * x >> _WORK) // n
        n += 1
    return total


def _reciprocal(segment: int, delta: int) -> int:
    m = _ONE + (((segment << DELTA_BITS) + delta) << (_WORK - EXP2_BITS))
    return (_ONE << _WORK) // m


def _log2_over_t(segment: int, delta: int) -> int:
    t = ((segment << DELTA_BITS) + delta) << (_WORK - EXP2_BITS)
    if segment >= _SEGMENTS // 2:
        t = (t - _ONE) // 2
    return (((_log_of_1_plus(t) << _WORK) // _ln2()) << _WORK) // t


_FORMULAS: dict[str, Callable[[int, int], int]] = {
    "exp2": _exp2,
    "log2": _log2_over_t,
    "reciprocal": _reciprocal,
}


def _segment_coefficients(formula: Callable[[int, int], int], segment: int) -> tuple[int, int, int]:
    low, middle, high = (formula(segment, _MIDDLE + offset) for offset in (-_NODE, 0, _NODE))
    # The quadratic in (delta - middle), its slopes scaled from one unit of delta to a whole segment ...
    slope = ((high - low) << DELTA_BITS) // (2 * _NODE)
    curve = ((high - 2 * middle + low) << (2 * DELTA_BITS)) // (2 * _NODE**2)
    # ... and moved to delta = 0, half a segment to the left.
    exact = (middle - slope // 2 + curve // 4, slope - curve, curve)
    half = 1 << (_WORK - FRACTION_BITS - 1)
    c0, c1, c2 = ((value + half) >> (_WORK - FRACTION_BITS) for value in exact)
    return c0, c1, c2


@cache
def coefficients(name: str) -> tuple[tuple[int, int, int], ...]:
    """The 128 ``(c0, c1, c2)`` of function ``name``, in units of 2**-28; ValueError if it has no table."""
    if name not in _FORMULAS:
        raise ValueError(f"no coefficient table for {name!r}; there is one for {', '.join(FUNCTIONS)}")
    return tuple(_segment_coefficients(_FORMULAS[name], segment) for segment in range(_SEGMENTS))


def interpolate(name: str, index: int, delta: int) -> int:
    """Function ``name`` at place ``delta`` (18 bits) of segment ``index`` (7 bits), in units of 2**-28."""
    c0, c1, c2 = coefficients(name)[index]
    return c0 + ((c1 + (c2 * delta >> DELTA_BITS)) * delta >> DELTA_BITS)
