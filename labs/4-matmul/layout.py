"""Given: which part of the on-chip memories holds what.

    scratchpad   bank 0: A, place 0     bank 1: A, place 1     bank 2: B, place 0     bank 3: B, place 1
    accumulator  banks 0 and 1: C, place 0                     banks 2 and 3: C, place 1

Every bank has one read port and one write port. So a load can fill place 1 while the matrix unit reads place 0, and
the rows of A and the weights of B, which are read at the same time, come from different banks.
"""

from __future__ import annotations

from dataclasses import dataclass

from emitter import round_up

import weft

Machine = weft.Machine


@dataclass(frozen=True)
class Tiling:
    """The largest pieces: a block of C is at most ``rows`` × ``columns``, a panel at most ``depth`` along K.

    ``columns`` and ``depth`` are multiples of DIM, so that every piece begins on a beat of a bus of up to DIM bytes.
    """

    rows: int
    columns: int
    depth: int


@dataclass(frozen=True)
class Step:
    """One panel of one block: C[row : row+rows, column : column+columns] takes in the products over
    k in inner : inner+depth.

    ``block``: number of the block of C, from 0. ``first``, ``last``: whether it is the block's first (C is
    overwritten) or last step (C is finished after it).
    """

    block: int
    row: int
    rows: int
    column: int
    columns: int
    inner: int
    depth: int
    first: bool
    last: bool


class Layout:
    """The addresses of the places for a tiling. Raises ValueError, saying what is too large, if it does not fit."""

    def __init__(self, machine: Machine, tiling: Tiling) -> None:
        self.machine, self.tiling = machine, tiling
        problem = misfit(machine, tiling)
        if problem:
            raise ValueError(f"{tiling} on '{machine.name}': {problem}")

    def a(self, place: int) -> int:
        """Scratchpad address of place 0 or 1 for a panel of A."""
        return place * self.machine.scratchpad.bank_bytes

    def b(self, place: int) -> int:
        """Scratchpad address of place 0 or 1 for a panel of B."""
        return (2 + place) * self.machine.scratchpad.bank_bytes

    def c(self, place: int, tile: int) -> int:
        """Accumulator address of the ``tile``-th DIM columns of place 0 or 1 for a block of C.

        A tile's rows follow each other, `machine.row_bytes` apart; a tile lies in one bank.
        """
        memory, tile_bytes = self.machine.accumulator, self.tiling.rows * self.machine.row_bytes
        bank, slot = divmod(tile, memory.bank_bytes // tile_bytes)
        return (2 * place + bank) * memory.bank_bytes + slot * tile_bytes


def misfit(machine: Machine, tiling: Tiling) -> str:
    """What is wrong with a tiling on a machine; empty if it fits."""
    dim, bank, row_bytes = machine.dim, machine.scratchpad.bank_bytes, machine.row_bytes
    if tiling.rows < 1:
        return f"rows = {tiling.rows}: at least 1"
    for what, value in (("columns", tiling.columns), ("depth", tiling.depth)):
        if value < 1 or value % dim:
            return f"{what} = {value}: must be a multiple of DIM = {dim}"
    if tiling.rows * tiling.depth > bank:
        return f"a panel of A has {tiling.rows} × {tiling.depth} bytes; its place, a bank, has {bank}"
    if tiling.depth * tiling.columns > bank:
        return f"a panel of B has {tiling.depth} × {tiling.columns} bytes; its place, a bank, has {bank}"
    if tiling.rows * row_bytes > machine.accumulator.bank_bytes:
        return f"a tile of C has {tiling.rows} rows of {row_bytes} bytes; a bank has {machine.accumulator.bank_bytes}"
    tiles, held = tiling.columns // dim, 2 * (machine.accumulator.bank_bytes // (tiling.rows * row_bytes))
    if tiles > held:
        return f"a block of C has {tiles} tiles of {tiling.rows} rows; its place, two banks, holds {held}"
    return ""


def local_pitch(machine: Machine, columns: int) -> int:
    """Bytes from one row of a panel to the next in the scratchpad: ``columns`` bytes, rounded up to whole beats."""
    return round_up(columns, machine.bus.bytes)
