"""The whole range of a float type, and how far results lie from the truth, in units in the last place."""

from __future__ import annotations

import numpy as np

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import as_dtype
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

EDGES = (0, 1, 2, 0x3FFFFF, 0x400000, 0x400001, 0x3504F2, 0x3504F3, 0x3504F4, 0x7FFFFE, 0x7FFFFF)
"""Fractions where polynomials are joined, and the ends."""
JOINS = (0.35, 0.41421356, 0.5, 0.625, 1.0, 4.0, 9.01, 16.0, 17.33, 43.67, 87.336544, 88.722839, 103.97, 8.507059e37)
"""Where polynomials meet, and where results overflow, underflow or stop changing."""
SPECIAL = (0x7F800000, 0xFF800000, 0x7FC00000)
TINY = 2.0**-126
LARGEST = float(np.finfo(np.float32).max)
SPACING = {"float32": 23, "bfloat16": 7}
"""Fraction bits of a normal number."""


def every_exponent(step: int = 1) -> Array:
    """float32 numbers of both signs with every exponent, subnormals included, around every join, infinities and NaN.

    step: the larger, the fewer fractions for each exponent; the edges always.
    """
    rng = np.random.default_rng(0)
    fractions = np.concatenate([np.array(EDGES), rng.integers(0, 1 << 23, 63 // step)]).astype(np.uint32)
    positive = ((np.arange(255, dtype=np.uint32) << 23)[:, None] | fractions).ravel()
    joins = np.array(JOINS, np.float32).view(np.uint32)[:, None] + np.arange(-32, 32).astype(np.uint32)
    positive = np.concatenate([positive, joins.ravel()])
    words = np.concatenate([positive, positive | np.uint32(1 << 31), np.array(SPECIAL, np.uint32)])
    return np.resize(words, (-(-words.size // 64), 64)).view(np.float32)


def every_bfloat16(step: int = 1) -> Array:
    """All 65,536 of them, or every ``step``-th; whole rows of 64."""
    words = np.arange(0, 1 << 16, step, dtype=np.uint16)
    return np.resize(words, (-(-words.size // 64), 64)).view(as_dtype("bfloat16").numpy)


def pairs(count: int, seed: int = 0) -> tuple[Array, Array]:
    """float32 operands: every special number with every other, then random bits with every exponent."""
    rng = np.random.default_rng(seed)
    ends = np.array([0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x3F800001, 0x7E800000, 0x7F7FFFFF, *SPECIAL], np.uint32)
    values = np.array([3e38, 1e38, 1e-38, 2e-38, 0.1, 3.0], np.float32).view(np.uint32)
    few = np.concatenate([ends, values])
    few = np.concatenate([few, few ^ np.uint32(1 << 31)])
    a, b = (g.ravel() for g in np.meshgrid(few, few))
    more = rng.integers(0, 1 << 32, (2, count), dtype=np.uint64).astype(np.uint32)
    more[1, : count // 2] = (more[0, : count // 2] & 0xFF800000) ^ (more[1, : count // 2] & 0x81FFFFFF)
    a, b = np.concatenate([a, more[0]]), np.concatenate([b, more[1]])
    shape = (-(-a.size // 64), 64)
    return np.resize(a, shape).view(np.float32), np.resize(b, shape).view(np.float32)


def graph_of(op: str, dtype: str, shape: tuple[int, int], arity: int) -> Graph:
    """``y`` = op(x0, x1), and the gradient of its sum by each operand that has one."""
    b = GraphBuilder()
    operands = [b.input(f"x{n}", shape, dtype) for n in range(arity)]
    y = b.apply(op, *operands)
    found = gradients(b, y, operands, seed=b.full(1, like=y))
    return b.build({"y": y, **{f"d{n}": i for n, i in enumerate(found)}})


def _unit(value: Array, dtype: str) -> Array:
    """One unit in the last place of float64 numbers as a ``dtype``."""
    exponent = np.frexp(np.clip(np.abs(value), TINY, LARGEST))[1] - 1
    return np.asarray(np.ldexp(1.0, exponent - SPACING[dtype]))


def significand(value: Array, dtype: str) -> Array:
    """How many units in the last place a float64 number is."""
    return np.asarray(np.abs(value) / _unit(value, dtype))


def errors(got: Array, wanted: Array, dtype: str, below: float = 0.0) -> Array:
    """|got - wanted| in units in the last place of ``wanted`` as a ``dtype``, subnormal ones included.

    Infinity is right for what rounds to it, NaN only where NaN is wanted (infinite error else). below: where both a
    zero and the number itself are right.
    """
    got = got.astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.abs(got - wanted) / _unit(wanted, dtype)
        half = 2.0 ** (127 - SPACING[dtype] - 1)
        right = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        largest = 2.0**128 - 2 * half
        right |= np.isinf(got) & (np.abs(wanted) >= largest) & (np.sign(got) == np.sign(wanted))
        right |= np.isinf(wanted) & (np.abs(got) >= largest) & (np.sign(got) == np.sign(wanted))
        right |= np.maximum(np.abs(got), np.abs(wanted)) < below * 1.0001
    return np.where(right, 0.0, np.where(np.isnan(off), np.inf, off))


def flushed(x: Array) -> Array:
    """``x`` as the accelerator reads it: below 2**-126 zero, with its sign."""
    return np.where(np.abs(x.astype(np.float64)) < TINY, np.copysign(0.0, x.astype(np.float64)), x.astype(np.float64))
