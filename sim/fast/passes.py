"""A vector pass: operands from memory, the operations of ``sim.fast.lanes``, reductions, and the write back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from isa.encoding import columns
from isa.vector_ops import BINARY, ELEMENTS, REDUCTIONS, ROW_PARTIALS, SOURCES, UNARY, index_of
from sim.fast.jit import inline, kernel
from sim.fast.lanes import Words, apply, join_partials, join_row, loops, reduce_lanes
from sim.fast.records import Ints
from sim.fast.scalar import bf2f, f2bf, i8_to_i32, i32_to_i8
from sim.fast.words import Word

CHUNK = 2048
"""Words an operand is worked on at a time; at least DIM."""

_V = columns("vector")
_PRE, _F, _THEN, _REDUCE, _COUNT0, _COUNT1, _LANES, _IMM = (
    _V[name] for name in ("pre", "f", "then", "reduce", "count0", "count1", "lanes", "imm")
)
_SOURCES = tuple(_V[f"{operand}_source"] for operand in "xyz")
_TYPES = tuple(_V[f"{operand}_type"] for operand in "xyz")
_STRIDES = tuple(_V[f"{operand}_stride0"] for operand in "xyz")
_D_TYPE, _D_STRIDE = _V["d_type"], _V["d_stride0"]
assert all(_V[f"{operand}_stride1"] == _V[f"{operand}_stride0"] + 1 for operand in "xyzd")
_FIRST, _SECOND, _IDENTITY = index_of(BINARY, "first"), index_of(BINARY, "second"), index_of(UNARY, "identity")
_NONE, _LANE_SUM, _LANE_MAX, _ROW_MAX = (
    index_of(REDUCTIONS, name) for name in ("none", "lane_fsum", "lane_fmax", "row_fmax")
)
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
    memory: Memory, fields: Ints, dim: int, operand: int, base: int, row: int, rows: int, target: Words
) -> None:
    """Rows ``row`` to ``row + rows`` of operand 0, 1 or 2 (x, y, z): ``lanes`` words each."""
    lanes, block = fields[_LANES], fields[_COUNT0]
    source, kind, stride = fields[_SOURCES[operand]], fields[_TYPES[operand]], _STRIDES[operand]
    if source == _IMMEDIATE:
        for i in range(rows * lanes):
            target[i] = Word(fields[_IMM])
        return
    count = lanes if source == _ROW else 1
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at = r * lanes
        if source == _LANE:
            for i in range(lanes):
                target[at + i] = Word(outer * dim + i)
            continue
        _read(memory, kind, base + inner * fields[stride] + outer * fields[stride + 1], count, target, at)
        for i in range(count, lanes):
            target[at + i] = target[at]


@kernel
def _results(memory: Memory, fields: Ints, base: int, row: int, rows: int, x: Words, partials: Words) -> None:
    """Reduce and write rows ``row`` to ``row + rows`` of results."""
    lanes, block, kind, reduce = fields[_LANES], fields[_COUNT0], fields[_D_TYPE], fields[_REDUCE]
    across_lanes = reduce in (_LANE_SUM, _LANE_MAX)
    count = 1 if across_lanes else lanes
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at, source = r * lanes, x
        if across_lanes:
            reduce_lanes(reduce == _LANE_MAX, x, at, lanes)
        elif reduce != _NONE:
            join_row(reduce == _ROW_MAX, partials, x, at, inner, lanes)
            if inner < block - 1:
                continue
            join_partials(reduce == _ROW_MAX, partials, block, lanes)
            inner, at, source = 0, 0, partials[0]
        _write(memory, kind, base + inner * fields[_D_STRIDE] + outer * fields[_D_STRIDE + 1], count, source, at)


class Loops(NamedTuple):
    """The compiled loops of a program's operations, see ``sim.fast.lanes.loops``."""

    binary: Ints
    unary: Ints


def loops_of(table: Ints) -> Loops:
    """The loops that the passes in ``table`` [static, fields] need, compiled."""
    return Loops(loops(BINARY, table[:, [_PRE, _THEN]]), loops(UNARY, table[:, _F]))


@kernel
def run_pass(memory: Memory, calls: Loops, dim: int, fields: Ints, address: Ints, words: Words) -> None:
    """One vector instruction. ``address`` [4]: byte offsets in their memories. ``words``: ``pass_room``."""
    pre, f, then, lanes = fields[_PRE], fields[_F], fields[_THEN], fields[_LANES]
    x, y, partials = words[0], words[1], words[2:]
    total = fields[_COUNT0] * fields[_COUNT1]
    step = CHUNK // lanes
    for row in range(0, total, step):
        rows = min(step, total - row)
        n = rows * lanes
        for operand in range(3):
            if (operand == 0 and pre == _SECOND) or (operand == 1 and pre == _FIRST):
                continue
            if operand == 2:
                if f != _IDENTITY:
                    apply(calls.unary[f], x, y, n)
                if then == _FIRST:
                    continue
            _operand(memory, fields, dim, operand, address[operand], row, rows, y if operand else x)
            if operand:
                apply(calls.binary[pre if operand == 1 else then], x, y, n)
        _results(memory, fields, address[3], row, rows, x, partials)


def pass_room() -> Words:
    """The buffers of ``run_pass``."""
    return np.zeros((2 + ROW_PARTIALS, CHUNK), np.uint32)
