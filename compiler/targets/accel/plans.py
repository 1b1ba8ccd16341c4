"""Tile sizes: candidate plans for a kernel, the most promising first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from compiler.targets.accel.arrays import Array
from compiler.targets.accel.kernel import Kernel
from compiler.targets.accel.micro import COL, STORAGE
from compiler.targets.accel.walk import Plan
from isa.machine import Machine


def row_quantum(machine: Machine, kernel: Kernel, arrays: Mapping[int, Array]) -> int:
    """What rows of a tile must be a multiple of, so that every transfer begins on a beat."""
    packed = [
        STORAGE[m.dtype][2] for i, m in enumerate(kernel.micros)
        if m.role == COL and (m.kind == "leaf" or i in kernel.outputs)
    ]  # fmt: skip
    if kernel.product and kernel.product.transpose_a and arrays[kernel.product.a].local is None:
        packed.append(arrays[kernel.product.a].element_bytes)
    return max((machine.bus.bytes // size for size in packed), default=1) or 1


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


def plans(machine: Machine, kernel: Kernel, arrays: Mapping[int, Array], share: float = 0.5) -> Iterator[Plan]:
    """Plans from the largest tiles that let two of them be on chip at once, down to the smallest there can be.

    ``share``: the part of the accumulator that one tile and its temporaries should take.
    """
    dim, bank = machine.dim, machine.accumulator.bank_bytes // 4
    live, pad_bytes, _ = kernel.peak()
    quantum = row_quantum(machine, kernel, arrays)
    widths = [kernel.cols] if kernel.whole_rows else _sizes(kernel.cols, dim, max(dim, bank))
    budget = machine.accumulator.bytes * share
    pad_budget = machine.scratchpad.bytes * share
    ranked: list[tuple[tuple[float, ...], Plan]] = []
    for cols in widths:
        padded = -(-cols // dim) * dim
        for rows in _sizes(kernel.rows, quantum, max(quantum, min(4096, bank // padded if padded <= bank else 1))):
            size = rows * padded * 4
            fits = live * size <= budget and pad_bytes * rows * padded <= pad_budget
            for plan in _shared(machine, kernel, arrays, rows, cols, live):
                ranked.append((_score(machine, kernel, arrays, plan, fits), plan))
    ranked.sort(key=lambda item: item[0])
    return (plan for _, plan in ranked)


def _streamed(kernel: Kernel, arrays: Mapping[int, Array]) -> tuple[bool, bool]:
    """Whether each operand of the product comes from DRAM."""
    assert kernel.product is not None
    return arrays[kernel.product.a].local is None, arrays[kernel.product.b].local is None


def _shared(
    machine: Machine, kernel: Kernel, arrays: Mapping[int, Array], rows: int, cols: int, live: int
) -> Iterator[Plan]:
    if kernel.product is None:
        yield Plan(rows, cols)
        return
    if not any(_streamed(kernel, arrays)):
        yield Plan(rows, cols, depth=kernel.product.k)
        return
    dim = machine.dim
    size = rows * -(-cols // dim) * machine.row_bytes
    depths = sorted({min(kernel.product.k, max(dim, d)) for d in (dim, 4 * dim, 8 * dim, 16 * dim, 1 << 20)}, reverse=True)
    for across in (1, 2, 4):
        for down in (1, 2, 4):
            enough = (across - 1) * cols < kernel.cols and (down - 1) * rows < kernel.rows
            if enough and (across * down + live - 1) * size <= machine.accumulator.bytes:
                for depth in depths:
                    yield Plan(rows, cols, down, across, depth)


def _score(machine: Machine, kernel: Kernel, arrays: Mapping[int, Array], plan: Plan, fits: bool) -> tuple[float, ...]:
    """Lower is better: first whether double buffering fits, then estimated cycles."""
    dim = machine.dim
    tiles = math.ceil(kernel.rows / plan.rows) * math.ceil(kernel.cols / plan.cols)
    overhead = tiles * 60.0
    if kernel.product is None:
        return (0 if fits else 1, overhead - plan.cols / 1e6)
    k = kernel.product.k
    matrix = tiles * max(plan.rows, dim) * math.ceil(plan.cols / dim) * math.ceil(k / dim)
    size = 1 if kernel.product.dtype == "int8" else 2
    high, wide = plan.rows * plan.down, plan.cols * plan.across
    bands = math.ceil(kernel.rows / high) * math.ceil(kernel.cols / wide)
    a_streams, w_streams = _streamed(kernel, arrays)
    high, wide = min(high, kernel.rows) * a_streams, min(wide, kernel.cols) * w_streams
    beats = bands * k * (high + wide) * size / machine.bus.bytes
    chunks = math.ceil(k / plan.depth)
    pieces = plan.depth * (high + wide) * size
    crowded = 1 if pieces * (1 if chunks * bands == 1 else 2) > machine.scratchpad.bytes else 0
    overhead += bands * chunks * 20 + tiles * chunks * 40
    first = pieces / machine.bus.bytes
    return (0 if fits else 1, crowded, max(matrix, beats) + overhead + first)
