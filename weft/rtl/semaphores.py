"""The counting semaphores between units."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.isa.fields import SEMAPHORE_MAX, SEMAPHORES
from weft.isa.instructions import UNITS


class Semaphores(wiring.Component):
    """Per unit: ``wait_<unit>``: the mask of its head; ``satisfied_<unit>``: all of it are above 0; ``start_<unit>``:
    they are taken; ``post_<unit>``: the mask of what retires, or 0. ``overflow``: those that go past their bounds.
    """

    def __init__(self) -> None:
        members: dict[str, Any] = {}
        for unit in UNITS:
            members |= {
                f"wait_{unit}": In(SEMAPHORES),
                f"satisfied_{unit}": Out(1),
                f"start_{unit}": In(1),
                f"post_{unit}": In(SEMAPHORES),
            }
        super().__init__({**members, "overflow": Out(SEMAPHORES)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        waits, posts, starts, satisfied = (
            [getattr(self, f"{what}_{unit}") for unit in UNITS] for what in ("wait", "post", "start", "satisfied")
        )
        taken = [Signal(SEMAPHORES, name=f"{unit}_takes") for unit in UNITS]
        for taking, wait, start in zip(taken, waits, starts, strict=True):
            with m.If(start):
                m.d.comb += taking.eq(wait)
        above = Signal(SEMAPHORES)
        for number in range(SEMAPHORES):
            count = Signal(range(SEMAPHORE_MAX + 1), name=f"s{number}")
            following = Signal(signed(len(count) + 3), name=f"s{number}_following")
            moves = Signal(name=f"s{number}_moves")
            m.d.comb += [
                above[number].eq(count != 0),
                moves.eq(sum(mask[number] for mask in (*posts, *taken)) != 0),
                following.eq(count + sum(mask[number] for mask in posts) - sum(mask[number] for mask in taken)),
                self.overflow[number].eq(moves & ((following < 0) | (following > SEMAPHORE_MAX))),
            ]
            with m.If(moves):
                m.d.sync += count.eq(following)
        for answer, wait in zip(satisfied, waits, strict=True):
            m.d.comb += answer.eq((wait & ~above) == 0)
        return m
