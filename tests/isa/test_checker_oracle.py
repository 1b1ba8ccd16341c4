"""The checker against every order in which units could run: deadlocks, semaphores, races of small random programs."""

from __future__ import annotations

import dataclasses
import functools
import random
from dataclasses import dataclass

import pytest

from weft.isa import checker
from weft.isa.checker import check
from weft.isa.encoding import Instruction, make
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.instructions import UNITS
from weft.isa.machine import load
from weft.isa.program import Program
from weft.isa.validator import validate

MOST = 3
"""What a semaphore counts to in these programs."""
NANO = load("nano", {"queues.load": 1, "queues.matrix": 2, "queues.vector": 4, "queues.store": 1})
DEEP = load("nano", {f"queues.{unit}": 64 for unit in UNITS})
ACC = 1 << 24
APART = {
    "load": {"dram": 0x3000, "local": 0x0, "bytes": 4},
    "matmul": {"a": 0x800, "w": 0x800, "d": ACC, "k": 1, "n": 1},
    "vector": {"d": ACC | 0x400, "lanes": 1},
    "store": {"dram": 0x2000, "local": ACC | 0x800, "bytes": 4},
}
"""An instruction of each unit, on memory of its own."""
SHARED = {"load": {"local": 0x800}, "matmul": {}, "vector": {"d": ACC}, "store": {"local": ACC}}
"""The same where loads meet products, and products, passes and stores meet."""


def members(mask: int) -> list[int]:
    return [number for number in range(16) if mask >> number & 1]


@dataclass(frozen=True)
class Truth:
    """What happens in some order of the units' work: whether it ends, how high each semaphore gets, which two
    instructions (positions) are in flight at one time."""

    ends: bool
    highest: dict[int, int]
    together: frozenset[tuple[int, int]]


def truth(program: Program) -> Truth:
    """Every state that can be reached, one by one: dispatched; started and retired, by unit."""
    code = [i for i in program.instructions if i.spec.unit in UNITS]
    mine = {unit: [p for p, i in enumerate(code) if i.spec.unit == unit] for unit in UNITS}
    depth = {unit: getattr(program.machine.queues, unit) for unit in UNITS}
    zero = (0,) * len(UNITS)
    seen, work = {(0, zero, zero)}, [(0, zero, zero)]
    highest = dict.fromkeys(range(16), 0)
    together: set[tuple[int, int]] = set()
    ends = True
    while work:
        dispatched, started, retired = work.pop()
        counts = [0] * 16
        for u, unit in enumerate(UNITS):
            for position in mine[unit][: retired[u]]:
                for s in members(code[position]["post"]):
                    counts[s] += 1
            for position in mine[unit][: started[u]]:
                for s in members(code[position]["wait"]):
                    counts[s] -= 1
        flying = [p for u, unit in enumerate(UNITS) for p in mine[unit][retired[u] : started[u]]]
        together |= {(a, b) for a in flying for b in flying if a < b}
        for s, count in enumerate(counts):
            highest[s] = max(highest[s], count)
        moves = []
        if dispatched < len(code):
            u = UNITS.index(code[dispatched].spec.unit)
            pushed = sum(p < dispatched for p in mine[UNITS[u]])
            if pushed - started[u] < depth[UNITS[u]]:
                moves.append((dispatched + 1, started, retired))
        for u, unit in enumerate(UNITS):
            head = code[mine[unit][started[u]]] if started[u] < sum(p < dispatched for p in mine[unit]) else None
            if head is not None and all(counts[s] > 0 for s in members(head["wait"])):
                moves.append((dispatched, (*started[:u], started[u] + 1, *started[u + 1 :]), retired))
            if retired[u] < started[u]:
                moves.append((dispatched, started, (*retired[:u], retired[u] + 1, *retired[u + 1 :])))
        if not moves:
            ends &= dispatched == len(code) and retired == tuple(len(mine[unit]) for unit in UNITS)
        for move in moves:
            if move not in seen:
                seen.add(move)
                work.append(move)
    return Truth(ends, highest, frozenset(together))


@functools.cache
def program(seed: int, length: int, shared: bool) -> Program:
    """Random instructions with random semaphores, each posted by one unit and waited for by one."""
    rng = random.Random(seed)
    names = rng.sample(list(APART), rng.choice((2, 2, 3)))
    users = {s: rng.sample(names, 2) for s in range(rng.choice((1, 2, 3)))}
    body: list[Instruction] = []
    for _ in range(length):
        name = rng.choice(names)
        masks = dict.fromkeys(("post", "wait"), 0)
        for s, pair in users.items():
            for role, user in zip(("post", "wait"), pair, strict=True):
                if user == name and rng.random() < (0.8 if role == "post" else 0.5):
                    masks[role] |= 1 << s
        body.append(make(name, **(APART[name] | (SHARED[name] if shared else {})), **masks))
    data = {0x2000: bytes(0x2000)}
    return Program(NANO, (*body, make("halt")), data=data)


def sound(seed: int, length: int, shared: bool) -> Program | None:
    one = program(seed, length, shared)
    try:
        validate(one)
    except ProgramError:  # a semaphore that nobody posts
        return None
    return one


def verdict(one: Program) -> tuple[type[Exception] | None, str]:
    """What the checker raises, if anything, and its message."""
    try:
        check(one)
    except (DeadlockError, ProgramError) as error:
        return type(error), str(error)
    return None, ""


def test_deadlocks_and_overflows_are_those_of_some_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "SEMAPHORE_MAX", MOST)
    found = {"deadlock": 0, "overflow": 0, "edge": 0}
    for seed in range(300):
        one = sound(seed, 8, shared=False)
        if one is None:
            continue
        true, (kind, text) = truth(one), verdict(one)
        over = [s for s, count in true.highest.items() if count > MOST]
        assert true.ends == (kind is not DeadlockError), (seed, text)
        if kind is ProgramError:
            words = text.split()
            assert words[0] == "semaphore", (seed, text)
            number, count = int(words[1][1:]), int(words[4])
            assert number == over[0], (seed, text)
            assert MOST < count <= true.highest[number], (seed, text)
        elif kind is None:
            assert not over, (seed, true.highest)
            found["edge"] += MOST in true.highest.values()
        found["deadlock"] += kind is DeadlockError
        found["overflow"] += kind is ProgramError
    assert min(found.values()) > 10, found


def test_races_are_those_of_some_order() -> None:
    meet = [{"load", "matmul"}, {"matmul", "vector"}, {"vector", "store"}, {"matmul", "store"}]
    found = {"race": 0, "none": 0}
    for seed in range(300):
        one = sound(seed, 6, shared=True)
        if one is None or not truth(one).ends:
            continue
        together = truth(dataclasses.replace(one, machine=DEEP)).together  # semaphores order, the depth of a queue not
        names = [i.name for i in one.instructions]
        races = sorted((b, a) for a, b in together if {names[a], names[b]} in meet)
        kind, text = verdict(one)
        assert bool(races) == (kind is ProgramError), (seed, races, text)
        if races:
            for position in races[0]:
                assert f"instruction {position} ({names[position]})" in text, (seed, races, text)
        found["race" if races else "none"] += 1
    assert min(found.values()) > 10, found
