"""Products on the CPU: matrix products and convolutions as calls of sgemm where it can, as loops where it cannot.

Both are one contraction: batch axes that the two operands and the result share, rows that the left operand has,
columns that the right one has, and inner axes summed over. A convolution's windows are a view of its padded input;
sgemm reads a copy of them in which the axes lie in that order (im2col).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from weft.compiler.targets.cpu.body import LoopBody
from weft.compiler.targets.cpu.loops import AccessWindow, Store
from weft.compiler.targets.cpu.program import Gemm, orientation
from weft.compiler.targets.cpu.sliding import SlidingLowering
from weft.compiler.targets.cpu.views import NumberView, View, reshaped
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import sliding_axes

V = TypeVar("V", AccessWindow, View)


class ContractionExtents(NamedTuple):
    """The axes of left [batch…, rows…, inner…], right [batch…, inner…, columns…], result [batch…, rows…, columns…]."""

    batch: Shape
    rows: Shape
    inner: Shape
    columns: Shape


class ProductLowering(SlidingLowering):
    """The part of the lowering that deals with products; what it needs of the whole is declared here and before."""

    has_sgemm: bool
    copies: dict[str, AccessWindow]

    def _matmul(self, i: int, node: Node) -> View:
        a, b = (
            _transposed(self.views[source]) if node.attr(flag) else self.views[source]
            for source, flag in zip(node.inputs, ("transpose_a", "transpose_b"), strict=True)
        )
        target = self._target(i)
        extents = ContractionExtents(node.shape[:-2], (a.shape[-2],), (a.shape[-1],), (b.shape[-1],))
        self._contract(a, b, target, extents)
        return target

    def _conv(self, i: int, node: Node) -> View:
        """The operand that windows slide over to the right, the other to the left."""
        target, groups, axes = self._target(i), node.attr("groups"), sliding_axes(node.attributes)
        (first, second), size = (self.views[source] for source in node.inputs), node.attr("size")
        j, k = tuple(range(3, 3 + len(axes))), tuple(range(3 + len(axes), 3 + 2 * len(axes)))  # axes of what is seen
        if node.attr("result") == "kernel":  # [G | N, J | C, K]
            seen = _split(self._windows(first, axes, second.shape[2:], size), 1, groups)
            right, left = _permuted(seen, (1, 0, *j, 2, *k)), _permuted(_split(second, 1, groups), (1, 2, 0, *j))
            out, shared = _split(target, 0, groups), 1
        else:  # [N, G | channels, K | J]
            kernel = _split(second, 0, groups)
            if node.attr("result") == "input":  # a convolution of the output by the kernel, turned around
                axes = tuple(axis.turned(n) for axis, n in zip(axes, second.shape[2:], strict=True))
                kernel = _permuted(_flipped(kernel, len(axes)), (0, 2, 1, *j))
            seen = _split(self._windows(first, axes, size, second.shape[2:]), 1, groups)
            right, left = _permuted(seen, (0, 1, 2, *k, *j)), _repeated(kernel, first.shape[0])
            out, shared = _split(target, 1, groups), 2
        batch, rows, inner = left.shape[:shared], left.shape[shared : shared + 1], left.shape[shared + 1 :]
        self._contract(left, right, out, ContractionExtents(batch, rows, inner, right.shape[shared + len(inner) :]))
        return target

    def _contract(self, left: View, right: View, target: AccessWindow, extents: ContractionExtents) -> None:
        """target = Σ left · right over the inner axes."""
        batch, rows, inner, columns = extents
        if target.dtype == "float32" and self.has_sgemm:
            m, k, n = math.prod(rows), math.prod(inner), math.prod(columns)
            a = self._readable(self._merged(left, (*batch, m, k)))
            b = self._readable(self._merged(right, (*batch, k, n)))
            steps = reshaped(target.shape, target.strides, (*batch, m, n))
            assert steps is not None, "a result in new memory has its axes in order"
            self.steps.append(Gemm(a, b, target._replace(shape=(*batch, m, n), strides=steps)))
            return
        space = (*batch, *rows, *inner, *columns)
        before, after = len(batch), len(batch) + len(rows)
        body = LoopBody(space)
        slots = []
        for view, strides in (
            (left, (*left.strides, *(0,) * len(columns))),
            (right, (*right.strides[:before], *(0,) * len(rows), *right.strides[before:])),
        ):
            slot = body.operand(view._replace(shape=space, strides=strides))
            slots.append(body.compute("cast", (slot,), target.dtype, view.dtype))
        product = body.compute("mul", tuple(slots), target.dtype, target.dtype)
        strides = (*target.strides[:after], *(0,) * len(inner), *target.strides[after:])
        self.steps.append(body.loop([Store(product, target._replace(shape=space, strides=strides), "sum")]))

    def _merged(self, view: View, shape: Shape) -> View:
        """The view in another shape, or a float32 copy where no strides show that."""
        steps = reshaped(view.shape, view.strides, shape)
        if steps is None:
            ordered = self._temporary(view.shape, "float32")
            self._copy(view, ordered)
            return self._merged(ordered, shape)
        return view._replace(shape=shape, strides=steps)

    def _readable(self, view: View) -> AccessWindow:
        """A float32 window that BLAS can read, with the view's elements: itself, or a copy made once."""
        reading = orientation(view) if isinstance(view, AccessWindow) else None
        if reading is not None and isinstance(view, AccessWindow) and view.dtype == "float32":
            return view
        swapped = reading is not None and reading[0]
        stored = _transposed(view) if swapped else view  # both orientations share one copy
        if repr(stored) not in self.copies:
            self.copies[repr(stored)] = self._temporary(stored.shape, "float32")
            self._copy(stored, self.copies[repr(stored)])
        copy = self.copies[repr(stored)]
        return _transposed(copy) if swapped else copy


def _transposed(view: V) -> V:
    """The view with its last two dimensions exchanged."""
    axes: tuple[int, ...] = tuple(range(len(view.shape)))
    return _permuted(view, (*axes[:-2], axes[-1], axes[-2]))


def _permuted(view: V, order: Sequence[int]) -> V:
    return view._replace(shape=tuple(view.shape[d] for d in order), strides=tuple(view.strides[d] for d in order))


def _split(view: V, axis: int, parts: int) -> V:
    """One dimension seen as ``parts`` of equal extent, each a dimension."""
    extent, stride = view.shape[axis] // parts, view.strides[axis]
    return view._replace(
        shape=(*view.shape[:axis], parts, extent, *view.shape[axis + 1 :]),
        strides=(*view.strides[:axis], stride * extent, stride, *view.strides[axis + 1 :]),
    )


def _repeated(view: V, times: int) -> V:
    """With a dimension in front along which everything is repeated."""
    return view._replace(shape=(times, *view.shape), strides=(0, *view.strides))


def _flipped(view: View, count: int) -> View:
    """The last ``count`` dimensions the other way round."""
    lead = len(view.shape) - count
    if isinstance(view, NumberView) or 0 in view.shape:
        return view
    last = sum((n - 1) * stride for n, stride in zip(view.shape[lead:], view.strides[lead:], strict=True))
    strides = (*view.strides[:lead], *(-stride for stride in view.strides[lead:]))
    return view._replace(strides=strides, offset=view.offset + last)
