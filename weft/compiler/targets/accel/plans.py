"""Tile sizes: candidate plans for a kernel, the most promising first.

A plan's time is estimated as that of a pipeline of tiles: the busiest unit works throughout, and the others' work on
one tile comes on top. Plans that let two tiles be on chip at once go before those that do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from weft.compiler.targets.accel.arrays import StoredValue
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.micro import COL, FULL, STORAGE, TILE
from weft.compiler.targets.accel.walk import Tiling
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.machine import Machine

_TRANSFER_GAP = 6  # cycles of the bus that a transfer of its own costs beyond its beats
_TILE_START = 30  # cycles from one block of matrix tiles to the next that depends on other units
_SWEEP_INSTRUCTIONS = 14
_DISPATCH = 8  # cycles that a pass or a transfer of a tile costs on the whole: its fetch competes with data
_CONTENTION = 0.1  # part of the other units' time that comes on top of the busiest one's, for ports and the bus


def row_quantum(machine: Machine, kernel: TileKernel, arrays: Mapping[int, StoredValue]) -> int:
    """What rows of a tile must be a multiple of, so that every transfer begins on a beat."""
    packed = [
        STORAGE[m.dtype][2] for i, m in enumerate(kernel.micros)
        if m.role == COL and (m.kind == "leaf" or i in kernel.outputs)
    ]  # fmt: skip
    if kernel.product and kernel.product.transpose_a and arrays[kernel.product.a].local is None:
        packed.append(arrays[kernel.product.a].element_bytes)
    return max((machine.bus.bytes // size for size in packed), default=1) or 1


def column_quantum(machine: Machine, kernel: TileKernel) -> int:
    """What columns of a tile must be a multiple of: whole blocks of lanes, and for every transfer whole beats."""
    sizes = [STORAGE[m.dtype][2] for i, m in enumerate(kernel.micros) if m.kind == "leaf" or i in kernel.outputs]
    if kernel.product:
        sizes.append(STORAGE[kernel.product.dtype][2])
    return max(machine.dim, machine.bus.bytes // min(sizes, default=4))


def _sizes(extent: int, quantum: int, largest: int) -> list[int]:
    """Tile extents up to ``largest``, largest first: the whole, even divisions of it, then halves of those."""
    found: list[int] = []
    size = min(extent, largest)
    while size >= 1:
        parts = -(-extent // size)
        even = -(-extent // parts)
        even = min(extent, -(-even // quantum) * quantum)
        if even <= max(largest, quantum) and (even % quantum == 0 or even == extent) and even not in found:
            found.append(even)
        size //= 2
    return found


def plans(
    machine: Machine, kernel: TileKernel, arrays: Mapping[int, StoredValue], share: float = 0.5
) -> Iterator[Tiling]:
    """Every sensible plan, best estimate first. ``share``: the part of each memory that one tile should take."""
    dim, bank = machine.dim, machine.accumulator.bank_bytes // 4
    live, pad_bytes = kernel.peak()
    quantum, columns = row_quantum(machine, kernel, arrays), column_quantum(machine, kernel)
    widths = [kernel.cols] if kernel.whole_rows else _sizes(kernel.cols, columns, max(columns, bank))
    ranked: list[tuple[tuple[float, ...], Tiling]] = []
    for cols in widths:
        padded = -(-cols // dim) * dim
        most = bank // padded if padded <= bank else 1
        if live == 0:  # nothing in the accumulator
            most = max(1, machine.scratchpad.bank_bytes // padded)
        for rows in _sizes(kernel.rows, quantum, max(quantum, min(4096, most))):
            fits = live * rows * padded * 4 <= machine.accumulator.bytes * share
            fits &= pad_bytes * rows * padded <= machine.scratchpad.bytes * share
            for plan in _shared(machine, kernel, arrays, rows, cols, live):
                ranked.append((_score(machine, kernel, arrays, plan, fits), plan))
    ranked.sort(key=lambda item: item[0])
    return (plan for _, plan in ranked)


def _streamed(kernel: TileKernel, arrays: Mapping[int, StoredValue]) -> tuple[bool, bool]:
    """Whether each operand of the product comes from DRAM."""
    assert kernel.product is not None
    return arrays[kernel.product.a].local is None, arrays[kernel.product.b].local is None


def _shared(
    machine: Machine, kernel: TileKernel, arrays: Mapping[int, StoredValue], rows: int, cols: int, live: int
) -> Iterator[Tiling]:
    if kernel.product is None:
        yield Tiling(rows, cols)
        return
    if not any(_streamed(kernel, arrays)):
        yield Tiling(rows, cols, depth=kernel.product.k)
        return
    dim = machine.dim
    size = rows * -(-cols // dim) * machine.row_bytes
    least = max(dim, machine.bus.bytes // STORAGE[kernel.product.dtype][2])  # whole beats of both operands
    depths = {min(kernel.product.k, max(least, d)) for d in (dim, 4 * dim, 8 * dim, 16 * dim, 1 << 20)}
    for across in (1, 2, 4):
        for down in (1, 2, 4):
            enough = (across - 1) * cols < kernel.cols and (down - 1) * rows < kernel.rows
            if enough and (across * down + live - 1) * size <= machine.accumulator.bytes:
                for depth in sorted(depths, reverse=True):
                    yield Tiling(rows, cols, down, across, depth)


def _transfers(
    machine: Machine, kernel: TileKernel, arrays: Mapping[int, StoredValue], plan: Tiling
) -> tuple[float, int]:
    """Bus cycles and instructions of one tile's loads and stores."""
    moved = [arrays[m.value] for m in kernel.micros if m.kind == "leaf" and m.role == FULL]
    moved += [arrays[v] for i, v in kernel.outputs.items() if kernel.micros[i].role == FULL]
    sizes = [plan.rows * plan.cols * a.element_bytes / machine.bus.bytes for a in moved if a.local is None]
    return sum(sizes) + _TRANSFER_GAP * len(sizes), len(sizes)


def _score(
    machine: Machine, kernel: TileKernel, arrays: Mapping[int, StoredValue], plan: Tiling, fits: bool
) -> tuple[float, ...]:
    """Lower is better: first what does not fit twice, then estimated cycles."""
    dim = machine.dim
    tiles = math.ceil(kernel.rows / plan.rows) * math.ceil(kernel.cols / plan.cols)
    blocks = math.ceil(plan.cols / dim)
    vector, instructions = 0.0, 0
    depth = machine.pipeline.vector + 4
    for made in kernel.by_phase[TILE]:
        stages = 1 if made.reduce == "none" or not made.reduce.startswith("lane") or blocks == 1 else 3
        rows = plan.rows * blocks if made.over == FULL else math.ceil(plan.rows / dim)
        vector += rows + depth * stages + (plan.rows * (stages - 1) / 2)
        instructions += stages
    beats, transfers = _transfers(machine, kernel, arrays, plan)
    instructions += transfers
    matrix, crowded, passing = 0.0, 0, instructions
    if kernel.product is not None:
        product = kernel.product
        matrix = max(plan.rows, dim) * blocks * math.ceil(product.k / dim) + _TILE_START
        size = 1 if product.dtype == "int8" else 2
        streams = _streamed(kernel, arrays)
        high, wide = (min(plan.rows * plan.down, kernel.rows), min(plan.cols * plan.across, kernel.cols))
        high, wide = high * streams[0], wide * streams[1]
        shared = plan.down * plan.across
        beats += product.k * (high + wide) * size / machine.bus.bytes / shared
        chunks = math.ceil(product.k / plan.depth)
        pieces = plan.depth * (high + wide) * size
        bands = math.ceil(tiles / shared)
        crowded = 1 if pieces * (1 if chunks * bands == 1 else 2) > machine.scratchpad.bytes * 3 // 4 else 0
        matrix += 8 * chunks
        passing += _SWEEP_INSTRUCTIONS if chunks == 1 else 0  # a product in chunks keeps its queue full
        instructions += _SWEEP_INSTRUCTIONS * chunks + 2 * chunks
    beats += instructions * INSTRUCTION_BYTES / machine.bus.bytes
    each = (matrix, vector, beats)
    if kernel.product is not None and plan.depth < kernel.product.k:
        first = plan.depth / kernel.product.k * beats
        fill = vector + first + (beats if matrix >= beats else matrix)
    else:
        fill = sum(each) - max(each)
    # Of equals: tall tiles of a product, which ask for less of w at once; whole rows of anything else.
    shape = plan.cols if kernel.product is not None else -plan.cols
    time = tiles * (max(each) + _CONTENTION * (sum(each) - max(each))) + fill + _DISPATCH * tiles * passing
    return (0 if fits else 1, crowded, time, shape)
