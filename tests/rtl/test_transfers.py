"""Loads and stores: every byte in its place however the bus stalls; in the cycle docs/timing.md says if it does not."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any

import numpy as np
import pytest

from tests.rtl.core_bench import CoreBench
from tests.rtl.simulate import simulate
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Bus, Dram, Machine, Queues, load

NANO = load("nano")
HALT = make("halt")
MACHINES = {
    "nano": NANO,
    "one by one": dataclasses.replace(
        NANO, bus=Bus(4, 1), queues=Queues(load=1, store=1, outstanding=1), dram=Dram(1, 3, 1 << 24)
    ),
    "wide": dataclasses.replace(load("edu"), bus=Bus(8, 4), queues=Queues(outstanding=16, load=16)),
    "a word": load("nano", {"bus.bytes": 8, "bus.burst": 2}),
    "a pair": load("nano", {"bus.bytes": 16, "bus.burst": 8}),  # of words, and a row of the accumulator
    "a pair of bytes": dataclasses.replace(NANO, types=("int8",), bus=Bus(8, 8)),
}
IN, OUT = 0x2000, 0x6000


def rows(i: Instruction, operand: str) -> list[int]:
    levels = itertools.product(range(i["count2"]), range(i["count1"]), range(i["count0"]))
    return [
        i[operand] + i0 * i[f"{operand}_stride0"] + i1 * i[f"{operand}_stride1"] + i2 * i[f"{operand}_stride2"]
        for i2, i1, i0 in levels
    ]


def round_trip(machine: Machine, rng: random.Random, number: int) -> list[Instruction]:
    """A load of scattered rows from DRAM, and a store of the same rows to somewhere else."""
    bus, local = machine.bus.bytes, rng.choice([0, ACCUMULATOR_BIT])
    size = rng.randrange(1, 60) if not local else 4 * rng.randrange(1, 15)
    pitch = -(-size // bus) * bus
    counts = {"count0": rng.randrange(1, 4), "count1": rng.randrange(1, 3), "count2": 1}
    step = pitch + rng.randrange(3) * bus
    memory = machine.accumulator if local else machine.scratchpad
    shared = {"bytes": size, "local_stride0": pitch, "local_stride1": 3 * pitch, **counts}
    base = local + rng.randrange(memory.banks) * memory.bank_bytes
    down = {"dram_stride0": -step, "dram_stride1": 3 * step}
    return [
        make("load", dram=IN + number * 1024 + 2 * step, local=base, post=1, wait=2 if number else 0, **down, **shared),
        make("store", dram=OUT + number * 512, local=base, wait=1, post=2, dram_stride0=pitch, **shared),
    ]


@pytest.mark.parametrize(
    ("name", "stall"),
    [
        ("nano", 0.0), ("nano", 0.6), ("one by one", 0.3), ("wide", 0.6), ("a word", 0.6), ("a pair", 0.6),
        ("a pair of bytes", 0.3),
    ],
)  # fmt: skip
def test_every_byte_arrives(name: str, stall: float) -> None:
    machine = MACHINES[name]
    rng = random.Random(f"{name} {stall}")
    program = [i for number in range(3) for i in round_trip(machine, rng, number)]
    b = CoreBench([*program, HALT, HALT], machine, 0x8000)
    b.memory[IN:OUT] = np.frombuffer(rng.randbytes(OUT - IN), np.uint8)
    expected = b.memory.copy()
    chip: dict[int, int] = {}
    for i in program:
        for dram, local in zip(rows(i, "dram"), rows(i, "local"), strict=True):
            for k in range(i["bytes"]):
                if i.name == "load":
                    chip[local + k] = expected[dram + k]
                else:
                    expected[dram + k] = chip.get(local + k, 0)

    async def bench(ctx: Any) -> None:
        await b.execute(ctx, stall, seed=5)

    simulate(b.core, bench)
    assert np.array_equal(b.memory, expected)


@pytest.mark.parametrize("name", MACHINES)
def test_cycles_of_one_load_and_one_store(name: str) -> None:
    """Closed forms for two rows of ten beats, the first of them across a 4 KiB boundary."""
    machine = MACHINES[name]
    bus, latency, beat = machine.bus.bytes, machine.dram.latency, machine.dram.beat_cycles
    shared = {"bytes": 10 * bus, "count0": 2, "local": 0, "local_stride0": 10 * bus}
    first = 0x3000 - 3 * bus  # three beats, seven more, then ten
    b = CoreBench(
        [
            make("load", dram=first, dram_stride0=0x800 + 3 * bus, post=1, **shared),
            make("store", dram=first, dram_stride0=0x800 + 3 * bus, wait=1, **shared),
            HALT,
        ],
        machine,
        0x8000,
    )

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)

    simulate(b.core, bench)
    pieces = [n for row in ((3, 7), (10,)) for run in row for n in split(run, machine.bus.burst)]

    # The bursts are asked for one a cycle, behind the program's three lines: they are asked for first.
    start, retire = b.starts["load"][0], b.retires["load"][0]
    free = 1 + latency + 3 * 64 // bus * beat
    for number, n in enumerate(pieces):
        free = max(start + 2 + number + latency, free) + n * beat
    assert retire == free - beat + 1

    start, retire, free = b.starts["store"][0], b.retires["store"][0], 0
    assert start == b.retires["load"][0] + 1
    read_ends, sent_ends = start + 1, [0, 0]
    for n in pieces:
        read = max(read_ends, sent_ends[0])
        read_ends = read + n
        send = max(read_ends + 1, sent_ends[1])
        sent_ends = [sent_ends[1], send + n]
        free = max(send + 1 + latency, free) + n * beat
    assert retire == free + 1


def split(beats: int, most: int) -> list[int]:
    return [most] * (beats // most) + [beats % most] * (beats % most > 0)


@pytest.mark.parametrize("allowed", [1, 3])
def test_as_many_loads_fly_as_the_machine_allows(allowed: int) -> None:
    machine = dataclasses.replace(NANO, queues=Queues(outstanding=allowed))
    program = [make("load", dram=0x2000, local=number * 64, bytes=4) for number in range(5)]
    b = CoreBench([*program, HALT], machine)

    async def bench(ctx: Any) -> None:
        await b.execute(ctx)

    simulate(b.core, bench)
    starts, retires = b.starts["load"], b.retires["load"]
    for number in range(allowed, 5):
        assert starts[number] > retires[number - allowed]
    if allowed == 1:
        assert all(later == done + 1 for later, done in zip(starts[3:], retires[2:], strict=False))
