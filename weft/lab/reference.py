"""The figures of the reference solutions, from which ``lock.toml`` is generated."""

from __future__ import annotations

from collections.abc import Sequence

from weft.lab.gates import SECONDS
from weft.lab.grading import Attempt, run_all, told
from weft.lab.lock import Reference
from weft.lab.markers import LabError
from weft.lab.process import GradingRun
from weft.lab.tree import Lab


def measure_tree(labs: Sequence[Lab]) -> list[Reference]:
    """Run every ``@measure`` on the solutions of the tree. Raises LabError if one does not give a figure."""
    return [row for lab in labs for row in measure_lab(lab)]


def measure_lab(lab: Lab) -> list[Reference]:
    """The reference figures of one lab."""
    (run,) = run_all(lab, [Attempt({file: lab.text(file) for file in lab.files})], SECONDS)
    if not isinstance(run, GradingRun):
        raise LabError(f"lab {lab.name}: {run[0]}")
    if run.broken is not None:
        raise LabError(f"lab {lab.name}: the solution cannot be loaded: {told(run.broken)}")
    rows = []
    for result in run.results:
        value = result.value
        if value["kind"] not in ("pass", "measured"):
            where = f"'{result.title}' of {result.hole}"
            raise LabError(f"lab {lab.name}: the solution does not pass {where}: {told(value)}")
        if value["kind"] == "measured":
            row = Reference(lab.name, result.hole, value["what"], value["cycles"], value["bound"])
            if row.cycles < row.bound:
                raise LabError(f"lab {lab.name}: {row.what}: {row.cycles} cycles are below the bound {row.bound}")
            rows.append(row)
    return rows
