"""LLVM IR for one loop nest, written so that the loop vectoriser accepts it.

Each buffer is one `noalias` pointer argument: windows of one buffer may overlap only where they are the same window
(updating in place), which the vectoriser handles. Values that do not change along the innermost dimension are loaded
before it. Sums carry `reassoc`, which is what allows them to be vectorised; nothing else is relaxed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from weft.compiler.targets.cpu.division import BLOCK, divided_axis
from weft.compiler.targets.cpu.functions import I32
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.scalars import (
    I64,
    compute,
    from_memory,
    identity,
    memory_type,
    merge,
    register_type,
    to_memory,
)


def i64(value: int) -> ir.Constant:
    """An int64 literal."""
    return ir.Constant(I64, value)


def emit_loop(module: ir.Module, name: str, loop: LoopNest, buffers: int) -> ir.Function:
    """Add the function `name` to `module`: it takes the pointers of the loop's buffers, numbered 0 to `buffers`-1,
    which part of the work is its own, and of how many.

    `loop` is normalised and renumbered.
    """
    function, builder = _function(module, name, buffers)
    *pointers, part, parts = function.args
    axis = divided_axis(loop)
    if axis is None:
        Nest(builder, loop, pointers).run()
    else:
        start, stop = _range(builder, loop, axis, part, parts)
        with builder.if_then(builder.icmp_signed("<", start, stop)):
            Nest(builder, loop, pointers, {axis: (start, stop)}).run()
    builder.ret_void()
    return function


def emit_rows(module: ir.Module, name: str, loop: LoopNest, buffers: int) -> ir.Function:
    """The same for rows, along the first axis, in place of a part: from which to before which, one at least."""
    function, builder = _function(module, name, buffers)
    *pointers, start, stop = function.args
    Nest(builder, loop, pointers, {0: (start, stop)}).run()
    builder.ret_void()
    return function


def _function(module: ir.Module, name: str, buffers: int) -> tuple[ir.Function, ir.IRBuilder]:
    """Of so many pointers to memory that differs, and two numbers."""
    pointer = ir.IntType(8).as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*[pointer] * buffers, I64, I64]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    for argument in function.args[:buffers]:
        argument.add_attribute("noalias")
    return function, ir.IRBuilder(function.append_basic_block("entry"))


Ranges = dict[int, tuple[ir.Value, ir.Value]]
"""By axis, from where to before where it is walked; an axis that is missing is walked whole."""


def _range(b: ir.IRBuilder, loop: LoopNest, axis: int, part: ir.Value, parts: ir.Value) -> tuple[ir.Value, ir.Value]:
    """A part's share of an axis."""
    extent, unit = loop.shape[axis], BLOCK if axis == len(loop.shape) - 1 else 1
    blocks = i64(-(-extent // unit))

    def bound(n: ir.Value) -> ir.Value:
        place = b.mul(b.sdiv(b.mul(blocks, n), parts), i64(unit))
        return b.select(b.icmp_signed("<", place, i64(extent)), place, i64(extent))

    return bound(part), bound(b.add(part, i64(1)))


@contextmanager
def counted(b: ir.IRBuilder, extent: int) -> Iterator[ir.Value]:
    """A counting loop, of at least one turn, around what the `with` block emits; gives the counter."""
    with counted_to(b, i64(extent)) as counter:
        yield counter


@contextmanager
def counted_to(b: ir.IRBuilder, extent: ir.Value) -> Iterator[ir.Value]:
    """The same for a number of turns that is known at run time."""
    before = b.block
    body, after = b.append_basic_block("loop"), b.append_basic_block("done")
    b.branch(body)
    b.position_at_end(body)
    counter = b.phi(I64)
    counter.add_incoming(i64(0), before)
    yield counter
    following = b.add(counter, i64(1), flags=("nsw", "nuw"))
    counter.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, extent), body, after)
    b.position_at_end(after)


@contextmanager
def between(b: ir.IRBuilder, start: ir.Value, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
    """A loop from `start` to before `stop`, which may be empty."""
    turns = b.sdiv(b.add(b.sub(stop, start), i64(step - 1)), i64(step))
    with b.if_then(b.icmp_signed(">", turns, i64(0))), counted_to(b, turns) as counter:
        yield b.add(start, counter if step == 1 else b.mul(counter, i64(step)))


def _identity(store: Store) -> ir.Constant:
    """What a reduction into `store` starts from."""
    assert store.combine is not None
    return identity(store.combine, store.window.dtype)


def _merge(b: ir.IRBuilder, store: Store, left: ir.Value, right: ir.Value) -> ir.Value:
    """One step of the reduction into `store`."""
    assert store.combine is not None
    return merge(b, store.combine, left, right, store.window.dtype)


class Nest:
    """The emission of one loop nest at a builder's position."""

    def __init__(
        self, builder: ir.IRBuilder, loop: LoopNest, pointers: Sequence[ir.Value], ranges: Ranges | None = None
    ) -> None:
        """`ranges` are not empty."""
        self.ranges = ranges or {}
        self.b = builder
        self.loop = loop
        self.pointers = pointers
        rank = len(loop.shape)
        # A reduction over the innermost dimension alone needs no running value in memory.
        self.in_register = [s for s in loop.stores if s.combine and rank and s.window.strides[-1] == 0]
        self.seeded = [s for s in loop.stores if s.combine and any(st == 0 for st in s.window.strides[:-1])]

    def run(self) -> None:
        if 0 in self.loop.shape:
            for store in self.loop.stores:
                if store.combine:
                    self._seed(store)
            return
        for store in self.seeded:
            self._seed(store)
        counters: list[ir.Value] = []
        self._outer(counters, self.loop.shape[:-1])

    def _seed(self, store: Store) -> None:
        """Write the reduction's identity to every place of its window."""
        kept = [d for d, stride in enumerate(store.window.strides) if stride != 0]
        dtype = store.window.dtype
        value = to_memory(self.b, _identity(store), dtype)

        if any(self.loop.shape[d] == 0 for d in kept):
            return

        def fill(counters: dict[int, ir.Value], rest: list[int]) -> None:
            if not rest:
                index = [counters.get(d, i64(0)) for d in range(len(store.window.strides))]
                self.b.store(value, self._address(store.window, index))
                return
            with self._walked(rest[0]) as counter:
                fill({**counters, rest[0]: counter}, rest[1:])

        fill({}, kept)

    @contextmanager
    def _walked(self, axis: int) -> Iterator[ir.Value]:
        """A loop along an axis, or its range."""
        if axis not in self.ranges:
            with counted(self.b, self.loop.shape[axis]) as counter:
                yield counter
            return
        start, stop = self.ranges[axis]
        with counted_to(self.b, self.b.sub(stop, start)) as counter:
            yield self.b.add(start, counter, flags=("nsw", "nuw"))

    def _outer(self, counters: list[ir.Value], extents: tuple[int, ...]) -> None:
        if not extents:
            self._inner(counters)
            return
        with self._walked(len(counters)) as counter:
            self._outer([*counters, counter], extents[1:])

    def _inner(self, outer: list[ir.Value]) -> None:
        shape = self.loop.shape
        if not shape:
            self._body([], {}, [])
            return
        hoisted = {
            slot: self._load(w, [*outer, i64(0)]) for slot, w in enumerate(self.loop.loads) if w.strides[-1] == 0
        }
        b = self.b
        before = b.block
        body, after = b.append_basic_block("body"), b.append_basic_block("after")
        b.branch(body)
        b.position_at_end(body)
        counter = b.phi(I64)
        start, stop = self.ranges.get(len(outer), (i64(0), i64(shape[-1])))
        counter.add_incoming(start, before)
        running = []
        for store in self.in_register:
            phi = b.phi(register_type(store.window.dtype))
            phi.add_incoming(_identity(store), before)
            running.append(phi)
        results = self._body([*outer, counter], hoisted, running)
        following = b.add(counter, i64(1), flags=("nsw", "nuw"))
        counter.add_incoming(following, b.block)
        for phi, result in zip(running, results, strict=True):
            phi.add_incoming(result, b.block)
        b.cbranch(b.icmp_signed("<", following, stop), body, after)
        b.position_at_end(after)
        for store, result in zip(self.in_register, results, strict=True):
            index = [*outer, i64(0)]
            if store in self.seeded:
                result = _merge(b, store, self._load(store.window, index), result)
            self._store(store.window, index, result)

    def _body(self, index: list[ir.Value], hoisted: dict[int, ir.Value], running: list[ir.Value]) -> list[ir.Value]:
        """The scalar work of one point; returns the next running values."""
        b = self.b
        slots = [
            hoisted[n] if n in hoisted else self._load(w, index) for n, w in enumerate(self.loop.loads)
        ]
        for op in self.loop.body:
            if op.op == "index":
                strides, offset = op.value
                slots.append(self._position(strides, offset, index))
            else:
                slots.append(compute(b, op, [slots[a] for a in op.args]))
        results = [
            _merge(b, s, phi, slots[s.slot])
            for s, phi in zip(self.in_register, running, strict=True)
        ]
        for store in self.loop.stores:
            if store in self.in_register:
                continue
            value = slots[store.slot]
            if store in self.seeded:
                value = _merge(b, store, self._load(store.window, index), value)
            elif store.combine:  # reduced along nothing
                start = _identity(store)
                value = _merge(b, store, start, value)
            self._store(store.window, index, value)
        return results

    def point(self, index: list[ir.Value]) -> None:
        """The work of one point of a nest without reductions."""
        self._body(index, {}, [])

    def _position(self, strides: tuple[int, ...], offset: int, index: list[ir.Value]) -> ir.Value:
        """The linear position of this point, as int32."""
        total: ir.Value = i64(offset)
        for counter, stride in zip(index, strides, strict=True):
            if stride:
                total = self.b.add(total, self.b.mul(counter, i64(stride)))
        return self.b.trunc(total, I32)

    def _address(self, window: AccessWindow, index: list[ir.Value]) -> ir.Value:
        return self._element(window, i64(window.offset), index)

    def _element(self, window: AccessWindow, start: ir.Value, index: list[ir.Value]) -> ir.Value:
        b = self.b
        element = memory_type(window.dtype)
        total = start
        for counter, stride in zip(index, window.strides, strict=True):
            if stride:
                step = counter if stride == 1 else b.mul(counter, i64(stride), flags=("nsw",))
                total = b.add(total, step, flags=("nsw",))
        base = b.bitcast(self.pointers[window.buffer], element.as_pointer())
        return b.gep(base, [total], inbounds=True)

    def _load(self, window: AccessWindow, index: list[ir.Value]) -> ir.Value:
        return from_memory(self.b, self.b.load(self._address(window, index)), window.dtype)

    def _store(self, window: AccessWindow, index: list[ir.Value], value: ir.Value) -> None:
        self.b.store(to_memory(self.b, value, window.dtype), self._address(window, index))
