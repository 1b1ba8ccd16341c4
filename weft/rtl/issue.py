"""Issue: the instruction queues, and which head starts when: structure, semaphores, ports."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.isa.events import EVENTS
from weft.isa.fields import INSTRUCTION_BITS
from weft.isa.instructions import BY_NAME, INSTRUCTIONS, UNITS
from weft.isa.machine import Machine
from weft.rtl.interfaces import PRIORITY, instruction_layout, issue_members
from weft.rtl.ports import PortTable, most_in_flight
from weft.rtl.queue import Queue
from weft.rtl.semaphores import Semaphores

PC_BITS = 32


def record_bits(unit: str) -> int:
    """Bits of the longest instruction of a unit."""
    layouts = [spec.layout for spec in INSTRUCTIONS if spec.built and spec.unit == unit]
    return max(placed.offset + placed.field.width for layout in layouts for placed in layout.values())


def causes(unit: str) -> tuple[str, ...]:
    """The events of a unit, in order."""
    return tuple(event.cause for event in EVENTS if event.unit == unit)


class Issue(wiring.Component):
    """Each unit's interface is the member of its name (see ``rtl.interfaces``).

    ``push`` (per unit), ``record``, ``pc``: from dispatch. ``full``: per unit. ``idle``: nothing is queued or in
    flight. ``quiet``: nothing is in flight. ``enable``: heads may start. ``events_<unit>``: one bit for each event.
    ``oldest_<unit>``: pc of its oldest instruction in flight. ``overflow``: a semaphore went past its bounds, by the
    instruction at ``overflow_pc``.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        members: dict[str, Any] = {
            "push": In(len(UNITS)),
            "record": In(INSTRUCTION_BITS),
            "pc": In(PC_BITS),
            "full": Out(len(UNITS)),
            "idle": Out(1),
            "quiet": Out(1),
            "enable": In(1),
            "overflow": Out(1),
            "overflow_pc": Out(PC_BITS),
        }
        for unit in UNITS:
            members |= {
                unit: In(wiring.Signature(issue_members(machine, unit))),
                f"events_{unit}": Out(data.StructLayout(dict.fromkeys(causes(unit), 1))),
                f"oldest_{unit}": Out(PC_BITS),
            }
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.ports = ports = PortTable(self.machine)
        m.submodules.semaphores = semaphores = Semaphores()
        for position, unit in enumerate(UNITS):
            port = getattr(self, unit)
            self._queue(m, unit, position)
            head = data.View(instruction_layout(BY_NAME["load"]), port.instr)
            satisfied = getattr(semaphores, f"satisfied_{unit}")
            able = self.enable & port.head_valid & satisfied & port.ready & ~port.hazard
            m.d.comb += [
                getattr(semaphores, f"wait_{unit}").eq(head.wait),
                getattr(semaphores, f"start_{unit}").eq(port.start),
                getattr(ports, f"able_{unit}").eq(able),
                getattr(ports, f"claims_{unit}").eq(port.claims),
                getattr(ports, f"release_{unit}").eq(port.release),
                port.start.eq(getattr(ports, f"start_{unit}")),
            ]
            with m.If(port.retire):
                m.d.comb += getattr(semaphores, f"post_{unit}").eq(port.post)
            self._count(m, unit, satisfied, getattr(ports, f"blocked_{unit}"))
        units = [getattr(self, unit) for unit in UNITS]
        m.d.comb += [
            self.quiet.eq(~Cat(port.in_flight for port in units).any()),
            self.idle.eq(self.quiet & ~Cat(port.head_valid for port in units).any()),
            self.overflow.eq(semaphores.overflow.any()),
        ]
        for unit in reversed(PRIORITY):
            port = getattr(self, unit)
            with m.If(port.retire & (port.post & semaphores.overflow).any()):
                m.d.comb += self.overflow_pc.eq(getattr(self, f"oldest_{unit}"))
        return m

    def _queue(self, m: Module, unit: str, position: int) -> None:
        """The unit's queue, and behind it the pcs of what is in flight (instructions of a unit retire in order)."""
        port = getattr(self, unit)
        bits = record_bits(unit)
        waiting = Queue(bits + PC_BITS, getattr(self.machine.queues, unit))
        flying = Queue(PC_BITS, most_in_flight(self.machine, unit))
        m.submodules[f"{unit}_queue"], m.submodules[f"{unit}_flying"] = waiting, flying
        m.d.comb += [
            waiting.push.eq(self.push[position]),
            waiting.entry.eq(Cat(self.record[:bits], self.pc)),
            waiting.pop.eq(port.start),
            self.full[position].eq(waiting.full),
            port.head_valid.eq(waiting.valid),
            port.instr.eq(waiting.head[:bits]),
            flying.push.eq(port.start),
            flying.entry.eq(waiting.head[bits:]),
            flying.pop.eq(port.retire),
            getattr(self, f"oldest_{unit}").eq(flying.head),
        ]

    def _count(self, m: Module, unit: str, satisfied: Signal, blocked: Signal) -> None:
        """The one event of this cycle."""
        port = getattr(self, unit)
        events = getattr(self, f"events_{unit}")
        structural = next((cause for cause in ("hazard", "outstanding") if cause in causes(unit)), "idle")
        with m.If(port.occupied | port.start):
            m.d.comb += events.busy.eq(1)
        with m.Elif(~port.head_valid):
            if "drain" in causes(unit):
                m.d.comb += [events.drain.eq(port.in_flight), events.idle.eq(~port.in_flight)]
            else:
                m.d.comb += events.idle.eq(1)
        with m.Elif(~satisfied):
            m.d.comb += events.semaphore.eq(1)
        with m.Elif(blocked):
            m.d.comb += events.port.eq(1)
        with m.Else():
            m.d.comb += events[structural].eq(1)
