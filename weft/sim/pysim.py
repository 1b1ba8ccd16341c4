"""The design in Amaranth's own simulator: slow, but with no C++ compiler, and with waveforms."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.base.distribution import install
from weft.base.errors import MissingToolError
from weft.isa.cost import hold_executed
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.events import BUS_COUNTERS, EVENTS
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.image import copied
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.registers import BY_NAME, FAULTS
from weft.sim.dram import DramModel
from weft.sim.run import DEFAULT_MAX_CYCLES, InstructionTrace, Run

try:
    from amaranth.sim import Simulator

    from weft.rtl.core import Core
    from weft.rtl.verilog import memory_map
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] != "amaranth":
        raise
    raise MissingToolError(f"the pysim engine needs Amaranth: {install('rtl')}") from None

STILL_CYCLES = 16
"""With nothing in flight and nothing on the bus for so many cycles, nothing will ever move again."""


class _Bench:
    """One run: the clock loop around the core, with the DRAM model at its AXI port."""

    def __init__(self, core: Core, machine: Machine, memory: npt.NDArray[np.uint8], program: Program) -> None:
        self.core, self.machine, self.program = core, machine, program
        self.dram = DramModel(machine, memory)
        self.dispatched: list[tuple[int, int]] = []
        self.starts: dict[str, list[int]] = {unit: [] for unit in UNITS}
        self.retires: dict[str, list[int]] = {unit: [] for unit in UNITS}
        self.cycles = 0
        self.still = 0
        self.counters: dict[str, int] = {}
        self.memories: dict[str, npt.NDArray[np.uint8]] = {}

    async def write(self, ctx: Any, name: str, value: int) -> None:
        """Write a control register."""
        core = self.core
        ctx.set(core.s_axil_awaddr, BY_NAME[name].offset)
        for signal, on in ((core.s_axil_wdata, value), (core.s_axil_wstrb, 15), (core.s_axil_bready, 1)):
            ctx.set(signal, on)
        ctx.set(core.s_axil_awvalid, 1)
        ctx.set(core.s_axil_wvalid, 1)
        await ctx.tick()
        ctx.set(core.s_axil_awvalid, 0)
        ctx.set(core.s_axil_wvalid, 0)
        await ctx.tick()

    async def read(self, ctx: Any, name: str) -> int:
        """Read a control register."""
        core = self.core
        ctx.set(core.s_axil_araddr, BY_NAME[name].offset)
        ctx.set(core.s_axil_arvalid, 1)
        ctx.set(core.s_axil_rready, 1)
        await ctx.tick()
        ctx.set(core.s_axil_arvalid, 0)
        value = int(ctx.get(core.s_axil_rdata))
        await ctx.tick()
        return value

    def step(self, ctx: Any, cycle: int) -> None:
        """Everything outside the core in one cycle."""
        core, dram = self.core, self.dram
        beat, response = dram.read_beat(cycle), dram.write_response(cycle)
        ctx.set(core.m_axi_rvalid, beat is not None)
        if beat is not None:
            ctx.set(core.m_axi_rid, beat.id)
            ctx.set(core.m_axi_rdata, beat.data)
            ctx.set(core.m_axi_rresp, beat.response)
            ctx.set(core.m_axi_rlast, beat.last)
            dram.read_taken()
        ctx.set(core.m_axi_bvalid, response is not None)
        if response is not None:
            ctx.set(core.m_axi_bresp, response)
            dram.response_taken()
        if ctx.get(core.m_axi_arvalid):
            address, beats = ctx.get(core.m_axi_araddr), ctx.get(core.m_axi_arlen) + 1
            dram.accept_read(cycle, ctx.get(core.m_axi_arid), address, beats)
        if ctx.get(core.m_axi_awvalid):
            dram.accept_write(cycle, ctx.get(core.m_axi_awaddr), ctx.get(core.m_axi_awlen) + 1)
        if ctx.get(core.m_axi_wvalid):
            dram.write_beat(ctx.get(core.m_axi_wdata), ctx.get(core.m_axi_wstrb))
        moved = False
        if ctx.get(core.trace_dispatch_valid):
            self.dispatched.append((cycle, ctx.get(core.trace_dispatch_pc)))
            moved = True
        for unit in UNITS:
            if ctx.get(getattr(core, f"trace_{unit}_start")):
                self.starts[unit].append(cycle)
                moved = True
            if ctx.get(getattr(core, f"trace_{unit}_retire")):
                self.retires[unit].append(cycle)
        self.still = 0 if moved or not dram.idle or not ctx.get(core.trace_quiet) else self.still + 1

    async def run(self, ctx: Any, max_cycles: int) -> None:
        """Load the registers, start, clock until the end, read counters and memories."""
        core = self.core
        for ready in (core.m_axi_arready, core.m_axi_awready, core.m_axi_wready):
            ctx.set(ready, 1)
        await self.write(ctx, "ENTRY", self.program.entry)
        await self.write(ctx, "LENGTH", len(self.program.code) // INSTRUCTION_BYTES)
        await self.write(ctx, "CONTROL", 1)
        while not ctx.get(core.trace_running):
            await ctx.tick()
        while not ctx.get(core.halted):
            if self.cycles == max_cycles or self.still > STILL_CYCLES:
                raise DeadlockError(self._stuck(max_cycles))
            self.step(ctx, self.cycles)
            await ctx.tick()
            self.cycles += 1
        for name in (*(event.name for event in EVENTS), *BUS_COUNTERS):
            word = name.upper().replace(".", "_")
            low, high = await self.read(ctx, f"{word}_LO"), await self.read(ctx, f"{word}_HI")
            self.counters[name] = high << 32 | low
        if ctx.get(core.fault):
            cause, pc = await self.read(ctx, "FAULT_CAUSE"), await self.read(ctx, "FAULT_PC")
            raise ProgramError(f"instruction {pc}{self._named(pc)}: {FAULTS[cause].doc} (fault '{FAULTS[cause].name}')")
        self._read_memories(ctx)

    def _named(self, pc: int) -> str:
        if pc >= len(self.program.instructions):
            return ""
        instruction = self.program.instructions[pc]
        return f" ({instruction.name}{f', from {instruction.source}' if instruction.source else ''})"

    def _stuck(self, max_cycles: int) -> str:
        pc = self.dispatched[-1][1] if self.dispatched else 0
        after = f"after instruction {pc}{self._named(pc)} was dispatched"
        if self.cycles == max_cycles:
            return f"the program did not halt within {max_cycles} cycles; {after}"
        return f"deadlock: nothing moves any more from cycle {self.cycles - self.still} on, {after}"

    def _read_memories(self, ctx: Any) -> None:
        sizes = {"scratchpad": self.machine.scratchpad.bytes, "accumulator": self.machine.accumulator.bytes}
        self.memories = {name: np.zeros(size, np.uint8) for name, size in sizes.items()}
        for place in memory_map(self.machine):
            rows = getattr(self.core, place.memory).memories[place.variable].data
            for entry in range(place.entries):
                at = place.base + entry * place.step
                content = ctx.get(rows[entry]).to_bytes(place.entry_bytes, "little")
                self.memories[place.memory][at : at + place.entry_bytes] = np.frombuffer(content, np.uint8)

    def trace(self) -> InstructionTrace:
        """Starts and retirements, given to the instructions of their unit in order."""
        dispatch, pc = (np.array([each[i] for each in self.dispatched], np.int64) for i in (0, 1))
        start, retire = dispatch.copy(), dispatch.copy()
        units = np.array([self.program.instructions[i].spec.unit for i in pc])
        for unit in UNITS:
            start[units == unit], retire[units == unit] = self.starts[unit], self.retires[unit]
        return InstructionTrace(pc, dispatch, start, retire)


class _Model:
    """A simulator of one machine, built once and reset for every run."""

    def __init__(self, machine: Machine) -> None:
        self.core = Core(machine)
        self.simulator = Simulator(self.core)
        self.simulator.add_clock(1e-9)
        self.simulator.add_testbench(self._testbench)
        self._job: tuple[_Bench, int] | None = None

    async def _testbench(self, ctx: Any) -> None:
        assert self._job is not None
        bench, max_cycles = self._job
        await bench.run(ctx, max_cycles)

    def run(self, bench: _Bench, max_cycles: int, wave: str | Path | None) -> None:
        """Let ``bench`` run; ``wave`` is the VCD file to write."""
        if self._job is not None:
            self.simulator.reset()
        self._job = bench, max_cycles
        with ExitStack() as open_files:
            if wave is not None:
                file = open_files.enter_context(Path(wave).open("w", encoding="utf-8"))
                open_files.enter_context(self.simulator.write_vcd(file))
            self.simulator.run()


class PysimEngine:
    """The engine called ``pysim``. Raises MissingToolError without Amaranth.

    ``wave`` names a VCD file to write, with every signal and the contents of the memories: one cycle is one nanosecond;
    the run begins after the few cycles that start the core (``trace_cycle`` is the cycle's number). A machine's design
    is built in its first run and kept.
    """

    name = "pysim"

    def __init__(self, wave: str | Path | None = None) -> None:
        self.wave = wave
        self._models: dict[str, _Model] = {}

    def run(
        self,
        program: Program,
        dram: npt.NDArray[np.uint8] | None = None,
        *,
        max_cycles: int = DEFAULT_MAX_CYCLES,
        trace: bool = True,
    ) -> Run:
        """See ``sim.run.Engine``."""
        begin = time.perf_counter()
        hold_executed(program)
        memory = program.image() if dram is None else copied(dram)
        key = program.machine.digest()
        if key not in self._models:
            self._models[key] = _Model(program.machine)
        bench = _Bench(self._models[key].core, program.machine, memory, program)
        self._models[key].run(bench, max_cycles, self.wave)
        return Run(
            self.name,
            bench.cycles,
            memory,
            bench.memories["scratchpad"],
            bench.memories["accumulator"],
            np.array([bench.counters[event.name] for event in EVENTS], np.int64),
            bench.counters["read_beats"],
            bench.counters["write_beats"],
            bench.trace() if trace else None,
            time.perf_counter() - begin,
        )
