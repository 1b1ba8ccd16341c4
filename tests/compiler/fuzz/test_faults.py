"""Planted faults: each is found by the fuzzer, shrunk, and shown by a program that runs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from weft.compiler.errors import CompileError
from weft.compiler.fuzz.campaign import GraphFailure, Summary, try_seed
from weft.compiler.targets.accel import build, expand, groups, lower, placement, residency, schedule
from weft.compiler.targets.cpu import buffers, plan, scalars
from weft.compiler.targets.cpu.memory import MemoryPlan
from weft.framework import device

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _fresh_devices() -> Iterator[None]:
    """Devices keep what they have compiled: none from before the fault, and none with it afterwards."""
    device._instance.cache_clear()
    yield
    device._instance.cache_clear()


def first_failure(name: str, seeds: Sequence[int], shrink: bool = False) -> GraphFailure:
    """The first failure among the seeds."""
    summary = Summary()
    for seed in seeds:
        try_seed(seed, (name,), summary, shrink)
        if summary.failures:
            return summary.failures[0]
    pytest.fail(f"{summary.graphs} graphs, and the fault was not found")


def overwrite_states_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(placement.MemoryPlanner, "_in_place", lambda self, state, value: value in self.made_in)
    patch.setattr(placement, "check_contents", lambda *args: None)


def forget_the_exchange(patch: pytest.MonkeyPatch) -> None:
    """Old values of other states are copied when everything else is done."""

    def late(self: Any, moves: Any, read: Any) -> None:
        for state, value in moves.items():
            self.after.append(self._copy(value, self.placement.arrays[state], "late"))

    patch.setattr(placement.MemoryPlanner, "_exchange", late)
    patch.setattr(placement, "check_contents", lambda *args: None)


def let_residents_clash(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residency.ResidentRange, "clashes", lambda self, start, size, first, last: False)
    patch.setattr(placement, "check_contents", lambda *args: None)


def swap_two_reads(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(expand.ELEMENTWISE, ("sub", "f"), expand._swapped("fsub"))


def let_loads_overtake(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schedule, "_latest_conflicts", lambda tasks: {i: () for i, t in enumerate(tasks) if t.unit == "load"})


def fail_inside(patch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> int:
        raise IndexError("list index out of range")

    patch.setattr(build._Build, "_reduction", broken)


def refuse_without_a_node(patch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any) -> int:
        raise CompileError("not today")

    patch.setattr(lower, "ordered", refused)


def join_too_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(groups, "LATEST", dict.fromkeys(groups.LATEST, 4))


def share_living_bytes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(buffers, "plan_memory", lambda lives: MemoryPlan(dict.fromkeys(lives, 0), 1 << 20))
    patch.setattr(plan, "check_contents", lambda *args: None)


def lose_a_rounding(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scalars, "round_bfloat16", lambda b, value: value)


VALUE = ("node", "fused")
FAULTS: list[tuple[Plant, str, tuple[str, ...]]] = [
    (overwrite_states_early, "accel", ("fused",)),
    (forget_the_exchange, "accel", ("fused",)),
    (swap_two_reads, "accel", ("node",)),
    (fail_inside, "accel", ("crash",)),
    (refuse_without_a_node, "accel", ("refusal",)),
    (join_too_late, "accel", ("crash",)),
    (let_residents_clash, "accel", ("crash", *VALUE)),
    (let_loads_overtake, "accel", VALUE),
    (share_living_bytes, "cpu", VALUE),
    (lose_a_rounding, "cpu", VALUE),
]


@pytest.mark.parametrize(("plant", "target", "kinds"), FAULTS, ids=[plant.__name__ for plant, _, _ in FAULTS])
def test_a_planted_fault_is_found(
    plant: Plant, target: str, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert first_failure(target, range(400)).problem.kind in kinds


def test_a_failure_is_shrunk_to_a_program_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    swap_two_reads(monkeypatch)
    failure = first_failure("accel", range(100), shrink=True)
    # Two inputs, the subtraction (or a function that is written with one), and perhaps a broadcast.
    assert failure.program.count("n.append(") <= 4
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(failure.program, {})
    assert "= sub (" in shown.getvalue()
    monkeypatch.undo()
    device._instance.cache_clear()
    with contextlib.redirect_stdout(shown):
        exec(failure.program, {})
    assert shown.getvalue().endswith("\nNone\n")
