"""Reductions over sliding windows on the CPU: loops over what the windows see."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from operator import mul

from weft.compiler.targets.cpu.body import LoopBody
from weft.compiler.targets.cpu.loops import AccessWindow, Store
from weft.compiler.targets.cpu.sliding import SlidingLowering
from weft.compiler.targets.cpu.views import Index, NumberView, V, View, contiguous, windows
from weft.framework.dtypes import DTYPES
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import SlidingAxis, sliding_axes
from weft.framework.primitives.windows import lowest

UNROLLED = 25
"""Places of a window up to which a loop runs over the windows alone and its body names each place; such a loop is
vectorised along the windows, where one over the places runs through memory a few elements at a time."""


class WindowLowering(SlidingLowering):
    """The part of the lowering that deals with windows."""

    def _window_sum(self, i: int, node: Node) -> View:
        seen = self._seen(self.views[node.inputs[0]], node, 0)
        if math.prod(node.attr("window")) <= UNROLLED:
            body = LoopBody(node.shape)
            added = [body.operand(place) for place in _places(seen, node.attr("window"))]
            return self._added(i, node, body, added)
        body = LoopBody(seen.shape)
        return self._summed(i, node, body, body.operand(seen), node.attr("window"))

    def _window_max(self, i: int, node: Node) -> View:
        source, window = self.views[node.inputs[0]], node.attr("window")
        seen, target = self._seen(source, node, lowest(DTYPES[source.dtype].numpy)), self._target(i)
        if math.prod(window) <= UNROLLED:
            body = LoopBody(node.shape)
            places = [body.operand(place) for place in _places(seen, window)]
            self.steps.append(body.loop([Store(_folded(body, "maximum", places, target.dtype), target)]))
            return target
        body = LoopBody(seen.shape)
        self.steps.append(body.loop([Store(body.operand(seen), _over(target, window), "max")]))
        return target

    def _window_pick(self, i: int, node: Node) -> View:
        """Where the place of its window's first maximum is, the value; elsewhere nothing."""
        window, axes = node.attr("window"), sliding_axes(node.attributes)
        first_maxima, values = self._maxima(node), self.views[node.inputs[1]]
        places, to_windows = math.prod(window), node.attr("result") == "windows"
        extents = node.shape[len(node.shape) - len(axes) :]
        if not to_windows and _apart(axes, node.attr("size"), window, extents):
            return self._spread_apart(i, node, first_maxima, values)
        keys: View
        if to_windows:
            seen: View = self._seen(values, node, 0)
            keys, nothing, numbers = _over(first_maxima, window), lowest(DTYPES[node.dtype.name].numpy), (0, 1)
        else:  # what sees an element, the places of a window counted from the end
            turned = tuple(axis.turned(n) for axis, n in zip(axes, window, strict=True))
            seen = self._windows(values, turned, extents, window)
            keys, nothing = self._windows(first_maxima, turned, extents, window, places), 0
            numbers = (places - 1, -1)
        if places <= UNROLLED:
            return self._picked(i, node, list(zip(_places(keys, window), _places(seen, window), strict=True)), numbers)
        body = LoopBody(seen.shape)
        here = _is_at(body, body.operand(keys), window, *numbers)
        picked = body.compute("select", (here, body.operand(seen), _number(body, nothing, node.dtype.name)),
                              node.dtype.name, "bool")  # fmt: skip
        if not to_windows:
            return self._summed(i, node, body, picked, window)
        target = self._target(i)
        self.steps.append(body.loop([Store(picked, _over(target, window), "max")]))
        return target

    def _picked(self, i: int, node: Node, places: list[tuple[View, View]], numbers: tuple[int, int]) -> View:
        """A pick whose loop names each place: (keys, values); `numbers`: of the first place, and from one to the
        next."""
        body, dtype = LoopBody(node.shape), node.dtype.name
        first, step = numbers
        nothing = _number(body, 0, dtype)
        added: list[int] = []
        chosen = _number(body, lowest(DTYPES[dtype].numpy), dtype) if node.attr("result") == "windows" else None
        for n, (keys, values) in enumerate(places):
            here, value = _is_place(body, body.operand(keys), first + step * n), body.operand(values)
            if chosen is not None:
                chosen = body.compute("select", (here, value, chosen), dtype, "bool")
            else:
                added.append(body.compute("select", (here, value, nothing), dtype, "bool"))
        if chosen is None:
            return self._added(i, node, body, added)
        target = self._target(i)
        self.steps.append(body.loop([Store(chosen, target)]))
        return target

    def _spread_apart(self, i: int, node: Node, keys: AccessWindow, values: View) -> View:
        """The pick of the input where no two windows share an element: each window writes its own places."""
        window, axes = node.attr("window"), sliding_axes(node.attributes)
        target, size, dtype = self._target(i), node.attr("size"), node.dtype.name
        lead = len(node.shape) - len(axes)
        if math.prod(size) * math.prod(window) < math.prod(node.shape[lead:]):  # some are of no window
            self._copy(NumberView(0, dtype, target.shape, (0,) * len(target.shape)), target)
        seen = windows(target, axes, tuple(-axis.low for axis in axes), size, window)
        body = LoopBody(keys.shape)
        value, key, nothing = body.operand(values), body.operand(keys), _number(body, 0, dtype)
        stores = [
            Store(body.compute("select", (_is_place(body, key, n), value, nothing), dtype, "bool"), place)
            for n, place in enumerate(_places(seen, window))
        ]
        self.steps.append(body.loop(stores))
        return target

    def _maxima(self, node: Node) -> AccessWindow:
        """int32 [..., *size]: for each window the place p of its first maximum, or -1 - p where that is a NaN.

        The smallest of these is the first of the largest elements, or the last NaN.
        """
        source, window = self.views[node.inputs[0]], node.attr("window")
        dtype = source.dtype
        seen = self._seen(source, node, lowest(DTYPES[dtype].numpy))
        inside = self._seen(NumberView(True, "bool", source.shape, (0,) * len(source.shape)), node, False)
        kept = seen.shape[: len(seen.shape) - len(window)]
        if math.prod(window) <= UNROLLED:
            return self._maxima_unrolled(_places(seen, window), _places(inside, window), kept)
        largest, keys = _over(self._temporary(kept, dtype), window), self._temporary(kept, "int32")
        body = LoopBody(seen.shape)
        self.steps.append(body.loop([Store(body.operand(seen), largest, "max")]))
        body = LoopBody(seen.shape)
        x, top = body.operand(seen), body.operand(largest)
        hit = body.compute("and", (body.compute("eq", (x, top), "bool", dtype), body.operand(inside)), "bool", "bool")
        beyond = _number(body, math.prod(window), "int32")
        key = body.compute("select", (hit, body.operand(_place(body.shape, window, 0, 1)), beyond), "int32", "bool")
        if DTYPES[dtype].is_float:
            nan = body.compute("ne", (x, x), "bool", dtype)
            key = body.compute("select", (nan, body.operand(_place(body.shape, window, -1, -1)), key), "int32", "bool")
        self.steps.append(body.loop([Store(key, _over(keys, window), "min")]))
        return keys

    def _maxima_unrolled(self, seen: Sequence[View], inside: Sequence[View], kept: Shape) -> AccessWindow:
        """The same by a loop that names each place."""
        keys, body, dtype = self._temporary(kept, "int32"), LoopBody(kept), seen[0].dtype
        values = [body.operand(place) for place in seen]
        largest = _folded(body, "maximum", values, dtype)
        key = _number(body, len(values), "int32")
        for n, value in reversed(list(enumerate(values))):
            hit = body.compute("eq", (value, largest), "bool", dtype)
            if not isinstance(inside[n], NumberView):
                hit = body.compute("and", (hit, body.operand(inside[n])), "bool", "bool")
            key = body.compute("select", (hit, _number(body, n, "int32"), key), "int32", "bool")
        if DTYPES[dtype].is_float:
            for n, value in enumerate(values):
                nan = body.compute("ne", (value, value), "bool", dtype)
                key = body.compute("select", (nan, _number(body, -1 - n, "int32"), key), "int32", "bool")
        self.steps.append(body.loop([Store(key, keys)]))
        return keys

    def _seen(self, source: View, node: Node, fill: float) -> View:
        """What the node's windows see of ``source``."""
        return self._windows(source, sliding_axes(node.attributes), node.attr("size"), node.attr("window"), fill)

    def _summed(self, i: int, node: Node, body: LoopBody, slot: int, window: Shape) -> View:
        """The sum over the places of the windows; a bfloat16 is summed in float32 and rounded once."""
        target = self._target(i)
        narrow = target.dtype == "bfloat16"
        total = self._temporary(target.shape, "float32") if narrow else target
        self.steps.append(body.loop([Store(slot, _over(total, window), "sum")]))
        if narrow:
            self._copy(total, target)
        return target

    def _added(self, i: int, node: Node, body: LoopBody, slots: Sequence[int]) -> View:
        """The sum of what the loop has for each place; likewise."""
        target, dtype = self._target(i), node.dtype.name
        wide = "float32" if dtype == "bfloat16" else dtype
        start = _number(body, 0, wide)  # as in NumPy, a sum of negative zeros is zero
        if wide != dtype:
            slots = [body.compute("cast", (slot,), wide, dtype) for slot in slots]
        total = _folded(body, "add", [start, *slots], wide)
        if wide != dtype:
            total = body.compute("cast", (total,), dtype, wide)
        self.steps.append(body.loop([Store(total, target)]))
        return target


def _apart(axes: Sequence[SlidingAxis], size: Shape, window: Shape, extents: Shape) -> bool:
    """Whether no two windows share an element, and all their places are elements."""
    return math.prod(window) <= UNROLLED and all(
        a.input_dilation == 1 and a.low <= 0 and (n <= 1 or a.dilation * (k - 1) < a.stride)
        and a.span(n, k) - a.low <= extent
        for a, n, k, extent in zip(axes, size, window, extents, strict=True)
    )  # fmt: skip


def _places(seen: V, window: Shape) -> list[V]:
    """What is seen at each place of the windows, in row-major order: the last axes of `seen` taken one by one."""
    lead = len(seen.shape) - len(window)
    shape, strides = seen.shape[:lead], seen.strides[:lead]
    if not isinstance(seen, AccessWindow):
        return [seen._replace(shape=shape, strides=strides)] * math.prod(window)
    places = itertools.product(*(range(n) for n in window))
    return [
        seen._replace(shape=shape, strides=strides, offset=seen.offset + sum(map(mul, place, seen.strides[lead:])))
        for place in places
    ]


def _number(body: LoopBody, value: float, dtype: str) -> int:
    return body.operand(NumberView(value, dtype, body.shape, (0,) * len(body.shape)))


def _folded(body: LoopBody, op: str, slots: Sequence[int], dtype: str) -> int:
    """One operation over several values, in pairs and pairs of pairs: none waits for all before it."""
    while len(slots) > 1:
        pairs = [
            body.compute(op, (left, right), dtype, dtype) for left, right in zip(slots[::2], slots[1::2], strict=False)
        ]
        slots = [*pairs, *slots[2 * len(pairs) :]]
    return slots[0]


def _is_place(body: LoopBody, keys: int, place: int) -> int:
    """Whether a window's key (``_maxima``) is a place, whose maximum may be a NaN."""
    at, nan = (
        body.compute("eq", (keys, _number(body, n, "int32")), "bool", "int32") for n in (place, -1 - place)
    )
    return body.compute("or", (at, nan), "bool", "bool")


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
