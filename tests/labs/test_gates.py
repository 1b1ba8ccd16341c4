"""The gates of every lab: its solution passes, and every hole's starter and planted mistakes are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.lab.gates import SECONDS, gate, gate_solution, solution
from weft.lab.grading import grade
from weft.lab.lock import FILE, dump, load_lock
from weft.lab.mistakes import strays
from weft.lab.needs import missing
from weft.lab.reference import measure_tree
from weft.lab.tree import Lab, load_labs

TREE = Path(__file__).parents[2] / "labs"
LABS = load_labs(TREE)
HOLES = [pytest.param(lab, hole, id=f"{lab.name}-{hole}") for lab in LABS for hole in lab.tasks]


def _equipped(lab: Lab) -> None:
    if absent := missing(lab):
        pytest.skip(f"needs {', '.join(absent)}")


@pytest.mark.parametrize(
    "lab", [pytest.param(lab, marks=[pytest.mark.smoke] if lab is LABS[0] else [], id=lab.name) for lab in LABS]
)
def test_the_solution_passes(lab: Lab) -> None:
    _equipped(lab)
    assert gate_solution(grade(lab, solution(lab), load_lock(TREE), SECONDS)) == []
    assert strays(lab) == []


@pytest.mark.thorough
@pytest.mark.parametrize(("lab", "hole"), HOLES)
def test_the_hole_is_graded_at_its_own_checks(lab: Lab, hole: str) -> None:
    _equipped(lab)
    assert gate(lab, hole, load_lock(TREE)) == []


def test_the_lock_file_is_up_to_date() -> None:
    for lab in LABS:
        _equipped(lab)
    assert (TREE / FILE).read_text(encoding="utf-8") == dump(measure_tree(LABS)), "run `weft lab lock`"
