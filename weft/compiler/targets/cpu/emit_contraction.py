"""LLVM IR of a product: panels are packed, tiles summed in registers, and the epilogue run on each tile.

Packing and summing are functions that all products of a kind share (`microkernels.py`); here are the loops around them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from llvmlite import ir

from weft.compiler.targets.cpu.contraction import Contraction, flat
from weft.compiler.targets.cpu.emit import between, counted, i64
from weft.compiler.targets.cpu.emit_epilogue import BYTES, FLOATS, along_columns, emit_epilogue, least
from weft.compiler.targets.cpu.functions import F32, I32
from weft.compiler.targets.cpu.loops import AccessWindow
from weft.compiler.targets.cpu.microkernels import declared, no_table
from weft.compiler.targets.cpu.scalars import I64, memory_type
from weft.framework.dtypes import DTYPES
from weft.framework.primitives.base import Shape

_LINE = 64
"""Bytes that a cache fetches at once."""


def emit_contraction(module: ir.Module, name: str, product: Contraction, buffers: int) -> ir.Function:
    """Add the function `name`: it takes the pointers of its buffers, which part of the work is its own, and of how
    many. `product` is renumbered."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*[BYTES] * buffers, I64, I64]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _Emission(module, name, builder, product, function.args).run()
    builder.ret_void()
    return function


class _Axis:
    """Where the elements along axes that count as one lie: a stride, or a table of offsets filled at the start."""

    def __init__(self, b: ir.IRBuilder, shape: Shape, strides: tuple[int, ...], table: ir.Value) -> None:
        self.b = b
        self.stride = flat(shape, strides)
        self.table = table
        self.length = 0
        if self.stride is None:
            self.length = math.prod(shape)
            self._fill(list(zip(shape, strides, strict=True)), i64(0), i64(0))

    def _fill(self, rest: list[tuple[int, int]], place: ir.Value, offset: ir.Value) -> None:
        b = self.b
        if not rest:
            b.store(b.trunc(offset, I32), b.gep(self.table, [place]))
            return
        (extent, stride), *inner = rest
        with counted(b, extent) as counter:
            place = b.add(b.mul(place, i64(extent)), counter)
            self._fill(inner, place, b.add(offset, b.mul(counter, i64(stride))))

    def offset(self, index: ir.Value) -> ir.Value:
        """In elements."""
        b = self.b
        if self.stride is not None:
            return index if self.stride == 1 else b.mul(index, i64(self.stride), flags=("nsw",))
        return b.sext(b.load(b.gep(self.table, [index])), I64)

    def walk(self) -> list[ir.Value]:
        """The stride and no table, or 0 and the table."""
        return [i64(0), self.table] if self.stride is None else [i64(self.stride), no_table()]


class _Emission:
    """The emission of one product at a builder's position."""

    def __init__(
        self, module: ir.Module, name: str, b: ir.IRBuilder, product: Contraction, arguments: Sequence[ir.Value]
    ) -> None:
        self.module, self.name, self.b, self.product = module, name, b, product
        self.plan = product.plan
        *self.pointers, self.part, self.parts = arguments
        self.vector = ir.VectorType(F32, self.plan.lanes)
        self.rows, self.columns, self.depth = (math.prod(s) for s in (product.m, product.n, product.k))

    def run(self) -> None:
        b, product, tiling = self.b, self.product, self.plan
        epilogue = product.epilogue
        if 0 in epilogue.shape:
            return
        windows = [*epilogue.loads[1:], *(store.window for store in epilogue.stores)]
        self.whole, self.edge = (
            emit_epilogue(self.module, f"{self.name}.{kind}", product, len(self.pointers), kind == "whole")
            for kind in ("whole", "edge")
        )
        self.places = b.alloca(FLOATS, max(tiling.rows, tiling.lanes))
        self.tile = b.alloca(self.vector, tiling.rows * tiling.vectors)
        own = b.mul(self.part, i64(tiling.scratch))
        self.packed = b.gep(self._base(product.scratch), [own])
        self.packed_rows = b.gep(self.packed, [i64(tiling.packed)])
        self.waiting = b.gep(self.packed_rows, [i64(tiling.packed_rows)])
        rank = len(product.batch)
        table = b.bitcast(b.gep(self.waiting, [i64(tiling.waiting)]), I32.as_pointer())
        a_strides, b_strides = product.a.strides[rank:], product.b.strides[rank:]
        m, k = len(product.m), len(product.k)
        axes = []
        for shape, strides in ((product.m, a_strides[:m]), (product.k, a_strides[m:]), (product.k, b_strides[:k]),
                               (product.n, b_strides[k:])):  # fmt: skip
            axes.append(_Axis(b, shape, strides, table))
            table = b.gep(table, [i64(axes[-1].length)])
        self.a_m, self.a_k, self.b_k, self.b_n = axes
        tiles, panels = -(-self.rows // tiling.rows), -(-self.columns // tiling.columns)
        ranges = {"batch": math.prod(product.batch), "m": tiles, "n": panels}
        low = {what: i64(0) for what in ranges}
        high: dict[str, ir.Value] = {what: i64(extent) for what, extent in ranges.items()}
        extent = i64(ranges[tiling.split])
        low[tiling.split] = b.sdiv(b.mul(extent, self.part), self.parts)
        high[tiling.split] = b.sdiv(b.mul(extent, b.add(self.part, i64(1))), self.parts)
        whole_b = tiling.blocks == 1 and panels <= tiling.panels and not any(product.b.strides[:rank])
        if whole_b:  # the same for the whole batch
            with b.if_then(b.icmp_signed("<", low["batch"], high["batch"])):
                self._pack(self._base(product.b), low["n"], high["n"], i64(0), i64(self.depth))
        with between(b, low["batch"], high["batch"]) as element:
            index = self._index(element)
            a, second = (self._at(window, index) for window in (product.a, product.b))
            starts = [self._start(window, index) for window in windows]
            with between(b, low["n"], high["n"], tiling.panels) as first:
                last = least(b, b.add(first, i64(tiling.panels)), high["n"])
                with between(b, i64(0), i64(tiling.blocks)) as block:
                    k0, length = self._piece(block)
                    if not whole_b:
                        self._pack(second, first, last, k0, length)
                    with between(b, low["m"], high["m"], tiling.tiles) as top:
                        bottom = least(b, b.add(top, i64(tiling.tiles)), high["m"])
                        if tiling.packs_a:
                            self._pack_rows(a, top, bottom, k0, length)
                        # Along what the epilogue writes, so that its memory is walked in order.
                        if along_columns(epilogue):
                            with between(b, top, bottom) as tile, between(b, first, last) as panel:
                                self._tile(a, starts, block, k0, length, tile, panel, top, first)
                        else:
                            with between(b, first, last) as panel, between(b, top, bottom) as tile:
                                self._tile(a, starts, block, k0, length, tile, panel, top, first)

    def _base(self, window: AccessWindow) -> ir.Value:
        return self.b.gep(self.b.bitcast(self.pointers[window.buffer], FLOATS), [i64(window.offset)])

    def _index(self, element: ir.Value) -> list[ir.Value]:
        """The place on each batch axis."""
        b, shape = self.b, self.product.batch
        return [
            b.srem(b.sdiv(element, i64(math.prod(shape[d + 1 :]))), i64(extent)) for d, extent in enumerate(shape)
        ]

    def _start(self, window: AccessWindow, index: list[ir.Value]) -> ir.Value:
        total: ir.Value = i64(window.offset)
        for counter, stride in zip(index, window.strides, strict=False):
            total = self.b.add(total, self.b.mul(counter, i64(stride)))
        return total

    def _at(self, window: AccessWindow, index: list[ir.Value]) -> ir.Value:
        return self.b.gep(self.b.bitcast(self.pointers[window.buffer], FLOATS), [self._start(window, index)])

    def _piece(self, block: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Where a block of k starts, and how long it is."""
        b, tiling = self.b, self.plan
        if tiling.run <= tiling.depth:
            k0 = b.mul(block, i64(tiling.depth))
            return k0, least(b, i64(tiling.depth), b.sub(i64(self.depth), k0))
        pieces = i64(tiling.pieces)
        within = b.mul(b.srem(block, pieces), i64(tiling.depth))
        length = least(b, i64(tiling.depth), b.sub(i64(tiling.run), within))
        return b.add(b.mul(b.sdiv(block, pieces), i64(tiling.run)), within), length

    def _pack(self, source: ir.Value, first: ir.Value, last: ir.Value, k0: ir.Value, length: ir.Value) -> None:
        """Panels `first` to before `last` of k from `k0` on: [panel][k][columns]. Columns beyond the last repeat it."""
        b, tiling = self.b, self.plan
        pack = declared(self.module, "transpose" if tiling.transposes else "gather", tiling)
        with between(b, first, last) as panel:
            target = b.gep(self.packed, [b.mul(b.sub(panel, first), i64(tiling.depth * tiling.columns))])
            n0 = b.mul(panel, i64(tiling.columns))
            for vector in range(tiling.vectors):
                start = b.add(n0, i64(vector * tiling.lanes))
                columns = [least(b, b.add(start, i64(n)), i64(self.columns - 1)) for n in range(tiling.lanes)]
                for n, column in enumerate(columns):
                    b.store(b.gep(source, [self.b_n.offset(column)]), b.gep(self.places, [i64(n)]))
                into = b.gep(target, [i64(vector * tiling.lanes)])
                if not tiling.transposes:
                    b.call(pack, [self.places, into, k0, length, *self.b_k.walk(), i64(tiling.columns)])
                    continue
                with between(b, i64(0), length, tiling.run) as within:
                    at, whole = self.b_k.offset(b.add(k0, within)), least(b, i64(tiling.run), b.sub(length, within))
                    here = b.gep(into, [b.mul(within, i64(tiling.columns))])
                    b.call(pack, [self.places, here, at, whole, i64(1), no_table(), i64(tiling.columns)])

    def _rows(self, a: ir.Value, m0: ir.Value) -> list[ir.Value]:
        """Where each row of a tile starts; rows beyond the last repeat it."""
        b, last = self.b, i64(self.rows - 1)
        return [
            b.gep(a, [self.a_m.offset(least(b, b.add(m0, i64(n)), last))]) for n in range(self.plan.rows)
        ]

    def _pack_rows(self, a: ir.Value, top: ir.Value, bottom: ir.Value, k0: ir.Value, length: ir.Value) -> None:
        """Tiles `top` to before `bottom`: [tile][k][rows]. A vector may reach beyond the rows, into what is written
        after it: the last vector of rows comes first, and behind the last tile there is room."""
        b, tiling = self.b, self.plan
        pack = declared(self.module, "gather", tiling)
        last = i64(self.rows - 1)
        with between(b, top, bottom) as tile:
            into = b.gep(self.packed_rows, [b.mul(b.sub(tile, top), i64(tiling.depth * tiling.rows))])
            m0 = b.mul(tile, i64(tiling.rows))
            for start in reversed(range(0, tiling.rows, tiling.lanes)):
                for n in range(tiling.lanes):
                    row = least(b, b.add(m0, i64(start + n)), last)
                    b.store(b.gep(a, [self.a_m.offset(row)]), b.gep(self.places, [i64(n)]))
                target = b.gep(into, [i64(start)])
                b.call(pack, [self.places, target, k0, length, *self.a_k.walk(), i64(tiling.rows)])

    def _tile(
        self, a: ir.Value, starts: list[ir.Value], block: ir.Value, k0: ir.Value, length: ir.Value, tile: ir.Value,
        panel: ir.Value, top: ir.Value, first: ir.Value,
    ) -> None:  # fmt: skip
        """Sum one tile over a block of k; after the last block, its epilogue."""
        b, tiling = self.b, self.plan
        m0, n0 = b.mul(tile, i64(tiling.rows)), b.mul(panel, i64(tiling.columns))
        here = b.sub(panel, first)
        packed = b.gep(self.packed, [b.mul(here, i64(tiling.depth * tiling.columns))])
        rows = self._rows(a, m0)
        if tiling.packs_a:
            tile_at = b.gep(self.packed_rows, [b.mul(b.sub(tile, top), i64(tiling.depth * tiling.rows))])
            rows = [b.gep(tile_at, [i64(n)]) for n in range(tiling.rows)]
        sums_at: ir.Value = self.tile
        if tiling.blocks > 1:
            tiles = -(-self.rows // tiling.rows)
            place = b.mul(b.add(b.mul(here, i64(tiles)), tile), i64(tiling.rows * tiling.columns))
            sums_at = b.bitcast(b.gep(self.waiting, [place]), self.vector.as_pointer())
        self._fetch(starts, m0, n0)
        for n, row in enumerate(rows):
            b.store(row, b.gep(self.places, [i64(n)]))
        goes_on = b.zext(b.icmp_signed(">", block, i64(0)), I64)
        start, walk = (i64(0), [i64(tiling.rows), no_table()]) if tiling.packs_a else (k0, self.a_k.walk())
        kind = "sums" if tiling.packs_a else {None: "sum", 1: "sum1"}.get(self.a_k.stride, "sums")
        function = declared(self.module, kind, tiling)
        b.call(function, [self.places, packed, start, length, *walk, b.bitcast(sums_at, FLOATS), goes_on])

        def finish() -> None:
            given = [*self.pointers, b.bitcast(sums_at, FLOATS), *starts, m0, n0]
            inside = b.and_(
                b.icmp_signed("<=", b.add(m0, i64(tiling.rows)), i64(self.rows)),
                b.icmp_signed("<=", b.add(n0, i64(tiling.columns)), i64(self.columns)),
            )
            with b.if_else(inside) as (yes, no):
                with yes:
                    b.call(self.whole, given)
                with no:
                    b.call(self.edge, given)

        if tiling.blocks == 1:
            finish()
        else:
            with b.if_then(b.icmp_signed("==", block, i64(tiling.blocks - 1))):
                finish()

    def _fetch(self, starts: list[ir.Value], m0: ir.Value, n0: ir.Value) -> None:
        """Ask for the memory that the epilogue will want, which comes while the sums are made."""
        b, epilogue = self.b, self.product.epilogue
        kind = ir.FunctionType(ir.VoidType(), [BYTES, I32, I32, I32])
        name = "llvm.prefetch.p0i8"
        fetch = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        windows = [*epilogue.loads[1:], *(store.window for store in epilogue.stores)]
        for n, (window, start) in enumerate(zip(windows, starts, strict=True)):
            down, across = window.strides[-2:]
            if across != 1 or not down:
                continue
            writes = n >= len(epilogue.loads) - 1
            place = b.add(start, b.add(b.mul(m0, i64(down)), n0))
            size = DTYPES[window.dtype].itemsize
            lines = range(0, self.plan.columns, _LINE // size)
            for row, column in itertools.product(range(self.plan.rows), lines):
                at = b.gep(b.bitcast(self.pointers[window.buffer], memory_type(window.dtype).as_pointer()),
                           [b.add(place, i64(row * down + column))])  # fmt: skip
                b.call(fetch, [b.bitcast(at, BYTES), *(ir.Constant(I32, v) for v in (int(writes), 3, 1))])
