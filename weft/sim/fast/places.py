"""Where the memories and the buffers of the numerics lie, as kernels take it: one array of addresses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.machine import Machine
from weft.isa.vector_ops import ROW_PARTIALS
from weft.sim.fast.records import Ints
from weft.sim.fast.tile import COLUMNS

Bytes = npt.NDArray[np.uint8]

CHUNK = 2048
"""Words an operand of a pass is worked on at a time; at least DIM."""
ROW_BYTES = 4 * CHUNK
TILE_ROWS = 256
"""Rows of a tile that are worked on at a time; a multiple of the register block's."""

(
    DRAM, SCRATCHPAD, ACCUMULATOR,  # memories
    A, W, SUMS,  # a tile's operands and sums: words, PITCH bytes a row
    LINE,  # one line of an operand on its way to being a column
    PITCH,
    X, Y,  # operands of a pass, CHUNK words each
    PARTIALS,  # ROW_PARTIALS rows of ROW_BYTES
) = range(11)  # fmt: skip


@dataclass(frozen=True)
class MemoryContents:
    """The contents of the memories, bytes."""

    dram: Bytes
    scratchpad: Bytes
    accumulator: Bytes


def memory_of(dram: Bytes, machine: Machine) -> MemoryContents:
    """``dram``, C-contiguous, and fresh on-chip memories."""
    return MemoryContents(
        dram, np.zeros(machine.scratchpad.bytes, np.uint8), np.zeros(machine.accumulator.bytes, np.uint8)
    )


def room_of(machine: Machine) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Buffers for ``machine``'s widest tile and passes: their places (memories: 0), and what lies there."""
    width = -(-machine.dim // COLUMNS) * COLUMNS
    sizes = {
        A: TILE_ROWS * width, W: machine.dim * width, SUMS: TILE_ROWS * width, LINE: max(TILE_ROWS, width),
        X: CHUNK, Y: CHUNK, PARTIALS: ROW_PARTIALS * CHUNK,
    }  # fmt: skip
    words = np.zeros(sum(sizes.values()), np.uint32)
    places = np.zeros(PARTIALS + 1, np.int64)
    places[list(sizes)] = words.ctypes.data + 4 * np.cumsum([0, *list(sizes.values())[:-1]])
    places[PITCH] = 4 * width
    return places, words


def places_in(memory: MemoryContents, room: Ints) -> Ints:
    """``room`` with the places of the memories."""
    places = room.copy()
    places[[DRAM, SCRATCHPAD, ACCUMULATOR]] = [
        array.ctypes.data for array in (memory.dram, memory.scratchpad, memory.accumulator)
    ]
    return places
