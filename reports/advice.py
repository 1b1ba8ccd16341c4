"""Advice: a table of rules, each of which finds one thing in a run's figures and says what curing it could save.

A saving is an upper bound from counted cycles: what the unit, channel or operator concerned would not have spent, with
everything else as it is. Savings of different rules overlap; they rank, they do not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from isa.program import Program
from reports.bandwidth import FETCH
from reports.facts import Facts
from reports.profile import Operator, Profile
from sim.run import Run

LEAST = 0.005
"""A saving below this share of all cycles is not worth a line."""
MOST = 8
"""So many lines at most."""


@dataclass(frozen=True)
class Advice:
    """``saving``: at most so many cycles less if this alone were cured (see reports.metrics)."""

    title: str
    evidence: str
    saving: int

    def to_dict(self, cycles: int) -> dict[str, Any]:
        """Plain data, with the share of all ``cycles``."""
        return {"title": self.title, "evidence": self.evidence, "saving": self.saving, "share": self.saving / cycles}


def _matrix_waits(facts: Facts) -> Iterator[Advice]:
    what = {
        "load": (
            "Bring the array's operands earlier",
            "a larger scratchpad (more in flight), operands kept on chip, or a wider bus would hide more of it",
        ),
        "vector": (
            "Let the array run ahead of the vector unit",
            "the passes after a tile, or those that make its operands, finish too late: fewer passes per element, or "
            "independent work between them, would hide more of it",
        ),
        "store": (
            "Keep stores from holding the array back",
            "tiles wait until results have left the accumulator: a larger accumulator or a wider bus would hide more",
        ),
    }
    for unit, (title, cure) in what.items():
        lost = facts.waited.get(("matrix", unit), 0)
        if lost:
            yield Advice(title, f"matrix waits {lost:,} cycles ({facts.share(lost)}) for the {unit} unit; {cure}", lost)


def _short(operator: Operator) -> str:
    """Number and kind of the node that an operator is named after."""
    return " ".join(operator.name.split()[:2])


def _idle_array(facts: Facts) -> Iterator[Advice]:
    """Operators without products, while nothing else runs."""
    for index, (operator, alone) in enumerate(zip(facts.found.operators, facts.alone, strict=True)):
        if not operator.macs and alone and index not in facts.conversions:
            yield Advice(
                f"Overlap {_short(operator)}, which has no product, with others",
                f"{operator.name} has no product and runs alone for {alone:,} of its {operator.active:,} cycles, "
                "while the array idles",
                alone,
            )


def _conversions(facts: Facts) -> Iterator[Advice]:
    """Operators that only move and round."""
    mine, count = facts.conversions, len(facts.conversions)
    if mine:
        alone = sum(facts.alone[index] for index in mine)
        moved = sum(facts.found.operators[index].dram_bytes for index in mine)
        only = "1 operator only converts types, and runs" if count == 1 else f"{count} operators only convert, and run"
        yield Advice(
            "Keep operands in the type that products take",
            f"{only} alone for {alone:,} cycles, moving {moved:,} bytes of DRAM; whoever makes the operand could store "
            "the converted copy",
            alone,
        )


def _dram_bound(facts: Facts) -> Iterator[Advice]:
    for operator in facts.found.operators:
        others = max(operator.busy["matrix"], operator.busy["vector"])
        gain = operator.busy["dram"] - others
        if operator.bound == "dram" and gain > 0 and 2 * operator.floor >= operator.active:
            evidence = (
                f"{operator.name} moves {operator.dram_bytes:,} bytes, {operator.busy['dram']:,} cycles of the bus in "
                f"{operator.active:,}; array and vector unit need {others:,}. Keep its data on chip, or widen the bus"
            )
            yield _capped(facts, f"Move fewer bytes in {_short(operator)}, which DRAM bounds", evidence, gain)


def _repeated(facts: Facts) -> Iterator[Advice]:
    beats = facts.repeated_beats
    lost = beats * facts.machine.dram.beat_cycles
    busy = sum(op.busy["dram"] for op in facts.found.operators)
    if lost:
        evidence = (
            f"{beats * facts.machine.bus.bytes:,} bytes are loaded again though nothing has changed them: {lost:,} of "
            f"{busy:,} bus cycles; larger tiles, or keeping them on chip, would spare that"
        )
        yield _capped(facts, "Load unchanged data only once", evidence, lost)


def _capped(facts: Facts, title: str, evidence: str, saving: int) -> Advice:
    """Advice that spares array and vector unit no work, so that these bound what it can save."""
    room = facts.room("matrix", "vector")
    if saving > room:
        evidence += f"; array or vector unit are busy in all but {room:,} cycles, so it can save no more"
    return Advice(title, evidence, min(saving, room))


def _padding(facts: Facts) -> Iterator[Advice]:
    tiles, dim = facts.tiles, facts.machine.dim
    if tiles.narrow:
        evidence = (
            f"{tiles.narrow:,} of {tiles.occupied:,} tile cycles go to lanes left empty by depths and widths below DIM "
            f"= {dim}; choose sizes that are multiples of {dim}, or a smaller array"
        )
        yield Advice("Choose layer sizes that fill the array", evidence, tiles.narrow)
    if tiles.short:
        evidence = (
            f"{tiles.short:,} of {tiles.occupied:,} tile cycles have no row to stream: a tile takes DIM = {dim} cycles "
            "however few rows it has; a larger batch fills them"
        )
        yield Advice("Give tiles at least DIM rows", evidence, tiles.short)


def _conflicts(facts: Facts) -> Iterator[Advice]:
    """Stalls of the array that machine or placement could avoid."""
    outstanding = f"queues.outstanding = {facts.machine.queues.outstanding}"
    causes = (
        ("matrix", "port", "Place what tiles use in other banks", "tiles wait for a port that another unit holds"),
        ("vector", "port", "Place what passes use in other banks", "passes wait for a port that another unit holds"),
        ("matrix", "hazard", "Spread sums over more tiles", "tiles wait for rows that are still in the adder"),
        ("load", "outstanding", "Allow more loads in flight", f"no more may be on their way ({outstanding})"),
    )
    for unit, cause, title, why in causes:
        lost = facts.events(unit, cause)
        if lost:
            evidence = f"{unit}.{cause} is {lost:,} cycles ({facts.share(lost)}): {why}"
            yield Advice(title, evidence, min(lost, facts.room("matrix")))


def _fetch(facts: Facts) -> Iterator[Advice]:
    """Instructions that come late matter while the array has nothing to do."""
    late = min(facts.events("dispatch", "fetch"), facts.events("matrix", "idle"))
    if late:
        fetched = int(facts.found.bursts.beats[facts.found.bursts.kind == FETCH].sum()) * facts.machine.bus.bytes
        evidence = (
            f"dispatch waits {facts.events('dispatch', 'fetch'):,} cycles for instructions ({fetched:,} bytes fetched) "
            f"and the array idles {facts.events('matrix', 'idle'):,}; loops, or a deeper fetch queue "
            f"(queues.fetch = {facts.machine.queues.fetch}), would spare some"
        )
        yield Advice("Make the program shorter, or fetch further ahead", evidence, late)


def _edges(facts: Facts) -> Iterator[Advice]:
    """What lies before the first tile and after the last."""
    tiles = facts.found.intervals["matrix"]
    if len(tiles):
        before, after = int(tiles[:, 0].min()), facts.cycles - 1 - int(tiles[:, 1].max())
        evidence = (
            f"the first tile starts in cycle {before:,}, the last retires {after:,} cycles before the end; a larger "
            "batch or several steps in one program spread that over more work"
        )
        yield Advice("Shorten what comes before the first and after the last product", evidence, before + after)


RULES: Sequence[Callable[[Facts], Iterator[Advice]]] = (
    _matrix_waits, _conversions, _idle_array, _dram_bound, _repeated, _padding, _conflicts, _fetch, _edges,
)  # fmt: skip
"""Every rule; a new one needs nothing else."""


def advise(program: Program, run: Run, found: Profile) -> list[Advice]:
    """At most ``MOST`` pieces of advice, the largest saving first, those below ``LEAST`` left out."""
    facts = Facts(program, run, found)
    every = [one for rule in RULES for one in rule(facts) if one.saving >= LEAST * run.cycles]
    return sorted(every, key=lambda one: (-one.saving, one.title, one.evidence))[:MOST]
