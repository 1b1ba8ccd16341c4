"""The operations of a vector pass, as tables: operand sources, two-operand operations, functions, reductions.

A pass computes, for every row and lane, ``reduce(f(x PRE y) THEN z)``. The bit-exact arithmetic of every
name is in ``docs/arithmetic.md``. A table's order is its encoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SOURCES = ("imm", "lane", "row", "scalar")
"""Where an operand comes from: ``imm`` the instruction's 32-bit immediate on every lane; ``lane`` the int32
``i1 * DIM + lane``; ``row`` DIM elements at the operand's address; ``scalar`` the one element at the operand's
address, on every lane."""

IN_MEMORY = ("row", "scalar")
"""The sources that read memory."""


@dataclass(frozen=True)
class VectorOp:
    """One operation: ``name``, ``kind`` of its operands ("f32", "i32" or "bits"), one line of meaning.

    In the PRE place the operands are ``a = x``, ``b = y``; in the THEN place ``a = f(...)``, ``b = z``. ``uses`` are
    those that the result depends on. ``built`` operations exist in every engine.
    """

    name: str
    kind: str
    doc: str
    built: bool = True
    uses: str = "ab"


@dataclass(frozen=True)
class Reduction(VectorOp):
    """One reduction: ``over`` "lanes", "rows" or nothing, joining two values by the operation ``join``."""

    over: str = ""
    join: str = ""


BINARY = (
    VectorOp("first", "bits", "a", uses="a"),
    VectorOp("second", "bits", "b", uses="b"),
    VectorOp("fadd", "f32", "a + b"),
    VectorOp("fsub", "f32", "a - b"),
    VectorOp("frsub", "f32", "b - a"),
    VectorOp("fmul", "f32", "a * b"),
    VectorOp("fmin", "f32", "smaller; NaN if either is NaN; -0 < +0"),
    VectorOp("fmax", "f32", "larger; NaN if either is NaN; -0 < +0"),
    VectorOp("feq", "f32", "all ones if a == b, else 0"),
    VectorOp("fne", "f32", "all ones if a != b or unordered, else 0"),
    VectorOp("flt", "f32", "all ones if a < b, else 0"),
    VectorOp("fle", "f32", "all ones if a <= b, else 0"),
    VectorOp("iadd", "i32", "a + b, wrapping"),
    VectorOp("isub", "i32", "a - b, wrapping"),
    VectorOp("imul", "i32", "low 32 bits of a * b"),
    VectorOp("imin", "i32", "smaller, signed"),
    VectorOp("imax", "i32", "larger, signed"),
    VectorOp("ieq", "i32", "all ones if a == b, else 0"),
    VectorOp("ine", "i32", "all ones if a != b, else 0"),
    VectorOp("ilt", "i32", "all ones if a < b signed, else 0"),
    VectorOp("ile", "i32", "all ones if a <= b signed, else 0"),
    VectorOp("and", "bits", "bitwise and"),
    VectorOp("or", "bits", "bitwise or"),
    VectorOp("xor", "bits", "bitwise exclusive or"),
    VectorOp("andn", "bits", "bitwise (not a) and b"),
    VectorOp("shl", "i32", "a shifted left by b mod 32"),
    VectorOp("shr", "i32", "a shifted right by b mod 32, sign filled"),
    VectorOp("ushr", "i32", "a shifted right by b mod 32, zero filled"),
)
"""Operations for the PRE and THEN places (fields ``pre`` and ``then``)."""

UNARY = (
    VectorOp("identity", "bits", "t"),
    VectorOp("relu", "f32", "fmax(t, +0)"),
    VectorOp("fabs", "f32", "sign bit cleared (canonical NaN for NaN)"),
    VectorOp("fneg", "f32", "sign bit flipped (canonical NaN for NaN)"),
    VectorOp("exp2", "f32", "2 to the t"),
    VectorOp("log2", "f32", "logarithm to base 2"),
    VectorOp("reciprocal", "f32", "1 / t"),
    VectorOp("i2f", "i32", "int32 to fp32"),
    VectorOp("f2i", "f32", "fp32 to int32, toward zero, saturating"),
    VectorOp("sqrt", "f32", "square root", built=False),
    VectorOp("rsqrt", "f32", "reciprocal square root", built=False),
)
"""Functions between the PRE and the THEN place."""

REDUCTIONS = (
    Reduction("none", "bits", "every lane of every row is written"),
    Reduction("lane_fsum", "f32", "fadd over the active lanes of a row", over="lanes", join="fadd"),
    Reduction("lane_fmax", "f32", "fmax over the active lanes of a row", over="lanes", join="fmax"),
    Reduction("row_fsum", "f32", "fadd over the count0 rows of a block, lane by lane", over="rows", join="fadd"),
    Reduction("row_fmax", "f32", "fmax over the count0 rows of a block, lane by lane", over="rows", join="fmax"),
    Reduction("lane_isum", "i32", "iadd over lanes", built=False, over="lanes", join="iadd"),
    Reduction("row_isum", "i32", "iadd over rows", built=False, over="rows", join="iadd"),
    Reduction("lane_argmax", "f32", "lane of the first maximum", built=False, over="lanes"),
)
"""Reductions. Over lanes: a binary tree over DIM lanes, ``v[i] = v[2i] op v[2i+1]`` level by level, where an
inactive lane is absent (the other operand passes unchanged); the result is one element per row. Over rows: row
``i0`` joins partial ``i0 mod 8`` in order (the first one to arrive is the partial's start value); partials are
then combined by the same kind of tree over 8, absent partials passing the other operand; the result is one row
per block ``i1``."""

ROW_PARTIALS = 8

PLACES: Mapping[str, Sequence[VectorOp]] = {"pre": BINARY, "f": UNARY, "then": BINARY, "reduce": REDUCTIONS}
"""The operations that each field of a pass chooses from."""


def index_of(table: Sequence[VectorOp], name: str) -> int:
    """The encoding of operation ``name`` in ``table``; KeyError if there is none."""
    for position, op in enumerate(table):
        if op.name == name:
            return position
    raise KeyError(name)
