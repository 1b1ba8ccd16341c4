"""One tile of a matrix product, at the speed of the host's vector unit and exact to the bit.

The order of a sum is fixed (``docs/arithmetic.md``), so the vectors lie across columns and rows: a block of 4 rows
and 8 columns keeps its 32 sums in registers while it walks ``k``. Flushing at every step would cost more than the
product. Instead the block notes the smallest non-zero magnitude that any sum took: above 2^-126 nothing was ever
to be flushed and the plain IEEE result stands; else the block is done again, step by exact step.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic

from weft.sim.fast.jit import inline, standalone
from weft.sim.fast.raw import load, put
from weft.sim.fast.scalar import fma_words
from weft.sim.fast.words import NAN, SMALLEST, Word

cgutils: Any = untyped_cgutils

ROWS, COLUMNS = 4, 8
"""Rows and columns of a register block. Operands of a tile are padded to whole blocks."""


def _block(element: ir.Type) -> Any:
    """An intrinsic ``(a, a_row, w, w_row, k, d, d_row) -> lowest``: addresses, and row pitches in elements.

    4 rows of 8 at ``d`` become the product of 4 rows at ``a`` and 8 columns at ``w``, NaN canonical. ``lowest`` is the
    smallest of ``(bits & 0x7fffffff) - 1`` over every partial sum, as uint32: zero wraps to the largest number.
    """
    i32, i64 = ir.IntType(32), ir.IntType(64)
    vector, bits = ir.VectorType(element, COLUMNS), ir.VectorType(i32, COLUMNS)
    is_float = isinstance(element, ir.FloatType)

    def type_of(typing_context: Any, a: Any, a_row: Any, w: Any, w_row: Any, k: Any, d: Any, d_row: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, a_row, w, w_row, k, d, d_row = arguments
            a, w, d = (builder.inttoptr(p, element.as_pointer()) for p in (a, w, d))
            sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(ROWS)]
            magnitude_mask, one = (ir.Constant(bits, [c] * COLUMNS) for c in (0x7FFFFFFF, 1))
            lowest = cgutils.alloca_once_value(builder, ir.Constant(bits, [-1] * COLUMNS))
            fma_type = ir.FunctionType(vector, [vector] * 3)
            fma = cgutils.get_or_insert_function(builder.module, fma_type, f"llvm.fma.v{COLUMNS}f32")
            with cgutils.for_range(builder, k, intp=i64) as loop:
                column = builder.gep(w, [builder.mul(loop.index, w_row)])
                weights = builder.load(builder.bitcast(column, vector.as_pointer()), align=4)
                for row in range(ROWS):
                    place = builder.add(builder.mul(a_row, i64(row)), loop.index)
                    factor = builder.load(builder.gep(a, [place]))
                    lone = builder.insert_element(ir.Constant(vector, ir.Undefined), factor, i32(0))
                    splat = builder.shuffle_vector(lone, lone, ir.Constant(bits, [0] * COLUMNS))
                    if not is_float:
                        total = builder.add(builder.load(sums[row]), builder.mul(splat, weights))
                        builder.store(total, sums[row])
                        continue
                    total = builder.call(fma, [splat, weights, builder.load(sums[row])])
                    builder.store(total, sums[row])
                    magnitude = builder.and_(builder.bitcast(total, bits), magnitude_mask)
                    candidate = builder.sub(magnitude, one)
                    least = builder.load(lowest)
                    smaller = builder.icmp_unsigned("<", candidate, least)
                    builder.store(builder.select(smaller, candidate, least), lowest)
            for row in range(ROWS):
                total = builder.load(sums[row])
                if is_float:
                    unordered = builder.fcmp_unordered("uno", total, total)
                    nan = builder.bitcast(ir.Constant(bits, [int(NAN)] * COLUMNS), vector)
                    total = builder.select(unordered, nan, total)
                place = builder.gep(d, [builder.mul(d_row, i64(row))])
                builder.store(total, builder.bitcast(place, vector.as_pointer()), align=4)
            final = builder.load(lowest)
            result = builder.extract_element(final, i32(0))
            for lane in range(1, COLUMNS):
                value = builder.extract_element(final, i32(lane))
                result = builder.select(builder.icmp_unsigned("<", value, result), value, result)
            return result

        return types.uint32(*[types.int64] * 7), generate

    return intrinsic(type_of)


_float_block: Any = _block(ir.FloatType())
_int_block: Any = _block(ir.IntType(32))


@inline
def _again(a: int, w: int, sums: int, pitch: int, rows: int, columns: int, k: int) -> None:
    """A block of at most ROWS x COLUMNS sums, step by exact step."""
    for i in range(rows):
        for j in range(columns):
            total = Word(0)
            for step in range(k):
                total = fma_words(load(a + i * pitch + 4 * step), load(w + step * pitch + 4 * j), total)
            put(sums + i * pitch + 4 * j, total)


def _tile_bf16(a: int, w: int, sums: int, pitch: int, m: int, n: int, k: int) -> None:
    for top in range(0, m, ROWS):
        for left in range(0, n, COLUMNS):
            x, y, z = a + top * pitch, w + 4 * left, sums + top * pitch + 4 * left
            if _float_block(x, pitch // 4, y, pitch // 4, k, z, pitch // 4) < SMALLEST:
                _again(x, y, z, pitch, min(ROWS, m - top), min(COLUMNS, n - left), k)


def _tile_int8(a: int, w: int, sums: int, pitch: int, m: int, n: int, k: int) -> None:
    for top in range(0, m, ROWS):
        for left in range(0, n, COLUMNS):
            _int_block(
                a + top * pitch, pitch // 4, w + 4 * left, pitch // 4, k, sums + top * pitch + 4 * left, pitch // 4
            )


_TILES = {"bf16": _tile_bf16, "int8": _tile_int8}


@cache
def tile(kind: str) -> Any:
    """The compiled tile of a type in ``isa.instructions.MATMUL_TYPES``: ``address``, and ``ctypes`` to call it by.

    Its arguments, all int64: ``(a, w, sums, pitch, m, n, k)``. At ``sums``, m × n words become, for each row and
    column, the sum over ``k`` ascending of ``a[i, k] * w[k, j]``. ``a`` (m × k) and ``w`` (k × n) hold words: fp32
    with bf16 numbers, subnormals flushed; or int32 with int8 numbers, summed modulo 2^32. Rows are ``pitch`` bytes
    apart. All must have room for whole blocks; outside m × n, operands may hold anything and ``sums`` receives
    anything.
    """
    return standalone(_TILES[kind], types.void(*[types.int64] * 7), f"tile_{kind}")
