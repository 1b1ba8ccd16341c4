"""What all products share: summing one tile, and packing one vector of columns, each compiled once in a process.

A product's own code calls them by name; the names say what they depend on, which is the tiling alone.

``sum…(rows, packed, k0, length, stride, table, sums, goes_on)`` adds to the tile `sums`, or to nothing unless it
``goes_on``, ``Σ rows[m][place(k0 + k)] · packed[k][n]``; the place of k is ``stride·k`` or stands in the table.
``gather(columns, into, k0, length, stride, table)`` packs so many k of one vector of columns, ``transpose`` the same
of columns that lie along k without gaps.
"""

from __future__ import annotations

import functools
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
    columns, into, k0, length, stride, table = args
    places = _loaded(b, columns, shape.lanes)
    first = b.ptrtoint(places[0], I64)
    together: ir.Value = ir.Constant(ir.IntType(1), 1)
    for n, place in enumerate(places[1:], start=1):
        together = b.and_(together, b.icmp_signed("==", b.ptrtoint(place, I64), b.add(first, i64(4 * n))))

    def walk(offset: Offset, vectors: bool) -> None:
        with between(b, i64(0), length) as k:
            at = offset(b, b.add(k0, k))
            if vectors:
                row = b.load(_vector_at(b, shape, places[0], at), align=4)
            else:
                row = _gathered(b, shape, [b.gep(place, [at]) for place in places])
            b.store(row, _vector_at(b, shape, into, b.mul(k, i64(shape.columns))), align=4)

    has_table = b.icmp_unsigned("!=", b.ptrtoint(table, I64), i64(0))
    for offset, chosen in ((_by_table(table), has_table), (_by_stride(stride), b.not_(has_table))):
        for vectors in (True, False):
            with b.if_then(b.and_(chosen, together if vectors else b.not_(together))):
                walk(offset, vectors)


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
    undefined = ir.Constant(shape.vector, ir.Undefined)
    one = b.insert_element(undefined, value, ir.Constant(I32, 0))
    return b.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, shape.lanes), None))


_EMITTED: Mapping[str, Callable[[ir.IRBuilder, _Shape, Sequence[ir.Value]], None]] = {
    "gather": _gather,
    "transpose": _transpose,
    "sum": functools.partial(_sum, "table"),
    "sum1": functools.partial(_sum, "one"),
    "sums": functools.partial(_sum, "stride"),
}
"""Kind → what emits it; sums by a table, along k without gaps, and by a stride."""
