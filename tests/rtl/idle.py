"""A unit that never takes an instruction: the place of one that is left out of a core."""

from __future__ import annotations

from typing import Any

from amaranth import Module
from amaranth.lib import wiring

from weft.isa.machine import Machine
from weft.rtl.interfaces import unit_members


class IdleUnit(wiring.Component):
    """Has the members of ``unit`` and does nothing."""

    def __init__(self, machine: Machine, unit: str) -> None:
        super().__init__(unit_members(machine, unit))

    def elaborate(self, platform: Any) -> Module:
        return Module()
