"""Advice: a table of rules, each of which finds one thing in a run's figures and says what curing it could save.

A saving is an estimate in counted cycles, said beside it, and cut to a bound that holds: array, vector unit and DRAM
channel still need their cycles for the work that a cure does not spare. Savings of different rules overlap; they rank,
they do not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.isa.program import Program
from weft.reports.facts import Facts
from weft.reports.profile import Operator, Profile
from weft.sim.run import Run

LEAST = 0.005
"""A saving below this share of all cycles is not worth a line."""
MOST = 8
"""So many lines at most."""
NAMES = {"matrix": "the array", "vector": "the vector unit", "dram": "the DRAM channel"}
"""How evidence calls a resource."""


@dataclass(frozen=True)
class Advice:
    """``saving``: about so many cycles less if this alone were cured (see reports.metrics)."""

    title: str
    evidence: str
    saving: int

    def to_dict(self, cycles: int) -> dict[str, Any]:
        """Plain data, with the share of all ``cycles``."""
        return {"title": self.title, "evidence": self.evidence, "saving": self.saving, "share": self.saving / cycles}


def _advice(
    facts: Facts, title: str, evidence: str, counted: int, spared: Mapping[str, int] | None = None
) -> Iterator[Advice]:
    """Advice that could save the ``counted`` cycles, or what the work that it does not spare leaves of them."""
    room, most = facts.room(spared)
    if counted > room:
        evidence += f"; {NAMES[most]} would still be busy in all but {room:,} cycles, so no more can be saved"
    if counted > 0 and room > 0:
        yield Advice(title, evidence, min(counted, room))


def _matrix_waits(facts: Facts) -> Iterator[Advice]:
    dram, vector, fetching = facts.work["dram"], facts.work["vector"], facts.fetching
    what: dict[str, tuple[str, str, dict[str, int]]] = {  # unit → title, cure, what a cure may spare at most
        "load": (
            "Bring the array's operands earlier",
            "a larger scratchpad (more in flight), operands kept on chip, or a wider bus would hide more of it",
            {"dram": dram},
        ),
        "vector": (
            "Let the array run ahead of the vector unit",
            "the passes after a tile, or those that make its operands, finish too late: fewer passes per element, or "
            "independent work between them, would hide more of it",
            {"vector": vector, "dram": fetching},
        ),
        "store": (
            "Keep stores from holding the array back",
            "tiles wait until results have left the accumulator: a larger accumulator or a wider bus would hide more",
            {"dram": dram},
        ),
    }
    for unit, (title, cure, spared) in what.items():
        lost = facts.waited.get(("matrix", unit), 0)
        evidence = f"matrix waits {lost:,} cycles ({facts.share(lost)}) for the {unit} unit; {cure}"
        yield from _advice(facts, title, evidence, lost, spared)


def _short(operator: Operator) -> str:
    """The operator's name where other words follow it."""
    return f"'{operator.name}'"


def _idle_array(facts: Facts) -> Iterator[Advice]:
    """Operators without products that run while nothing else does, where there is something else."""
    for index, (operator, alone) in enumerate(zip(facts.found.operators, facts.alone, strict=True)):
        others = facts.running - operator.active
        if not operator.macs and index not in facts.conversions:
            evidence = (
                f"{operator.name} has no product and runs alone for {alone:,} of its {operator.active:,} cycles, "
                f"while the array idles; others run without it for {others:,}, and what of that needs no result of it "
                "could run beside it"
            )
            title = f"Overlap {_short(operator)}, which has no product, with others"
            yield from _advice(facts, title, evidence, min(alone, others))


def _conversions(facts: Facts) -> Iterator[Advice]:
    """Operators that only move and round."""
    mine, count = facts.conversions, len(facts.conversions)
    if mine:
        busy = [facts.found.operators[index].busy for index in mine]
        spared = {resource: sum(one[resource] for one in busy) for resource in ("vector", "dram")}
        spared["dram"] += facts.fetching
        moved = sum(facts.found.operators[index].dram_bytes for index in mine)
        only = facts.only(mine)
        what = "1 operator only converts" if count == 1 else f"{count} operators only convert"
        evidence = (
            f"{what} types, moving {moved:,} bytes of DRAM; for {only:,} cycles nothing else runs, about what their "
            "absence would save; whoever makes the operand could store the converted copy"
        )
        yield from _advice(facts, "Keep operands in the type that products take", evidence, only, spared)


def _dram_bound(facts: Facts) -> Iterator[Advice]:
    for index, operator in enumerate(facts.found.operators):
        others, bus = max(operator.busy["matrix"], operator.busy["vector"]), operator.busy["dram"]
        gain = operator.active - others
        if operator.bound == "dram" and bus > others and 2 * bus >= operator.active and index not in facts.conversions:
            evidence = (
                f"{operator.name} is active for {operator.active:,} cycles, {bus:,} of them with its "
                f"{operator.dram_bytes:,} bytes on the bus; its tiles or passes need {others:,}, so that up to "
                f"{gain:,} could go. Keep its data on chip"
            )
            title = f"Move fewer bytes in {_short(operator)}, which DRAM bounds"
            yield from _advice(facts, title, evidence, gain, {"dram": bus + facts.fetching})


def _repeated(facts: Facts) -> Iterator[Advice]:
    beats = facts.repeated_beats
    lost = beats * facts.machine.dram.beat_cycles
    busy = sum(op.busy["dram"] for op in facts.found.operators)
    evidence = (
        f"{beats * facts.machine.bus.bytes:,} bytes are loaded again though nothing has changed them: {lost:,} of "
        f"{busy:,} bus cycles; larger tiles, or keeping them on chip, would spare that"
    )
    yield from _advice(facts, "Load unchanged data only once", evidence, lost, {"dram": lost + facts.fetching})


def _padding(facts: Facts) -> Iterator[Advice]:
    tiles, dim = facts.tiles, facts.machine.dim
    narrow = (
        f"{tiles.narrow:,} of {tiles.occupied:,} tile cycles go to lanes left empty by depths and widths below DIM "
        f"= {dim}; choose sizes that are multiples of {dim}, or a smaller array"
    )
    spared = {"matrix": tiles.narrow, "dram": facts.fetching}
    yield from _advice(facts, "Choose layer sizes that fill the array", narrow, tiles.narrow, spared)
    short = (
        f"{tiles.short:,} of {tiles.occupied:,} tile cycles have no row to stream: a tile takes DIM = {dim} cycles "
        "however few rows it has; a larger batch fills them"
    )
    yield from _advice(facts, "Give tiles at least DIM rows", short, tiles.short, {**spared, "matrix": tiles.short})


def _conflicts(facts: Facts) -> Iterator[Advice]:
    """Stalls that machine or placement could avoid; passes are also shorter if their operands share no bank."""
    outstanding = f"queues.outstanding = {facts.machine.queues.outstanding}"
    causes = (
        ("matrix", "port", "Place what tiles use in other banks", "tiles wait for a port that another unit holds"),
        ("vector", "port", "Place what passes use in other banks", "passes wait for a port that another unit holds"),
        ("matrix", "hazard", "Spread sums over more tiles", "tiles wait for rows that are still in the adder"),
        ("load", "outstanding", "Allow more loads in flight", f"no more may be on their way ({outstanding})"),
    )
    for unit, cause, title, why in causes:
        lost = facts.events(unit, cause)
        evidence = f"{unit}.{cause} is {lost:,} cycles ({facts.share(lost)}): {why}"
        spared = {"vector": facts.work["vector"]} if unit == "vector" else {}
        yield from _advice(facts, title, evidence, lost, spared)


def _fetch(facts: Facts) -> Iterator[Advice]:
    """Instructions that come late matter while the array has nothing to do; fetching them sooner spares no byte."""
    waits, idle = facts.events("dispatch", "fetch"), facts.events("matrix", "idle")
    fetched = facts.fetching // facts.machine.dram.beat_cycles * facts.machine.bus.bytes
    ahead, _ = facts.room()
    evidence = (
        f"dispatch waits {waits:,} cycles for instructions ({fetched:,} bytes fetched) and the array idles {idle:,}; "
    )
    queue = f"a deeper fetch queue (queues.fetch = {facts.machine.queues.fetch})"
    if min(waits, idle) <= ahead:
        title = "Make the program shorter, or fetch further ahead"
        yield from _advice(facts, title, f"{evidence}loops, or {queue}, would spare some", min(waits, idle))
    else:
        evidence += f"loops would spare some; {queue} would fetch the same bytes and could save {ahead:,} at most"
        yield from _advice(facts, "Make the program shorter", evidence, min(waits, idle), {"dram": facts.fetching})


def _edges(facts: Facts) -> Iterator[Advice]:
    """What lies before the first tile and after the last."""
    tiles = facts.found.intervals["matrix"]
    if len(tiles):
        before, after = int(tiles[:, 0].min()), facts.cycles - 1 - int(tiles[:, 1].max())
        evidence = (
            f"the first tile starts in cycle {before:,}, the last retires {after:,} cycles before the end; a larger "
            "batch or several steps in one program spread that over more work"
        )
        title = "Shorten what comes before the first and after the last product"
        yield from _advice(facts, title, evidence, before + after)


RULES: Sequence[Callable[[Facts], Iterator[Advice]]] = (
    _matrix_waits, _conversions, _idle_array, _dram_bound, _repeated, _padding, _conflicts, _fetch, _edges,
)  # fmt: skip
"""Every rule; a new one needs nothing else."""


def advise(program: Program, run: Run, found: Profile) -> list[Advice]:
    """At most ``MOST`` pieces of advice, the largest saving first, those below ``LEAST`` left out."""
    facts = Facts(program, run, found)
    every = [one for rule in RULES for one in rule(facts) if one.saving >= LEAST * run.cycles]
    return sorted(every, key=lambda one: (-one.saving, one.title, one.evidence))[:MOST]
