"""Cycle thresholds: ``lock.toml``, generated from the reference solutions, and the judgement of a measured figure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weft.base.reading import read_text, reading
from weft.lab.markers import LabError

FILE = "lock.toml"
SCHEMA = 1
PASS, FULL = 120, 105
"""Percent of the reference's cycles up to which a figure passes, and up to which it has full marks."""
FACTOR = f"{PASS / 100:.2f}"
"""The first of them, as what is told to the student has it."""
HEADER = f"""\
# Generated from the reference solutions by `weft lab lock`; do not edit.
# Simulated cycles, exact. A solution passes up to {PASS} % of the reference, has full marks up to {FULL} % and beats
# it with fewer; nothing can go below the bound.
schema = {SCHEMA}
"""


@dataclass(frozen=True)
class Reference:
    """The reference solution's cycles for one measured figure, and the lower bound that the grader derives."""

    lab: str
    hole: str
    what: str
    cycles: int
    bound: int


@dataclass(frozen=True)
class Measured:
    """A figure of the student's, beside the reference's and the grader's bound.

    ``mark`` is beats, full, pass, slow or impossible.
    """

    what: str
    cycles: int
    reference: int
    bound: int

    @property
    def mark(self) -> str:
        if self.cycles < self.bound:
            return "impossible"
        if self.cycles < self.reference:
            return "beats"
        if 100 * self.cycles <= FULL * self.reference:
            return "full"
        return "pass" if 100 * self.cycles <= PASS * self.reference else "slow"

    @property
    def limit(self) -> int:
        """The most cycles that pass."""
        return PASS * self.reference // 100


Lock = Mapping[tuple[str, str, str], Reference]


def load_lock(tree: Path) -> Lock | None:
    """The thresholds of a tree by (lab, hole, figure); None if the file is not there. Raises LabError."""
    path = tree / FILE
    if not path.exists():
        return None
    text = read_text(path, LabError)
    with reading(f"{path}: not a lock file", LabError, "generate it again with `weft lab lock`"):
        data = tomllib.loads(text)
        rows = data.get("measure", [])
        if data["schema"] != SCHEMA:
            raise LabError(f"{path}: schema {data['schema']} is not {SCHEMA}; generate it again with `weft lab lock`")
        found = [Reference(r["lab"], r["hole"], r["what"], int(r["reference"]), int(r["bound"])) for r in rows]
    return {(row.lab, row.hole, row.what): row for row in found}


def reference(lock: Lock | None, tree: Path, lab: str, hole: str, what: str) -> Reference:
    """The threshold of one figure. Raises LabError if it was never generated."""
    if lock is None:
        raise LabError(f"{tree / FILE}: missing; it holds the cycle thresholds. `weft lab lock` generates it")
    if (lab, hole, what) not in lock:
        figure = f"'{what}' (lab {lab}, hole {hole})"
        raise LabError(f"{tree / FILE}: nothing for {figure}; generate it with `weft lab lock`")
    return lock[lab, hole, what]


def dump(rows: list[Reference]) -> str:
    """The text of ``lock.toml``."""
    parts = [HEADER]
    for row in sorted(rows, key=lambda row: (row.lab, row.hole, row.what)):
        what = row.what.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(
            f'\n[[measure]]\nlab = "{row.lab}"\nhole = "{row.hole}"\nwhat = "{what}"\n'
            f"reference = {row.cycles}\nbound = {row.bound}\n"
        )
    return "".join(parts)
