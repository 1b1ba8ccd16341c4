"""Where values live between kernels: arrays in DRAM, and arrays that stay in the scratchpad."""

from __future__ import annotations

from dataclasses import dataclass

from weft.compiler.targets.accel.micro import STORAGE
from weft.isa.machine import Machine


@dataclass(frozen=True)
class StoredValue:
    """[rows, cols] elements of a dtype, row-major, ``pitch`` bytes from row to row, at byte ``address`` of DRAM.

    If ``local`` is not None they lie in the scratchpad instead, at that local address, in ``bank``.
    """

    dtype: str
    rows: int
    cols: int
    pitch: int
    address: int = 0
    local: int | None = None
    bank: int = -1

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return STORAGE[self.dtype][2]

    def at(self, row: int, col: int) -> int:
        """DRAM or local address of an element."""
        return (self.address if self.local is None else self.local) + row * self.pitch + col * self.element_bytes


def dram_pitch(machine: Machine, dtype: str, cols: int) -> int:
    """Bytes from row to row in DRAM: whole beats."""
    size = STORAGE[dtype][2] * cols
    return -(-size // machine.bus.bytes) * machine.bus.bytes


def local_pitch(machine: Machine, dtype: str, cols: int) -> int:
    """Bytes from row to row on chip: whole blocks of lanes, so that a pass may write its last block in full, and whole
    beats, so that rows can be transferred."""
    size = STORAGE[dtype][2]
    unit = max(machine.dim * size, machine.bus.bytes)
    return -(-cols * size // unit) * unit
