"""The cocotb side of the bench: the whole core runs a compiled program out of a memory that stalls at random."""

from __future__ import annotations

import os
import random
from typing import Any

import cocotb
import numpy as np
from axi_memory import AxiLite, AxiMemory
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from weft.isa.container import load
from weft.isa.registers import REGISTERS

OFFSET = {register.name: register.offset for register in REGISTERS}


async def execute(dut: Any, stall: float, seed: int) -> None:
    """Reset, load, start through the control registers, wait for the halt, compare DRAM with what was expected."""
    program = load(os.environ["WEFT_BENCH_PROGRAM"])
    with np.load(os.environ["WEFT_BENCH_EXPECTED"]) as file:
        expected = dict(file)
    rng = random.Random(seed)
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.rst.value = 1
    memory = AxiMemory(dut, bytearray(expected["before"].tobytes()), rng, stall)
    control = AxiLite(dut, rng)
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    server = cocotb.start_soon(memory.run())
    await control.write(OFFSET["ENTRY"], program.entry)
    await control.write(OFFSET["LENGTH"], len(program.code) // 64)
    await control.write(OFFSET["CONTROL"], 1)
    for _ in range(200_000):
        await RisingEdge(dut.clk)
        if int(dut.halted.value):
            break
    else:
        raise AssertionError("the core did not halt in 200,000 cycles")
    assert not int(dut.fault.value), "the core reports a fault"
    await ClockCycles(dut.clk, 5)
    memory.assert_empty()
    server.cancel()
    found = np.frombuffer(memory.data, np.uint8)
    different = np.flatnonzero(found != expected["after"])
    assert not len(different), f"{len(different)} DRAM bytes differ, the first at {int(different[0]):#x}"
    status = await control.read(OFFSET["STATUS"])
    assert status & 2, f"STATUS reads {status:#x}: not halted"
    cycles = await control.read(OFFSET["CYCLES_LO"])
    assert cycles > 0


@cocotb.test()
async def never_stalls(dut: Any) -> None:
    """The memory answers as fast as its protocol allows."""
    await execute(dut, 0.0, 1)


@cocotb.test()
async def stalls_sometimes(dut: Any) -> None:
    """One beat in five waits."""
    await execute(dut, 0.2, 2)


@cocotb.test()
async def stalls_mostly(dut: Any) -> None:
    """Seven in ten wait."""
    await execute(dut, 0.7, 3)
