"""The checker's races against a brute-force oracle: reachability between starts and retirements, sets of bytes."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict

from weft.isa.access import Access, accesses
from weft.isa.checker import check
from weft.isa.encoding import Instruction
from weft.isa.errors import ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
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


def has_race(program: Program) -> bool:
    """Whether two instructions of different units touch a byte, one writing, in no order."""
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
    for i, j in itertools.combinations(range(len(code)), 2):
        if code[i].spec.unit == code[j].spec.unit or ("start", j) in reached[i] or ("start", i) in reached[j]:
            continue
        for memory in bytes_of[i].keys() & bytes_of[j].keys():
            (reads, writes), (others, written) = bytes_of[i][memory], bytes_of[j][memory]
            if writes & (others | written) or written & reads:
                return True
    return False


def without(one: Instruction, bit: int) -> Instruction:
    return Instruction(one.name, {**one.fields, "wait": one["wait"] & ~bit, "post": one["post"] & ~bit})


def test_the_checker_finds_exactly_the_races_there_are() -> None:
    rng = random.Random(2)
    outcomes = {True: 0, False: 0}
    for seed in range(40):
        program = random_program(load("nano"), seed, 16)
        used = [s for s in range(16) if any(one["post"] >> s & 1 for one in program.instructions)]
        bit = 1 << rng.choice(used) if used and seed % 4 else 0
        instructions = tuple(without(one, bit) for one in program.instructions)
        changed = Program(program.machine, instructions, program.entry, program.buffers, program.data)
        expected = has_race(changed)
        outcomes[expected] += 1
        try:
            check(changed)
            found = False
        except ProgramError as error:
            found = "data race" in str(error)
        assert found == expected, f"seed {seed} without {bit:#x}"
    assert min(outcomes.values()) > 10
