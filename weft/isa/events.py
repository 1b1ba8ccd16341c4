"""Raw events: what every cycle of every unit is counted as. RTL counters and engines are built from this.

For each unit exactly one event counts in each cycle, so a unit's events add up to the total cycles.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """``unit`` × ``cause``; ``index`` is its place in counter files and arrays."""

    unit: str
    cause: str
    doc: str
    index: int

    @property
    def name(self) -> str:
        """``unit.cause``."""
        return f"{self.unit}.{self.cause}"


_TABLE = (
    ("dispatch", "busy", "an instruction was dispatched (or the halt taken)"),
    ("dispatch", "fetch", "no instruction has arrived from DRAM"),
    ("dispatch", "load_full", "the load queue is full"),
    ("dispatch", "matrix_full", "the matrix queue is full"),
    ("dispatch", "vector_full", "the vector queue is full"),
    ("dispatch", "store_full", "the store queue is full"),
    ("dispatch", "drain", "halt waits for the units"),
    ("load", "busy", "asking for bursts"),
    ("load", "semaphore", "the head of the queue waits for a semaphore"),
    ("load", "port", "the head of the queue waits for a memory port"),
    ("load", "outstanding", "as many loads are in flight as the machine allows"),
    ("load", "drain", "queue empty, data still arriving"),
    ("load", "idle", "nothing to do"),
    ("matrix", "busy", "streaming rows into the array"),
    ("matrix", "semaphore", "the head of the queue waits for a semaphore"),
    ("matrix", "port", "the head of the queue waits for a memory port"),
    ("matrix", "hazard", "the head of the queue waits for accumulator rows still being written"),
    ("matrix", "drain", "queue empty, rows still in the array"),
    ("matrix", "idle", "nothing to do"),
    ("vector", "busy", "executing a pass"),
    ("vector", "semaphore", "the head of the queue waits for a semaphore"),
    ("vector", "port", "the head of the queue waits for a memory port"),
    ("vector", "idle", "nothing to do"),
    ("store", "busy", "executing a store"),
    ("store", "semaphore", "the head of the queue waits for a semaphore"),
    ("store", "port", "the head of the queue waits for a memory port"),
    ("store", "idle", "nothing to do"),
)

EVENTS = tuple(Event(unit, cause, doc, index) for index, (unit, cause, doc) in enumerate(_TABLE))
BY_NAME = {event.name: event for event in EVENTS}
BUS_COUNTERS = ("read_beats", "write_beats")
"""Counted beside the events: data beats on the AXI read and write channels, fetch included."""
