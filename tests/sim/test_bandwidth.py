"""Bandwidth apart from the array: what a transfer takes, and what more of it saves, on every preset."""

from __future__ import annotations

import pytest

from tests.bandwidths import FACTORS, at_bandwidth
from tests.sim.test_timing import compare
from weft.isa.encoding import Instruction, make
from weft.isa.events import BY_NAME
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine, load, presets
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.fast.plan import Timing, timing
from weft.sim.fuzz import random_program

CASES = [(name, factor) for name in presets() for factor in FACTORS if name != "cloud" or factor <= 1]


def timed(machine: Machine, *instructions: Instruction) -> Timing:
    """The timing of a program, after which it halts."""
    program = Program(machine, (*instructions, make("halt")), data={0x8FFF: b"\0"})
    validate(program)
    return timing(program)


@pytest.mark.parametrize("unit", ["load", "store"])
@pytest.mark.parametrize("local", [0, ACCUMULATOR_BIT], ids=["scratchpad", "accumulator"])
@pytest.mark.parametrize(("name", "factor"), CASES)
def test_a_transfer_takes_its_bytes_over_the_bandwidth(name: str, factor: float, local: int, unit: str) -> None:
    machine = at_bandwidth(name, factor)
    rows = {"dram": 0x4000, "dram_stride0": 1024, "local": local, "local_stride0": 0, "bytes": 1024}
    short, long = (timed(machine, make(unit, count0=count, **rows)).cycles for count in (8, 16))
    least = 8 * 1024 / machine.bandwidth
    if unit == "load":
        assert long - short == least
    else:  # a store with two buffers loses a cycle in two bursts where a beat takes one
        assert least <= long - short <= 1.1 * least


@pytest.mark.parametrize("name", [name for name in presets() if name != "cloud"])
def test_twice_the_bandwidth_halves_the_wait_for_operands(name: str) -> None:
    def waited(factor: float, size: int) -> int:
        """Cycles for which a tile of one product waits for operands of ``size`` bytes each."""
        machine = at_bandwidth(name, factor)
        bank = machine.scratchpad.bank_bytes
        loads = [make("load", dram=0x4000, local=i * bank, bytes=size, post=1 << i) for i in range(2)]
        tile = make("matmul", type=machine.types[0], a=0, w=bank, d=ACCUMULATOR_BIT, k=1, n=1, wait=3)
        return int(timed(machine, *loads, tile).events[BY_NAME["matrix.semaphore"].index])

    for factor in FACTORS:  # what more bytes add is their time on the channel, all of it
        assert waited(factor, 2048) - waited(factor, 1024) == 2 * 1024 / (factor * load(name).bandwidth)
    cycles = [waited(factor, 2048) for factor in FACTORS]
    assert cycles == sorted(set(cycles), reverse=True)


@pytest.mark.parametrize(("name", "factor"), [(name, f) for name, f in CASES if name != "cloud" and f != 1])
def test_timing_is_that_of_every_cycle(name: str, factor: float) -> None:
    machine = at_bandwidth(name, factor)
    for seed in range(8 if name == "nano" else 3):
        compare(random_program(machine, 900 + seed), f"{name} × {factor} seed {seed}")
