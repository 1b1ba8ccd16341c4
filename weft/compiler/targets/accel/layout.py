"""DRAM: addresses for everything that outlives a kernel; scratch space is used again after its last reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from weft.isa.machine import Machine


@dataclass
class DramAllocator:
    """Hands out DRAM from address 0 up. Times are kernel indices; a scratch array lives from ``begin`` to ``end``."""

    machine: Machine
    top: int = 0
    _scratch: list[tuple[int, int, int, int]] = field(default_factory=list)

    def _aligned(self, size: int) -> int:
        line = self.machine.line_bytes
        return -(-size // line) * line

    def fixed(self, size: int) -> int:
        """Space that is never used for anything else."""
        address = self.top
        self.top += self._aligned(max(size, 1))
        return address

    def scratch(self, size: int, begin: int, end: int) -> int:
        """Space that others may have before ``begin`` and after ``end``: the lowest address that is free throughout.
        To be called after every ``fixed``."""
        size = self._aligned(max(size, 1))
        taken = sorted((a, s) for a, s, b, e in self._scratch if not (e < begin or end < b))
        address = self.top
        for start, length in taken:
            if address + size <= start:
                break
            address = max(address, start + length)
        self._scratch.append((address, size, begin, end))
        return address

    @property
    def end(self) -> int:
        """First address after everything."""
        return max([self.top, *(a + s for a, s, _, _ in self._scratch)])
