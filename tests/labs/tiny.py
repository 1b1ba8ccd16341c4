"""A tiny lab tree: one lab with two holes, one of them measured; and what running ``weft lab`` on it left behind."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weft.lab.grading import GradedLab, grade
from weft.lab.lock import load_lock
from weft.lab.tree import Lab
from weft.lab.workspace import starters

LAB_TOML = """
title = "Sums"
summary = "adds numbers up"
hours = "1"
files = ["sums.py"]
given = ["../common/numbers_given.py"]
imports = ["math", "os", "time"]
[[hole]]
name = "total"
task = "Add the values up."
hints = ["A loop.", "Begin with zero."]
[[hole]]
name = "mean-value"
task = "Divide the total by the number of values."
hints = ["Use total."]
"""
SUMS = '''
"""Sums."""

from __future__ import annotations

import math


def total(values: list[float]) -> float:
    """The sum of the values."""
    # hole: total
    accumulated_result = 0.0
    for value in values:
        accumulated_result = accumulated_result + value
    return accumulated_result
    # end hole


class Statistics:
    def mean(self, values: list[float]) -> float:
        """The mean of the values."""
        # hole: mean-value
        number_of_values = len(values)
        return total(values) / number_of_values
        # end hole
'''
GRADE = '''
"""The checks."""

import sums
from numbers_given import VALUES

from weft.lab import check, expect, measure


@check("total")
def adds() -> None:
    """The sum of three numbers is right."""
    expect(sums.total(VALUES), 6.0, "total of 1, 2, 3")


@measure("mean-value", "cycles of a mean", bound=90)
def cycles() -> int:
    """The mean is quick.

    At least 90 cycles, since ninety are needed.
    """
    expect(sums.Statistics().mean(VALUES), 2.0, "mean of 1, 2, 3", rtol=1e-9)
    return getattr(sums, "CYCLES", 100)
'''
WRONG = {
    "total": '''
[first-only]
why = "takes the first"
body = "return values[0]"

[last-missing]
why = "forgets the last"
edit = """
-for value in values:
+for value in values[:-1]:
"""

[too-far]
why = "runs past the end: IndexError"
body = "return values[len(values)]"
''',
    "mean-value": '''
[largest]
why = "takes the largest"
body = "return max(values)"

[off]
why = "divides by one more"
edit = """
-return total(values) / number_of_values
+return total(values) / (number_of_values + 1)
"""

[total]
why = "does not divide"
body = "return total(values)"
''',
}
LOCK = """
schema = 1
[[measure]]
lab = "1-sums"
hole = "mean-value"
what = "cycles of a mean"
reference = 100
bound = 90
"""
FILES = {
    "1-sums/lab.toml": LAB_TOML,
    "1-sums/sums.py": SUMS,
    "1-sums/grade.py": GRADE,
    "1-sums/README.md": "# Sums\n\nSee [the page](../../docs/page.md).\n",
    "common/numbers_given.py": '"""Given."""\nVALUES = [1.0, 2.0, 3.0]\n',
    "lock.toml": LOCK,
    **{f"1-sums/wrong/{hole}.toml": text for hole, text in WRONG.items()},
}
TOTAL = "result = 0.0\nfor value in values:\n    result += value\nreturn result\n"
"""Another right way to write the first hole."""
MEAN = "return total(values) / len(values)\n"


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")


def written(starter: str, hole: str, body: str) -> str:
    """A starter with ``body`` where ``hole`` is to be written."""
    lines = starter.splitlines()
    place = next(number for number, line in enumerate(lines) if f'Unwritten("{hole}")' in line)
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    lines[place : place + 1] = textwrap.indent(body.rstrip("\n"), indent).splitlines()
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Weft = Callable[..., Outcome]


def write_hole(folder: Path, hole: str, body: str) -> None:
    path = folder / "sums.py"
    path.write_text(written(path.read_text(encoding="utf-8"), hole, body), encoding="utf-8")


def graded(lab: Lab, total: str | None = None, mean: str | None = None, seconds: float | None = None) -> GradedLab:
    """The starter with these holes written, graded."""
    text = starters(lab)["sums.py"]
    for hole, body in (("total", total), ("mean-value", mean)):
        text = text if body is None else written(text, hole, body)
    return grade(lab, {"sums.py": text}, load_lock(lab.folder.parent), seconds)


def statuses(report: GradedLab) -> list[str]:
    return [outcome.status for outcome in report.outcomes]
