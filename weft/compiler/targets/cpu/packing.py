"""Packing one vector of columns: [k][columns] out of memory where the columns lie anywhere.

Whole vectors are read where columns lie beside each other, in runs as windows see pixels, or along k without gaps, and
then transposed in registers.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

from llvmlite import ir

from weft.compiler.targets.cpu.emit import between, i64
from weft.compiler.targets.cpu.functions import F32, I32
from weft.compiler.targets.cpu.scalars import I64

_MOST_RUNS = 4
"""In a vector of columns that are read as vectors."""


class TileShape:
    """Of a tile: floats of a vector, rows, and vectors of a row."""

    def __init__(self, lanes: int, rows: int, vectors: int) -> None:
        self.lanes, self.rows, self.vectors = lanes, rows, vectors
        self.columns = lanes * vectors
        self.vector = ir.VectorType(F32, lanes)


def vector_at(b: ir.IRBuilder, shape: TileShape, place: ir.Value, index: ir.Value) -> ir.Value:
    """The address of a vector, so many floats behind a place."""
    return b.bitcast(b.gep(place, [index]), shape.vector.as_pointer())


def loaded(b: ir.IRBuilder, places: ir.Value, count: int) -> list[ir.Value]:
    """So many addresses out of memory."""
    return [b.load(b.gep(places, [i64(n)])) for n in range(count)]


def same(b: ir.IRBuilder, lanes: int, value: ir.Value) -> ir.Value:
    """A vector of one value."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = b.insert_element(undefined, value, ir.Constant(I32, 0))
    return b.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, lanes), None))


def gather(b: ir.IRBuilder, shape: TileShape, args: Sequence[ir.Value]) -> None:
    """By vectors where the columns lie in a few runs, one beside the other or one beside the next but one, as windows
    see pixels; else one by one."""
    columns, into, k0, length, stride, table, apart = args
    places = loaded(b, columns, shape.lanes)
    by_table = b.icmp_unsigned("!=", b.ptrtoint(table, I64), i64(0))
    looked_up = b.select(by_table, table, b.bitcast(columns, I32.as_pointer()))  # whatever can be read

    def walk(row: Callable[[ir.Value], ir.Value]) -> None:
        with between(b, i64(0), length) as counter:
            k = b.add(k0, counter)
            found = b.sext(b.load(b.gep(looked_up, [b.select(by_table, k, i64(0))])), I64)
            at = b.select(by_table, found, b.mul(k, stride))
            b.store(row(at), vector_at(b, shape, into, b.mul(counter, apart)), align=4)

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

    def __init__(self, b: ir.IRBuilder, shape: TileShape, places: Sequence[ir.Value], step: int) -> None:
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
            here = b.icmp_signed(">=", self.lanes, same(b, self.shape.lanes, gap))
            value = b.select(here, self._read(b.add(at, gap)), value)
        return value

    def _read(self, at: ir.Value) -> ir.Value:
        b, shape = self.b, self.shape
        low = b.load(vector_at(b, shape, self.first, at), align=4)
        if self.step == 1:
            return low
        lanes = shape.lanes
        high = b.load(vector_at(b, shape, self.first, b.add(at, i64(lanes - 1))), align=4)
        every_second = [2 * n if 2 * n < lanes else 2 * n + 1 for n in range(lanes)]
        return b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, lanes), every_second))


def transpose(b: ir.IRBuilder, shape: TileShape, args: Sequence[ir.Value]) -> None:
    """A square of vectors at a time: loaded along k, transposed in registers, stored along the columns."""
    columns, into, k0, length, _, _, apart = args
    places = loaded(b, columns, shape.lanes)
    squares = b.sdiv(length, i64(shape.lanes))

    def row(k: ir.Value) -> ir.Value:
        return vector_at(b, shape, into, b.mul(k, apart))

    with between(b, i64(0), squares) as square:
        k = b.mul(square, i64(shape.lanes))
        values = [b.load(vector_at(b, shape, place, b.add(k0, k)), align=4) for place in places]
        step = shape.lanes // 2
        while step:
            values = _exchanged(b, shape, values, step)
            step //= 2
        for n, value in enumerate(values):
            b.store(value, row(b.add(k, i64(n))), align=4)
    with between(b, b.mul(squares, i64(shape.lanes)), length) as k:
        b.store(_gathered(b, shape, [b.gep(place, [b.add(k0, k)]) for place in places]), row(k), align=4)


def _exchanged(b: ir.IRBuilder, shape: TileShape, values: Sequence[ir.Value], step: int) -> list[ir.Value]:
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


def _gathered(b: ir.IRBuilder, shape: TileShape, places: Sequence[ir.Value]) -> ir.Value:
    value: ir.Value = ir.Constant(shape.vector, ir.Undefined)
    for lane, place in enumerate(places):
        value = b.insert_element(value, b.load(place), ir.Constant(I32, lane))
    return value
