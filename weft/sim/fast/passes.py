"""A vector pass: operands from memory, the operations of ``sim.fast.lanes``, reductions, and the write back."""

from __future__ import annotations

from weft.isa.elements import ELEMENT, ELEMENTS
from weft.isa.elements import SCRATCHPAD as SMALL
from weft.isa.encoding import columns
from weft.isa.operands import OVER
from weft.isa.vector_ops import BINARY, REDUCTIONS, ROW_PARTIALS, SOURCES, UNARY, index_of
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
_IDENTITY, _NONE = index_of(UNARY, "identity"), index_of(REDUCTIONS, "none")
_USES = tuple(sum(1 << code for code, op in enumerate(BINARY) if use in op.uses) for use in "abb")
"""For x, y and z: the operations, as bits, that use it in their place."""
_OVER_LANES = sum(1 << code for code in OVER["lanes"].codes)
_IMMEDIATE, _LANE, _ROW, _SCALAR = range(4)
assert SOURCES == ("imm", "lane", "row", "scalar")
HOME = tuple(SCRATCHPAD if ELEMENT[name].memory == SMALL else ACCUMULATOR for name in ELEMENTS)
"""Where in ``sim.fast.places`` the memory of each element is."""


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
    base += places[HOME[kind]]
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
    across_lanes = _OVER_LANES >> reduce & 1
    join, write = calls[JOIN + reduce], calls[WRITE + kind]
    count = 1 if across_lanes else lanes
    base += places[HOME[kind]]
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
            op = then if operand == 2 else pre
            if operand == 2 and f != _IDENTITY:
                call(calls[F + f], (x, y, n))
            if not _USES[operand] >> op & 1:
                continue
            _operand(calls, places, fields, dim, operand, address[operand], row, rows, y if operand else x)
            if operand:
                call(calls[PRE_OR_THEN + op], (x, y, n))
        _results(calls, places, fields, address[3], row, rows)
