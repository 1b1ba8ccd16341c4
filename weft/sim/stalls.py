"""The one stall of a run that views name first."""

from __future__ import annotations

from collections.abc import Mapping

WORKING = ("busy", "idle", "drain")
"""Causes that are no stalls."""


def largest_stall(events: Mapping[str, int]) -> tuple[str, int] | None:
    """The longest stall of ``events`` (``unit.cause`` → cycles) with its cycles; None if nothing stalled.

    That dispatch finds a queue full is left out: it follows from what that queue's unit waits for or does.
    """
    stalls = {
        name: cycles
        for name, cycles in events.items()
        if name.partition(".")[2] not in WORKING and not name.endswith("_full") and cycles
    }
    return max(stalls.items(), key=lambda stall: stall[1]) if stalls else None
