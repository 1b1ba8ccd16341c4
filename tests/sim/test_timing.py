"""The fast engine's timing equals a model that steps through every cycle, in every time and every count."""

from __future__ import annotations

import dataclasses
import random

import pytest

from tests.sim import cycle_model
from weft.isa.events import EVENTS
from weft.isa.machine import Machine, load
from weft.isa.program import Program
from weft.sim.fast.plan import timing
from weft.sim.fuzz import random_program


def compare(program: Program, note: str = "") -> None:
    """Fail unless dispatch, start, retirement, events, beats and cycles of both agree."""
    fast, slow = timing(program), cycle_model.run(program)
    assert fast.trace.pc.tolist() == [e.pc for e in slow.trace], note
    for what in ("dispatch", "start", "retire"):
        expected = [getattr(e, what) for e in slow.trace]
        actual = getattr(fast.trace, what).tolist()
        for n, (a, b) in enumerate(zip(actual, expected, strict=True)):
            pc = slow.trace[n].pc
            assert a == b, f"{note}: {what} of executed {n}, instruction {pc} {program.instructions[pc]}"
    assert fast.cycles == slow.cycles, note
    counts = {event.name: int(fast.events[event.index]) for event in EVENTS}
    assert counts == {event.name: slow.events[event.name] for event in EVENTS}, note
    assert (fast.read_beats, fast.write_beats) == (slow.read_beats, slow.write_beats), note


ODD = {
    "dram.latency": (1, 2, 3, 7, 20, 61),
    "dram.beat_cycles": (1, 1, 2, 3),
    "bus.burst": (1, 2, 4, 16),
    "bus.bytes": (4, 8, 16),
    "queues.fetch": (2, 4, 8, 64),
    "queues.load": (1, 2, 4),
    "queues.matrix": (1, 2, 3),
    "queues.vector": (1, 2, 4),
    "queues.store": (1, 2, 5),
    "queues.outstanding": (1, 2, 4),
    "pipeline.mac": (1, 2, 5),
    "pipeline.accumulate": (1, 3, 11),
    "pipeline.vector": (1, 4, 9),
    "pipeline.reduce": (1, 3, 8),
}


def odd_machine(preset: str, seed: int) -> Machine:
    """A preset with a random choice for everything that time depends on."""
    rng = random.Random(seed)
    changes = {key: rng.choice(values) for key, values in ODD.items()}
    return load(preset, changes)


def unsynchronised(program: Program) -> Program:
    """The program without its semaphores: whatever the ports and queues allow happens at once."""
    bare = [dataclasses.replace(i, fields={**i.fields, "wait": 0, "post": 0}) for i in program.instructions]
    return dataclasses.replace(program, instructions=tuple(bare))


@pytest.mark.parametrize(("preset", "seeds"), [("nano", 40), ("edu", 12), ("edge-int8", 6)])
def test_presets(preset: str, seeds: int) -> None:
    for seed in range(seeds):
        compare(random_program(load(preset), seed), f"{preset} seed {seed}")


@pytest.mark.parametrize("preset", ["nano", "edu"])
def test_odd_machines(preset: str) -> None:
    for seed in range(60 if preset == "nano" else 15):
        compare(random_program(odd_machine(preset, seed), seed), f"odd {preset} seed {seed}")


def test_contention() -> None:
    for seed in range(60):
        compare(unsynchronised(random_program(odd_machine("nano", seed), seed + 500)), f"bare seed {seed}")
