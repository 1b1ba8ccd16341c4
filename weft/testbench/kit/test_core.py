"""The test: the core runs a program out of a memory that stalls at random; then DRAM has to be as the fast engine says.

Tests that you add run one after another in one simulation, in which the on-chip memories keep what the test before has
left; `python run.py --test NAME` runs one alone.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb
from axi import AxiLite, AxiMemory, known
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

HERE = Path(__file__).parent
STALL = float(os.environ.get("STALL", "0.2"))
"""How often a channel that could move does not; `python run.py --stall 0.5` sets it."""
SEED = int(os.environ.get("SEED", "0"))
"""Of the stalls; `python run.py --seed 1` sets it."""


async def started(
    dut: Any, data: bytearray, program: dict[str, Any], registers: dict[str, int], rng: random.Random
) -> tuple[AxiMemory, AxiLite]:
    """Reset the core and start a program through its control registers."""
    Clock(dut.clk, 10, "ns").start()
    dut.rst.value = 1
    memory, control = AxiMemory(dut, data, rng, STALL), AxiLite(dut, rng)
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    cocotb.start_soon(memory.run())
    for name, value in (("ENTRY", program["entry"]), ("LENGTH", program["instructions"]), ("CONTROL", 1)):
        await control.write(registers[name], value)
    return memory, control


async def halt(dut: Any, limit: int) -> None:
    """Wait for the end of the run. Raises AssertionError if it does not end within ``limit`` cycles."""
    for _ in range(limit):
        await RisingEdge(dut.clk)
        if known(dut.halted):
            return
    at = dut.trace_dispatch_pc.value
    where = int(at) if at.is_resolvable else at
    raise AssertionError(f"no halt in {limit} cycles; the core is at instruction {where}")


def difference(found: bytes, expected: bytes, buffers: list[dict[str, Any]]) -> str:
    """Where two DRAM images first differ, and how often they do; empty if they are equal."""
    places = [at for at, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]]
    if not places:
        return ""
    at = places[0]
    inside = next((b for b in buffers if b["address"] <= at < b["address"] + b["bytes"]), None)
    where = f"{at:#x}" + (f" (buffer {inside['name']}, byte {at - inside['address']})" if inside else "")
    return f"{len(places)} bytes of DRAM differ, the first at {where}: {found[at]:#04x}, expected {expected[at]:#04x}"


@cocotb.test()
async def program_runs(dut: Any) -> None:
    """Every byte of DRAM is as expected when the core has halted, without a fault, with nothing left on the bus."""
    core, program = (json.loads((HERE / name).read_text(encoding="utf-8")) for name in ("core.json", "program.json"))
    registers = core["registers"]
    data = bytearray((HERE / "before.bin").read_bytes())
    memory, control = await started(dut, data, program, registers, random.Random(SEED))
    await halt(dut, limit=1000 + int(4 * program["cycles"] / (1 - STALL) ** 2))
    await ClockCycles(dut.clk, 5)
    if known(dut.fault):
        cause, at = await control.read(registers["FAULT_CAUSE"]), await control.read(registers["FAULT_PC"])
        raise AssertionError(f"the core reports fault {cause} ({core['faults'][str(cause)]}) at instruction {at}")
    memory.assert_empty()
    differs = difference(bytes(data), (HERE / "after.bin").read_bytes(), program["buffers"])
    assert not differs, differs
    cycles = await control.read(registers["CYCLES_LO"])
    dut._log.info("%d cycles; with the machine's own DRAM it is %d", cycles, program["cycles"])
