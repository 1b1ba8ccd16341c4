"""Matrix products on chip: operands brought in piece by piece, and the tiles that sweep over them."""

from __future__ import annotations

from dataclasses import dataclass

from weft.compiler.targets.accel.arrays import StoredValue
from weft.compiler.targets.accel.emit import Block, TaskBuilder
from weft.compiler.targets.accel.loops import HardwareLoop, Node
from weft.compiler.targets.accel.memory import Allocation
from weft.isa.elements import ELEMENT
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import MATMUL_TYPES

TYPES = {"bfloat16": "bf16", "int8": "int8"}
"""Element types of operands, as instructions name them."""
assert set(TYPES.values()) == set(MATMUL_TYPES)


@dataclass(frozen=True)
class Product:
    """``op(a)·op(b)``: [m, k] by [k, n], where op transposes if the flag is set. ``a`` and ``b`` are graph values;
    reports call them by ``names``."""

    a: int
    b: int
    transpose_a: bool
    transpose_b: bool
    dtype: str
    k: int
    label: str = ""
    names: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Piece:
    """A part of an operand in the scratchpad: ``address`` of its first element; ``space`` if it was loaded."""

    address: int
    pitch: int
    bank: int
    space: Allocation | None = None


def bring(
    b: TaskBuilder, array: StoredValue, row: int, rows: int, col: int, cols: int, avoid: set[int], name: str = ""
) -> Piece:
    """A part of a stored operand, on chip: where it lies if it is resident, loaded otherwise. Raises NoSpace."""
    if array.local is not None:
        return Piece(array.at(row, col), array.pitch, array.bank)
    bus, size = b.machine.bus.bytes, cols * array.element_bytes
    pitch = -(-size // bus) * bus
    space = b.allocate("scratchpad", rows * pitch, avoid, name=name)
    b.transfer("load", space.local, pitch, array.at(row, col), array.pitch, rows, size)
    return Piece(space.local, pitch, space.bank, space)


def _repeat(count: int, body: tuple[Node, ...], step: dict[str, int]) -> tuple[Node, ...]:
    if count <= 0:
        return ()
    return body if count == 1 else (HardwareLoop(count, body, step),)


def sweep(
    b: TaskBuilder, product: Product, a: Piece, w: Piece, out: Block, rows: int, cols: int, depth: int, first: bool
) -> None:
    """The tiles of one block of the result: ``rows`` × ``cols`` over ``depth`` of k, added to ``out`` unless ``first``.

    Every column of tiles runs through k before the next begins, so that consecutive tiles share their destination.
    """
    machine, dim, size = b.machine, b.machine.dim, ELEMENT[TYPES[product.dtype]].bytes
    a_step = dim * a.pitch if product.transpose_a else dim * size
    w_k, w_n = (dim * size, dim * w.pitch) if product.transpose_b else (dim * w.pitch, dim * size)
    full, ragged = divmod(depth, dim)

    def tile(i: int, k: int, n: int, column: int) -> Instruction:
        return make(
            "matmul", b.label, type=TYPES[product.dtype], accumulate=int(i > 0 or not first),
            transpose_a=int(product.transpose_a), transpose_w=int(product.transpose_b), count0=rows, k=k, n=n,
            a=a.address + i * a_step, a_stride0=a.pitch if rows > 1 or product.transpose_a else 0,
            w=w.address + i * w_k + column * w_n, w_stride=w.pitch,
            d=out.address + column * machine.row_bytes, d_stride0=out.pitch if rows > 1 else 0,
        )  # fmt: skip

    def through_k(n: int, column: int) -> tuple[Node, ...]:
        step = {"a": a_step, "w": w_k}
        if first:
            nodes: tuple[Node, ...] = (tile(0, min(dim, depth), n, column),)
            nodes += _repeat(full - 1, (tile(1, dim, n, column),), step) if full > 1 else ()
            return nodes + ((tile(full, ragged, n, column),) if ragged and full else ())
        nodes = _repeat(full, (tile(0, dim, n, column),), step) if full else ()
        return nodes + ((tile(full, ragged, n, column),) if ragged else ())

    columns, last = divmod(cols, dim)
    nodes = _repeat(columns, through_k(dim, 0), {"w": w_n, "d": machine.row_bytes}) if columns else ()
    nodes += through_k(last, columns) if last else ()
    b.task(*nodes)
