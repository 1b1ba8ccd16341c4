"""One tile of a matrix product, at the speed of the host's vector unit and exact to the bit.

The order of a sum is fixed (``docs/arithmetic.md``), so the vectors lie across columns and rows: a block of 4 rows
and 8 columns keeps its 32 sums in registers while it walks ``k``. Flushing at every step would cost more than the
product. Instead the block notes the smallest non-zero magnitude that any sum took: above 2^-126 nothing was ever
to be flushed and the plain IEEE result stands; else the block is done again, step by exact step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic

from sim.fast.jit import inline, kernel
from sim.fast.scalar import bf2f, fma_words
from sim.fast.words import NAN, SMALLEST, Word, as_float, as_word

cgutils: Any = untyped_cgutils

ROWS, COLUMNS = 4, 8
"""Rows and columns of a register block. Operands of a tile are padded to whole blocks."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


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
def padded(count: int, block: int) -> int:
    """``count`` rounded up to whole blocks."""
    return (count + block - 1) // block * block


@kernel
def widen_bf16(source: npt.NDArray[np.uint16], target: Floats) -> None:
    """bf16 patterns as flushed float32 into the corner of ``target`` (2-D, at least as large); the rest stays."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = as_float(bf2f(source[i, j]))


@kernel
def tile_bf16(a: Floats, w: Floats, m: int, n: int, k: int, sums: Words) -> None:
    """Column sums of a tile: ``sums[i, j]`` (fp32 words) = sum over ``k`` ascending of ``a[i, k] * w[k, j]``.

    All C-contiguous and large enough for whole blocks: ``a`` float32 [padded(m, 4), >= k], ``w`` float32
    [>= k, padded(n, 8)], ``sums`` uint32 [padded(m, 4), padded(n, 8)] or larger. ``a`` and ``w`` hold bf16 numbers with
    subnormals flushed (``widen_bf16``). Outside m × n, operands may hold anything and ``sums`` receives anything.
    """
    for top in range(0, m, ROWS):
        for left in range(0, n, COLUMNS):
            lowest = _float_block(
                a.ctypes.data + top * a.shape[1] * 4, a.shape[1], w.ctypes.data + left * 4, w.shape[1], k,
                sums.ctypes.data + (top * sums.shape[1] + left) * 4, sums.shape[1],
            )  # fmt: skip
            if lowest < SMALLEST:
                _again(a, w, top, min(top + ROWS, m), left, min(left + COLUMNS, n), k, sums)


@inline
def _again(a: Floats, w: Floats, top: int, bottom: int, left: int, right: int, k: int, sums: Words) -> None:
    for i in range(top, bottom):
        for j in range(left, right):
            total = Word(0)
            for step in range(k):
                total = fma_words(as_word(a[i, step]), as_word(w[step, j]), total)
            sums[i, j] = total


@kernel
def tile_int8(a: Ints, w: Ints, m: int, n: int, k: int, sums: Words) -> None:
    """As ``tile_bf16`` for int8 numbers held as int32, wrapping modulo 2^32."""
    for top in range(0, m, ROWS):
        for left in range(0, n, COLUMNS):
            _int_block(
                a.ctypes.data + top * a.shape[1] * 4, a.shape[1], w.ctypes.data + left * 4, w.shape[1], k,
                sums.ctypes.data + (top * sums.shape[1] + left) * 4, sums.shape[1],
            )  # fmt: skip
