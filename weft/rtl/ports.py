"""Memory ports: who holds which, and which heads may start, by priority."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.machine import Machine
from weft.rtl.interfaces import PRIORITY, STREAMS, ports_layout

KINDS: Mapping[str, tuple[str, ...]] = {
    "weights": ("sp_read",),
    "rows": ("sp_read",),
    "destination": ("acc_read", "acc_write"),
    "operands": ("sp_read", "sp_write", "acc_read", "acc_write"),
    "load": ("sp_write", "acc_write"),
    "store": ("sp_read", "acc_read"),
}
"""The kinds of port that a stream can hold."""


def tiles_in_flight(machine: Machine) -> int:
    """A bound on the tiles between start and retirement: they start DIM cycles apart at least."""
    return 5 + machine.pipeline.mac + -(-(machine.pipeline.accumulate + 1) // machine.dim)


def most_in_flight(machine: Machine, unit: str) -> int:
    """A bound on a unit's instructions between start and retirement."""
    return {"matrix": tiles_in_flight(machine), "load": machine.queues.outstanding}.get(unit, 1)


def union(values: list[Value]) -> Value:
    """The OR of some values; 0 if there are none."""
    return reduce(or_, values, Const(0))


class PortTable(wiring.Component):
    """Which streams hold which ports.

    Per unit: ``able_<unit>``: its head could start but for ports; ``start_<unit>``: it does; ``blocked_<unit>``: a port
    that it needs is held by another stream, or claimed by a unit of higher priority that starts in this very cycle.
    ``claims_<unit>``, ``release_<unit>``: per stream, see ``rtl.interfaces``.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        members: dict[str, Any] = {}
        for unit, streams in STREAMS.items():
            ports = data.ArrayLayout(ports_layout(machine), len(streams))
            members |= {
                f"able_{unit}": In(1),
                f"claims_{unit}": In(ports),
                f"release_{unit}": In(ports),
                f"start_{unit}": Out(1),
                f"blocked_{unit}": Out(1),
            }
        super().__init__(members)

    def _hold(self, m: Module, unit: str) -> dict[tuple[str, str], Value]:
        """Count the claims of a unit's streams: (stream, kind) → the ports it holds."""
        start = getattr(self, f"start_{unit}")
        holding: dict[tuple[str, str], Value] = {}
        for position, stream in enumerate(STREAMS[unit]):
            claims, release = (getattr(self, f"{what}_{unit}")[position] for what in ("claims", "release"))
            for kind in KINDS[stream]:
                held = []
                for bank in range(len(claims[kind])):
                    name = f"{stream}_{kind}{bank}"
                    count = Signal(range(most_in_flight(self.machine, unit) + 1), name=name)
                    claimed, freed = Signal(name=f"{name}_claimed"), Signal(name=f"{name}_freed")
                    m.d.comb += [claimed.eq(start & claims[kind][bank]), freed.eq(release[kind][bank])]
                    with m.If(claimed & ~freed):
                        m.d.sync += count.eq(count + 1)
                    with m.Elif(freed & ~claimed):
                        m.d.sync += count.eq(count - 1)
                    held.append(count != 0)
                holding[stream, kind] = Cat(held)
        return holding

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        holding: dict[tuple[str, str], Value] = {}
        for unit in PRIORITY:
            holding |= self._hold(m, unit)
        taken: dict[str, list[Value]] = {kind: [] for kind in KINDS["operands"]}
        for unit in PRIORITY:
            claims, start = getattr(self, f"claims_{unit}"), getattr(self, f"start_{unit}")
            conflicts = []
            for position, stream in enumerate(STREAMS[unit]):
                for kind in KINDS[stream]:
                    others = [ports for (who, what), ports in holding.items() if what == kind and who != stream]
                    conflicts.append((claims[position][kind] & union(others + taken[kind])).any())
            blocked = getattr(self, f"blocked_{unit}")
            m.d.comb += [blocked.eq(union(conflicts)), start.eq(getattr(self, f"able_{unit}") & ~blocked)]
            for position, stream in enumerate(STREAMS[unit]):
                for kind in KINDS[stream]:
                    claim = claims[position][kind]
                    taken[kind].append(claim & start.replicate(len(claim)))
        return m
