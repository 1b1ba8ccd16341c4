"""Cells: components of which a machine holds many copies, placed inline or as instances of a Verilog module.

Amaranth elaborates every copy of a component into a module of its own. For export it is much faster, and reads
better, to convert a cell once and to place the copies as instances; Amaranth's simulator needs them inline.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from amaranth.back import verilog
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member

from weft.isa.machine import Machine


class Cell(Protocol):
    """A component class that can be placed: built from a machine alone, all its ports plain members."""

    MODULE: ClassVar[str]
    """Name of its Verilog module."""

    @staticmethod
    def ports(machine: Machine) -> dict[str, Member]:
        """The members of its signature."""
        ...

    def __call__(self, machine: Machine) -> wiring.Component:
        """Build one."""
        ...


def place(m: Module, cell: Any, machine: Machine, name: str, instances: bool) -> Any:
    """Add one copy of the clocked ``cell`` to ``m`` as submodule ``name``; the result's attributes are its ports."""
    if not instances:
        component = cell(machine)
        m.submodules[name] = component
        return component
    members = cell.ports(machine)
    interface = wiring.Signature(members).create(path=(name,))
    connections = {
        f"{'i' if member.flow is In else 'o'}_{port}": getattr(interface, port) for port, member in members.items()
    }
    m.submodules[name] = Instance(cell.MODULE, i_clk=ClockSignal(), i_rst=ResetSignal(), **connections)
    return interface


def cell_verilog(cell: Any, machine: Machine) -> str:
    """The Verilog of the module that instances of ``cell`` refer to."""
    return str(verilog.convert(cell(machine), name=cell.MODULE, emit_src=False))
