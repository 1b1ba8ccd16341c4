"""One fused loop nest: strided windows read, scalar operations between, windows written or reduced into.

A `LoopNest` says what to compute at every point of an index space; `normalise` merges and orders its dimensions so that
the innermost runs along memory; `emit` (in `emit.py`) turns it into LLVM IR.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from weft.framework.dtypes import DTYPES

Combine = Literal["sum", "max", "min"]
"""How a reduction merges two values."""


class AccessWindow(NamedTuple):
    """A strided view of a buffer.

    Attributes:
        buffer: its place in the executable's table of pointers.
        dtype: element type, by name.
        shape: extents.
        strides: elements to step along each dimension; 0 repeats.
        offset: the first element.
    """

    buffer: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0


class Scalar(NamedTuple):
    """One operation of the loop's body. Slots number the loads first, then the body's results in order.

    Attributes:
        op: key of the table in `scalars.py`.
        args: slots of the operands.
        dtype: of the result.
        operand_dtype: of the first operand (the result's own where there is none).
        value: what else the operation needs: a constant's number; an index's (strides, offset).
    """

    op: str
    args: tuple[int, ...]
    dtype: str
    operand_dtype: str
    value: Any = None


class Store(NamedTuple):
    """What a slot's value goes to. With `combine`  the window's stride is zero along
    the dimensions that are reduced away."""

    slot: int
    window: AccessWindow
    combine: Combine | None = None


class LoopNest(NamedTuple):
    """A loop nest over `shape`; every window has that shape."""

    shape: tuple[int, ...]
    loads: tuple[AccessWindow, ...]
    body: tuple[Scalar, ...]
    stores: tuple[Store, ...]


def normalise(loop: LoopNest, kept: int = 0) -> LoopNest:
    """Drop extents of one, put the dimension with the smallest steps innermost, and merge dimensions that every
    window walks as if they were one. So many dimensions in front are `kept` as they are."""
    steps = [w.strides for w in loop.loads] + [s.window.strides for s in loop.stores]
    steps += [op.value[0] for op in loop.body if op.op == "index"]
    order = [d for d in range(kept, len(loop.shape)) if loop.shape[d] != 1]
    order.sort(key=lambda d: -sum(abs(s[d]) for s in steps))
    merged = [[d] for d in range(kept)]  # groups of dimensions, each of which becomes one
    for d in order:
        if len(merged) > kept and all(s[merged[-1][-1]] == s[d] * loop.shape[d] for s in steps):
            merged[-1].append(d)
        else:
            merged.append([d])

    def extent(group: Sequence[int]) -> int:
        product = 1
        for d in group:
            product *= loop.shape[d]
        return product

    shape = tuple(extent(g) for g in merged)

    def walk(strides: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(strides[g[-1]] for g in merged)

    def window(w: AccessWindow) -> AccessWindow:
        return AccessWindow(w.buffer, w.dtype, shape, walk(w.strides), w.offset)

    return LoopNest(
        shape,
        tuple(window(w) for w in loop.loads),
        tuple(op._replace(value=(walk(op.value[0]), op.value[1])) if op.op == "index" else op for op in loop.body),
        tuple(Store(s.slot, window(s.window), s.combine) for s in loop.stores),
    )


class Argument(NamedTuple):
    """A pointer that a step is given: a buffer's, moved on by `offset` bytes."""

    buffer: int
    offset: int


def renumber(windows: Sequence[AccessWindow]) -> tuple[list[AccessWindow], tuple[Argument, ...]]:
    """The windows with their buffers numbered 0, 1, … in order of appearance and read from where the first of each
    begins, and what pointers that makes them be given.

    Steps that differ in nothing but where their operands lie become equal, and can share their code.
    """
    first: dict[int, int] = {}
    for w in windows:
        first[w.buffer] = min(w.offset, first.get(w.buffer, w.offset))
    number = {buffer: n for n, buffer in enumerate(first)}
    size = {w.buffer: DTYPES[w.dtype].itemsize for w in windows}
    moved = [AccessWindow(number[w.buffer], w.dtype, w.shape, w.strides, w.offset - first[w.buffer]) for w in windows]
    return moved, tuple(Argument(buffer, start * size[buffer]) for buffer, start in first.items())


def renumbered(loop: LoopNest) -> tuple[LoopNest, tuple[Argument, ...]]:
    """The loop with its windows renumbered."""
    windows, arguments = renumber([*loop.loads, *(s.window for s in loop.stores)])
    written = zip(loop.stores, windows[len(loop.loads) :], strict=True)
    stores = tuple(Store(s.slot, w, s.combine) for s, w in written)
    return LoopNest(loop.shape, tuple(windows[: len(loop.loads)]), loop.body, stores), arguments
