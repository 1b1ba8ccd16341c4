"""Passes on chip: elementwise ones, and reductions over lanes of any length in as many stages as it takes."""

from __future__ import annotations

from weft.compiler.targets.accel.emit import Block, TaskBuilder
from weft.compiler.targets.accel.micro import FULL, ONE
from weft.isa.elements import ELEMENT

Operations = tuple[str, str, str, str]


def blocks(length: int, dim: int) -> int:
    """Blocks of ``dim`` lanes that hold ``length`` elements."""
    return -(-length // dim)


def elementwise(
    b: TaskBuilder, operations: Operations, operands: dict[str, Block], out: Block, over: str, rows: int, length: int
) -> None:
    """A pass that writes every element: ``rows`` rows of ``length`` (packed roles: one row).

    The last block is written in full; what lies beyond ``length`` has no meaning.
    """
    dim, size = b.machine.dim, ELEMENT[out.element].bytes
    if over == ONE:
        # One element would need a row of its own at its address: all lanes are written.
        b.vector(operations, operands, (out.element, out.address, 0, 0), (1, 1), dim, over)
        return
    count = blocks(length, dim)
    stride0 = out.pitch if over == FULL else 0
    shape = (rows, count) if over == FULL else (1, count)
    b.vector(operations, operands, (out.element, out.address, stride0, dim * size), shape, dim, over)


def over_rows(
    b: TaskBuilder, operations: Operations, operands: dict[str, Block], out: Block, rows: int, length: int
) -> None:
    """A reduction of ``rows`` rows to one, block by block."""
    dim = b.machine.dim
    b.vector(operations, operands, ("word", out.address, 0, dim * 4), (rows, blocks(length, dim)), dim, FULL)


def over_lanes(
    b: TaskBuilder, operations: Operations, operands: dict[str, Block], out: Block, over: str, rows: int, length: int
) -> None:
    """A reduction of ``length`` lanes to one element for each row, packed at ``out`` (packed roles: of one row)."""
    dim = b.machine.dim
    rows = rows if over == FULL else 1
    full, ragged = divmod(length, dim)
    count = full + bool(ragged)
    if count == 1:
        b.vector(operations, operands, ("word", out.address, 4, 0), (rows, 1), length, over)
        return
    pitch = blocks(count, dim) * b.machine.row_bytes
    space = b.allocate("accumulator", rows * pitch, range(b.machine.accumulator.banks // 2), True)
    b.vector(operations, operands, ("word", space.local, pitch, 4), (rows, full), dim, over)
    if ragged:
        b.vector(operations, operands, ("word", space.local + full * 4, pitch, 0), (rows, 1), ragged, over, full)
    partial = Block(FULL, "word", space.local, pitch, space.bank)
    over_lanes(b, ("first", "identity", "first", operations[3]), {"x": partial}, out, FULL, rows, count)
    b.release(space)
