"""A vector pass: operands from memory, the operations of ``sim.fast.lanes``, reductions, and the write back."""

from __future__ import annotations

from weft.isa.encoding import columns
from weft.isa.vector_ops import BINARY, ELEMENTS, REDUCTIONS, ROW_PARTIALS, SOURCES, UNARY, index_of
from weft.sim.fast.calls import JOIN, PRE_OR_THEN, READ, WRITE, F
from weft.sim.fast.jit import inline
from weft.sim.fast.lanes import join_rows, reduce_lanes
from weft.sim.fast.places import ACCUMULATOR, CHUNK, PARTIALS, ROW_BYTES, SCRATCHPAD, X, Y
from weft.sim.fast.raw import call, copy, load, put
from weft.sim.fast.records import Ints

_V = columns("vector")
_PRE, _F, _THEN, _REDUCE, _COUNT0, _COUNT1, _LANES, _IMM = (
    _V[name] for name in ("pre", "f", "then", "reduce", "count0", "count1", "lanes", "imm")
)
_SOURCE, _TYPE, _STRIDE = (
    tuple(_V[f"{operand}_{name}"] for operand in "xyz") for name in ("source", "type", "stride0")
)
_D_TYPE, _D_STRIDE = _V["d_type"], _V["d_stride0"]
assert all(_V[f"{operand}_stride1"] == _V[f"{operand}_stride0"] + 1 for operand in "xyzd")
_FIRST, _SECOND, _IDENTITY = index_of(BINARY, "first"), index_of(BINARY, "second"), index_of(UNARY, "identity")
_NONE, _LANE_SUM, _LANE_MAX = (index_of(REDUCTIONS, name) for name in ("none", "lane_fsum", "lane_fmax"))
_IMMEDIATE, _LANE, _ROW, _SCALAR = range(4)
assert SOURCES == ("imm", "lane", "row", "scalar")
_WORD = ELEMENTS.index("word")


@inline
def _memory(places: Ints, kind: int) -> int:
    """The address of the memory that holds elements of ``kind``."""
    base: int = places[ACCUMULATOR] if kind == _WORD else places[SCRATCHPAD]
    return base


@inline
def _operand(
    calls: Ints, places: Ints, fields: Ints, dim: int, operand: int, base: int, row: int, rows: int, target: int
) -> None:
    """Rows ``row`` to ``row + rows`` of operand 0, 1 or 2 (x, y, z): ``lanes`` words each, to address ``target``."""
    lanes, block = fields[_LANES], fields[_COUNT0]
    source, kind, stride = fields[_SOURCE[operand]], fields[_TYPE[operand]], _STRIDE[operand]
    if source == _IMMEDIATE:
        for i in range(rows * lanes):
            put(target + 4 * i, fields[_IMM])
        return
    base += _memory(places, kind)
    count = lanes if source == _ROW else 1
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at = target + 4 * r * lanes
        if source == _LANE:
            for i in range(lanes):
                put(at + 4 * i, outer * dim + i)
            continue
        call(calls[READ + kind], (at, base + inner * fields[stride] + outer * fields[stride + 1], count))
        if source == _SCALAR:
            word = load(at)
            for i in range(1, lanes):
                put(at + 4 * i, word)


@inline
def _results(calls: Ints, places: Ints, fields: Ints, base: int, row: int, rows: int) -> None:
    """Reduce and write rows ``row`` to ``row + rows`` of results, which stand in the x buffer."""
    lanes, block, kind, reduce = fields[_LANES], fields[_COUNT0], fields[_D_TYPE], fields[_REDUCE]
    across_lanes = (reduce == _LANE_SUM) | (reduce == _LANE_MAX)
    join, write = calls[JOIN + reduce], calls[WRITE + kind]
    count = 1 if across_lanes else lanes
    base += _memory(places, kind)
    for r in range(rows):
        outer, inner = (row + r) // block, (row + r) % block
        at = places[X] + 4 * r * lanes
        if across_lanes:
            reduce_lanes(join, at, places[Y], lanes)
        elif reduce != _NONE:
            partial = places[PARTIALS] + inner % ROW_PARTIALS * ROW_BYTES
            if inner < ROW_PARTIALS:
                copy(partial, at, 4 * lanes)
            else:
                call(join, (partial, at, lanes))
            if inner < block - 1:
                continue
            join_rows(join, places[PARTIALS], ROW_BYTES, min(block, ROW_PARTIALS), lanes)
            inner, at = 0, places[PARTIALS]
        call(write, (base + inner * fields[_D_STRIDE] + outer * fields[_D_STRIDE + 1], at, count))


@inline
def run_pass(calls: Ints, places: Ints, dim: int, fields: Ints, address: Ints) -> None:
    """One vector instruction. ``address`` [4]: byte offsets in their memories."""
    pre, f, then, lanes = fields[_PRE], fields[_F], fields[_THEN], fields[_LANES]
    x, y = places[X], places[Y]
    total = fields[_COUNT0] * fields[_COUNT1]
    step = CHUNK // lanes
    for row in range(0, total, step):
        rows = min(step, total - row)
        n = rows * lanes
        for operand in range(3):
            if (operand == 0 and pre == _SECOND) or (operand == 1 and pre == _FIRST):
                continue
            if operand == 2:
                if f != _IDENTITY:
                    call(calls[F + f], (x, y, n))
                if then == _FIRST:
                    continue
            _operand(calls, places, fields, dim, operand, address[operand], row, rows, y if operand else x)
            if operand:
                call(calls[PRE_OR_THEN + (pre if operand == 1 else then)], (x, y, n))
        _results(calls, places, fields, address[3], row, rows)
