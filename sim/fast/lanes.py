"""The operations of a vector pass over rows of words: one loop an operation, so that the host's vector unit runs it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isa.vector_ops import BINARY, REDUCTIONS, ROW_PARTIALS, UNARY
from sim.fast.jit import inline, kernel
from sim.fast.scalar import (
    bit_and,
    bit_andn,
    bit_or,
    bit_xor,
    exp2,
    f2i,
    fabs,
    fadd,
    feq,
    fle,
    flt,
    fmax,
    fmin,
    fmul,
    fne,
    fneg,
    frsub,
    fsub,
    i2f,
    iadd,
    ieq,
    ile,
    ilt,
    imax,
    imin,
    imul,
    ine,
    isub,
    log2,
    reciprocal,
    relu,
    shl,
    shr,
    ushr,
)
from sim.fast.words import Word

Words = npt.NDArray[np.uint32]

_BINARY_ORDER = (
    "first", "second", "fadd", "fsub", "frsub", "fmul", "fmin", "fmax", "feq", "fne", "flt", "fle", "iadd", "isub",
    "imul", "imin", "imax", "ieq", "ine", "ilt", "ile", "and", "or", "xor", "andn", "shl", "shr", "ushr",
)  # fmt: skip
(
    FIRST, SECOND, _FADD, _FSUB, _FRSUB, _FMUL, _FMIN, _FMAX, _FEQ, _FNE, _FLT, _FLE, _IADD, _ISUB,
    _IMUL, _IMIN, _IMAX, _IEQ, _INE, _ILT, _ILE, _AND, _OR, _XOR, _ANDN, _SHL, _SHR, _USHR,
) = range(len(_BINARY_ORDER))  # fmt: skip
_UNARY_ORDER = ("identity", "relu", "fabs", "fneg", "exp2", "log2", "reciprocal", "i2f", "f2i")
IDENTITY, _RELU, _FABS, _FNEG, _EXP2, _LOG2, _RECIPROCAL, _I2F, _F2I = range(len(_UNARY_ORDER))
_REDUCTION_ORDER = ("none", "lane_fsum", "lane_fmax", "row_fsum", "row_fmax")
NONE, LANE_SUM, LANE_MAX, ROW_SUM, ROW_MAX = range(len(_REDUCTION_ORDER))
for _order, _table in ((_BINARY_ORDER, BINARY), (_UNARY_ORDER, UNARY), (_REDUCTION_ORDER, REDUCTIONS)):
    assert _order == tuple(op.name for op in _table if op.built), (
        "sim/fast/lanes.py is not in step with isa/vector_ops.py"
    )


@kernel
def _float_binary(op: int, x: Words, y: Words, n: int) -> None:
    if op == _FADD:
        for i in range(n):
            x[i] = fadd(x[i], y[i])
    elif op == _FSUB:
        for i in range(n):
            x[i] = fsub(x[i], y[i])
    elif op == _FRSUB:
        for i in range(n):
            x[i] = frsub(x[i], y[i])
    elif op == _FMUL:
        for i in range(n):
            x[i] = fmul(x[i], y[i])
    elif op == _FMIN:
        for i in range(n):
            x[i] = fmin(x[i], y[i])
    elif op == _FMAX:
        for i in range(n):
            x[i] = fmax(x[i], y[i])
    elif op == _FEQ:
        for i in range(n):
            x[i] = feq(x[i], y[i])
    elif op == _FNE:
        for i in range(n):
            x[i] = fne(x[i], y[i])
    elif op == _FLT:
        for i in range(n):
            x[i] = flt(x[i], y[i])
    else:
        for i in range(n):
            x[i] = fle(x[i], y[i])


@kernel
def _integer_binary(op: int, x: Words, y: Words, n: int) -> None:
    if op == _IADD:
        for i in range(n):
            x[i] = iadd(x[i], y[i])
    elif op == _ISUB:
        for i in range(n):
            x[i] = isub(x[i], y[i])
    elif op == _IMUL:
        for i in range(n):
            x[i] = imul(x[i], y[i])
    elif op == _IMIN:
        for i in range(n):
            x[i] = imin(x[i], y[i])
    elif op == _IMAX:
        for i in range(n):
            x[i] = imax(x[i], y[i])
    elif op == _IEQ:
        for i in range(n):
            x[i] = ieq(x[i], y[i])
    elif op == _INE:
        for i in range(n):
            x[i] = ine(x[i], y[i])
    elif op == _ILT:
        for i in range(n):
            x[i] = ilt(x[i], y[i])
    else:
        for i in range(n):
            x[i] = ile(x[i], y[i])


@kernel
def _bit_binary(op: int, x: Words, y: Words, n: int) -> None:
    if op == SECOND:
        for i in range(n):
            x[i] = y[i]
    elif op == _AND:
        for i in range(n):
            x[i] = bit_and(x[i], y[i])
    elif op == _OR:
        for i in range(n):
            x[i] = bit_or(x[i], y[i])
    elif op == _XOR:
        for i in range(n):
            x[i] = bit_xor(x[i], y[i])
    elif op == _ANDN:
        for i in range(n):
            x[i] = bit_andn(x[i], y[i])
    elif op == _SHL:
        for i in range(n):
            x[i] = shl(x[i], y[i])
    elif op == _SHR:
        for i in range(n):
            x[i] = shr(x[i], y[i])
    elif op == _USHR:
        for i in range(n):
            x[i] = ushr(x[i], y[i])


@kernel
def binary(op: int, x: Words, y: Words, n: int) -> None:
    """``x[i] = x[i] OP y[i]`` for ``i < n``; ``op`` is a place in ``isa.vector_ops.BINARY``."""
    if _FADD <= op <= _FLE:
        _float_binary(op, x, y, n)
    elif _IADD <= op <= _ILE:
        _integer_binary(op, x, y, n)
    elif op != FIRST:
        _bit_binary(op, x, y, n)


@kernel
def unary(op: int, x: Words, n: int) -> None:
    """``x[i] = OP(x[i])`` for ``i < n``; ``op`` is a place in ``isa.vector_ops.UNARY``."""
    if op == _RELU:
        for i in range(n):
            x[i] = relu(x[i])
    elif op == _FABS:
        for i in range(n):
            x[i] = fabs(x[i])
    elif op == _FNEG:
        for i in range(n):
            x[i] = fneg(x[i])
    elif op == _EXP2:
        for i in range(n):
            x[i] = exp2(x[i])
    elif op == _LOG2:
        for i in range(n):
            x[i] = log2(x[i])
    elif op == _RECIPROCAL:
        for i in range(n):
            x[i] = reciprocal(x[i])
    elif op == _I2F:
        for i in range(n):
            x[i] = i2f(x[i])
    elif op == _F2I:
        for i in range(n):
            x[i] = f2i(x[i])


@inline
def _join(largest: bool, a: Word, b: Word) -> Word:
    return fmax(a, b) if largest else fadd(a, b)


@kernel
def reduce_lanes(largest: bool, x: Words, at: int, lanes: int) -> Word:
    """The sum (or the largest) of the words ``x[at : at + lanes]``, as a binary tree; they are overwritten."""
    while lanes > 1:
        half = lanes // 2
        for i in range(half):
            x[at + i] = _join(largest, x[at + 2 * i], x[at + 2 * i + 1])
        if lanes % 2:
            x[at + half] = x[at + lanes - 1]
        lanes = half + lanes % 2
    return x[at]


@kernel
def join_row(largest: bool, partials: Words, x: Words, at: int, row: int, lanes: int) -> None:
    """Row ``row`` of a block, ``x[at : at + lanes]``, joins its partial in ``partials`` [ROW_PARTIALS, lanes]."""
    partial = partials[row % ROW_PARTIALS]
    if row < ROW_PARTIALS:
        for i in range(lanes):
            partial[i] = x[at + i]
    else:
        for i in range(lanes):
            partial[i] = _join(largest, partial[i], x[at + i])


@kernel
def join_partials(largest: bool, partials: Words, rows: int, lanes: int) -> None:
    """The partials of a block of ``rows`` rows become one, in ``partials[0]``, as a binary tree."""
    count = min(rows, ROW_PARTIALS)
    while count > 1:
        half = count // 2
        for p in range(half):
            for i in range(lanes):
                partials[p, i] = _join(largest, partials[2 * p, i], partials[2 * p + 1, i])
        if count % 2:
            for i in range(lanes):
                partials[half, i] = partials[count - 1, i]
        count = half + count % 2
