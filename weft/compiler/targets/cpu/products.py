"""Products on the CPU: matrix products and convolutions, in code of their own, by sgemm, or as loops.

Both are one contraction: batch axes that the two operands and the result share, rows that the left operand has,
columns that the right one has, and inner axes summed over. A convolution's windows are a view of its padded input.
Products of float32 get code of their own (`contraction.py`); small ones, and those of a graph that has made much code
already, are calls of sgemm, which reads copies of windows; other types are summed in loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft.compiler.targets.cpu import code_limits
from weft.compiler.targets.cpu.body import LoopBody
from weft.compiler.targets.cpu.division import product_parts
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.orientation import contraction, tile_window
from weft.compiler.targets.cpu.program import Gemm, orientation, shared_form
from weft.compiler.targets.cpu.sliding import SlidingLowering
from weft.compiler.targets.cpu.views import NumberView, V, View, contiguous, reshaped
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.sliding import sliding_axes

WORTHWHILE = 4096
"""Multiplications from which on a product is worth code of its own."""


class ProductFactors(NamedTuple):
    """left [batch…, rows…, inner…] and right [batch…, inner…, columns…]; the result is [batch…, rows…, columns…]."""

    left: View
    right: View
    batch: Shape
    rows: Shape
    inner: Shape
    columns: Shape

    @property
    def space(self) -> Shape:
        """Of the result, rows and columns each as one axis."""
        return (*self.batch, math.prod(self.rows), math.prod(self.columns))

    @property
    def dtypes(self) -> set[str]:
        """Of both."""
        return {self.left.dtype, self.right.dtype}


class ProductLowering(SlidingLowering):
    """The part of the lowering that deals with products; what it needs of the whole is declared here and before."""

    has_sgemm: bool
    threads: int
    copies: dict[str, AccessWindow]
    loops: set[Any]
    work: int
    _enlarge: Callable[[int, int], None]

    def _product(self, i: int, node: Node) -> View:
        """A product alone."""
        factors, target = self._factors(node), self._target(i)
        out = target._replace(shape=factors.space, strides=contiguous(factors.space))  # its axes are in order
        if node.dtype.name == "float32" and self._has_own_code(node, factors):
            body = LoopBody(out.shape)
            self._contraction(factors, body.loop([Store(body.operand(tile_window(out.shape)), out)]))
        elif node.dtype.name == "float32" and self.has_sgemm:
            batch, m, k, n = factors.batch, out.shape[-2], math.prod(factors.inner), out.shape[-1]
            a = self._readable(self._merged(factors.left, (*batch, m, k)))
            b = self._readable(self._merged(factors.right, (*batch, k, n)))
            self.steps.append(Gemm(a, b, out))
        else:
            shape = (*factors.batch, *factors.rows, *factors.columns)
            self._in_loops(factors, target._replace(shape=shape, strides=contiguous(shape)))
        return target

    def _has_own_code(self, node: Node, factors: ProductFactors) -> bool:
        """Whether a product of float32 is worth it, and the graph has not made too much code."""
        *_, m, n = factors.space
        depth = math.prod(factors.inner)
        floats = factors.dtypes <= {"float32", "bfloat16"}
        large = min(m, n) > 1 and math.prod(factors.space) * depth >= WORTHWHILE
        return self.has_sgemm and floats and large and self.work < code_limits.FUSED_WORK

    def _contraction(self, factors: ProductFactors, epilogue: LoopNest) -> None:
        """A product in code of its own; what becomes of it is in the epilogue, a loop over its space."""
        step = contraction(
            factors.batch, factors.rows, factors.columns, factors.inner, self._in_float32(factors.left),
            self._in_float32(factors.right), epilogue, lambda floats: self._temporary((floats,), "float32"),
        )  # fmt: skip
        self._enlarge(step.scratch.buffer, product_parts(step, self.threads))
        kind = repr(shared_form(step)[0])
        if kind not in self.loops:
            self.loops.add(kind)
            self.work += code_limits.PRODUCT_WORK + len(epilogue.body)
        self.steps.append(step)

    def _in_float32(self, view: View) -> AccessWindow:
        """The view's elements in memory as float32: where they lie, or a copy made once."""
        if isinstance(view, AccessWindow) and view.dtype == "float32":
            return view
        if repr(view) not in self.copies:
            self.copies[repr(view)] = self._temporary(view.shape, "float32")
            self._copy(view, self.copies[repr(view)])
        return self.copies[repr(view)]

    def _factors(self, node: Node) -> ProductFactors:
        """What a product multiplies."""
        return self._of_matmul(node) if node.op == "matmul" else self._of_conv(node)

    def _of_matmul(self, node: Node) -> ProductFactors:
        a, b = (
            _transposed(self.views[source]) if node.attr(flag) else self.views[source]
            for source, flag in zip(node.inputs, ("transpose_a", "transpose_b"), strict=True)
        )
        return ProductFactors(a, b, node.shape[:-2], (a.shape[-2],), (a.shape[-1],), (b.shape[-1],))

    def _of_conv(self, node: Node) -> ProductFactors:
        """The operand that windows slide over to the right, the other to the left."""
        groups, axes = node.attr("groups"), sliding_axes(node.attributes)
        (first, second), size = (self.views[source] for source in node.inputs), node.attr("size")
        j, k = tuple(range(3, 3 + len(axes))), tuple(range(3 + len(axes), 3 + 2 * len(axes)))  # axes of what is seen
        if node.attr("result") == "kernel":  # [G | N, J | C, K]
            seen = _split(self._windows(first, axes, second.shape[2:], size), 1, groups)
            right, left = _permuted(seen, (1, 0, *j, 2, *k)), _permuted(_split(second, 1, groups), (1, 2, 0, *j))
            shared = 1
        else:  # [N, G | channels, K | J]
            kernel = _split(second, 0, groups)
            if node.attr("result") == "input":  # a convolution of the output by the kernel, turned around
                axes = tuple(axis.turned(n) for axis, n in zip(axes, second.shape[2:], strict=True))
                kernel = _permuted(_flipped(kernel, len(axes)), (0, 2, 1, *j))
            seen = _split(self._windows(first, axes, size, second.shape[2:]), 1, groups)
            right, left = _permuted(seen, (0, 1, 2, *k, *j)), _repeated(kernel, first.shape[0])
            shared = 2
        batch, rows, inner = left.shape[:shared], left.shape[shared : shared + 1], left.shape[shared + 1 :]
        return ProductFactors(left, right, batch, rows, inner, right.shape[shared + len(inner) :])

    def _in_loops(self, factors: ProductFactors, target: AccessWindow) -> None:
        """target = Σ left · right over the inner axes, as a loop; target: [batch…, rows…, columns…]."""
        left, right, batch, rows, inner, columns = factors
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
