"""A profile adds up."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.reports.by_hand import run_by_hand
from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.errors import ProgramError
from weft.isa.instructions import UNITS
from weft.isa.machine import load
from weft.isa.program import Program
from weft.reports.names import placeless, shortened
from weft.reports.profile import Profile, covered, profile
from weft.sim.engines import get_engine
from weft.sim.fuzz import random_program
from weft.sim.run import Run


@pytest.fixture(scope="module")
def product() -> Profile:
    """A ragged product on nano."""
    program = gemm_program(load("nano"), 20, 9, 13)
    return profile(program, get_engine("fast").run(program))


@pytest.mark.parametrize(
    ("starts", "ends", "cycles"),
    [
        ([], [], 0),
        ([5], [5], 1),
        ([0, 2], [3, 4], 5),
        ([0, 10], [3, 12], 7),
        ([4, 0], [5, 9], 10),
        ([0, 1, 20], [9, 2, 20], 11),
    ],
)
def test_covered_counts_each_cycle_once(starts: list[int], ends: list[int], cycles: int) -> None:
    assert covered(np.array(starts, np.int64), np.array(ends, np.int64)) == cycles
    occupied = {c for s, e in zip(starts, ends, strict=True) for c in range(s, e + 1)}
    assert len(occupied) == cycles


def test_events_of_every_unit_add_up_to_the_cycles(product: Profile) -> None:
    assert set(product.events) == {"dispatch", *UNITS}
    for unit, events in product.events.items():
        assert sum(events.values()) == product.cycles, unit


def test_operators_own_the_useful_work(product: Profile) -> None:
    assert product.macs == 20 * 9 * 13 == sum(op.macs for op in product.operators)
    assert product.utilisation == pytest.approx(product.macs / (product.cycles * 16))
    for op in product.operators:
        assert 0 < op.active <= product.cycles
        assert op.wasted == op.active - op.floor, "what the tiles themselves need is no waste, padded or not"


def test_intervals_lie_within_the_run(product: Profile) -> None:
    for intervals in product.intervals.values():
        assert (intervals[:, 0] >= 0).all()
        assert (intervals[:, 0] <= intervals[:, 1]).all()
        assert (intervals[:, 1] < product.cycles).all()


@pytest.mark.parametrize(("preset", "seeds"), [("nano", range(12)), ("edge", range(4))])
def test_events_of_random_programs_add_up_to_the_cycles(preset: str, seeds: range) -> None:
    for seed in seeds:
        program = random_program(load(preset), seed)
        found = profile(program, get_engine("fast").run(program))
        for unit, events in found.events.items():
            assert sum(events.values()) == found.cycles, (seed, unit)


def test_what_operators_need_adds_up_to_what_the_units_did(digits: tuple[Program, Run]) -> None:
    program, run = digits
    found = profile(program, run)
    for unit, events in found.events.items():
        assert sum(events.values()) == run.cycles, unit
    for unit in ("matrix", "vector"):
        assert sum(op.busy[unit] for op in found.operators) == found.events[unit]["busy"]
    lines = len(program.code) // program.machine.bus.bytes
    beats = run.read_beats + run.write_beats - lines
    assert sum(op.busy["dram"] for op in found.operators) == beats * program.machine.dram.beat_cycles
    assert sum(op.dram_bytes for op in found.operators) == beats * program.machine.bus.bytes
    for op in found.operators:
        assert 0 < op.floor <= op.active
        assert op.floor == op.busy[op.bound] == max(op.busy.values())
        assert op.floor >= op.macs / 64


def test_intervals_name_their_instructions(digits: tuple[Program, Run]) -> None:
    program, run = digits
    for unit, rows in profile(program, run).intervals.items():
        assert {program.instructions[pc].spec.unit for pc in rows[:, 3].tolist()} == {unit}


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ({"operators": [{"macs": 1}]}, "list of operators is not valid"),
        ({"operators": 7}, "list of operators is not valid"),
        ({"operators": [{"name": "a", "instructions": [[0, 99]]}]}, "'a' owns the instructions 0 to 99 of a program"),
        ({"useful_macs": "many"}, "useful_macs = 'many', which is no count"),
    ],
)
def test_what_a_program_says_is_checked(meta: dict[str, Any], text: str) -> None:
    program, run = run_by_hand()
    with pytest.raises(ProgramError, match=f"{text}.*compile it again"):
        profile(dataclasses.replace(program, meta=meta), run)


def test_names_are_the_same_wherever_weft_runs() -> None:
    assert shortened("/some/where/weft/models.py:47 in 0 (Linear)") == "weft/models.py:47 in 0 (Linear)"
    assert shortened("layer 0, exp [2] (%5, /some/where/net/train.py:4)") == "layer 0, exp [2] (%5, net/train.py:4)"
    assert shortened("exp [2] (C:\\some\\where\\train.py:4)") == "exp [2] (where\\train.py:4)"
    for same in ("weft/models.py:47, exp [2]", "layer 0, forward, [64×64]·[128×64]ᵀ"):
        assert shortened(same) == same
    assert placeless("weft/models.py:47, backward, exp [2]") == "backward, exp [2]"
    assert placeless("layer 0, forward, exp [2] #2") == "layer 0, forward, exp [2] #2"


def test_a_cast_at_full_speed_wastes_nothing(digits: tuple[Program, Run]) -> None:
    casts = [op for op in profile(*digits).operators if "cast" in op.name]
    assert len(casts) == 3
    assert all(op.macs == 0 and op.origin.startswith("weft/models.py:") for op in casts)
    assert all(0 <= op.wasted == op.active - op.floor < op.active for op in casts)
