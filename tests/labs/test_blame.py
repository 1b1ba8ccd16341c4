"""Whose defect it is: holes that wait for a failing one, and the student's line that an exception is shown at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labs.tiny import GRADE, LAB_TOML, MEAN, graded, statuses
from weft.lab.gates import gate, gate_solution, solution
from weft.lab.grading import FAIL, PASS, WAITS, grade
from weft.lab.lock import load_lock
from weft.lab.markers import LabError
from weft.lab.tree import Lab, load_lab
from weft.lab.views import report_data
from weft.lab.workspace import starters

NOTE = "import os\nwith open({note!r}, 'a') as file:\n    file.write('ran ')\n"


def built(lab: Lab, after: str = '"total"', hole: str = "Use total.") -> Lab:
    """The lab with ``after`` in the last hole's row."""
    text = LAB_TOML.replace(f'hints = ["{hole}"]', f'hints = ["{hole}"]\nafter = [{after}]')
    (lab.folder / "lab.toml").write_text(text, encoding="utf-8")
    return load_lab(lab.folder)


def regraded(lab: Lab, old: str, new: str) -> None:
    """Change ``grade.py``."""
    assert old in GRADE
    (lab.folder / "grade.py").write_text(GRADE.replace(old, new).lstrip("\n"), encoding="utf-8")


def test_a_hole_may_name_what_it_builds_on(lab: Lab) -> None:
    assert lab.foundations("mean-value") == frozenset()
    assert built(lab).foundations("mean-value") == {"total"}


@pytest.mark.parametrize(
    ("after", "message"),
    [('"mean-value"', "after: 'mean-value' is no earlier hole of this lab"),
     ('"sum"', "after: 'sum' is no earlier hole of this lab"), ("3", "after: must be a list of names of holes")],
)  # fmt: skip
def test_only_earlier_holes_can_be_built_on(after: str, message: str, lab: Lab) -> None:
    with pytest.raises(LabError, match=message):
        built(lab, after)


def test_without_after_every_hole_fails_by_itself(lab: Lab) -> None:
    assert statuses(graded(lab, total="return 7.0\n", mean=MEAN)) == [FAIL, FAIL]


def test_a_hole_that_fails_waits_for_a_failing_one_that_it_builds_on(lab: Lab) -> None:
    report = graded(built(lab), total="return 7.0\n", mean=MEAN)
    assert statuses(report) == [FAIL, WAITS]
    outcome = report.outcome("mean-value")
    assert (outcome.waits_for, outcome.failure, outcome.check) == ("total", None, None)
    assert report_data(report)["holes"][1]["waits_for"] == "total"


def test_a_hole_that_passes_all_the_same_passes(lab: Lab) -> None:
    assert statuses(graded(built(lab), total="return 7.0\n", mean="return 2.0\n")) == [FAIL, PASS]


def test_what_builds_on_a_loop_without_end_is_not_run(lab: Lab, tmp_path: Path) -> None:
    mean = NOTE.format(note=str(tmp_path / "note")) + "return 2.0\n"
    endless = "while True:\n    pass\n"
    assert statuses(graded(built(lab), endless, mean, seconds=1)) == [FAIL, WAITS]
    assert not (tmp_path / "note").exists()
    (lab.folder / "lab.toml").write_text(LAB_TOML, encoding="utf-8")
    assert statuses(graded(load_lab(lab.folder), endless, mean, seconds=1)) == [FAIL, PASS]
    assert (tmp_path / "note").exists()


def test_one_hole_is_graded_with_what_it_builds_on(lab: Lab) -> None:
    lab = built(lab)
    sources, lock = solution(lab), load_lock(lab.folder.parent)
    assert [o.hole for o in grade(lab, sources, lock, hole="mean-value").outcomes] == ["mean-value"]
    broken = {"sums.py": sources["sums.py"].replace("return accumulated_result", "return 7.0")}
    assert grade(lab, broken, lock, hole="mean-value").outcome("mean-value").waits_for == "total"
    assert statuses(grade(lab, broken, lock, hole="total")) == [FAIL]


def test_the_gates_hold_where_holes_build_on_each_other(lab: Lab) -> None:
    lab = built(lab)
    lock = load_lock(lab.folder.parent)
    assert gate_solution(grade(lab, solution(lab), lock)) == []
    assert [gate(lab, hole, lock) for hole in lab.tasks] == [[], []]


def test_a_refusal_past_the_students_code_is_shown_in_the_function_of_the_hole(lab: Lab) -> None:
    """``mean`` hands what ``total`` cannot use to a given file: the line is that of ``mean``."""
    given = lab.folder.parent / "common/numbers_given.py"
    given.write_text(given.read_text(encoding="utf-8") + "def refuse(x):\n    raise ValueError(x)\n", encoding="utf-8")
    total = "import numbers_given\nif values == 3:\n    numbers_given.refuse('no list')\nreturn 6.0\n"
    failure = graded(lab, total=total, mean="return total(3)\n").outcome("mean-value").failure
    assert failure is not None
    assert (failure.what, failure.line, failure.code) == ("ValueError: no list", 21, "return total(3)")


def test_a_helper_of_the_students_is_the_place(lab: Lab) -> None:
    total = "def helper(x):\n    return x[9]\nreturn helper(values)\n"
    failure = graded(lab, total=total).outcome("total").failure
    assert failure is not None
    assert (failure.line, failure.code) == (13, "return x[9]")


def test_an_exception_that_the_check_turned_into_its_own_keeps_its_place(lab: Lab) -> None:
    regraded(
        lab,
        '    expect(sums.total(VALUES), 6.0, "total of 1, 2, 3")\n',
        "    try:\n        sums.total(VALUES)\n    except ValueError as problem:\n"
        '        raise Difference("total", "6.0", repr(problem)) from problem\n',
    )
    grader = lab.folder / "grade.py"
    text = grader.read_text(encoding="utf-8").replace("import check, expect", "import Difference, check, expect")
    grader.write_text(text, encoding="utf-8")
    failure = graded(lab, total="x = 1\nraise ValueError(x)\n").outcome("total").failure
    assert failure is not None
    assert (failure.kind, failure.line, failure.code) == ("difference", 13, "raise ValueError(x)")


@pytest.mark.parametrize("text", ["", '"""Renamed."""\n\ndef sum_up(values):\n    return 6.0\n'])
def test_a_function_that_is_gone_is_missed_in_the_students_file(text: str, lab: Lab) -> None:
    failure = grade(lab, {"sums.py": text}, load_lock(lab.folder.parent)).outcome("total").failure
    assert failure is not None
    assert failure.what == "AttributeError: sums.py has no 'total': it is gone or has another name there"
    assert (failure.file, failure.line) == ("sums.py", None)


def test_a_name_that_the_checks_import_is_missed_in_the_students_file(lab: Lab) -> None:
    regraded(lab, "import sums\n", "import sums\nfrom sums import Statistics\n")
    report = grade(lab, {"sums.py": starters(lab)["sums.py"].replace("class Statistics", "class Stats")}, None)
    (problem,) = report.problems
    told = "ImportError: sums.py has no 'Statistics': it is gone or has another name there"
    assert (problem.file, problem.line, problem.text) == ("sums.py", None, f"while loading: {told}")


def test_a_message_names_no_temporary_folder(lab: Lab) -> None:
    body = "import numbers_given\nraise ValueError(numbers_given.__file__)\n"
    failure = graded(lab, total=body).outcome("total").failure
    assert failure is not None
    assert failure.what == "ValueError: numbers_given.py"
