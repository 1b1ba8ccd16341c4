"""Moves without copies: reshape, permute, broadcast and slice as other strides on the same elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from weft.compiler.targets.cpu.loops import AccessWindow
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import SlidingAxis


class NumberView(NamedTuple):
    """One number, the same at every index. `dtype` by name."""

    value: float | int | bool
    dtype: str
    shape: Shape
    strides: tuple[int, ...]


class Index(NamedTuple):
    """int32: the linear position given by `strides` and `offset`; what `iota` and moves of it give."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0
    dtype: str = "int32"


View = AccessWindow | NumberView | Index
"""Elements that need no computing: where they lie, or what they are."""

V = TypeVar("V", AccessWindow, View)


def contiguous(shape: Shape) -> tuple[int, ...]:
    """Row-major strides, in elements."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


def move(view: View, node: Node) -> View | None:
    """The operand's view as movement `node` sees it, or None where no strides describe that."""
    if node.op == "reshape":
        strides = reshaped(view.shape, view.strides, node.shape)
        return None if strides is None else view._replace(shape=node.shape, strides=strides)
    if node.op == "permute":
        return view._replace(shape=node.shape, strides=tuple(view.strides[axis] for axis in node.attr("order")))
    if node.op == "broadcast_to":
        new = len(node.shape) - len(view.shape)
        kept = zip(view.strides, view.shape, node.shape[new:], strict=True)
        strides = (0,) * new + tuple(0 if have != want else stride for stride, have, want in kept)
        return view._replace(shape=node.shape, strides=strides)
    if node.op == "slice":
        strides = tuple(s * step for s, step in zip(view.strides, node.attr("steps"), strict=True))
        if isinstance(view, NumberView):
            return view._replace(shape=node.shape, strides=strides)
        start = sum(s * first for s, first in zip(view.strides, node.attr("starts"), strict=True))
        return view._replace(shape=node.shape, strides=strides, offset=view.offset + start)
    return None


def reshaped(shape: Shape, strides: Sequence[int], wanted: Shape) -> tuple[int, ...] | None:
    """Strides that show the same elements in row-major order as `wanted`, or None if there are none."""
    if 0 in wanted:
        return contiguous(wanted)
    # Runs of dimensions that are stepped through as one, outermost first: [elements, innermost stride].
    runs: list[list[int]] = []
    for extent, stride in zip(shape, strides, strict=True):
        if extent == 1:
            continue
        if runs and runs[-1][1] == stride * extent:
            runs[-1] = [runs[-1][0] * extent, stride]
        else:
            runs.append([extent, stride])
    result: list[int] = []
    for extent in reversed(wanted):
        if extent == 1:
            result.append(0)
            continue
        if not runs or runs[-1][0] % extent:
            return None
        left, stride = runs[-1]
        result.append(stride)
        runs[-1] = [left // extent, stride * extent]
        if runs[-1][0] == 1:
            runs.pop()
    return tuple(reversed(result))


def windows(view: V, axes: Sequence[SlidingAxis], starts: Shape, size: Shape, window: Shape) -> V:
    """[…, *size, *window]: what windows see that slide over the last dimensions, the first ones at ``starts``."""
    lead: int = len(view.shape) - len(axes)
    steps: tuple[int, ...] = view.strides[lead:]
    strides = (
        *view.strides[:lead],
        *(step * axis.stride for step, axis in zip(steps, axes, strict=True)),
        *(step * axis.dilation for step, axis in zip(steps, axes, strict=True)),
    )
    shape = (*view.shape[:lead], *size, *window)
    if isinstance(view, NumberView):
        return view._replace(shape=shape, strides=strides)
    first = sum(step * start for step, start in zip(steps, starts, strict=True))
    return view._replace(shape=shape, strides=strides, offset=view.offset + first)
