"""What a program computes: its instructions one after the other by start cycle, bit-exact (``docs/arithmetic.md``).

In a program without data races an instruction that needs another's result starts after it retired, so that this order
has the effect of the machine's overlapped execution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from isa.encoding import columns
from isa.instructions import ACCUMULATOR_BIT, MATMUL_TYPES
from isa.machine import Machine
from sim.fast.jit import inline, kernel
from sim.fast.lanes import Words
from sim.fast.passes import Loops, Memory, pass_room, run_pass
from sim.fast.records import Ints
from sim.fast.scalar import bf2f, fadd, i8_to_i32
from sim.fast.stream import LOAD, MATMUL, STORE, VECTOR
from sim.fast.tile import COLUMNS, padded, tile_bf16, tile_int8
from sim.fast.words import Word

CHUNK = 256
"""Rows of a tile that are worked on at a time; a multiple of the register block's."""

_T, _M = columns("load"), columns("matmul")
_BYTES, _COUNT0, _COUNT1, _COUNT2 = (_T[name] for name in ("bytes", "count0", "count1", "count2"))
_DRAM_STRIDE, _LOCAL_STRIDE = _T["dram_stride0"], _T["local_stride0"]
_TYPE, _ACCUMULATE, _TRANSPOSE_A, _TRANSPOSE_W, _ROWS0, _ROWS1, _ROWS2, _K, _N, _A_STRIDE, _W_STRIDE, _D_STRIDE = (
    _M[name]
    for name in (
        "type", "accumulate", "transpose_a", "transpose_w", "count0", "count1", "count2", "k", "n",
        "a_stride0", "w_stride", "d_stride0",
    )
)  # fmt: skip
_BF16 = MATMUL_TYPES.index("bf16")


class Room(NamedTuple):
    """Buffers of the kernels: a tile's operands and sums, as words and as the numbers in them; a pass's rows."""

    a: Words
    w: Words
    a_float: npt.NDArray[np.float32]
    w_float: npt.NDArray[np.float32]
    a_int: npt.NDArray[np.int32]
    w_int: npt.NDArray[np.int32]
    sums: Words
    rows: Words


def room_of(machine: Machine) -> Room:
    """The buffers ``machine`` needs."""
    width = padded(machine.dim, COLUMNS)
    a, w, sums = (np.zeros(shape, np.uint32) for shape in ((CHUNK, machine.dim), (machine.dim, width), (CHUNK, width)))
    floats, ints = (np.float32, np.int32)
    return Room(a, w, a.view(floats), w.view(floats), a.view(ints), w.view(ints), sums, pass_room())


def memory_of(dram: npt.NDArray[np.uint8], machine: Machine) -> Memory:
    """``dram`` and fresh on-chip memories."""
    scratchpad = np.zeros(machine.scratchpad.bytes, np.uint8)
    accumulator = np.zeros(machine.accumulator.bytes, np.uint8)
    return Memory(dram, scratchpad, scratchpad.view(np.uint16), accumulator, accumulator.view(np.uint32))


@kernel
def _transfer(memory: Memory, fields: Ints, dram: int, local: int, load: bool) -> None:
    chip = memory.accumulator if local & ACCUMULATOR_BIT else memory.scratchpad
    local &= ACCUMULATOR_BIT - 1
    size = fields[_BYTES]
    for i2 in range(fields[_COUNT2]):
        for i1 in range(fields[_COUNT1]):
            for i0 in range(fields[_COUNT0]):
                far = dram + i0 * fields[_DRAM_STRIDE] + i1 * fields[_DRAM_STRIDE + 1] + i2 * fields[_DRAM_STRIDE + 2]
                near = local + i0 * fields[_LOCAL_STRIDE] + i1 * fields[_LOCAL_STRIDE + 1]
                near += i2 * fields[_LOCAL_STRIDE + 2]
                if load:
                    for i in range(size):
                        chip[near + i] = memory.dram[far + i]
                else:
                    for i in range(size):
                        memory.dram[far + i] = chip[near + i]


@inline
def _element(memory: Memory, bf16: bool, offset: int, index: int) -> Word:
    """Element ``index`` of those from byte ``offset`` of the scratchpad on, as a word."""
    if bf16:
        return bf2f(memory.halves[offset // 2 + index])
    return i8_to_i32(np.int8(memory.scratchpad[offset + index]))


@kernel
def _weights(memory: Memory, fields: Ints, base: int, bf16: bool, w: Words) -> None:
    stride = fields[_W_STRIDE]
    for i in range(fields[_K]):
        for j in range(fields[_N]):
            if fields[_TRANSPOSE_W]:
                w[i, j] = _element(memory, bf16, base + j * stride, i)
            else:
                w[i, j] = _element(memory, bf16, base + i * stride, j)


@inline
def _row(fields: Ints, stride: int, row: int) -> int:
    """Byte offset of a tile's row; ``stride``: the column of the innermost of its three strides."""
    outer = row // fields[_ROWS0]
    offset: int = (
        row % fields[_ROWS0] * fields[stride]
        + outer % fields[_ROWS1] * fields[stride + 1]
        + outer // fields[_ROWS1] * fields[stride + 2]
    )
    return offset


@kernel
def _rows(memory: Memory, fields: Ints, base: int, bf16: bool, row: int, rows: int, a: Words) -> None:
    for r in range(rows):
        offset = base + _row(fields, _A_STRIDE, row + r)
        for i in range(fields[_K]):
            if fields[_TRANSPOSE_A]:
                a[r, i] = _element(memory, bf16, base + i * fields[_A_STRIDE], row + r)
            else:
                a[r, i] = _element(memory, bf16, offset, i)


@kernel
def _results(memory: Memory, fields: Ints, base: int, bf16: bool, row: int, rows: int, sums: Words) -> None:
    for r in range(rows):
        at = (base + _row(fields, _D_STRIDE, row + r)) // 4
        if not fields[_ACCUMULATE]:
            for j in range(fields[_N]):
                memory.words[at + j] = sums[r, j]
        elif bf16:
            for j in range(fields[_N]):
                memory.words[at + j] = fadd(memory.words[at + j], sums[r, j])
        else:
            for j in range(fields[_N]):
                memory.words[at + j] += sums[r, j]


@kernel
def _tile(memory: Memory, room: Room, fields: Ints, a: int, w: int, d: int) -> None:
    bf16 = fields[_TYPE] == _BF16
    total = fields[_ROWS0] * fields[_ROWS1] * fields[_ROWS2]
    _weights(memory, fields, w, bf16, room.w)
    for row in range(0, total, CHUNK):
        rows = min(CHUNK, total - row)
        _rows(memory, fields, a, bf16, row, rows, room.a)
        if bf16:
            tile_bf16(room.a_float, room.w_float, rows, fields[_N], fields[_K], room.sums)
        else:
            tile_int8(room.a_int, room.w_int, rows, fields[_N], fields[_K], room.sums)
        _results(memory, fields, d, bf16, row, rows, room.sums)


@kernel
def execute(
    memory: Memory, room: Room, calls: Loops, dim: int, table: Ints, pc: Ints, address: Ints, order: Ints
) -> None:
    """Execute the instructions ``order``, positions in the dynamic stream (``sim.fast.stream``), on ``memory``.

    The program must be valid: nothing here checks where operands lie.
    """
    offset = np.empty(4, np.int64)
    for n in order:
        fields = table[pc[n]]
        opcode = fields[0]
        if opcode in (LOAD, STORE):
            _transfer(memory, fields, address[n, 0], address[n, 1], opcode == LOAD)
            continue
        for slot in range(4):
            offset[slot] = address[n, slot] & (ACCUMULATOR_BIT - 1)
        if opcode == MATMUL:
            _tile(memory, room, fields, offset[0], offset[1], offset[2])
        elif opcode == VECTOR:
            run_pass(memory, calls, dim, fields, offset, room.rows)
