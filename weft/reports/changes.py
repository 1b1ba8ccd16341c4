"""What can be tried: every key of the machine, one step in the direction that is usually faster, and of a program whose
source is known what else could be compiled. What a change saves is measured (``reports.trials``), not guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from weft.compiler.targets.accel.compile import prepared
from weft.framework.graph import Graph
from weft.isa.errors import ProgramError
from weft.isa.machine import Machine, from_dict
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.reports.conversions import converted_where_made, of_inputs
from weft.reports.facts import Facts


@dataclass(frozen=True)
class Source:
    """What a program was compiled from. ``compile``: the program of a graph for a machine, found as this one was.
    ``doubled``: the graph of twice the batch; None where nobody can say what the batch is."""

    graph: Graph
    compile: Callable[[Graph, Machine], Program]
    doubled: Callable[[], Graph] | None = None


@dataclass(frozen=True)
class Change:
    """``make``: the changed program, on the changed machine; raises WeftError where there can be none. ``work``: how
    often it does the work of the run. ``touched``: cycles of the run that it could have to do with, by which changes
    are ordered, and ``evidence``, which says so."""

    title: str
    evidence: str
    touched: int
    make: Callable[[], Program]
    work: int = 1


@dataclass(frozen=True)
class Key:
    """A key of the machine. ``halved``: less of it is faster. ``touched``, ``evidence``: as of a ``Change``; the text
    holds ``{cycles}``, the cycles touched and their share."""

    touched: Callable[[Facts], int]
    evidence: str
    halved: bool = False


def _full(unit: str) -> Key:
    evidence = f"dispatch finds the {unit} queue full for {{cycles}}"
    return Key(lambda facts: facts.events("dispatch", f"{unit}_full"), evidence)


def _ports(facts: Facts) -> int:
    return sum(facts.events(unit, "port") for unit in ("load", "matrix", "vector", "store"))


def _waits_for(unit: str) -> Callable[[Facts], int]:
    return lambda facts: sum(cycles for (_, other), cycles in facts.waited.items() if other == unit)


def _latency(name: str, unit: str, evidence: str) -> Key:
    """A latency that every instruction of ``unit`` has once: halving it cannot touch more than half of these."""
    section, _, leaf = name.partition(".")

    def touched(facts: Facts) -> int:
        half: int = getattr(getattr(facts.machine, section), leaf) // 2
        return min(_waits_for(unit)(facts), half * len(facts.found.intervals[unit]))

    return Key(touched, evidence, halved=True)


_PORTS = "units wait for a memory port that another holds for {cycles}"
_BEATS = Key(lambda facts: facts.work["dram"], "the DRAM channel is busy for {cycles}")
_SLOWER_BEATS = dataclasses.replace(_BEATS, halved=True)
_PASSES = "other units wait for passes for {cycles} that this could shorten"
_ADDER = Key(
    lambda facts: facts.events("matrix", "hazard"), "tiles wait for rows that are still in the adder for {cycles}", True
)

KEYS: Mapping[str, Key] = {
    "dim": Key(lambda facts: facts.work["matrix"], "tiles occupy the array for {cycles}"),
    "scratchpad.bytes": Key(_waits_for("load"), "other units wait for loads for {cycles}"),
    "scratchpad.banks": Key(_ports, _PORTS),
    "accumulator.bytes": Key(_waits_for("store"), "other units wait for results to leave for {cycles}"),
    "accumulator.banks": Key(_ports, _PORTS),
    "bus.bytes": _BEATS,
    "bus.burst": Key(
        lambda facts: len(facts.found.bursts.beats) // 2, "half as many bursts would be asked for in {cycles} less"
    ),
    "dram.latency": _latency("dram.latency", "load", "other units wait for loads for {cycles} that this could shorten"),
    "dram.beat_cycles": _SLOWER_BEATS,
    "queues.fetch": Key(
        lambda facts: facts.events("dispatch", "fetch"), "dispatch waits for instructions for {cycles}"
    ),
    "queues.load": _full("load"),
    "queues.matrix": _full("matrix"),
    "queues.vector": _full("vector"),
    "queues.store": _full("store"),
    "queues.outstanding": Key(
        lambda facts: facts.events("load", "outstanding"), "no more loads may be on their way for {cycles}"
    ),
    "queues.loop": Key(lambda facts: facts.fetching, "instructions are on the DRAM channel for {cycles}"),
    "pipeline.mac": _ADDER,
    "pipeline.accumulate": _ADDER,
    "pipeline.vector": _latency("pipeline.vector", "vector", _PASSES),
    "pipeline.reduce": _latency("pipeline.reduce", "vector", _PASSES),
}  # fmt: skip
"""Every key that has to do with time. A key without a row is doubled, after those that have one."""
TIMELESS = ("name", "types", "dram.bytes")
"""Keys that are never tried: what they change is what can run at all."""
_UNKNOWN = Key(lambda facts: 0, "no event tells of it")


def changes(facts: Facts, source: Source | None) -> list[Change]:
    """Every change of a run's machine and program that can be tried, most cycles touched first."""
    found = [*_machines(facts, source), *(_programs(facts, source) if source is not None else ())]
    return sorted(found, key=lambda change: -change.touched)


def _machines(facts: Facts, source: Source | None) -> Iterator[Change]:
    plain = facts.machine.to_dict()
    for name, now in _flat(plain):
        key = KEYS.get(name, _UNKNOWN)
        then = now // 2 if key.halved else 2 * now
        if name not in TIMELESS and then:
            touched = key.touched(facts)
            said = key.evidence.format(cycles=f"{touched:,} cycles ({facts.share(touched)})")
            section, _, leaf = name.rpartition(".")
            changed = {**plain, section: {**plain[section], leaf: then}} if section else {**plain, leaf: then}
            make = partial(_on, changed, facts.program, source)
            yield Change(f"{name} = {then} (now {now})", said, touched, make)


def _on(plain: Mapping[str, Any], program: Program, source: Source | None) -> Program:
    """The program for the machine that ``plain`` describes: compiled for it, or where nobody can, the same one."""
    machine = from_dict(plain, plain["name"])
    if source is not None:
        return source.compile(source.graph, machine)
    same = dataclasses.replace(program, machine=machine)
    try:
        validate(same)
    except ProgramError:
        raise ProgramError("this program's addresses do not fit it; a model or step would be compiled for it") from None
    return same


def _flat(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    for key, value in plain.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, int):
            yield prefix + key, value


def _programs(facts: Facts, source: Source) -> Iterator[Change]:
    machine, graph = facts.machine, prepared(source.graph)
    nodes = [node for index in facts.conversions for node in facts.found.operators[index].nodes]
    for kind, casts in of_inputs(graph, nodes).items():
        names = ", ".join(str(graph.nodes[graph.nodes[cast].inputs[0]].attr("name")) for cast in casts)
        mine = [n for n in facts.conversions if set(casts) & set(facts.found.operators[n].nodes)]
        alone, moved = facts.only(mine), sum(facts.found.operators[n].dram_bytes for n in mine)
        yield Change(
            _CONVERTED[kind],
            f"{names}: conversion moves {moved:,} bytes of DRAM, and runs alone for {alone:,} cycles",
            alone,
            partial(_converted, source, graph, casts, machine),
        )
    if (doubled := source.doubled) is not None:
        tiles = facts.found.intervals["matrix"]
        ends = facts.cycles - 1 - int(tiles[:, 1].max()) + int(tiles[:, 0].min()) if len(tiles) else 0
        yield Change(
            "Twice the batch",
            f"before the first tile and after the last there are {ends:,} cycles, and in {facts.tiles.short:,} tile "
            "cycles there is no row to stream; the saving is half of what one step saves over two of half the batch",
            ends + facts.tiles.short,
            lambda: source.compile(doubled(), machine),
            2,
        )


_CONVERTED = {
    "input": "Give inputs in the type that products take",
    "state": "Store states in the type that products take too, where they are updated",
}


def _converted(source: Source, graph: Graph, casts: list[int], machine: Machine) -> Program:
    return source.compile(converted_where_made(graph, casts), machine)
