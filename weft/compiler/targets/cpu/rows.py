"""The ways in which a step can be seen as one over rows, and how far apart a window's rows lie.

Rows are the first axes of a step taken together, or one axis further in, such as the channels of images. Steps of the
same way have the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from weft.compiler.targets.cpu.chain import Link, link_windows, with_link_windows
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest
from weft.compiler.targets.cpu.program import Step
from weft.compiler.targets.cpu.views import reshaped
from weft.framework.primitives.base import Shape

Way = tuple[int, int, int]
"""The axis that rows are, of how many, 0 and 0 for the first axes together; and the number of rows."""
Layout = int | tuple[Shape, tuple[int, ...], int]
"""Of a window each of whose rows has a stretch of memory, how many elements that is; of another its shape, strides and
offset."""

_RUN = 16
"""Elements that must lie behind an axis inside the others for it to be that of rows: a cache line of them."""
_Strides = Callable[[tuple[int, ...]], tuple[int, ...] | None]


def ways(step: Step) -> Iterator[tuple[Way, Link]]:
    """Each with the step as one over its rows: a loop has them for its first axis."""
    if isinstance(step, Contraction):
        rank = len(step.batch)
        own = any(step.b.strides[:rank])  # what is packed for all batches at once would be packed for each
        if own and step.plan.split == "batch":
            yield (0, 0, math.prod(step.batch)), step
    if not isinstance(step, LoopNest) or 0 in step.shape:
        return
    rank = len(step.shape)
    for count in reversed(range(1, rank + 1)):
        together = _together(step, count)
        if together is not None and together.shape[0] > 1:
            yield (0, 0, together.shape[0]), together
    for axis in range(1, rank - 1):
        run, alone = math.prod(step.shape[axis + 1 :]), step.shape[axis] == math.prod(step.shape)
        if step.shape[axis] > 1 and (run >= _RUN or alone):
            moved = _in_front(step, axis)
            if moved is not None:
                yield (axis, rank, step.shape[axis]), moved


def row_axes(step: Link) -> Shape:
    """The extents of the axes that are rows of a step as one over rows."""
    return step.batch if isinstance(step, Contraction) else step.shape[:1]


def layout(window: AccessWindow, rows: Shape) -> Layout | None:
    """Where a window's rows lie, the first axes; None where one does not lie apart from the next."""
    rank = len(rows)
    step = reshaped(rows, window.strides[:rank], (math.prod(rows),))
    if step is None or step[0] <= 0:
        return None
    inner = list(zip(window.shape[rank:], window.strides[rank:], strict=True))
    last = window.offset + sum((extent - 1) * stride for extent, stride in inner)
    if all(stride >= 0 for _, stride in inner) and window.offset >= 0 and last < step[0]:
        return step[0]
    strides = tuple(s if n > 1 else 0 for n, s in zip(window.shape, window.strides, strict=True))
    return (window.shape, strides, window.offset) if rank == 1 else None


def _together(loop: LoopNest, count: int) -> LoopNest | None:
    """With so many axes as one, along which memory is stepped through furthest; None where no strides do that."""
    shape = (math.prod(loop.shape[:count]), *loop.shape[count:])

    def steps(strides: tuple[int, ...]) -> tuple[int, ...] | None:
        found = reshaped(loop.shape, strides, shape)
        near = found is not None and found[0] and any(abs(s) > abs(found[0]) for s in found[1:])
        return None if near else found

    return _seen(loop, shape, steps, lambda strides: reshaped(loop.shape, strides, shape))


def _in_front(loop: LoopNest, axis: int) -> LoopNest | None:
    """With an axis before all others."""

    def steps(values: tuple[int, ...]) -> tuple[int, ...]:
        return (values[axis], *values[:axis], *values[axis + 1 :])

    return _seen(loop, steps(loop.shape), steps, steps)


def _seen(loop: LoopNest, shape: Shape, of_window: _Strides, of_index: _Strides) -> LoopNest | None:
    """A loop over other axes; None where strides are, or where something is reduced along the first."""
    windows = []
    for window in link_windows(loop):
        strides = of_window(window.strides)
        if strides is None:
            return None
        windows.append(window._replace(shape=shape, strides=strides))
    body = []
    for op in loop.body:
        if op.op == "index":
            strides = of_index(op.value[0])
            if strides is None:
                return None
            op = op._replace(value=(strides, op.value[1]))
        body.append(op)
    found = with_link_windows(loop._replace(shape=shape, body=tuple(body)), windows)
    assert isinstance(found, LoopNest)
    return found if all(store.window.strides[0] for store in found.stores) else None
