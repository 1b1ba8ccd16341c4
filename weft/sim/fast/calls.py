"""The table of compiled code that a program's numerics call by address: where in it what stands, and how to fill it."""

from __future__ import annotations

import numpy as np

from weft.isa.elements import ELEMENTS
from weft.isa.encoding import columns
from weft.isa.instructions import MATMUL_TYPES
from weft.isa.vector_ops import BINARY, IN_MEMORY, REDUCTIONS, SOURCES, UNARY
from weft.sim.fast import lanes
from weft.sim.fast.records import Ints
from weft.sim.fast.stream import MATMUL, VECTOR
from weft.sim.fast.tile import tile

PRE_OR_THEN = 0
F = PRE_OR_THEN + len(BINARY)
READ = F + len(UNARY)
WRITE = READ + len(ELEMENTS)
JOIN = WRITE + len(ELEMENTS)
TILE = JOIN + len(REDUCTIONS)
ADD = TILE + len(MATMUL_TYPES)
"""Where the loops of an operation, of an element's conversion, of a reduction, and the code of a matrix type begin."""
SIZE = ADD + len(MATMUL_TYPES)

_V, _M = columns("vector"), columns("matmul")
_OPERANDS = tuple((_V[f"{operand}_source"], _V[f"{operand}_type"]) for operand in "xyz")
_IN_MEMORY = [SOURCES.index(source) for source in IN_MEMORY]
_ADDS = {"bf16": "fadd", "int8": "iadd"}


def calls_of(table: Ints) -> Ints:
    """The addresses [SIZE] of the code that the instructions ``table`` [static, fields] need, compiled; else 0."""
    passes, tiles = table[table[:, 0] == VECTOR], table[table[:, 0] == MATMUL]
    calls = np.zeros(SIZE, np.int64)
    for op in np.unique(passes[:, [_V["pre"], _V["then"]]]):
        calls[PRE_OR_THEN + op] = lanes.binary(BINARY[op].name)
    for op in np.unique(passes[:, _V["f"]]):
        calls[F + op] = lanes.unary(UNARY[op].name)
    for source, element in _OPERANDS:
        for kind in np.unique(passes[np.isin(passes[:, source], _IN_MEMORY), element]):
            calls[READ + kind] = lanes.read(ELEMENTS[kind])
    for kind in np.unique(passes[:, _V["d_type"]]):
        calls[WRITE + kind] = lanes.write(ELEMENTS[kind])
    for reduction in np.unique(passes[:, _V["reduce"]]):
        join = REDUCTIONS[reduction].join
        calls[JOIN + reduction] = lanes.binary(join) if join else 0
    for kind in np.unique(tiles[:, _M["type"]]):
        name = MATMUL_TYPES[kind]
        calls[TILE + kind] = tile(name).address
        calls[READ + ELEMENTS.index(name)] = lanes.read(name)
        if tiles[tiles[:, _M["type"]] == kind, _M["accumulate"]].any():
            calls[ADD + kind] = lanes.binary(_ADDS[name])
    return calls
