"""A profile adds up."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.targets.accel.gemm import gemm_program
from isa.instructions import UNITS
from isa.machine import load
from reports.profile import Profile, covered, profile
from sim.engines import get_engine


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
        assert op.wasted == pytest.approx(op.active - op.macs / 16)


def test_intervals_lie_within_the_run(product: Profile) -> None:
    for intervals in product.intervals.values():
        assert (intervals[:, 0] >= 0).all()
        assert (intervals[:, 0] <= intervals[:, 1]).all()
        assert (intervals[:, 1] < product.cycles).all()
