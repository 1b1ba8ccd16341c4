"""The operations of a vector pass over rows of words: one compiled loop an operation, compiled when a program uses it.

A loop over one operation runs on the host's vector unit. Kernels call it by its address, so that none has to contain
every operation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from isa.vector_ops import BINARY, ROW_PARTIALS, VectorOp
from sim.fast import scalar
from sim.fast.jit import inline, kernel, sources
from sim.fast.records import Ints
from sim.fast.scalar import fadd, fmax
from sim.fast.words import Word

Words = npt.NDArray[np.uint32]

_NOTHING = ("first", "identity")
"""Operations that leave their operand as it is, and so need no loop."""

_WORDS: Any = types.CPointer(types.uint32)  # type: ignore[no-untyped-call]
_LOOP = types.void(_WORDS, _WORDS, types.int64)


def _of_two(x: Any, y: Any, n: int) -> None:
    for i in range(n):
        x[i] = operation(x[i], y[i])  # type: ignore[name-defined]  # noqa: F821


def _of_one(x: Any, y: Any, n: int) -> None:
    for i in range(n):
        x[i] = operation(x[i])  # type: ignore[name-defined]  # noqa: F821


@cache
def _address(name: str, binary: bool) -> int:
    """The address of the compiled loop of an operation."""
    template: Any = _of_two if binary else _of_one
    operation: Callable[..., Any] = (scalar.BINARY if binary else scalar.UNARY)[name]
    # numba keeps machine code by a function's name and source: each operation needs a name of its own.
    unique = f"loop_{name}_{sources()[:8]}"
    code = template.__code__.replace(co_name=unique, co_qualname=unique)
    function = FunctionType(code, {"operation": operation, "__name__": __name__}, unique)
    compiled: Any = numba.cfunc(_LOOP, cache=True)(function)
    return int(compiled.address)


def loops(ops: tuple[VectorOp, ...], used: Ints) -> Ints:
    """The addresses of the loops of the operations ``used``, places in ``ops`` (BINARY or UNARY); else 0."""
    table = np.zeros(len(ops), np.int64)
    for place in np.unique(used):
        if ops[place].name not in _NOTHING:
            table[place] = _address(ops[place].name, ops is BINARY)
    return table


def _calling(typing_context: Any, address: Any, x: Any, y: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, count = ir.IntType(32).as_pointer(), ir.IntType(64)
        loop = ir.FunctionType(ir.VoidType(), [word, word, count]).as_pointer()
        place, first, second, number = arguments
        target = builder.inttoptr(place, loop)
        builder.call(target, [builder.inttoptr(first, word), builder.inttoptr(second, word), number])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


_call: Any = intrinsic(_calling)


@inline
def apply(loop: int, x: Words, y: Words, n: int) -> None:
    """``x[i] = x[i] OP y[i]`` (or ``OP(x[i])``) for ``i < n``; ``loop``: from ``loops``."""
    _call(loop, x.ctypes.data, y.ctypes.data, n)


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
    total: Word = x[at]
    return total


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
