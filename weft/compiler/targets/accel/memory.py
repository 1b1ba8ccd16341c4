"""On-chip memory: space in banks, handed out so that what was freed longest ago is used again first.

Reuse is safe at any time (the synchroniser orders it); reusing the oldest space only keeps units from waiting.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine

_IN_USE = 1 << 62
_SMALL = 32  # what is at most one part in so many of a bank goes to the last quarter of the last bank, if it can


@dataclass(frozen=True)
class Allocation:
    """``size`` bytes at byte ``base`` of a memory, all in bank ``bank``. ``local`` is the address for instructions."""

    memory: str
    base: int
    size: int
    bank: int

    @property
    def local(self) -> int:
        """The first byte's local address."""
        return self.base | (ACCUMULATOR_BIT if self.memory == "accumulator" else 0)


class AllocationFailure(Exception):
    """An allocation that does not fit now: ``needed`` bytes of ``memory`` in one bank."""

    def __init__(self, memory: str, needed: int, bank_bytes: int) -> None:
        self.memory, self.needed, self.bank_bytes = memory, needed, bank_bytes
        super().__init__(f"{needed} bytes of one {memory} bank are needed at once; a bank has {bank_bytes}")


@dataclass
class _Segment:
    start: int
    end: int
    freed: int  # when it was freed, or _IN_USE


class Arena:
    """One on-chip memory. ``granule`` is what all sizes are rounded up to.

    recent: number of releases for which space counts as likely still being used.
    """

    def __init__(self, memory: str, machine: Machine, recent: int = 4) -> None:
        chip = machine.accumulator if memory == "accumulator" else machine.scratchpad
        self.memory = memory
        self.banks = chip.banks
        self.bank_bytes = chip.bank_bytes
        self.granule = machine.row_bytes if memory == "accumulator" else max(machine.word_bytes, machine.bus.bytes)
        self.pool = self.bank_bytes * 3 // 4 // self.granule * self.granule
        self._clock = 0
        self._recent = recent
        self._segments = [[_Segment(0, chip.bank_bytes, -1)] for _ in range(chip.banks)]

    def rounded(self, size: int) -> int:
        """``size`` in whole granules."""
        return -(-size // self.granule) * self.granule

    def allocate(self, size: int, avoid: Collection[int] = (), newest: bool = False) -> Allocation:
        """Space for ``size`` bytes in the bank that ``avoid`` names least often: there what was freed longest ago, or,
        for what only passes touch and need not wait for, what was freed last. Raises NoSpace."""
        size = self.rounded(size)
        small = size * _SMALL <= self.bank_bytes
        best: tuple[tuple[int, bool, int, int], int, int] | None = None
        named = [sum(1 for a in avoid if a == bank) for bank in range(self.banks)]
        for bank, segments in enumerate(self._segments):
            for first in range(len(segments)):
                start, latest, last = segments[first].start, -1, first
                if small and bank == self.banks - 1 and start < self.pool < segments[first].end:
                    start = self.pool
                while last < len(segments) and segments[last].freed != _IN_USE:
                    latest = max(latest, segments[last].freed)
                    if segments[last].end >= start + size:
                        pooled = bank == self.banks - 1 and start + size > self.pool
                        recent = 0 if newest or latest < self._clock - self._recent else 1
                        cost = (named[bank] + recent, pooled != small, -latest if newest else latest, start)
                        if best is None or cost < best[0]:
                            best = (cost, bank, start)
                        break
                    last += 1
        if best is None:
            raise AllocationFailure(self.memory, size, self.bank_bytes)
        _, bank, start = best
        self._mark(bank, start, start + size, _IN_USE)
        return Allocation(self.memory, bank * self.bank_bytes + start, size, bank)

    def reserve(self, bank: int, start: int, size: int) -> Allocation:
        """Exactly these bytes of a bank, which must be free."""
        self._mark(bank, start, start + self.rounded(size), _IN_USE)
        return Allocation(self.memory, bank * self.bank_bytes + start, self.rounded(size), bank)

    def release(self, space: Allocation, when: int) -> None:
        """Give space back; ``when`` grows from call to call."""
        start = space.base - space.bank * self.bank_bytes
        self._clock = max(self._clock, when)
        self._mark(space.bank, start, start + space.size, when)

    def _mark(self, bank: int, start: int, end: int, freed: int) -> None:
        result: list[_Segment] = []
        for s in self._segments[bank]:
            if s.end <= start or s.start >= end:
                result.append(s)
                continue
            if s.start < start:
                result.append(_Segment(s.start, start, s.freed))
            if s.end > end:
                result.append(_Segment(end, s.end, s.freed))
        result.append(_Segment(start, end, freed))
        result.sort(key=lambda s: s.start)
        merged = result[:1]
        for s in result[1:]:
            if s.freed == merged[-1].freed and s.freed != _IN_USE:
                merged[-1] = _Segment(merged[-1].start, s.end, s.freed)
            else:
                merged.append(s)
        self._segments[bank] = merged
