"""What all products share: summing one tile, and packing one vector of columns, each compiled once in a process.

A product's own code calls them by name; the names say what they depend on, which is the tiling alone.

``sum…(rows, packed, k0, length, stride, table, sums, goes_on)`` adds to the tile `sums`, or to nothing unless it
``goes_on``, ``Σ rows[m][place(k0 + k)] · packed[k][n]``; the place of k is ``stride·k`` or stands in the table.
``gather(columns, into, k0, length, stride, table)`` packs so many k of one vector of columns, ``transpose`` the same
of columns that lie along k without gaps.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from llvmlite import ir

from weft.compiler.targets.cpu.contraction import ContractionPlan
from weft.compiler.targets.cpu.emit import counted_to, i64
from weft.compiler.targets.cpu.functions import F32, I32
from weft.compiler.targets.cpu.kept import native_module
from weft.compiler.targets.cpu.native import NativeModule, define_symbol, new_module
from weft.compiler.targets.cpu.scalars import I64

_FLOATS, _TABLE = F32.as_pointer(), I32.as_pointer()
_PACK = ir.FunctionType(ir.VoidType(), [_FLOATS.as_pointer(), _FLOATS, I64, I64, I64, _TABLE])
_SUM = ir.FunctionType(ir.VoidType(), [*_PACK.args, _FLOATS, I64])
_UNROLLED = 4
_MOST_RUNS = 4
"""In a vector of columns that are read as vectors."""


def no_table() -> ir.Constant:
    """In place of a table where there is a stride."""
    return ir.Constant(_TABLE, None)


@contextmanager
def between(b: ir.IRBuilder, start: ir.Value, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
    """A loop from `start` to before `stop`, which may be empty."""
    turns = b.sdiv(b.add(b.sub(stop, start), i64(step - 1)), i64(step))
    with b.if_then(b.icmp_signed(">", turns, i64(0))), counted_to(b, turns) as counter:
        yield b.add(start, counter if step == 1 else b.mul(counter, i64(step)))


def declared(module: ir.Module, kind: str, tiling: ContractionPlan) -> ir.Function:
    """The function of a kind, for a module's code to call."""
    name = f"weft.{kind}.{tiling.lanes}.{tiling.rows}.{tiling.vectors}"
    _provided(name, kind, tiling.lanes, tiling.rows, tiling.vectors)
    found = module.globals.get(name)
    return found or ir.Function(module, _PACK if kind in ("gather", "transpose") else _SUM, name)


@functools.cache
def _provided(name: str, kind: str, lanes: int, rows: int, vectors: int) -> NativeModule:
    """Code for a name, which from here on stands for it in the process."""
    native = native_module(name, make=lambda: _module(name, kind, lanes, rows, vectors))
    define_symbol(name, native.address(name))
    return native


def provide(name: str) -> None:
    """Have code for a name that code of an earlier process calls."""
    _, kind, *shape = name.split(".")
    _provided(name, kind, *map(int, shape))


def _module(name: str, kind: str, lanes: int, rows: int, vectors: int) -> ir.Module:
    module = new_module(name)
    function = ir.Function(module, _PACK if kind in ("gather", "transpose") else _SUM, name)
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _EMITTED[kind](builder, _Shape(lanes, rows, vectors), function.args)
    builder.ret_void()
    return module


class _Shape:
    """Of a tile."""

    def __init__(self, lanes: int, rows: int, vectors: int) -> None:
        self.lanes, self.rows, self.vectors = lanes, rows, vectors
        self.columns = lanes * vectors
        self.vector = ir.VectorType(F32, lanes)


Offset = Callable[[ir.IRBuilder, ir.Value], ir.Value]
"""Where the k-th of a row or column lies."""


def _by_table(table: ir.Value) -> Offset:
    return lambda b, k: b.sext(b.load(b.gep(table, [k])), I64)


def _by_stride(stride: ir.Value) -> Offset:
    return lambda b, k: b.mul(k, stride)


def _vector_at(b: ir.IRBuilder, shape: _Shape, place: ir.Value, index: ir.Value) -> ir.Value:
    return b.bitcast(b.gep(place, [index]), shape.vector.as_pointer())


def _gather(b: ir.IRBuilder, shape: _Shape, args: Sequence[ir.Value]) -> None:
    """By vectors where the columns lie in a few runs, one beside the other or one beside the next but one, as windows
    see pixels; else one by one."""
    columns, into, k0, length, stride, table = args
    places = _loaded(b, columns, shape.lanes)
    by_table = b.icmp_unsigned("!=", b.ptrtoint(table, I64), i64(0))
    looked_up = b.select(by_table, table, b.bitcast(columns, _TABLE))  # whatever can be read

    def walk(row: Callable[[ir.Value], ir.Value]) -> None:
        with between(b, i64(0), length) as counter:
            k = b.add(k0, counter)
            found = b.sext(b.load(b.gep(looked_up, [b.select(by_table, k, i64(0))])), I64)
            at = b.select(by_table, found, b.mul(k, stride))
            b.store(row(at), _vector_at(b, shape, into, b.mul(counter, i64(shape.columns))), align=4)

    left = ir.Constant(ir.IntType(1), 1)
    for step in (1, 2):
        runs = _Runs(b, shape, places, step)
        for most in (1, 2, _MOST_RUNS):
            fits = runs.fit(most)
            with b.if_then(b.and_(left, fits)):
                walk(functools.partial(runs.row, most))
            left = b.and_(left, b.not_(fits))
    with b.if_then(left):
        walk(lambda at: _gathered(b, shape, [b.gep(place, [at]) for place in places]))


class _Runs:
    """Columns as runs in which each lies `step` numbers behind the one before.

    The gap of a column is how much further it lies than it would in one run from the first on. Where gaps never
    shrink, a vector read at the gap of any run lies between the first column and the last.
    """

    def __init__(self, b: ir.IRBuilder, shape: _Shape, places: Sequence[ir.Value], step: int) -> None:
        self.b, self.shape, self.step, self.first = b, shape, step, places[0]
        start, bits = b.ptrtoint(places[0], I64), ir.IntType(1)
        gaps = [
            b.sub(b.ashr(b.sub(b.ptrtoint(place, I64), start), i64(2)), i64(step * n)) for n, place in enumerate(places)
        ]
        self.grows: ir.Value = ir.Constant(bits, 1)
        for before, after in itertools.pairwise(gaps):
            self.grows = b.and_(self.grows, b.icmp_signed("<=", before, after))
        lanes: ir.Value = ir.Constant(ir.VectorType(I64, shape.lanes), ir.Undefined)
        for n, gap in enumerate(gaps):
            lanes = b.insert_element(lanes, gap, ir.Constant(I32, n))
        self.lanes, self.last, self.gaps = lanes, gaps[-1], [i64(0)]
        for _ in range(_MOST_RUNS - 1):  # the next larger gap, as long as there is one
            following = gaps[-1]
            for gap in reversed(gaps):
                following = b.select(b.icmp_signed(">", gap, self.gaps[-1]), gap, following)
            self.gaps.append(following)

    def fit(self, most: int) -> ir.Value:
        """Whether there are no more than so many."""
        return self.b.and_(self.grows, self.b.icmp_signed("==", self.gaps[most - 1], self.last))

    def row(self, most: int, at: ir.Value) -> ir.Value:
        """The columns at a place of k."""
        b = self.b
        value = self._read(b.add(at, self.gaps[0]))
        for gap in self.gaps[1:most]:
            here = b.icmp_signed(">=", self.lanes, _same(b, self.shape.lanes, gap))
            value = b.select(here, self._read(b.add(at, gap)), value)
        return value

    def _read(self, at: ir.Value) -> ir.Value:
        b, shape = self.b, self.shape
        low = b.load(_vector_at(b, shape, self.first, at), align=4)
        if self.step == 1:
            return low
        lanes = shape.lanes
        high = b.load(_vector_at(b, shape, self.first, b.add(at, i64(lanes - 1))), align=4)
        every_second = [2 * n if 2 * n < lanes else 2 * n + 1 for n in range(lanes)]
        return b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, lanes), every_second))


def _transpose(b: ir.IRBuilder, shape: _Shape, args: Sequence[ir.Value]) -> None:
    """A square of vectors at a time: loaded along k, transposed in registers, stored along the columns."""
    columns, into, k0, length, _, _ = args
    places = _loaded(b, columns, shape.lanes)
    squares = b.sdiv(length, i64(shape.lanes))

    def row(k: ir.Value) -> ir.Value:
        return _vector_at(b, shape, into, b.mul(k, i64(shape.columns)))

    with between(b, i64(0), squares) as square:
        k = b.mul(square, i64(shape.lanes))
        values = [b.load(_vector_at(b, shape, place, b.add(k0, k)), align=4) for place in places]
        step = shape.lanes // 2
        while step:
            values = _exchanged(b, shape, values, step)
            step //= 2
        for n, value in enumerate(values):
            b.store(value, row(b.add(k, i64(n))), align=4)
    with between(b, b.mul(squares, i64(shape.lanes)), length) as k:
        b.store(_gathered(b, shape, [b.gep(place, [b.add(k0, k)]) for place in places]), row(k), align=4)


def _exchanged(b: ir.IRBuilder, shape: _Shape, values: Sequence[ir.Value], step: int) -> list[ir.Value]:
    """One stage of a transposition: of rows `step` apart, the blocks of `step` lanes off the diagonal change places."""
    lanes = shape.lanes
    masks = ir.VectorType(I32, lanes)
    low = ir.Constant(masks, [n if not n & step else n - step + lanes for n in range(lanes)])
    high = ir.Constant(masks, [n + step if not n & step else n + lanes for n in range(lanes)])
    result = list(values)
    for n in range(lanes):
        if not n & step:
            result[n] = b.shuffle_vector(values[n], values[n + step], low)
            result[n + step] = b.shuffle_vector(values[n], values[n + step], high)
    return result


def _loaded(b: ir.IRBuilder, places: ir.Value, count: int) -> list[ir.Value]:
    return [b.load(b.gep(places, [i64(n)])) for n in range(count)]


def _gathered(b: ir.IRBuilder, shape: _Shape, places: Sequence[ir.Value]) -> ir.Value:
    value: ir.Value = ir.Constant(shape.vector, ir.Undefined)
    for lane, place in enumerate(places):
        value = b.insert_element(value, b.load(place), ir.Constant(I32, lane))
    return value


def _sum(step: str, b: ir.IRBuilder, shape: _Shape, args: Sequence[ir.Value]) -> None:
    rows, packed, k0, length, stride, table, sums, goes_on = args
    offset = {"table": _by_table(table), "one": _by_stride(i64(1)), "stride": _by_stride(stride)}[step]
    places = _loaded(b, rows, shape.rows)
    count = shape.rows * shape.vectors
    zero = ir.Constant(shape.vector, [0.0] * shape.lanes)
    before = b.block
    with b.if_then(b.icmp_signed("!=", goes_on, i64(0))) as _:
        kept = [b.load(_vector_at(b, shape, sums, i64(n * shape.lanes)), align=4) for n in range(count)]
        end = b.block
    values: list[ir.Value] = []
    for value in kept:
        phi = b.phi(shape.vector)
        phi.add_incoming(zero, before)
        phi.add_incoming(value, end)
        values.append(phi)
    whole = b.sdiv(length, i64(_UNROLLED))
    values = _turns(b, shape, places, packed, k0, offset, i64(0), whole, _UNROLLED, values)
    done = b.mul(whole, i64(_UNROLLED))
    values = _turns(b, shape, places, packed, k0, offset, done, b.sub(length, done), 1, values)
    for n, value in enumerate(values):
        b.store(value, _vector_at(b, shape, sums, i64(n * shape.lanes)), align=4)


def _turns(
    b: ir.IRBuilder, shape: _Shape, rows: Sequence[ir.Value], packed: ir.Value, k0: ir.Value, offset: Offset,
    start: ir.Value, turns: ir.Value, unrolled: int, sums: Sequence[ir.Value],
) -> list[ir.Value]:  # fmt: skip
    """The sums after so many turns of a loop, each of so many k."""
    before = b.block
    body, after = b.append_basic_block("sum"), b.append_basic_block("summed")
    b.cbranch(b.icmp_signed(">", turns, i64(0)), body, after)
    b.position_at_end(body)
    counter = b.phi(I64)
    counter.add_incoming(i64(0), before)
    running = [b.phi(shape.vector) for _ in sums]
    for phi, value in zip(running, sums, strict=True):
        phi.add_incoming(value, before)
    values: list[ir.Value] = list(running)
    k = b.add(start, counter if unrolled == 1 else b.mul(counter, i64(unrolled)))
    for n in range(unrolled):
        at = b.add(k, i64(n))
        row = b.gep(packed, [b.mul(at, i64(shape.columns))])
        vectors = [b.load(_vector_at(b, shape, row, i64(v * shape.lanes)), align=4) for v in range(shape.vectors)]
        place = offset(b, b.add(k0, at))
        for m, first in enumerate(rows):
            spread = _spread(b, shape, b.load(b.gep(first, [place])))
            for v, vector in enumerate(vectors):
                product = b.fmul(spread, vector, flags=("contract",))
                values[m * shape.vectors + v] = b.fadd(values[m * shape.vectors + v], product, flags=("contract",))
    following = b.add(counter, i64(1))
    counter.add_incoming(following, b.block)
    for phi, value in zip(running, values, strict=True):
        phi.add_incoming(value, b.block)
    end = b.block
    b.cbranch(b.icmp_signed("<", following, turns), body, after)
    b.position_at_end(after)
    results = [b.phi(shape.vector) for _ in sums]
    for phi, old, new in zip(results, sums, values, strict=True):
        phi.add_incoming(old, before)
        phi.add_incoming(new, end)
    return results


def _spread(b: ir.IRBuilder, shape: _Shape, value: ir.Value) -> ir.Value:
    return _same(b, shape.lanes, value)


def _same(b: ir.IRBuilder, lanes: int, value: ir.Value) -> ir.Value:
    """A vector of one value."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = b.insert_element(undefined, value, ir.Constant(I32, 0))
    return b.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, lanes), None))


_EMITTED: Mapping[str, Callable[[ir.IRBuilder, _Shape, Sequence[ir.Value]], None]] = {
    "gather": _gather,
    "transpose": _transpose,
    "sum": functools.partial(_sum, "table"),
    "sum1": functools.partial(_sum, "one"),
    "sums": functools.partial(_sum, "stride"),
}
"""Kind → what emits it; sums by a table, along k without gaps, and by a stride."""
