"""What each executed instruction asks of the machine: ports and for how long, cycles of its unit, its distance.

Everything here is a closed form of the instruction's fields and addresses (``isa/timing.py``), evaluated once per
instruction as written; what depends on other instructions and on DRAM is left to ``sim.fast.timing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa import timing
from weft.isa.encoding import columns
from weft.isa.errors import ProgramError
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.operands import OPERANDS, Operand, holds
from weft.isa.vector_ops import REDUCTIONS, index_of
from weft.sim.fast.records import (
    BANKS,
    CLAIM,
    CLAIMS,
    DESTINATION,
    DRAM,
    GAP,
    LIFE,
    LOADING,
    OCCUPANCY,
    PASS,
    ROWS,
    SPAN,
    STORING,
    UNKNOWN,
    WEIGHTS,
    Ints,
)
from weft.sim.fast.shape import MachineParameters
from weft.sim.fast.stream import LOAD, MATMUL, STORE, VECTOR, ResolvedStream

_M = columns("matmul")
_V = columns("vector")
_PLACE = [_M[name] for name in ("d_stride0", "d_stride1", "d_stride2", "count0", "count1")]
"""What makes two destinations at the same address the same."""


def _port(shape: MachineParameters, address: Ints, write: int) -> Ints:
    accumulator = (address & ACCUMULATOR_BIT) != 0
    offset = address & (ACCUMULATOR_BIT - 1)
    bank = offset // np.where(accumulator, shape.accumulator_bank, shape.scratchpad_bank)
    if (bank >= BANKS).any():
        outside = int(address[bank >= BANKS][0])
        raise ProgramError(f"local address {outside:#x}, reached by an operand, is outside the on-chip memories")
    port: Ints = (bank + BANKS * accumulator) * 2 + write
    return port


def _read(operand: Operand, fields: Ints, columns: Mapping[str, int]) -> npt.NDArray[np.bool_]:
    """Which of the instructions [n, fields] read an operand."""
    return np.broadcast_to(holds(operand.read, lambda name: fields[:, columns[name]]), len(fields))


def _claim(run: Ints, rows: Ints, claim: int, port: Ints, stream: int, span: Ints | int) -> None:
    run[rows, CLAIM + claim] = port * 8 + stream
    run[rows, SPAN + claim] = span


def _transfers(
    shape: MachineParameters, stream: ResolvedStream, run: Ints, opcode: int, write: int, owner: int
) -> None:
    rows = np.flatnonzero(stream.opcode == opcode)
    run[rows, LIFE] = run[rows, OCCUPANCY] = UNKNOWN
    run[rows, DRAM] = stream.address[rows, 0]
    _claim(run, rows, 0, _port(shape, stream.address[rows, 1], write), owner, UNKNOWN)


def _gaps(shape: MachineParameters, stream: ResolvedStream, tiles: Ints, tile_rows: Ints) -> Ints:
    """Least cycles from the start of the tile before each tile but the first."""
    before, after = stream.pc[tiles[:-1]], stream.pc[tiles[1:]]
    table, place = stream.table, stream.address[tiles, 2]
    same = (place[:-1] == place[1:]) & (table[before][:, _PLACE] == table[after][:, _PLACE]).all(axis=1)
    kinds, which = np.unique(np.stack([before, after, same], axis=1), axis=0, return_inverse=True)
    gaps = [
        timing.matmul_interval(
            int(tile_rows[a]),
            shape.dim,
            int(table[a, _M["transpose_a"]]),
            shape.accumulate,
            int(table[b, _M["accumulate"]]),
            int(same_place),
        )
        for a, b, same_place in kinds
    ]
    return np.array(gaps, np.int64)[which.ravel()]


def _tiles(shape: MachineParameters, stream: ResolvedStream, run: Ints) -> None:
    table, dim = stream.table, shape.dim
    forms = np.zeros((len(table), 5), np.int64)
    tile_rows = table[:, _M["count0"]] * table[:, _M["count1"]] * table[:, _M["count2"]]
    for pc in np.flatnonzero(table[:, 0] == MATMUL):
        rows, transpose = int(tile_rows[pc]), int(table[pc, _M["transpose_a"]])
        forms[pc] = (
            timing.matmul_retire(0, rows, dim, shape.mac, shape.accumulate),
            timing.matmul_occupancy(rows, dim, transpose),
            timing.matmul_weights_last_read(0, dim),
            timing.matmul_stream_last_read(0, rows, dim, transpose),
            timing.matmul_last_accumulator_read(0, rows, dim, shape.mac),
        )
    tiles = np.flatnonzero(stream.opcode == MATMUL)
    if not len(tiles):
        return
    life, occupancy, weights, rows_read, accumulator = forms[stream.pc[tiles]].T
    run[tiles, LIFE], run[tiles, OCCUPANCY] = life, occupancy
    a, w, d = stream.address[tiles, :3].T
    _claim(run, tiles, 0, _port(shape, w, 0), WEIGHTS, weights)
    _claim(run, tiles, 1, _port(shape, a, 0), ROWS, rows_read)
    _claim(run, tiles, 2, _port(shape, d, 1), DESTINATION, life)
    adds = _read(OPERANDS["matmul"][2], table[stream.pc[tiles]], _M)
    _claim(run, tiles[adds], 3, _port(shape, d[adds], 0), DESTINATION, accumulator[adds])
    run[tiles[1:], GAP] = _gaps(shape, stream, tiles, tile_rows)


_OF_ARRAYS: Any = (timing.vector_retire, timing.vector_last_read)
"""Closed forms of sums and products only, so they take whole columns as well as the integers they are typed for."""


def _passes(shape: MachineParameters, stream: ResolvedStream, run: Ints) -> None:
    table = stream.table
    passes = np.flatnonzero(stream.opcode == VECTOR)
    fields = table[stream.pc[passes]]
    port = np.full((3, len(passes)), -1, np.int64)
    for operand in range(3):
        used = _read(OPERANDS["vector"][operand], fields, _V)
        port[operand, used] = _port(shape, stream.address[passes[used], operand], 0)
    same = (port[:, None] == port[None, :]) & (port[None, :] >= 0)
    reads = np.maximum(same.sum(axis=1).max(axis=0), 1)
    reduced = fields[:, _V["reduce"]] != index_of(REDUCTIONS, "none")
    rows = fields[:, _V["count0"]] * fields[:, _V["count1"]]
    depth = np.where(reduced, shape.reduce_depth, 0)
    retire, last_read_of = _OF_ARRAYS
    life, last_read = retire(0, rows, reads, shape.vector_depth, depth), last_read_of(0, rows, reads)
    for operand in range(3):
        used = port[operand] >= 0
        _claim(run, passes[used], operand, port[operand, used], PASS, last_read[used])
    _claim(run, passes, 3, _port(shape, stream.address[passes, 3], 1), PASS, life)
    run[passes, LIFE], run[passes, OCCUPANCY] = life, life + 1


def fill_demands(shape: MachineParameters, stream: ResolvedStream, run: Ints) -> None:
    """Fill the columns of ``run`` (``sim.fast.records``) from LIFE on."""
    run[:, CLAIM : CLAIM + CLAIMS] = -1
    _transfers(shape, stream, run, LOAD, 1, LOADING)
    _transfers(shape, stream, run, STORE, 0, STORING)
    _tiles(shape, stream, run)
    _passes(shape, stream, run)
