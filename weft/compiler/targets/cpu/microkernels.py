"""What all products share: summing one tile, and packing one vector of columns, each compiled once in a process.

A product's own code calls them by name; the names say what they depend on, which is the tiling alone.

``sum…(rows, packed, k0, length, stride, table, sums, goes_on)`` adds to the tile `sums`, or to nothing unless it
``goes_on``, ``Σ rows[m][place(k0 + k)] · packed[k][n]``; the place of k is ``stride·k`` or stands in the table.
``gather(columns, into, k0, length, stride, table, apart)`` packs so many k of one vector of columns (`packing.py`),
`apart` floats from one to the next; ``transpose`` does so with columns that lie along k without gaps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from llvmlite import ir

from weft.compiler.targets.cpu import packing
from weft.compiler.targets.cpu.contraction import ContractionPlan
from weft.compiler.targets.cpu.emit import i64
from weft.compiler.targets.cpu.functions import F32, I32
from weft.compiler.targets.cpu.kept import native_module
from weft.compiler.targets.cpu.native import NativeModule, define_symbol, new_module
from weft.compiler.targets.cpu.packing import TileShape, loaded, same, vector_at
from weft.compiler.targets.cpu.scalars import I64

_FLOATS, _TABLE = F32.as_pointer(), I32.as_pointer()
_WALK = [_FLOATS.as_pointer(), _FLOATS, I64, I64, I64, _TABLE]
_PACK = ir.FunctionType(ir.VoidType(), [*_WALK, I64])
_SUM = ir.FunctionType(ir.VoidType(), [*_WALK, _FLOATS, I64])
_PACKERS = ("gather", "transpose")
_UNROLLED = 4


def no_table() -> ir.Constant:
    """In place of a table where there is a stride."""
    return ir.Constant(_TABLE, None)


def declared(module: ir.Module, kind: str, tiling: ContractionPlan) -> ir.Function:
    """The function of a kind, for a module's code to call."""
    rows, vectors = (1, 1) if kind in _PACKERS else (tiling.rows, tiling.vectors)  # packing asks for neither
    name = f"weft.{kind}.{tiling.lanes}.{rows}.{vectors}"
    _provided(name, kind, tiling.lanes, rows, vectors)
    found = module.globals.get(name)
    return found or ir.Function(module, _PACK if kind in _PACKERS else _SUM, name)


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
    function = ir.Function(module, _PACK if kind in _PACKERS else _SUM, name)
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _EMITTED[kind](builder, TileShape(lanes, rows, vectors), function.args)
    builder.ret_void()
    return module


Offset = Callable[[ir.IRBuilder, ir.Value], ir.Value]
"""Where the k-th of a row or column lies."""


def _by_table(table: ir.Value) -> Offset:
    return lambda b, k: b.sext(b.load(b.gep(table, [k])), I64)


def _by_stride(stride: ir.Value) -> Offset:
    return lambda b, k: b.mul(k, stride)


def _sum(step: str, b: ir.IRBuilder, shape: TileShape, args: Sequence[ir.Value]) -> None:
    rows, packed, k0, length, stride, table, sums, goes_on = args
    offset = {"table": _by_table(table), "one": _by_stride(i64(1)), "stride": _by_stride(stride)}[step]
    places = loaded(b, rows, shape.rows)
    count = shape.rows * shape.vectors
    zero = ir.Constant(shape.vector, [0.0] * shape.lanes)
    before = b.block
    with b.if_then(b.icmp_signed("!=", goes_on, i64(0))) as _:
        kept = [b.load(vector_at(b, shape, sums, i64(n * shape.lanes)), align=4) for n in range(count)]
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
        b.store(value, vector_at(b, shape, sums, i64(n * shape.lanes)), align=4)


def _turns(
    b: ir.IRBuilder, shape: TileShape, rows: Sequence[ir.Value], packed: ir.Value, k0: ir.Value, offset: Offset,
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
        vectors = [b.load(vector_at(b, shape, row, i64(v * shape.lanes)), align=4) for v in range(shape.vectors)]
        place = offset(b, b.add(k0, at))
        for m, first in enumerate(rows):
            spread = same(b, shape.lanes, b.load(b.gep(first, [place])))
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


_EMITTED: Mapping[str, Callable[[ir.IRBuilder, TileShape, Sequence[ir.Value]], None]] = {
    "gather": packing.gather,
    "transpose": packing.transpose,
    "sum": functools.partial(_sum, "table"),
    "sum1": functools.partial(_sum, "one"),
    "sums": functools.partial(_sum, "stride"),
}
"""Kind → what emits it; sums by a table, along k without gaps, and by a stride."""
