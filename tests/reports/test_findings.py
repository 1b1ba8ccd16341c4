"""Findings say what the figures show: attributions add up to counted stalls, are bounded, and their order is fixed."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.reports.by_hand import LOAD, PASS, STORE, run_by_hand
from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.assembler import assemble
from weft.isa.machine import load
from weft.isa.program import Program
from weft.reports.bandwidth import FETCH, READ, WRITE
from weft.reports.facts import Facts
from weft.reports.findings import LEAST, MOST, RULES, WITHOUT_SOURCE, Finding, findings
from weft.reports.profile import profile
from weft.sim.engines import get_engine
from weft.sim.fuzz import random_program
from weft.sim.run import Run


def facts(program: Program, run: Run | None = None) -> Facts:
    """What the rules look at."""
    run = run or get_engine("fast").run(program)
    return Facts(program, run, profile(program, run))


def found_in(program: Program) -> dict[str, Finding]:
    """Findings by title."""
    return {one.title: one for one in findings(facts(program))}


def test_who_waited_for_whom_by_hand() -> None:
    found = facts(*run_by_hand())
    # The pass is at the head of its queue from 55 on, the store from 71 on: their lines end in 52 and 68.
    assert found.waited == {("vector", "load"): PASS[0] - 55, ("store", "vector"): STORE[0] - 71}
    assert LOAD[1] + 1 == PASS[0]


@pytest.mark.parametrize("seed", range(10))
def test_waits_add_up_to_the_semaphore_stalls(seed: int) -> None:
    found = facts(random_program(load("nano"), seed))
    for unit in ("matrix", "vector", "store"):  # a load's also hold what its bursts take: see sim.waits
        assert sum(n for (waiter, _), n in found.waited.items() if waiter == unit) == found.events(unit, "semaphore")


def test_operators_that_run_alone(digits: tuple[Program, Run]) -> None:
    found = facts(*digits)
    running = np.zeros((len(found.found.operators), found.cycles), bool)
    for rows in found.found.intervals.values():
        for start, retire, operator, _ in rows.tolist():
            running[operator, start : retire + 1] = True
    alone = running & (running.sum(axis=0) == 1)
    assert found.alone == alone.sum(axis=1).tolist()


def test_beats_that_are_loaded_again(digits: tuple[Program, Run]) -> None:
    found = facts(*digits)
    bursts, size = found.found.bursts, found.machine.bus.bytes
    fresh: set[int] = set()
    again = 0
    for kind, address, beats in zip(bursts.kind.tolist(), bursts.address.tolist(), bursts.beats.tolist(), strict=True):
        for beat in range(address // size, address // size + beats):
            if kind == WRITE:
                fresh.discard(beat)
            elif kind == READ:
                again += beat in fresh
                fresh.add(beat)
    assert found.repeated_beats == again > 0


def test_operators_that_only_convert(digits: tuple[Program, Run]) -> None:
    found = facts(*digits)
    assert [found.found.operators[index].name for index in found.conversions] == [
        "layer 0, forward, cast images [64×64] to bfloat16",
        "layer 0, forward, cast model.0.weight [128×64] to bfloat16",
        "layer 2, forward, cast model.2.weight [10×128] to bfloat16",
    ]
    assert not facts(gemm_program(load("nano"), 8, 8, 8)).conversions


def test_digits(digits: tuple[Program, Run]) -> None:
    program, run = digits
    first, second = (findings(facts(program, run)) for _ in range(2))
    assert first == second
    assert 3 <= len(first) <= MOST
    assert len({one.title for one in first}) == len(first), "titles alone tell them apart"
    assert [one.concerned for one in first] == sorted((one.concerned for one in first), reverse=True)
    for one in first:
        assert LEAST * run.cycles <= one.concerned < run.cycles
        assert any(character.isdigit() for character in one.evidence)
    assert any(one.title.startswith("Keep operands in the type") for one in first)


def test_sizes_that_leave_lanes_empty() -> None:
    """13 deep and 9 wide on 4 × 4: four tiles of depth, three of width, of 20 rows each."""
    one = found_in(gemm_program(load("nano"), 20, 9, 13))["Choose layer sizes that fill the array"]
    occupied = 4 * 3 * 20
    assert one.concerned == int(occupied - 20 * 9 * 13 / 16) == 93
    assert one.evidence.startswith("93 of 240 tile cycles ")
    assert "Choose layer sizes that fill the array" not in found_in(gemm_program(load("nano"), 20, 8, 16))


def test_tiles_of_few_rows() -> None:
    one = found_in(gemm_program(load("nano"), 1, 8, 16))["Give tiles at least DIM rows"]
    assert one.concerned == 2 * 4 * 3  # two by four tiles with one row, of four
    assert "Give tiles at least DIM rows" not in found_in(gemm_program(load("nano"), 4, 8, 16))


def test_no_cure_of_traffic_concerns_more_than_array_and_vector_unit_leave() -> None:
    program = gemm_program(load("edu"), 256, 256, 256)
    run = get_engine("fast").run(program)
    found = profile(program, run)
    room = run.cycles - max(found.busy("matrix"), found.busy("vector"))
    one = found_in(program)["Load unchanged data only once"]
    assert one.concerned == room
    assert f"the array would still be busy in all but {room:,} cycles, so no more can go" in one.evidence


SPARED = {
    "Bring the array's operands": "dram", "Let the array run ahead": "vector fetch", "Keep stores from": "dram",
    "Keep operands in the type": "vector dram", "Overlap": "", "Move fewer bytes": "dram", "Load unchanged": "dram",
    "Choose layer sizes": "matrix fetch", "Give tiles": "matrix fetch", "Place what tiles": "",
    "Place what passes": "vector",
    "Spread sums": "", "Make the program shorter": "fetch",
    "Shorten what comes": "",
}  # fmt: skip
"""How titles begin → the resources of which a cure may spare work; the others need what they need."""


def bounded(program: Program, run: Run) -> int:
    """Check every finding, those too small to show included, against the work that stays; how many there were."""
    seen = facts(program, run)
    beats = int(seen.found.bursts.beats.sum())
    work = {
        "matrix": seen.found.busy("matrix"),
        "vector": seen.found.busy("vector"),
        "dram": beats * program.machine.dram.beat_cycles,
    }
    fetched = int(seen.found.bursts.beats[seen.found.bursts.kind == FETCH].sum()) * program.machine.dram.beat_cycles
    every = [one for rule in (*RULES, *WITHOUT_SOURCE) for one in rule(seen)]
    for one in every:
        spared = next(kinds for title, kinds in SPARED.items() if one.title.startswith(title))
        less = {"dram": fetched} if "fetch" in spared else {}
        stays = [cycles - less.get(resource, 0) for resource, cycles in work.items() if resource not in spared]
        assert 0 < one.concerned <= run.cycles - max(stays, default=0), one
    return len(every)


@pytest.mark.parametrize("preset", ["nano", "edu"])
def test_no_finding_is_beyond_the_work_that_stays(preset: str) -> None:
    machine = load(preset)
    sizes = ((20, 9, 13), (1, 8, 16), (64, 64, 64), (8, 128, 64))
    programs = [gemm_program(machine, *size) for size in sizes] + [random_program(machine, seed) for seed in range(8)]
    assert sum(bounded(program, get_engine("fast").run(program)) for program in programs) > 4 * len(sizes)


def test_no_finding_about_digits_is_beyond_the_work_that_stays(digits: tuple[Program, Run]) -> None:
    assert bounded(*digits) > 5


@pytest.mark.parametrize(("preset", "size"), [("edu", 128), ("nano", 64)])
def test_conversions_that_overlap_count_once_and_are_near_what_their_absence_saves(preset: str, size: int) -> None:
    """Both operands are rounded: cycles in which both casts run are neither's alone, but the pair's."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((size, size)).astype(np.float32) for _ in range(2))
    both = [
        weft.compile(lambda x, y: x @ y, weft.tensor(a, dtype=dtype), weft.tensor(b, dtype=dtype), machine=preset)
        for dtype in (weft.float32, weft.bfloat16)
    ]
    seen, without = facts(both[0]), get_engine("fast").run(both[1])
    mine = seen.conversions
    assert len(mine) == 2
    running = np.zeros((2, seen.cycles), bool)  # conversions, others
    for rows in seen.found.intervals.values():
        for start, retire, operator, _ in rows.tolist():
            running[int(operator not in mine), start : retire + 1] = True
    only = int((running[0] & ~running[1]).sum())
    assert sum(seen.alone[index] for index in mine) < only == seen.only(mine)
    one = found_in(both[0])["Keep operands in the type that products take"]
    assert one.concerned == only
    assert one.concerned == pytest.approx(seen.cycles - without.cycles, rel=0.1)


def test_an_operator_without_others_has_nothing_to_overlap_with() -> None:
    program = weft.compile(lambda x: x.exp(), weft.tensor(np.ones((64, 64), np.float32)), machine="edu")
    seen = facts(program)
    assert len(seen.found.operators) == 1
    assert seen.alone[0] > LEAST * seen.cycles
    assert not [title for title in found_in(program) if title.startswith("Overlap")]


def test_overlap_is_no_more_than_the_others_have_to_offer() -> None:
    """A long operator without a product, before a short one with: only the short one's cycles can hide any of it."""
    big, small = np.ones((64, 64), np.float32), np.ones((8, 8), np.float32)
    program = weft.compile(
        lambda x, a, b: (x.exp(), a @ b), weft.tensor(big), weft.tensor(small), weft.tensor(small), machine="edu"
    )
    seen = facts(program)
    places = [n for n, op in enumerate(seen.found.operators) if not op.macs and n not in seen.conversions]
    longest = max(places, key=lambda n: seen.alone[n])
    others = seen.running - seen.found.operators[longest].active
    assert others < seen.alone[longest]
    concerned = [one.concerned for one in RULES[1](seen)]
    assert concerned == [min(others, seen.room()[0])]


def test_what_dram_bounds_can_go_down_to_what_the_rest_needs(digits: tuple[Program, Run]) -> None:
    seen = facts(*digits)
    for one in findings(seen):
        if one.title.startswith("Move fewer bytes"):
            operator = next(op for op in seen.found.operators if one.evidence.startswith(op.name))
            assert one.concerned == operator.active - max(operator.busy["matrix"], operator.busy["vector"])
            assert f"so that up to {one.concerned:,} could go" in one.evidence
            return
    raise AssertionError("no finding about an operator that DRAM bounds")


def test_a_program_without_products_has_findings_too() -> None:
    program, run = run_by_hand()
    assert all(0 < one.concerned < run.cycles for one in findings(facts(program, run)))


STORE_HALF = "store dram=0x0 local=acc[0x0] bytes=32 wait=s0 post=s1"


@pytest.mark.parametrize(("between", "beats"), [("", 16), (STORE_HALF, 8)])
def test_what_was_stored_meanwhile_has_to_be_loaded_again(between: str, beats: int) -> None:
    """64 bytes are 16 beats on nano; a store renews the first 8 of them."""
    waits = " wait=s1" if between else ""
    text = f""".machine nano
.entry 0x1000
load dram=0x0 local=acc[0x0] bytes=64{" post=s0" if between else ""}
{between}
load dram=0x0 local=acc[0x100] bytes=64{waits}
halt
"""
    assert facts(assemble(text.replace("\n\n", "\n"))).repeated_beats == beats
