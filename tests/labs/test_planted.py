"""The gates themselves, on the tiny tree: they accept it, and name what a lab that is not ready lacks."""

from __future__ import annotations

import re

import pytest

from tests.labs.tiny import GRADE, WRONG
from weft.lab.gates import gate, gate_solution, solution
from weft.lab.grading import grade
from weft.lab.lock import Reference, dump, load_lock
from weft.lab.markers import LabError
from weft.lab.mistakes import path_of, strays
from weft.lab.reference import measure_lab
from weft.lab.tree import Lab


def gated(lab: Lab, hole: str = "total") -> list[str]:
    return gate(lab, hole, load_lock(lab.folder.parent))


def plant(lab: Lab, table: str) -> None:
    """Put another mistake in the place of ``last-missing``."""
    text = re.sub(r"\[last-missing\].*?(?=\[too-far\])", lambda _: f"{table}\n", WRONG["total"], flags=re.DOTALL)
    path_of(lab, "total").write_text(text, encoding="utf-8")


def test_a_lab_that_is_ready(lab: Lab) -> None:
    assert [gated(lab, hole) for hole in lab.tasks] == [[], []]
    assert strays(lab) == []
    assert gate_solution(grade(lab, solution(lab), load_lock(lab.folder.parent))) == []


def test_three_mistakes_are_needed(lab: Lab) -> None:
    plant(lab, "")
    assert gated(lab) == ["wrong/total.toml holds 2 planted mistakes; at least 3 are needed"]
    path_of(lab, "total").unlink()
    assert gated(lab) == ["wrong/total.toml holds 0 planted mistakes; at least 3 are needed"]


@pytest.mark.parametrize(
    ("why", "body", "message"),
    [
        ("not wrong at all", "return sum(values)", "expected to fail, is 'pass'"),
        ("crashes", "return 1 / 0", "fails by accident, not at a check (meant so? name the exception in its why)"),
        ("not Python", "return (", "sums.py:11: not Python: '(' was never closed"),
        ("imports", "import json\nreturn 0.0", "sums.py:11: imports json, which this lab does not allow"),
        ("gives up", "import os\nos._exit(1)", "Python itself died (exit code 1); plant a mistake"),
        ("calls a hole", "raise NotImplementedError", "fails by accident"),
    ],
)
def test_a_planted_mistake_that_proves_nothing_is_named(why: str, body: str, message: str, lab: Lab) -> None:
    plant(lab, f'[last-missing]\nwhy = "{why}"\nbody = """\n{body}\n"""\n')
    (problem,) = gated(lab)
    assert problem.startswith(f"wrong/total.toml: last-missing: {message}")


def test_a_check_that_does_not_reach_its_hole_is_named(lab: Lab) -> None:
    text = GRADE.replace("expect(sums.total(VALUES), 6.0,", "expect(6.0, 6.0,")
    (lab.folder / "grade.py").write_text(text.lstrip("\n"), encoding="utf-8")
    assert "with total stripped, total is 'pass' (None)" in gated(lab)


def test_a_hole_that_breaks_another_is_named(lab: Lab) -> None:
    text = GRADE.replace(
        "    expect(sums.total", "    try:\n        sums.Statistics().mean(VALUES)\n"
        "    except NotImplementedError:\n        expect(1, 2, 'swallowed')\n    expect(sums.total",
    )  # fmt: skip
    (lab.folder / "grade.py").write_text(text.lstrip("\n"), encoding="utf-8")
    assert gated(lab, "mean-value") == ["with mean-value stripped, total is 'fail' (swallowed)"]


def test_a_solution_that_fails_is_named(lab: Lab) -> None:
    broken = {"sums.py": lab.text("sums.py").replace("accumulated_result = 0.0", "accumulated_result = 1.0")}
    found = gate_solution(grade(lab, broken, load_lock(lab.folder.parent)))
    assert found[0].startswith("the solution does not pass at total: fail: CheckFailure(kind='difference'")


def test_mistakes_of_no_hole_are_named(lab: Lab) -> None:
    path_of(lab, "totle").touch()
    (lab.folder / "wrong" / "total").mkdir()
    assert strays(lab) == ["wrong/total belongs to no hole", "wrong/totle.toml belongs to no hole"]


def test_the_lock_file_holds_what_the_solution_takes(lab: Lab) -> None:
    rows = measure_lab(lab)
    assert rows == [Reference("1-sums", "mean-value", "cycles of a mean", 100, 90)]
    path = lab.folder.parent / "lock.toml"
    path.write_text(dump(rows), encoding="utf-8")
    assert load_lock(lab.folder.parent) == {("1-sums", "mean-value", "cycles of a mean"): rows[0]}
    odd = Reference("1-sums", "mean-value", 'a "quoted" \\ figure', 3, 2)
    path.write_text(dump([odd]), encoding="utf-8")
    assert list((load_lock(lab.folder.parent) or {}).values()) == [odd]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return getattr", "expect(1, 2, 'x')\n    return getattr", "the solution does not pass 'The mean is quick.'"),
        ("bound=90", "bound=101", "cycles of a mean: 100 cycles are below the bound 101"),
    ],
)
def test_a_figure_that_cannot_be_is_not_locked(old: str, new: str, message: str, lab: Lab) -> None:
    (lab.folder / "grade.py").write_text(GRADE.replace(old, new).lstrip("\n"), encoding="utf-8")
    with pytest.raises(LabError, match=message):
        measure_lab(lab)
