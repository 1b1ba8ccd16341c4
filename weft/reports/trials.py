"""Advice is tried before it is given: changed machines and programs are compiled, timed exactly, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weft.base.errors import WeftError
from weft.reports.changes import Change, Source, changes
from weft.reports.facts import Facts
from weft.sim.fast.plan import timing

LEAST = 0.005
"""A saving below this share of all cycles is no advice."""
WORK = 3000
"""So many instructions are compiled for trials where the caller sets no bound: that takes about as long as the rest of
a report of the digits step. Two changes are tried at least."""
_TIMED = 20
"""To time so many executed instructions takes no longer than to compile one."""


@dataclass(frozen=True)
class Trial:
    """A change and the ``cycles`` it takes for ``change.work`` times the work; None: it cannot be, for ``problem``."""

    change: Change
    cycles: int | None
    problem: str = ""

    def saving(self, cycles: int) -> int:
        """How many of the ``cycles`` of the unchanged run it saves, rounded down; negative if it costs some."""
        assert self.cycles is not None
        return (self.change.work * cycles - self.cycles) // self.change.work


@dataclass(frozen=True)
class Trials:
    """What was tried of a run of ``cycles``. ``left``: what was not. ``compiled``: each change was compiled anew;
    otherwise the same program was timed on other machines."""

    cycles: int
    done: Sequence[Trial]
    left: Sequence[Change]
    compiled: bool

    @property
    def measured(self) -> list[tuple[int, Trial]]:
        """What could be tried, with its saving, the largest first."""
        told = [(one.saving(self.cycles), one) for one in self.done if one.cycles is not None]
        return sorted(told, key=lambda pair: -pair[0])

    def advice(self) -> list[dict[str, Any]]:
        """Plain data: what saves enough, the largest saving first."""
        return [self._row(saving, one) for saving, one in self.measured if saving >= LEAST * self.cycles]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: how changes were tried, and what came of those that are no advice."""
        return {
            "how": HOW[self.compiled],
            "no_gain": [self._row(saving, one) for saving, one in self.measured if saving < LEAST * self.cycles],
            "impossible": [{"title": one.change.title, "why": one.problem} for one in self.done if one.cycles is None],
            "not_tried": [change.title for change in self.left],
        }

    def _row(self, saving: int, one: Trial) -> dict[str, Any]:
        return {
            "title": one.change.title, "evidence": one.change.evidence, "cycles": one.cycles,
            "work": one.change.work, "saving": saving, "share": saving / self.cycles,
        }  # fmt: skip


HOW = {
    True: "each alone, compiled anew and timed by the fast engine",
    False: "each alone, the same program timed by the fast engine on the changed machine",
}
"""Whether changes were compiled → how they were tried, in words."""


def try_changes(
    facts: Facts, source: Source | None, most: int | None = None, show: Callable[[int, int], None] | None = None
) -> Trials:
    """Try ``most`` changes of a run, those first that touch most of its cycles; None: as many as take about as long
    as the rest of a report. What cannot be built does not count.
    show: called after each with how many are done, and how many there will be."""
    length = len(facts.trace.pc) // _TIMED + (len(facts.program.instructions) if source is not None else 1)
    room = max(2, WORK // length) if most is None else most
    done: list[Trial] = []
    every = changes(facts, source)
    while every and room > 0:
        trial = _tried(every.pop(0))
        done.append(trial)
        if trial.cycles is not None:
            room -= trial.change.work if most is None else 1
        if show is not None:
            show(len(done), len(done) + min(len(every), max(room, 0)))
    return Trials(facts.cycles, done, every, source is not None)


def _tried(change: Change) -> Trial:
    try:
        return Trial(change, timing(change.make()).cycles)
    except WeftError as problem:
        return Trial(change, None, str(problem))
