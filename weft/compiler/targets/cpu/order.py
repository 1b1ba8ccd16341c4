"""The order of steps: what frees memory runs as soon as it can, so that less lives at once.

Gradients of weights stand behind the whole backward pass where nothing hurries them, and keep every activation and
every gradient alive that they read. Here a step is brought forward, with the few that it waits for, as soon as it
leaves fewer bytes behind than there were before it. All else keeps its order; equal graphs get equal orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weft.compiler.targets.cpu.buffers import reads, writes
from weft.compiler.targets.cpu.lower import Lowered
from weft.compiler.targets.cpu.program import Step

AHEAD = 3
"""How many steps behind one that has run are looked at."""
TOGETHER = 8
"""The most steps that are brought forward together."""


def ordered(lowered: Lowered) -> Lowered:
    """The same steps in an order in which each still reads what it read."""
    order = _Order(lowered).run()
    nodes = tuple(lowered.nodes[n] for n in order)
    return replace(lowered, steps=tuple(lowered.steps[n] for n in order), nodes=nodes)


class _Order:
    """Steps by number: what each must wait for and what waits for it, and what has run so far."""

    def __init__(self, lowered: Lowered) -> None:
        self.sizes = [slot.size if slot.kind == "temporary" else 0 for slot in lowered.buffers]
        self.touched = [_touched(step) for step in lowered.steps]
        self.before, self.after = _dependences(lowered.steps)
        self.users: dict[int, list[int]] = {}  # of each buffer, the steps that touch it
        for n, buffers in enumerate(self.touched):
            for buffer in buffers:
                self.users.setdefault(buffer, []).append(n)
        self.left = {buffer: len(users) for buffer, users in self.users.items()}
        self.begun: set[int] = set()
        self.done = [False] * len(lowered.steps)
        self.order: list[int] = []

    def run(self) -> list[int]:
        """All steps in their new order."""
        for n in range(len(self.done)):
            if not self.done[n]:
                self._take(n)
                self._hurry(n)
        return self.order

    def _take(self, n: int) -> None:
        self.done[n] = True
        self.order.append(n)
        for buffer in self.touched[n]:
            self.begun.add(buffer)
            self.left[buffer] -= 1

    def _hurry(self, last: int) -> None:
        """Bring forward what step ``last`` has made possible and what frees memory, again and again."""
        recent = [last]
        while recent:
            n = recent.pop()
            for candidates in (*([step] for step in self._behind(n)), *self._readers(n)):
                steps = self._with_what_they_wait_for(candidates)
                if steps is not None and self._leaves(steps) < 0:
                    for step in steps:
                        self._take(step)
                    recent.extend(reversed(steps))

    def _behind(self, n: int) -> list[int]:
        """The steps that wait for ``n``, and those that wait for them, in order."""
        found, edge = set[int](), {n}
        for _ in range(AHEAD):
            edge = {user for step in edge for user in self.after[step] if not self.done[user]} - found
            found |= edge
        return sorted(found)

    def _readers(self, n: int) -> list[list[int]]:
        """For each buffer that step ``n`` touches all steps that are still to touch it: with the last of them it
        dies."""
        few = (buffer for buffer in self.touched[n] if self.sizes[buffer] and 0 < self.left[buffer] <= TOGETHER)
        return [self.users[buffer] for buffer in few]

    def _with_what_they_wait_for(self, steps: Sequence[int]) -> list[int] | None:
        """Those of ``steps`` that have not run, and all that must run before them, in order; None if they are none or
        too many."""
        edge = [step for step in steps if not self.done[step]]
        found = set(edge)
        while edge:
            for step in self.before[edge.pop()]:
                if not self.done[step] and step not in found:
                    found.add(step)
                    edge.append(step)
            if len(found) > TOGETHER:
                return None
        return sorted(found) if 0 < len(found) <= TOGETHER else None

    def _leaves(self, steps: Sequence[int]) -> int:
        """How many bytes live after ``steps`` beyond those that live before them."""
        times: dict[int, int] = {}
        for step in steps:
            for buffer in self.touched[step]:
                times[buffer] = times.get(buffer, 0) + 1
        change = 0
        for buffer, count in times.items():
            dies, lives = count == self.left[buffer], buffer in self.begun
            change += self.sizes[buffer] * ((not dies) - lives)
        return change


def _touched(step: Step) -> tuple[int, ...]:
    return tuple(dict.fromkeys(window.buffer for window in (*reads(step), *writes(step))))


def _dependences(steps: Sequence[Step]) -> tuple[list[set[int]], list[set[int]]]:
    """For each step those that it must come after, and those that must come after it: whoever wrote what it reads, and
    whoever touched what it writes."""
    before: list[set[int]] = [set() for _ in steps]
    after: list[set[int]] = [set() for _ in steps]
    written: dict[int, int] = {}  # by buffer, the step that wrote it last
    read: dict[int, set[int]] = {}  # and those that have read it since
    for n, step in enumerate(steps):
        taken, made = ({window.buffer for window in windows} for windows in (reads(step), writes(step)))
        for buffer in taken | made:
            if buffer in written:
                before[n].add(written[buffer])
            if buffer in made:
                before[n] |= read.pop(buffer, set())
        for buffer in taken:
            read.setdefault(buffer, set()).add(n)
        for buffer in made:
            written[buffer] = n
        before[n].discard(n)
        for earlier in before[n]:
            after[earlier].add(n)
    return before, after
