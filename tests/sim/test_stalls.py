"""The largest stall is one that units count, not the full queues that follow from it."""

from __future__ import annotations

from weft.sim.stalls import largest_stall


def test_full_queues_and_work_are_no_cause() -> None:
    events = {
        "dispatch.matrix_full": 900, "dispatch.drain": 800, "matrix.busy": 700, "load.idle": 600,
        "dispatch.fetch": 30, "load.semaphore": 40, "vector.port": 40,
    }  # fmt: skip
    assert largest_stall(events) == ("load.semaphore", 40)
    assert largest_stall(events | {"dispatch.fetch": 50}) == ("dispatch.fetch", 50)


def test_nothing_stalled() -> None:
    assert largest_stall({"matrix.busy": 7, "matrix.port": 0, "dispatch.load_full": 3}) is None
