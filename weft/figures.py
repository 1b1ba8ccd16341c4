"""The figures of one run, as plain data and as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.isa.events import EVENTS
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.sim.operators import useful_macs
from weft.sim.run import Run
from weft.sim.stalls import WORKING, largest_stall

SCHEMA = 1


def stalls(run: Run) -> dict[str, int]:
    """Cycles of every stall cause, ``unit.cause`` → cycles, largest first. Idle and draining are no stalls."""
    found = {e.name: int(run.events[e.index]) for e in EVENTS if e.cause not in WORKING and run.events[e.index]}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def utilisation(useful_macs: int, cycles: int, dim: int) -> float | None:
    """Useful multiply-accumulates over cycles × DIM²: the share of what the array could have done; None without
    cycles, of an engine that has no time."""
    return useful_macs / (cycles * dim * dim) if cycles else None


def _executed(program: Program, run: Run) -> int | None:
    """Instructions that units executed, without loop control and halt (the interpreter records none of these)."""
    if run.trace is None:
        return None
    return int(np.array([i.spec.unit in UNITS for i in program.instructions])[run.trace.pc].sum())


def figures(program: Program, run: Run) -> dict[str, Any]:
    """Everything a run says about itself; ``utilisation`` is None when the useful products are not known.

    Raises ProgramError if the program says something of them that is no count.
    """
    macs = useful_macs(program) or None
    return {
        "schema": SCHEMA,
        "engine": run.engine,
        "design": run.design,
        "machine": program.machine.name,
        "cycles": run.cycles,
        "instructions": _executed(program, run),
        "useful_macs": macs,
        "utilisation": utilisation(macs, run.cycles, program.machine.dim) if macs else None,
        "stalls": stalls(run),
        "events": {e.name: int(run.events[e.index]) for e in EVENTS},
        "read_bytes": run.read_beats * program.machine.bus.bytes,
        "write_bytes": run.write_beats * program.machine.bus.bytes,
        "wall_seconds": run.wall_seconds,
    }


def describe(result: dict[str, Any]) -> str:
    """The figures as a few lines for people."""
    lines = [f"machine {result['machine']}, engine {result['engine']}"]
    if result["design"]:
        lines.append(f"design        {result['design']} (SHA-256 of the Verilog)")
    if not result["cycles"]:
        return "\n".join((*lines, "halted (this engine has no time)"))
    lines.append(f"cycles        {result['cycles']:,}")
    if result["utilisation"] is not None:
        lines.append(f"utilisation   {result['utilisation']:.1%} of the array's multiply-accumulates")
    longest = largest_stall(result["stalls"])
    if longest is not None:
        lines.append(f"largest stall {longest[0]}, {longest[1]:,} cycles")
    lines.append(f"DRAM          {result['read_bytes']:,} bytes read, {result['write_bytes']:,} written")
    if result["wall_seconds"]:
        lines.append(f"speed         {result['cycles'] / result['wall_seconds']:,.0f} simulated cycles/s")
    return "\n".join(lines)
