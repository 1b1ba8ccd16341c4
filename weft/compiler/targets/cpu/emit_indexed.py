"""LLVM IR for steps whose places are values.

An index that stays the same along the inner axes, as where whole rows are chosen, is loaded before their loops. Updates
go in row-major order, one after the other, so that of several to one place the sum is the reference's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from weft.compiler.targets.cpu.emit import counted, i64
from weft.compiler.targets.cpu.indexed import IndexedStep
from weft.compiler.targets.cpu.loops import AccessWindow
from weft.compiler.targets.cpu.scalars import (
    I64,
    from_memory,
    literal,
    memory_type,
    merge,
    register_type,
    round_bfloat16,
    to_memory,
)
from weft.framework.dtypes import DTYPES
from weft.framework.primitives.base import Shape

Point = Sequence[ir.Value]


def emit_indexed(module: ir.Module, name: str, step: IndexedStep, buffers: int) -> ir.Function:
    """Add the function `name` to `module`: it takes the pointers of the step's buffers, numbered 0 to `buffers`-1."""
    pointer = ir.IntType(8).as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer] * buffers), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    for argument in function.args:
        argument.add_attribute("noalias")
    _Indexed(ir.IRBuilder(function.append_basic_block("entry")), step, function.args).run()
    return function


class _Indexed:
    """The emission of one step at a builder's position."""

    def __init__(self, builder: ir.IRBuilder, step: IndexedStep, pointers: Sequence[ir.Value]) -> None:
        self.b, self.step, self.pointers = builder, step, pointers

    def run(self) -> None:
        getattr(self, f"_{self.step.op}")()
        self.b.ret_void()

    def _gather(self) -> None:
        (x, index), out, axis = self.step.operands, self.step.out, self.step.axis
        assert axis is not None

        def move(point: Point) -> None:
            self._store(out, point, self._load(x, self._chosen(index, point, axis, x.shape[axis])))

        self._over(index.shape, move)

    def _scatter(self) -> None:
        (*given, index, updates), out, axis = self.step.operands, self.step.out, self.step.axis
        assert axis is not None
        self._begin(given)

        def put(point: Point) -> None:
            place, value = self._chosen(index, point, axis, out.shape[axis]), self._load(updates, point)
            if self.step.mode != "set":
                value = self._merged(self._load(out, place), value)
            self._store(out, place, value)

        self._over(updates.shape, put)

    def _merged(self, left: ir.Value, right: ir.Value) -> ir.Value:
        dtype = self.step.out.dtype
        if self.step.mode == "max":
            return merge(self.b, "max", left, right, dtype)
        return self.b.fadd(left, right) if DTYPES[dtype].is_float else self.b.add(left, right)

    def _dynamic_slice(self) -> None:
        (x, starts), out = self.step.operands, self.step.out
        first = self._first(starts, x.shape, out.shape)
        self._over(out.shape, lambda point: self._store(out, point, self._load(x, self._sum(point, first))))

    def _dynamic_update(self) -> None:
        (*given, part, starts), out = self.step.operands, self.step.out
        self._begin(given)
        first = self._first(starts, out.shape, part.shape)
        self._over(part.shape, lambda point: self._store(out, self._sum(point, first), self._load(part, point)))

    def _cumsum(self) -> None:
        (x,), out, axis, b = self.step.operands, self.step.out, self.step.axis, self.b
        assert axis is not None
        given, is_float = register_type(x.dtype), DTYPES[x.dtype].is_float
        kind = ir.DoubleType() if is_float else given
        total = b.alloca(kind)
        others = (*x.shape[:axis], 1, *x.shape[axis + 1 :])

        def along(outer: Point) -> None:
            b.store(ir.Constant(kind, 0), total)

            def add(inner: Point) -> None:
                (turn,) = inner
                at = b.sub(i64(x.shape[axis] - 1), turn) if self.step.mode == "reverse" else turn
                point = [*outer[:axis], at, *outer[axis + 1 :]]
                value, so_far = self._load(x, point), b.load(total)
                value = b.fpext(value, kind) if given != kind else value
                # The first is taken as it is, so that -0.0 stays what it is.
                is_first = b.icmp_signed("==", turn, i64(0))
                added = b.fadd(so_far, value) if is_float else b.add(so_far, value)
                value = b.select(is_first, value, added)
                b.store(value, total)
                value = b.fptrunc(value, given) if given != kind else value
                self._store(out, point, round_bfloat16(b, value) if out.dtype == "bfloat16" else value)

            self._over((x.shape[axis],), add)

        self._over(others, along)

    def _begin(self, given: Sequence[AccessWindow]) -> None:
        """Have `out` hold what it is before anything is put into it."""
        out, fill = self.step.out, self.step.fill

        def copy(point: Point) -> None:
            value = self._load(given[0], point) if given else literal(out.dtype, fill)
            self._store(out, point, value)

        self._over(out.shape, copy)

    def _over(self, shape: Shape, at: Callable[[Point], None]) -> None:
        """Do `at` at every point of a space, in row-major order."""
        if 0 in shape:
            return

        def nest(point: Point) -> None:
            if len(point) == len(shape):
                at(point)
                return
            with counted(self.b, shape[len(point)]) as counter:
                nest([*point, counter])

        nest([])

    def _first(self, starts: AccessWindow, whole: Shape, part: Shape) -> Point:
        """Where a part begins, moved so far that it lies within the whole."""
        found = []
        for axis, (extent, length) in enumerate(zip(whole, part, strict=True)):
            start = self._integer(starts, [i64(axis)])
            found.append(self._clamped(start, extent - length))
        return found

    def _chosen(self, index: AccessWindow, point: Point, axis: int, extent: int) -> Point:
        """The point, along `axis` where the index says: from the end if it is negative, within the extent."""
        b, at = self.b, self._integer(index, point)
        at = b.select(b.icmp_signed("<", at, i64(0)), b.add(at, i64(extent)), at)
        return [*point[:axis], self._clamped(at, extent - 1), *point[axis + 1 :]]

    def _clamped(self, value: ir.Value, most: int) -> ir.Value:
        b = self.b
        value = b.select(b.icmp_signed("<", value, i64(0)), i64(0), value)
        return b.select(b.icmp_signed(">", value, i64(most)), i64(most), value)

    def _sum(self, point: Point, first: Point) -> Point:
        return [self.b.add(a, c) for a, c in zip(point, first, strict=True)]

    def _integer(self, window: AccessWindow, point: Point) -> ir.Value:
        """An index as int64."""
        value = self._load(window, point)
        if value.type == I64:
            return value
        return (self.b.sext if DTYPES[window.dtype].signed else self.b.zext)(value, I64)

    def _load(self, window: AccessWindow, point: Point) -> ir.Value:
        return from_memory(self.b, self.b.load(self._address(window, point)), window.dtype)

    def _store(self, window: AccessWindow, point: Point, value: ir.Value) -> None:
        self.b.store(to_memory(self.b, value, window.dtype), self._address(window, point))

    def _address(self, window: AccessWindow, point: Point) -> ir.Value:
        b, total = self.b, i64(window.offset)
        for counter, stride in zip(point, window.strides, strict=True):
            if stride:
                total = b.add(total, b.mul(counter, i64(stride)))
        base = b.bitcast(self.pointers[window.buffer], memory_type(window.dtype).as_pointer())
        return b.gep(base, [total], inbounds=True)
