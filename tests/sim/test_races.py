"""The checker's races against a brute-force oracle: reachability between starts and retirements, sets of bytes."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

from weft.isa import checker, races
from weft.isa.access import Access, accesses
from weft.isa.checker import check
from weft.isa.encoding import Instruction
from weft.isa.errors import ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.isa.races import Race
from weft.isa.stream import expand
from weft.sim.fuzz import random_program

Touched = dict[str, tuple[set[int], set[int]]]


def touched(access: Access, index: list[int]) -> set[int]:
    base = access.base + sum(i * step for i, step in zip(index, access.increments, strict=True))
    found: set[int] = set()
    for place in itertools.product(*(range(count) for count, _ in access.levels)):
        start = base + sum(i * stride for i, (_, stride) in zip(place, access.levels, strict=True))
        found.update(range(start, start + access.size))
    return found


@dataclass(frozen=True)
class Pair:
    """Two executed instructions, and what each reads and writes of the bytes that are a race, by memory."""

    first: int
    second: int
    memory: str
    reads: tuple[set[int], set[int]]
    writes: tuple[set[int], set[int]]

    def allows(self, race: Race) -> bool:
        """Whether this is the race."""
        told = zip(race.writes, self.reads, self.writes, strict=True)
        where = race.first, race.second, race.memory
        touched = all(race.byte in (written if writes else read) for writes, read, written in told)
        return where == (self.first, self.second, self.memory) and touched and any(race.writes)


def first_pairs(program: Program) -> list[Pair]:
    """Of the instructions of different units that touch a byte, one writing, in no order: those of which the second is
    dispatched first, and then the first; one for each memory."""
    stream = expand(program)
    code = [program.instructions[pc] for pc in stream.pc]
    after: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    posts, waits = defaultdict(list), defaultdict(list)
    last: dict[str, int] = {}
    for i, one in enumerate(code):
        after["start", i].append(("retire", i))
        if one.spec.unit in last:
            after["start", last[one.spec.unit]].append(("start", i))
            after["retire", last[one.spec.unit]].append(("retire", i))
        last[one.spec.unit] = i
        for s in range(16):
            if one["post"] >> s & 1:
                posts[s].append(i)
            if one["wait"] >> s & 1:
                waits[s].append(i)
    for s, waiters in waits.items():
        for post, wait in zip(posts[s], waiters, strict=False):
            after["retire", post].append(("start", wait))
    reached: list[set[tuple[str, int]]] = []
    for i in range(len(code)):
        seen, stack = set(), [("retire", i)]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += after[node]
        reached.append(seen)
    bytes_of: list[Touched] = []
    for i, one in enumerate(code):
        sets: Touched = defaultdict(lambda: (set(), set()))
        for access in accesses(program.machine, one):
            found = touched(access, stream.index[i].tolist())
            sets[access.memory][0].update(found if access.read else ())
            sets[access.memory][1].update(found if access.write else ())
        bytes_of.append(sets)
    for j, i in sorted((j, i) for i, j in itertools.combinations(range(len(code)), 2)):
        if code[i].spec.unit == code[j].spec.unit or ("start", j) in reached[i] or ("start", i) in reached[j]:
            continue
        pairs = []
        for memory in bytes_of[i].keys() & bytes_of[j].keys():
            (reads, writes), (others, written) = bytes_of[i][memory], bytes_of[j][memory]
            if writes & (others | written) or written & reads:
                pairs.append(Pair(i, j, memory, (reads, others), (writes, written)))
        if pairs:
            return pairs
    return []


def without(one: Instruction, bit: int) -> Instruction:
    return Instruction(one.name, {**one.fields, "wait": one["wait"] & ~bit, "post": one["post"] & ~bit})


@pytest.mark.parametrize("lot", [1, 1 << 21])
def test_the_checker_finds_exactly_the_races_there_are(lot: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pairs it looks at together, it tells the first race there is, and of what byte."""
    found: list[Race | None] = []

    def listened(*arguments: Any) -> Race | None:
        found.append(races.first_race(*arguments))
        return found[-1]

    monkeypatch.setattr(checker, "first_race", listened)
    monkeypatch.setattr(races, "_PAIRS", lot)
    rng = random.Random(2)
    outcomes = {True: 0, False: 0}
    for seed in range(40):
        program = random_program(load("nano"), seed, 16)
        used = [s for s in range(16) if any(one["post"] >> s & 1 for one in program.instructions)]
        bit = 1 << rng.choice(used) if used and seed % 4 else 0
        instructions = tuple(without(one, bit) for one in program.instructions)
        changed = Program(program.machine, instructions, program.entry, program.buffers, program.data)
        expected = first_pairs(changed)
        outcomes[bool(expected)] += 1
        text = ""
        try:
            check(changed)
        except ProgramError as error:
            text = str(error)
        race = found[-1]
        assert ("data race" in text) == (race is not None) == bool(expected), f"seed {seed} without {bit:#x}"
        assert race is None or any(pair.allows(race) for pair in expected), (seed, race)
    assert min(outcomes.values()) > 10
