"""The core: all parts, connected, behind one AXI4 master and one AXI4-Lite slave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Module, ResetInserter, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Member, Out, connect

from weft.isa.events import EVENTS
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.registers import COUNTERS, FAULT_BY_NAME
from weft.rtl.bus import FETCH_ID, INCREMENTING, LOAD_ID, ReadAddress, axi_lite_members, axi_members, beat_size
from weft.rtl.control import COUNTER_BITS, Control
from weft.rtl.dispatch import Dispatch
from weft.rtl.fetch import Fetch
from weft.rtl.interfaces import issue_members, log2, memory_members
from weft.rtl.issue import Issue
from weft.rtl.load import LoadUnit
from weft.rtl.matrix import MatrixUnit
from weft.rtl.memory import Accumulator, Scratchpad
from weft.rtl.store import StoreUnit
from weft.rtl.vector import VectorUnit

_CLIENTS: Mapping[str, Mapping[str, str]] = {
    "matrix": {
        "sp_read_weights": "read_weights",
        "sp_read_rows": "read_rows",
        "acc_read": "read_matrix",
        "acc_write": "write_matrix",
    },
    "vector": {
        **{f"{memory}_read_{operand}": f"read_{operand}" for memory in ("sp", "acc") for operand in "xyz"},
        "sp_write": "write_vector",
        "acc_write": "write_vector",
    },
    "load": {"sp_write": "write_load", "acc_write": "write_load"},
    "store": {"sp_read": "read_store", "acc_read": "read_store"},
}
"""Which port of its memory each port of a unit is connected to."""


def trace_members() -> dict[str, Member]:
    """What simulation watches: ``trace_dispatch_valid``, ``_pc``, ``trace_<unit>_start``, ``_retire`` in their cycles;
    ``trace_running`` in every cycle of a run, ``trace_cycle`` its number; ``trace_quiet`` while no unit and no fetch
    is at work; ``halted`` and ``fault`` afterwards."""
    return {
        "trace_running": Out(1),
        "trace_cycle": Out(COUNTER_BITS),
        "trace_quiet": Out(1),
        "trace_dispatch_valid": Out(1),
        "trace_dispatch_pc": Out(32),
        **{f"trace_{unit}_{what}": Out(1) for unit in UNITS for what in ("start", "retire")},
        "halted": Out(1),
        "fault": Out(1),
    }


class Core(wiring.Component):
    """The whole machine. Ports: ``m_axi_*``, ``s_axil_*`` and those of :func:`trace_members`.

    ``instances`` places the cells of the units as instances of Verilog modules (see ``rtl.cells``), for export.
    ``units`` replaces units by other components with the same members, for tests.
    """

    def __init__(
        self, machine: Machine, instances: bool = False, units: Mapping[str, wiring.Component] | None = None
    ) -> None:
        self.machine, self.instances, self.units = machine, instances, dict(units or {})
        self.scratchpad, self.accumulator = Scratchpad(machine), Accumulator(machine)
        super().__init__({**axi_members(machine), **axi_lite_members(), **trace_members()})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self.machine
        control = Control()
        fetch, dispatch, issue = Fetch(machine), Dispatch(machine), Issue(machine)
        addresses = ReadAddress(machine)
        load, store = LoadUnit(machine), StoreUnit(machine)
        units: dict[str, Any] = {"load": load, "store": store, **self.units}
        if "matrix" not in units:
            units["matrix"] = MatrixUnit(machine, self.instances)
        if "vector" not in units:
            units["vector"] = VectorUnit(machine, self.instances)

        m.submodules.control = control
        parts = {"fetch": fetch, "dispatch": dispatch, "issue": issue, "read_address": addresses, **units}
        for name, part in parts.items():
            m.submodules[name] = ResetInserter(control.restart)(part)
        m.submodules.scratchpad, m.submodules.accumulator = self.scratchpad, self.accumulator
        memories = {"sp": self.scratchpad, "acc": self.accumulator}

        for name, unit in units.items():
            for member in issue_members(machine, name):
                one, other = getattr(issue, name), unit
                source, sink = (unit, one) if issue_members(machine, name)[member].flow is Out else (one, other)
                m.d.comb += Value.cast(getattr(sink, member)).eq(Value.cast(getattr(source, member)))
            for member in memory_members(machine, name):
                memory = memories[member.split("_")[0]]
                connect(m, getattr(unit, member), getattr(memory, _CLIENTS[name][member]))

        m.d.comb += [
            fetch.enable.eq(control.enable),
            fetch.entry.eq(control.entry),
            fetch.lines.eq(control.length >> log2(machine.line_bytes // INSTRUCTION_BYTES)),
            dispatch.enable.eq(control.enable),
            dispatch.valid.eq(fetch.valid),
            dispatch.instruction.eq(fetch.instruction),
            fetch.take.eq(dispatch.take),
            dispatch.exhausted.eq(fetch.exhausted),
            dispatch.full.eq(issue.full),
            dispatch.idle.eq(issue.idle),
            issue.enable.eq(control.enable),
            issue.push.eq(dispatch.push),
            issue.record.eq(dispatch.record),
            issue.pc.eq(dispatch.pc),
            control.halt.eq(dispatch.halt),
            control.pc.eq(dispatch.pc),
            control.quiet.eq(issue.quiet & ~fetch.waiting),
        ]
        self._connect_bus(m, fetch, load, store, addresses)
        self._connect_control(m, control, fetch, dispatch, issue)
        return m

    def _connect_bus(self, m: Module, fetch: Fetch, load: LoadUnit, store: StoreUnit, addresses: ReadAddress) -> None:
        size = beat_size(self.machine)
        m.d.comb += [
            addresses.fetch_want.eq(fetch.want),
            addresses.fetch_address.eq(fetch.address),
            fetch.picked.eq(addresses.fetch_picked),
            addresses.load_want.eq(load.want),
            addresses.load_address.eq(load.address),
            addresses.load_length.eq(load.length),
            load.picked.eq(addresses.load_picked),
            self.m_axi_arvalid.eq(addresses.arvalid),
            addresses.arready.eq(self.m_axi_arready),
            self.m_axi_arid.eq(addresses.arid),
            self.m_axi_araddr.eq(addresses.araddr),
            self.m_axi_arlen.eq(addresses.arlen),
            self.m_axi_arsize.eq(size),
            self.m_axi_arburst.eq(INCREMENTING),
            self.m_axi_rready.eq(1),
            fetch.beat.eq(self.m_axi_rvalid & (self.m_axi_rid == FETCH_ID)),
            fetch.data.eq(self.m_axi_rdata),
            fetch.last.eq(self.m_axi_rlast),
            load.beat.eq(self.m_axi_rvalid & (self.m_axi_rid == LOAD_ID)),
            load.data.eq(self.m_axi_rdata),
            self.m_axi_awvalid.eq(store.awvalid),
            store.awready.eq(self.m_axi_awready),
            self.m_axi_awaddr.eq(store.awaddr),
            self.m_axi_awlen.eq(store.awlen),
            self.m_axi_awsize.eq(size),
            self.m_axi_awburst.eq(INCREMENTING),
            self.m_axi_wvalid.eq(store.wvalid),
            store.wready.eq(self.m_axi_wready),
            self.m_axi_wdata.eq(store.wdata),
            self.m_axi_wstrb.eq(store.wstrb),
            self.m_axi_wlast.eq(store.wlast),
            self.m_axi_bready.eq(1),
            store.bvalid.eq(self.m_axi_bvalid),
        ]

    def _connect_control(self, m: Module, control: Control, fetch: Fetch, dispatch: Dispatch, issue: Issue) -> None:
        """Slave port, faults, counters and what simulation watches."""
        for name, member in axi_lite_members().items():
            one, other = getattr(self, name), getattr(control, name)
            m.d.comb += one.eq(other) if member.flow is Out else other.eq(one)

        read_fails = self.m_axi_rvalid & self.m_axi_rresp[1]
        for happens, cause, pc in (
            (dispatch.fault != 0, dispatch.fault, dispatch.pc),
            (issue.overflow, FAULT_BY_NAME["semaphore"].code, issue.overflow_pc),
            (self.m_axi_bvalid & self.m_axi_bresp[1], FAULT_BY_NAME["write_error"].code, issue.oldest_store),
            (read_fails & (self.m_axi_rid == LOAD_ID), FAULT_BY_NAME["read_error"].code, issue.oldest_load),
            (read_fails & (self.m_axi_rid == FETCH_ID), FAULT_BY_NAME["read_error"].code, fetch.arriving_pc),
        ):
            with m.If(happens):
                m.d.comb += [control.cause.eq(cause), control.cause_pc.eq(pc)]

        counted = {
            "read_beats": self.m_axi_rvalid & self.m_axi_rready,
            "write_beats": self.m_axi_wvalid & self.m_axi_wready,
        }
        for event in EVENTS:
            events = dispatch.events if event.unit == "dispatch" else getattr(issue, f"events_{event.unit}")
            counted[event.name] = events[event.cause]
        m.d.comb += [
            control.counts.eq(Cat(counted[name] for name in COUNTERS)),
            self.trace_running.eq(control.running),
            self.trace_cycle.eq(control.cycle),
            self.trace_quiet.eq(control.quiet),
            self.trace_dispatch_valid.eq(dispatch.dispatched),
            self.trace_dispatch_pc.eq(dispatch.pc),
            self.halted.eq(control.halted),
            self.fault.eq(control.fault),
        ]
        for unit in UNITS:
            port = getattr(issue, unit)
            m.d.comb += [
                getattr(self, f"trace_{unit}_start").eq(port.start),
                getattr(self, f"trace_{unit}_retire").eq(port.retire),
            ]
