"""Control: the AXI4-Lite slave, starting and stopping, faults, and the counters."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.isa.registers import BY_NAME, COUNTERS, FAULT_BY_NAME, FAULTS, REGISTERS
from weft.rtl.bus import axi_lite_members

OKAY, SLAVE_ERROR = 0, 2
"""AXI responses."""

COUNTER_BITS = 64
_FAULT = range(len(FAULTS))


class Control(wiring.Component):
    """The slave port under its AXI names, and the run.

    ``restart``: 1 in the cycle before the first of a run. ``running``: 1 in every cycle of it; ``enable``: and no
    fault has happened. ``cycle``: the number of the cycle. ``halt``: this cycle is the last. ``cause``, ``cause_pc``:
    a fault in this cycle (0: none) and its instruction. ``quiet``: no unit and no bus transfer is at work.
    ``counts``: one bit a counter. ``entry``, ``length``: the registers. ``pc``: the instruction that a watchdog fault
    names.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                **axi_lite_members(),
                "restart": Out(1),
                "running": Out(1),
                "enable": Out(1),
                "halted": Out(1),
                "fault": Out(1),
                "cycle": Out(COUNTER_BITS),
                "entry": Out(32),
                "length": Out(32),
                "halt": In(1),
                "cause": In(_FAULT),
                "cause_pc": In(32),
                "pc": In(32),
                "quiet": In(1),
                "counts": In(len(COUNTERS)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pending, fault_cause, fault_pc = Signal(), Signal(_FAULT), Signal(32)
        watchdog = Signal(COUNTER_BITS)
        barks = (watchdog != 0) & (self.cycle == watchdog)
        m.d.comb += [
            self.restart.eq(pending & ~self.running & self.quiet),
            self.enable.eq(self.running & ~self.fault),
            self.fault.eq(fault_cause != 0),
        ]
        with m.If(self.running):
            m.d.sync += self.cycle.eq(self.cycle + 1)
        with m.If(self.enable):
            m.d.sync += [
                fault_cause.eq(Mux(barks, FAULT_BY_NAME["watchdog"].code, self.cause)),
                fault_pc.eq(Mux(barks, self.pc, self.cause_pc)),
            ]
        with m.If(self.running & (self.halt | (self.fault & self.quiet))):
            m.d.sync += [self.running.eq(0), self.halted.eq(1)]
        with m.If(self.restart):
            m.d.sync += [self.running.eq(1), self.halted.eq(0), self.cycle.eq(0), pending.eq(0), fault_cause.eq(0)]

        values: dict[str, Value] = {
            "STATUS": Cat(self.running, self.halted, self.fault),
            "FAULT_CAUSE": fault_cause,
            "FAULT_PC": fault_pc,
            "ENTRY": self.entry,
            "LENGTH": self.length,
        }
        for name, wide in (("WATCHDOG", watchdog), ("CYCLES", self.cycle), *self._counters(m)):
            values |= {f"{name}_LO": wide[:32], f"{name}_HI": wide[32:]}
        writable = {name: values[name] for name in ("ENTRY", "LENGTH", "WATCHDOG_LO", "WATCHDOG_HI")}
        self._write(m, writable, pending)
        self._read(m, values)
        return m

    def _counters(self, m: Module) -> list[tuple[str, Signal]]:
        counters = []
        for i, name in enumerate(COUNTERS):
            plain = name.upper().replace(".", "_")
            counter = Signal(COUNTER_BITS, name=f"count_{plain.lower()}")
            with m.If(self.running & self.counts[i]):
                m.d.sync += counter.eq(counter + 1)
            with m.If(self.restart):
                m.d.sync += counter.eq(0)
            counters.append((plain, counter))
        return counters

    def _write(self, m: Module, writable: dict[str, Value], pending: Signal) -> None:
        """Address and data may come in either order; the write is done when both are there."""
        have_address, have_data = Signal(), Signal()
        address, value, strobe = Signal.like(self.s_axil_awaddr), Signal(32), Signal(4)
        written = Cat(bit.replicate(8) for bit in strobe)
        m.d.comb += [self.s_axil_awready.eq(~have_address), self.s_axil_wready.eq(~have_data)]
        with m.If(self.s_axil_awvalid & self.s_axil_awready):
            m.d.sync += [have_address.eq(1), address.eq(self.s_axil_awaddr)]
        with m.If(self.s_axil_wvalid & self.s_axil_wready):
            m.d.sync += [have_data.eq(1), value.eq(self.s_axil_wdata), strobe.eq(self.s_axil_wstrb)]
        with m.If(self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)
        with m.If(have_address & have_data & (~self.s_axil_bvalid | self.s_axil_bready)):
            m.d.sync += [have_address.eq(0), have_data.eq(0), self.s_axil_bvalid.eq(1), self.s_axil_bresp.eq(OKAY)]
            with m.Switch(address[2:]):
                with m.Case(BY_NAME["CONTROL"].offset // 4), m.If(value[0] & strobe[0] & ~self.running):
                    m.d.sync += pending.eq(1)
                for name, register in writable.items():
                    with m.Case(BY_NAME[name].offset // 4):
                        m.d.sync += register.eq((value & written) | (register & ~written))
                with m.Default():
                    m.d.sync += self.s_axil_bresp.eq(SLAVE_ERROR)

    def _read(self, m: Module, values: dict[str, Value]) -> None:
        m.d.comb += self.s_axil_arready.eq(~self.s_axil_rvalid)
        with m.If(self.s_axil_rready):
            m.d.sync += self.s_axil_rvalid.eq(0)
        with m.If(self.s_axil_arvalid & self.s_axil_arready):
            m.d.sync += [self.s_axil_rvalid.eq(1), self.s_axil_rresp.eq(OKAY)]
            with m.Switch(self.s_axil_araddr[2:]):
                for register in REGISTERS:
                    with m.Case(register.offset // 4):
                        m.d.sync += self.s_axil_rdata.eq(values.get(register.name, 0))
                with m.Default():
                    m.d.sync += [self.s_axil_rdata.eq(0), self.s_axil_rresp.eq(SLAVE_ERROR)]
