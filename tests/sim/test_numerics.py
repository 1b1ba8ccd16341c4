"""The fast engine computes the bits of exact arithmetic, in every memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.sim.slow_numerics import EXECUTE, Memories
from weft.isa.encoding import make
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine, load
from weft.isa.operands import OPERANDS
from weft.isa.program import Program
from weft.sim.fast.engine import FastEngine
from weft.sim.fast.places import CHUNK
from weft.sim.fast.stream import expand
from weft.sim.fuzz import random_program


def compare(engine: FastEngine, program: Program, note: str) -> None:
    """Fail unless both leave the same bytes, executing in the engine's order of starts."""
    run = engine.run(program)
    stream, slow = expand(program), Memories(program.machine, program.image().tobytes())
    for n in engine.timing(program).order:
        i = program.instructions[stream.pc[n]]
        address = dict(zip((o.field for o in OPERANDS[i.name]), stream.address[n].tolist(), strict=False))
        EXECUTE[i.name](slow, i, address)
    for memory in ("dram", "scratchpad", "accumulator"):
        expected = np.frombuffer(bytes(getattr(slow, memory)), np.uint8)
        different = np.flatnonzero(getattr(run, memory) != expected)
        assert not len(different), f"{note}: {memory} differs at {different[:4]}"


MACHINES = [
    (load("nano"), 50),
    (load("edu"), 5),
    (load("edge-int8"), 2),
    (load("nano", {"dim": 2, "types": ["bf16"]}), 15),
    (load("edu", {"dim": 32, "accumulator.bytes": 131072}), 2),
]
"""Machines, and how many seeds of each."""


@pytest.mark.parametrize(("machine", "seeds"), MACHINES, ids=lambda value: getattr(value, "dim", None))
def test_random_programs(machine: Machine, seeds: int) -> None:
    engine = FastEngine()
    for seed in range(seeds):
        compare(engine, random_program(machine, seed), f"dim {machine.dim} seed {seed}")


def test_vectors_longer_than_a_chunk() -> None:
    machine = load("nano")
    rows = CHUNK // machine.dim + 9
    word: dict[str, Any] = {"x_source": "row", "x_type": "word", "x": ACCUMULATOR_BIT, "x_stride0": 0}
    word |= {"d": 0, "d_type": "int8"}
    instructions = (
        make("vector", x_source="lane", pre="first", then="iadd", z_source="imm", imm=3, d=ACCUMULATOR_BIT, lanes=4),
        make("vector", pre="iadd", y_source="lane", count0=3, count1=rows // 3, d_stride0=0, d_stride1=4, lanes=4,
             post=1, **word),
        make("vector", reduce="row_fmax", pre="first", count0=rows, lanes=4, **{**word, "d": 4096}),
    )  # fmt: skip
    compare(FastEngine(), Program(machine, (*instructions, make("halt"))), "long pass")
