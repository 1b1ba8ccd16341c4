"""Semaphores for a random program: a tree of instructions and loops made free of races and deadlocks.

Every edge goes forward in dispatch order, so nothing can deadlock. One counting semaphore per ordered pair of units
orders accesses within an iteration; an edge is added only if the waiting unit has not waited for something at
least as late, so the k-th wait always meets the k-th post. Inside loops only instructions of one iteration may
meet, so what touches a loop from outside does so through an instruction before it (its guard) and one after it
(its tail). Conflicts between iterations are ordered by a second semaphore per pair: the last instruction of one
unit posts for the first of the other in the next iteration, the guard posts for the first, the tail takes the rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from weft.isa.access import Access, accesses, overlap
from weft.isa.encoding import Instruction, make
from weft.isa.fields import SEMAPHORES
from weft.isa.machine import Machine


class Shortage(Exception):
    """The program needs more semaphores than there are."""


@dataclass(eq=False)
class Leaf:
    """An instruction without its semaphores. ``spans``: (access, first byte, one past the last) over all loops."""

    instruction: Instruction
    spans: tuple[tuple[Access, int, int], ...]
    looped: bool
    position: int = -1
    wait: int = 0
    post: int = 0

    @property
    def unit(self) -> str:
        return self.instruction.spec.unit

    def final(self) -> Instruction:
        """The instruction with its semaphores."""
        values = {k: v for k, v in self.instruction.fields.items() if k not in ("opcode", "wait", "post")}
        return make(self.instruction.name, self.instruction.source, wait=self.wait, post=self.post, **values)


@dataclass(eq=False)
class RandomLoop:
    """A loop, with a guard before it and a tail after it for each unit of its body."""

    count: int
    body: list[Leaf | RandomLoop]
    guards: dict[str, Leaf]
    tails: dict[str, Leaf]


Item = Leaf | RandomLoop


def leaf(machine: Machine, instruction: Instruction, trips: tuple[int, ...]) -> Leaf:
    """An instruction inside loops of ``trips`` iterations."""
    spans = tuple((access, *access.reach(trips)) for access in accesses(machine, instruction))
    return Leaf(instruction, spans, bool(trips))


def leaves(items: list[Item]) -> Iterator[Leaf]:
    """The instructions of bodies, in program order, guards and tails left out."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from leaves(item.body)


def _conflict(a: Leaf, b: Leaf) -> bool:
    for one, low, high in a.spans:
        for other, first, last in b.spans:
            if one.memory == other.memory and (one.write or other.write) and low < last and first < high:
                exact = not (a.looped or b.looped)
                if not exact or overlap(one, other) is not None:
                    return True
    return False


def _members(item: Item) -> list[Leaf]:
    return [item] if isinstance(item, Leaf) else list(leaves(item.body))


def _end(item: Item, unit: str, first: bool) -> Leaf:
    """The instruction of ``unit`` that can wait (or post) for an item."""
    if isinstance(item, Leaf):
        return item
    return (item.guards if first else item.tails)[unit]


@dataclass
class Synchroniser:
    """Hands out semaphores; ``extra`` is the chance of an edge that nothing needs."""

    rng: random.Random
    extra: float = 0.05
    _numbers: list[int] = field(default_factory=list)
    _given: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _waited: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = self.rng.sample(range(SEMAPHORES), SEMAPHORES)

    def _bit(self, poster: str, waiter: str, role: str) -> int:
        key = (poster, waiter, role)
        if key not in self._given:
            if not self._numbers:
                raise Shortage
            self._given[key] = self._numbers.pop()
        return 1 << self._given[key]

    def run(self, items: list[Item]) -> None:
        """Give every instruction in a tree its semaphores. Raises Shortage."""
        for position, one in enumerate(_emitted(items)):
            if isinstance(one, Leaf):
                one.position = position
        self._level(items)

    def _level(self, items: list[Item]) -> None:
        done: dict[str, list[Item]] = {}
        for item in items:
            members = _members(item)
            for waiter in sorted({m.unit for m in members}):
                ours = [m for m in members if m.unit == waiter]
                for poster in sorted(done):
                    if poster != waiter:
                        self._edge(poster, waiter, _end(item, waiter, True), done[poster], ours)
            if isinstance(item, RandomLoop):
                self._carried(item)
                self._level(item.body)
            for unit in {m.unit for m in members}:
                done.setdefault(unit, []).append(item)

    def _edge(self, poster: str, waiter: str, entry: Leaf, before: list[Item], ours: list[Leaf]) -> None:
        for item in reversed(before):
            leave = _end(item, poster, False)
            if leave.position <= self._waited.get((poster, waiter), -1):
                return
            theirs = [m for m in _members(item) if m.unit == poster]
            if self.rng.random() < self.extra or any(_conflict(a, b) for a in ours for b in theirs):
                bit = self._bit(poster, waiter, "within")
                leave.post |= bit
                entry.wait |= bit
                self._waited[poster, waiter] = leave.position
                return

    def _carried(self, loop: RandomLoop) -> None:
        members = list(leaves(loop.body))
        pairs = {
            (late.unit, early.unit)
            for at, early in enumerate(members)
            for late in members[at + 1 :]
            if late.unit != early.unit and _conflict(early, late)
        }
        for poster, waiter in sorted(pairs):
            bit = self._bit(poster, waiter, "carried")
            first = next(i for i in loop.body if any(m.unit == waiter for m in _members(i)))
            last = next(i for i in reversed(loop.body) if any(m.unit == poster for m in _members(i)))
            loop.guards[poster].post |= bit
            _end(first, waiter, True).wait |= bit
            _end(last, poster, False).post |= bit
            loop.tails[waiter].wait |= bit


def _emitted(items: list[Item]) -> Iterator[Leaf | Instruction]:
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from item.guards.values()
            yield make("loop", count=item.count)
            yield from _emitted(item.body)
            yield make("end")
            yield from item.tails.values()


def emit(items: list[Item]) -> list[Instruction]:
    """The program's instructions; guards and tails that synchronise nothing are left out."""
    idle = set()
    stack = list(items)
    while stack:
        item = stack.pop()
        if isinstance(item, RandomLoop):
            stack += item.body
            idle |= {id(m) for m in (*item.guards.values(), *item.tails.values()) if not m.wait | m.post}
    return [
        one.final() if isinstance(one, Leaf) else one for one in _emitted(items) if id(one) not in idle
    ]
