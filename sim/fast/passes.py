"""A vector pass: operands from memory, the operations of ``sim.fast.lanes``, reductions, and the write back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from isa.encoding import columns
from isa.vector_ops import ELEMENTS, ROW_PARTIALS, SOURCES
from sim.fast.jit import inline, kernel
from sim.fast.lanes import (
    FIRST,
    IDENTITY,
    LANE_MAX,
    LANE_SUM,
    NONE,
    ROW_MAX,
    SECOND,
    binary,
    join_partials,
    join_row,
    reduce_lanes,
    unary,
)
from sim.fast.records import Ints
from sim.fast.scalar import bf2f, f2bf, i8_to_i32, i32_to_i8
from sim.fast.words import Word

Words = npt.NDArray[np.uint32]

CHUNK = 2048
"""Words an operand is worked on at a time; at least DIM."""

_V = columns("vector")
_PRE, _F, _THEN, _REDUCE, _COUNT0, _COUNT1, _LANES, _IMM = (
    _V[name] for name in ("pre", "f", "then", "reduce", "count0", "count1", "lanes", "imm")
)
_X_SOURCE, _Y_SOURCE, _Z_SOURCE = (_V[f"{operand}_source"] for operand in "xyz")
_X_TYPE, _Y_TYPE, _Z_TYPE, _D_TYPE = (_V[f"{operand}_type"] for operand in "xyzd")
_X_STRIDE, _Y_STRIDE, _Z_STRIDE, _D_STRIDE = (_V[f"{operand}_stride0"] for operand in "xyzd")
assert all(_V[f"{operand}_stride1"] == _V[f"{operand}_stride0"] + 1 for operand in "xyzd")
_IMMEDIATE, _LANE, _ROW, _SCALAR = range(4)
assert SOURCES == ("imm", "lane", "row", "scalar")
_WORD, _BF16, _INT8 = range(3)
assert ELEMENTS == ("word", "bf16", "int8")


class Memory(NamedTuple):
    """The memories as the kernels see them, as bytes and as the elements that lie in them."""

    dram: npt.NDArray[np.uint8]
    scratchpad: npt.NDArray[np.uint8]
    halves: npt.NDArray[np.uint16]
    accumulator: npt.NDArray[np.uint8]
    words: Words


@inline
def _read(memory: Memory, kind: int, offset: int, count: int, target: Words, at: int) -> None:
    """``count`` elements of ``kind`` at byte ``offset`` of their memory, as words to ``target[at:]``."""
    if kind == _WORD:
        for i in range(count):
            target[at + i] = memory.words[offset // 4 + i]
    elif kind == _BF16:
        for i in range(count):
            target[at + i] = bf2f(memory.halves[offset // 2 + i])
    else:
        for i in range(count):
            target[at + i] = i8_to_i32(np.int8(memory.scratchpad[offset + i]))


@kernel
def _write(memory: Memory, kind: int, offset: int, count: int, source: Words, at: int) -> None:
    """The words ``source[at : at + count]`` as elements of ``kind`` to byte ``offset`` of their memory."""
    if kind == _WORD:
        for i in range(count):
            memory.words[offset // 4 + i] = source[at + i]
    elif kind == _BF16:
        for i in range(count):
            memory.halves[offset // 2 + i] = f2bf(source[at + i])
    else:
        for i in range(count):
            memory.scratchpad[offset + i] = np.uint8(i32_to_i8(source[at + i]))


@kernel
def _operand(
    memory: Memory, fields: Ints, dim: int, source: int, kind: int, base: int, stride: int,
    row: int, rows: int, target: Words,
) -> None:  # fmt: skip
    """Rows ``row`` to ``row + rows`` of an operand, ``lanes`` words each; ``stride``: column of its stride0."""
    lanes, block = fields[_LANES], fields[_COUNT0]
    if source == _IMMEDIATE:
        for i in range(rows * lanes):
            target[i] = Word(fields[_IMM])
        return
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at = r * lanes
        if source == _LANE:
            for i in range(lanes):
                target[at + i] = Word(outer * dim + i)
        else:
            offset = base + inner * fields[stride] + outer * fields[stride + 1]
            if source == _ROW:
                _read(memory, kind, offset, lanes, target, at)
            else:
                _read(memory, kind, offset, 1, target, at)
                for i in range(1, lanes):
                    target[at + i] = target[at]


@kernel
def _results(memory: Memory, fields: Ints, base: int, row: int, rows: int, x: Words, partials: Words) -> None:
    """Reduce and write rows ``row`` to ``row + rows`` of results."""
    lanes, block, kind, reduce = fields[_LANES], fields[_COUNT0], fields[_D_TYPE], fields[_REDUCE]
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at = r * lanes
        offset = base + inner * fields[_D_STRIDE] + outer * fields[_D_STRIDE + 1]
        if reduce == NONE:
            _write(memory, kind, offset, lanes, x, at)
        elif reduce in (LANE_SUM, LANE_MAX):
            reduce_lanes(reduce == LANE_MAX, x, at, lanes)
            _write(memory, kind, offset, 1, x, at)
        else:
            join_row(reduce == ROW_MAX, partials, x, at, inner, lanes)
            if inner == block - 1:
                join_partials(reduce == ROW_MAX, partials, block, lanes)
                _write(memory, kind, base + outer * fields[_D_STRIDE + 1], lanes, partials[0], 0)


@kernel
def run_pass(memory: Memory, dim: int, fields: Ints, address: Ints, words: Words) -> None:
    """One vector instruction. ``address`` [4]: byte offsets in their memories. ``words`` ``pass_room``."""
    pre, then, lanes = fields[_PRE], fields[_THEN], fields[_LANES]
    x, y, partials = words[0], words[1], words[2:]
    total = fields[_COUNT0] * fields[_COUNT1]
    step = CHUNK // lanes
    for row in range(0, total, step):
        rows = min(step, total - row)
        if pre != SECOND:
            _operand(memory, fields, dim, fields[_X_SOURCE], fields[_X_TYPE], address[0], _X_STRIDE, row, rows, x)
        if pre != FIRST:
            _operand(memory, fields, dim, fields[_Y_SOURCE], fields[_Y_TYPE], address[1], _Y_STRIDE, row, rows, y)
            binary(pre, x, y, rows * lanes)
        if fields[_F] != IDENTITY:
            unary(fields[_F], x, rows * lanes)
        if then != FIRST:
            _operand(memory, fields, dim, fields[_Z_SOURCE], fields[_Z_TYPE], address[2], _Z_STRIDE, row, rows, y)
            binary(then, x, y, rows * lanes)
        _results(memory, fields, address[3], row, rows, x, partials)


def pass_room() -> Words:
    """The buffers of ``run_pass``."""
    return np.zeros((2 + ROW_PARTIALS, CHUNK), np.uint32)
