"""Findings: a table of rules, each of which finds one thing in a run's figures that holds it up and that cannot be
changed here to see what that saves (what can be is tried: ``reports.changes``).

A finding says how many cycles it concerns, and promises none. They are counted, and cut to what a cure leaves: array,
vector unit and DRAM channel still need their cycles for the work that it does not spare. Findings overlap; they rank,
they do not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.reports.facts import Facts
from weft.reports.profile import OperatorProfile

LEAST = 0.005
"""What concerns less than this share of all cycles is not worth a line."""
MOST = 8
"""So many lines at most."""
NAMES = {"matrix": "the array", "vector": "the vector unit", "dram": "the DRAM channel"}
"""How evidence calls a resource."""


@dataclass(frozen=True)
class Finding:
    """``concerned``: so many cycles have to do with it (see reports.metrics)."""

    title: str
    evidence: str
    concerned: int

    def to_dict(self, cycles: int) -> dict[str, Any]:
        """Plain data, with the share of all ``cycles``."""
        share = self.concerned / cycles
        return {"title": self.title, "evidence": self.evidence, "concerned": self.concerned, "share": share}


def _finding(
    facts: Facts, title: str, evidence: str, counted: int, spared: Mapping[str, int] | None = None
) -> Iterator[Finding]:
    """A finding about the ``counted`` cycles, or what the work that its cure does not spare leaves of them."""
    room, most = facts.room(spared)
    if counted > room:
        evidence += f"; {NAMES[most]} would still be busy in all but {room:,} cycles, so no more can go"
    if counted > 0 and room > 0:
        yield Finding(title, evidence, min(counted, room))


def _matrix_waits(facts: Facts) -> Iterator[Finding]:
    dram, vector, fetching = facts.work["dram"], facts.work["vector"], facts.fetching
    what: dict[str, tuple[str, str, dict[str, int]]] = {  # unit → title, cure, what a cure may spare at most
        "load": (
            "Bring the array's operands earlier",
            "operands kept on chip, or asked for earlier, would hide more of it",
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
            "tiles wait until results have left the accumulator: smaller results, or results that stay on chip, would "
            "hide more of it",
            {"dram": dram},
        ),
    }
    for unit, (title, cure, spared) in what.items():
        lost = facts.waited.get(("matrix", unit), 0)
        evidence = f"matrix waits {lost:,} cycles ({facts.share(lost)}) for the {unit} unit; {cure}"
        yield from _finding(facts, title, evidence, lost, spared)


def _short(operator: OperatorProfile) -> str:
    """The operator's name where other words follow it."""
    return f"'{operator.name}'"


def _idle_array(facts: Facts) -> Iterator[Finding]:
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
            yield from _finding(facts, title, evidence, min(alone, others))


def _conversions(facts: Facts) -> Iterator[Finding]:
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
        yield from _finding(facts, "Keep operands in the type that products take", evidence, only, spared)


def _dram_bound(facts: Facts) -> Iterator[Finding]:
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
            yield from _finding(facts, title, evidence, gain, {"dram": bus + facts.fetching})


def _repeated(facts: Facts) -> Iterator[Finding]:
    beats = facts.repeated_beats
    lost = beats * facts.machine.dram.beat_cycles
    busy = sum(op.busy["dram"] for op in facts.found.operators)
    evidence = (
        f"{beats * facts.machine.bus.bytes:,} bytes are loaded again though nothing has changed them: {lost:,} of "
        f"{busy:,} bus cycles; larger tiles, or keeping them on chip, would spare that"
    )
    yield from _finding(facts, "Load unchanged data only once", evidence, lost, {"dram": lost + facts.fetching})


def _padding(facts: Facts) -> Iterator[Finding]:
    tiles, dim = facts.tiles, facts.machine.dim
    narrow = (
        f"{tiles.narrow:,} of {tiles.occupied:,} tile cycles go to lanes left empty by depths and widths below DIM "
        f"= {dim}; choose sizes that are multiples of {dim}"
    )
    spared = {"matrix": tiles.narrow, "dram": facts.fetching}
    yield from _finding(facts, "Choose layer sizes that fill the array", narrow, tiles.narrow, spared)
    short = (
        f"{tiles.short:,} of {tiles.occupied:,} tile cycles have no row to stream: a tile takes DIM = {dim} cycles "
        "however few rows it has; a larger batch fills them"
    )
    yield from _finding(facts, "Give tiles at least DIM rows", short, tiles.short, {**spared, "matrix": tiles.short})


def _conflicts(facts: Facts) -> Iterator[Finding]:
    """Stalls that placement could avoid; passes are also shorter if their operands share no bank."""
    causes = (
        ("matrix", "port", "Place what tiles use in other banks", "tiles wait for a port that another unit holds"),
        ("vector", "port", "Place what passes use in other banks", "passes wait for a port that another unit holds"),
        ("matrix", "hazard", "Spread sums over more tiles", "tiles wait for rows that are still in the adder"),
    )
    for unit, cause, title, why in causes:
        lost = facts.events(unit, cause)
        evidence = f"{unit}.{cause} is {lost:,} cycles ({facts.share(lost)}): {why}"
        spared = {"vector": facts.work["vector"]} if unit == "vector" else {}
        yield from _finding(facts, title, evidence, lost, spared)


def _fetch(facts: Facts) -> Iterator[Finding]:
    """Instructions that come late matter while the array has nothing to do."""
    waits, idle = facts.events("dispatch", "fetch"), facts.events("matrix", "idle")
    fetched = facts.fetching // facts.machine.dram.beat_cycles * facts.machine.bus.bytes
    evidence = (
        f"dispatch waits {waits:,} cycles for instructions ({fetched:,} bytes fetched) and the array idles {idle:,}; "
        "loops in place of repeated instructions would spare some"
    )
    yield from _finding(facts, "Make the program shorter", evidence, min(waits, idle), {"dram": facts.fetching})


def _edges(facts: Facts) -> Iterator[Finding]:
    """What lies before the first tile and after the last."""
    tiles = facts.found.intervals["matrix"]
    if len(tiles):
        before, after = int(tiles[:, 0].min()), facts.cycles - 1 - int(tiles[:, 1].max())
        evidence = (
            f"the first tile starts in cycle {before:,}, the last retires {after:,} cycles before the end; a larger "
            "batch or several steps in one program spread that over more work"
        )
        title = "Shorten what comes before the first and after the last product"
        yield from _finding(facts, title, evidence, before + after)


RULES: Sequence[Callable[[Facts], Iterator[Finding]]] = (
    _matrix_waits, _idle_array, _dram_bound, _repeated, _padding, _conflicts, _fetch, _edges,
)  # fmt: skip
"""Every rule; a new one needs nothing else."""
WITHOUT_SOURCE: Sequence[Callable[[Facts], Iterator[Finding]]] = (_conversions,)
"""Rules about what is tried where the program's source is known."""


def findings(facts: Facts, source_known: bool = False) -> list[Finding]:
    """At most ``MOST`` findings about a run, those first that concern most cycles, those below ``LEAST`` left out."""
    every = [one for rule in (*RULES, *(() if source_known else WITHOUT_SOURCE)) for one in rule(facts)]
    worth = [one for one in every if one.concerned >= LEAST * facts.cycles]
    return sorted(worth, key=lambda one: (-one.concerned, one.title, one.evidence))[:MOST]
