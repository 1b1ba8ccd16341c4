"""Residency: which narrow values stay in the scratchpad from the kernel that makes them to the last that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weft.isa.machine import Machine

KEPT_FREE = 8
"""One part in so many of the scratchpad is left to tiles on their way."""


@dataclass(frozen=True)
class ResidentCandidate:
    """A value that could stay: its size in bytes and the first and last kernel that need it.

    partners: values that the array reads together with it, which should lie in other banks.
    """

    value: int
    size: int
    first: int
    last: int
    partners: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ResidentRange:
    """Bytes of a bank for a value, from kernel ``first`` to ``last``."""

    bank: int
    start: int
    size: int
    first: int
    last: int

    def clashes(self, start: int, size: int, first: int, last: int) -> bool:
        """Whether both would need a byte at the same time."""
        return (
            self.start < start + size and start < self.start + self.size and self.first <= last and first <= self.last
        )


def leases(machine: Machine, tenants: Sequence[ResidentCandidate]) -> Mapping[int, ResidentRange]:
    """A place for as many tenants as fit; where not all do, those that save most traffic for their space and time."""
    memory = machine.scratchpad
    budget = memory.bytes - memory.bytes // KEPT_FREE
    granted: dict[int, ResidentRange] = {}
    kernels = max((t.last for t in tenants), default=-1) + 1
    load = [0] * kernels
    for tenant in sorted(tenants, key=lambda t: (-t.size, t.first)):
        if max(load[tenant.first : tenant.last + 1]) + tenant.size > budget:
            continue
        place = _place(memory.banks, memory.bank_bytes, tenant, granted)
        if place is None:
            continue
        granted[tenant.value] = place
        for kernel in range(tenant.first, tenant.last + 1):
            load[kernel] += tenant.size
    return granted


def _place(
    banks: int, bank_bytes: int, tenant: ResidentCandidate, granted: Mapping[int, ResidentRange]
) -> ResidentRange | None:
    best: tuple[tuple[int, int, int], ResidentRange] | None = None
    for bank in range(banks):
        inside = [lease for lease in granted.values() if lease.bank == bank]
        partners = sum(1 for p in tenant.partners if p in granted and granted[p].bank == bank)
        for start in sorted({0, *(lease.start + lease.size for lease in inside)}):
            if start + tenant.size > bank_bytes:
                continue
            if any(lease.clashes(start, tenant.size, tenant.first, tenant.last) for lease in inside):
                continue
            lease = ResidentRange(bank, start, tenant.size, tenant.first, tenant.last)
            empty = 0 if inside else 1  # a bank begun is filled before another is broken into
            cost = (partners, empty, start)
            if best is None or cost < best[0]:
                best = (cost, lease)
            break
    return best[1] if best else None
