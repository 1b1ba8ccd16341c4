"""Presets at other bandwidths, as docs/timing.md says: a slower DRAM for less, a wider bus for more."""

from __future__ import annotations

from weft.isa.machine import Machine, load

FACTORS = (0.25, 0.5, 1, 2)
"""Of the preset's bandwidth."""


def at_bandwidth(preset: str, factor: float) -> Machine:
    """A preset with ``factor`` times its bandwidth. Raises MachineError if its bus cannot be so wide."""
    if factor <= 1:
        return load(preset, {"dram.beat_cycles": round(1 / factor)})
    return load(preset, {"bus.bytes": round(load(preset).bus.bytes * factor)})
