"""Reductions over sliding windows on the CPU: loops over what the windows see."""

from __future__ import annotations

import math

from weft.compiler.targets.cpu.body import LoopBody
from weft.compiler.targets.cpu.loops import AccessWindow, Store
from weft.compiler.targets.cpu.sliding import SlidingLowering
from weft.compiler.targets.cpu.views import Index, NumberView, View, contiguous
from weft.framework.dtypes import DTYPES
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import sliding_axes
from weft.framework.primitives.windows import lowest


class WindowLowering(SlidingLowering):
    """The part of the lowering that deals with windows."""

    def _window_sum(self, i: int, node: Node) -> View:
        seen = self._seen(self.views[node.inputs[0]], node, 0)
        body = LoopBody(seen.shape)
        return self._summed(i, node, body, body.operand(seen))

    def _window_max(self, i: int, node: Node) -> View:
        source = self.views[node.inputs[0]]
        seen, target = self._seen(source, node, lowest(DTYPES[source.dtype].numpy)), self._target(i)
        body = LoopBody(seen.shape)
        self.steps.append(body.loop([Store(body.operand(seen), _over(target, node.attr("window")), "max")]))
        return target

    def _window_pick(self, i: int, node: Node) -> View:
        """Where the place of its window's first maximum is, the value; elsewhere nothing."""
        window, axes = node.attr("window"), sliding_axes(node.attributes)
        first_maxima, values = self._maxima(node), self.views[node.inputs[1]]
        keys: View
        places = math.prod(window)
        if node.attr("result") == "windows":
            seen: View = self._seen(values, node, 0)
            body, first = LoopBody(seen.shape), (0, 1)
            keys, nothing = _over(first_maxima, window), lowest(DTYPES[node.dtype.name].numpy)
        else:  # what sees an element, the places of a window counted from the end
            turned = tuple(axis.turned(n) for axis, n in zip(axes, window, strict=True))
            extents = node.shape[len(node.shape) - len(axes) :]
            seen = self._windows(values, turned, extents, window)
            body, first = LoopBody(seen.shape), (places - 1, -1)
            keys, nothing = self._windows(first_maxima, turned, extents, window, places), 0
        here = _is_at(body, body.operand(keys), window, *first)
        nowhere = body.operand(NumberView(nothing, node.dtype.name, body.shape, (0,) * len(body.shape)))
        picked = body.compute("select", (here, body.operand(seen), nowhere), node.dtype.name, "bool")
        if node.attr("result") == "input":
            return self._summed(i, node, body, picked)
        target = self._target(i)
        self.steps.append(body.loop([Store(picked, _over(target, window), "max")]))
        return target

    def _maxima(self, node: Node) -> AccessWindow:
        """int32 [..., *size]: for each window the place p of its first maximum, or -1 - p where that is a NaN.

        The smallest of these is the first of the largest elements, or the last NaN.
        """
        source, window = self.views[node.inputs[0]], node.attr("window")
        dtype = source.dtype
        seen = self._seen(source, node, lowest(DTYPES[dtype].numpy))
        kept = seen.shape[: len(seen.shape) - len(window)]
        largest, keys = _over(self._temporary(kept, dtype), window), self._temporary(kept, "int32")
        body = LoopBody(seen.shape)
        self.steps.append(body.loop([Store(body.operand(seen), largest, "max")]))
        body = LoopBody(seen.shape)
        x, top = body.operand(seen), body.operand(largest)
        inside = self._seen(NumberView(True, "bool", source.shape, (0,) * len(source.shape)), node, False)
        hit = body.compute("and", (body.compute("eq", (x, top), "bool", dtype), body.operand(inside)), "bool", "bool")
        beyond = body.operand(NumberView(math.prod(window), "int32", body.shape, (0,) * len(body.shape)))
        key = body.compute("select", (hit, body.operand(_place(body.shape, window, 0, 1)), beyond), "int32", "bool")
        if DTYPES[dtype].is_float:
            nan = body.compute("ne", (x, x), "bool", dtype)
            key = body.compute("select", (nan, body.operand(_place(body.shape, window, -1, -1)), key), "int32", "bool")
        self.steps.append(body.loop([Store(key, _over(keys, window), "min")]))
        return keys

    def _seen(self, source: View, node: Node, fill: float) -> View:
        """What the node's windows see of ``source``."""
        return self._windows(source, sliding_axes(node.attributes), node.attr("size"), node.attr("window"), fill)

    def _summed(self, i: int, node: Node, body: LoopBody, slot: int) -> View:
        """The sum over the places of the windows; a bfloat16 is summed in float32 and rounded once."""
        target = self._target(i)
        narrow = target.dtype == "bfloat16"
        total = self._temporary(target.shape, "float32") if narrow else target
        self.steps.append(body.loop([Store(slot, _over(total, node.attr("window")), "sum")]))
        if narrow:
            self._copy(total, target)
        return target


def _over(target: AccessWindow, window: Shape) -> AccessWindow:
    """The same for every place of a window."""
    return target._replace(shape=(*target.shape, *window), strides=(*target.strides, *(0,) * len(window)))


def _place(space: Shape, window: Shape, first: int, step: int) -> Index:
    """The number of a place in its window, the last dimensions of a loop, in row-major order: first, first + step, …"""
    lead = len(space) - len(window)
    return Index(space, (*(0,) * lead, *(step * stride for stride in contiguous(window))), first)


def _is_at(body: LoopBody, keys: int, window: Shape, first: int, step: int) -> int:
    """Whether a window's key (``_maxima``) is the place that a loop is at."""
    at = body.operand(_place(body.shape, window, first, step))
    nan = body.operand(_place(body.shape, window, -1 - first, -step))
    return body.compute(
        "or", (body.compute("eq", (keys, at), "bool", "int32"), body.compute("eq", (keys, nan), "bool", "int32")),
        "bool", "bool",
    )  # fmt: skip
