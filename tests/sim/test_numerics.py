"""The fast engine computes the bits of exact arithmetic, in every memory."""

from __future__ import annotations

import numpy as np
import pytest

from isa.machine import load
from isa.program import Program
from sim.fast.engine import FastEngine
from sim.fast.stream import ADDRESSES, expand
from sim.fuzz import random_program
from tests.sim.slow_numerics import EXECUTE, Memories


def compare(engine: FastEngine, program: Program, note: str) -> None:
    """Fail unless both leave the same bytes, executing in the engine's order of starts."""
    run = engine.run(program)
    stream, slow = expand(program), Memories(program.machine, program.image().tobytes())
    for n in engine.timing(program).order:
        i = program.instructions[stream.pc[n]]
        address = dict(zip(ADDRESSES[i.name], stream.address[n].tolist(), strict=False))
        EXECUTE[i.name](slow, i, address)
    for memory in ("dram", "scratchpad", "accumulator"):
        expected = np.frombuffer(bytes(getattr(slow, memory)), np.uint8)
        different = np.flatnonzero(getattr(run, memory) != expected)
        assert not len(different), f"{note}: {memory} differs at {different[:4]}"


MACHINES = {"nano": 60, "edu": 6, "edge-int8": 3}
"""Presets, and how many seeds of each."""


@pytest.mark.parametrize("name", MACHINES)
def test_random_programs(name: str) -> None:
    machine = load(name)
    engine = FastEngine()
    for seed in range(MACHINES[name]):
        compare(engine, random_program(machine, seed), f"{name} seed {seed}")
