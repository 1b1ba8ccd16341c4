"""Grading: every outcome of a hole, where a failure is shown, thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labs.tiny import GRADE, MEAN, TOTAL, graded, statuses
from weft.lab import Unwritten, check, measure
from weft.lab.grading import FAIL, PASS, UNWRITTEN, WAITS, CheckFailure, grade
from weft.lab.lock import Measured, load_lock
from weft.lab.markers import LabError
from weft.lab.tree import Lab, load_lab


def test_unwritten_is_a_not_implemented_error_that_knows_its_hole() -> None:
    problem = Unwritten("total")
    assert isinstance(problem, NotImplementedError)
    assert (problem.hole, str(problem)) == ("total", "'total' is not written yet")


def test_a_check_has_a_title() -> None:
    @check("a")
    def something() -> None:
        """It works.

        More about it.
        """

    @measure("a", "cycles", bound=3)
    def figure() -> int:
        return 4

    assert (something.title, something.hole, something.what) == ("It works.", "a", None)
    assert (figure.title, figure.what, figure.bound, figure()) == ("figure", "cycles", 3, 4)


def test_the_solution_passes(lab: Lab) -> None:
    report = grade(lab, {"sums.py": lab.text("sums.py")}, load_lock(lab.folder.parent))
    assert statuses(report) == [PASS, PASS]
    assert report.passed
    assert report.outcome("mean-value").measured == (Measured("cycles of a mean", 100, 100, 90),)


def test_nothing_written(lab: Lab) -> None:
    report = graded(lab)
    assert statuses(report) == [UNWRITTEN, UNWRITTEN]
    assert not report.passed


def test_a_hole_waits_for_another(lab: Lab) -> None:
    report = graded(lab, mean=MEAN)
    assert statuses(report) == [UNWRITTEN, WAITS]
    assert report.outcome("mean-value").waits_for == "total"


def test_a_difference_is_shown_at_the_students_function(lab: Lab) -> None:
    outcome = graded(lab, total="return 7.0\n").outcome("total")
    assert outcome.status == FAIL
    assert outcome.check == "The sum of three numbers is right."
    assert outcome.failure == CheckFailure("difference", "total of 1, 2, 3", "6.0", "7.0", "sums.py", 10)


def test_an_exception_is_shown_at_the_students_line(lab: Lab) -> None:
    outcome = graded(lab, total="values = []\nreturn values[3]\n").outcome("total")
    what = "IndexError: list index out of range"
    assert outcome.failure == CheckFailure("error", what, None, None, "sums.py", 13, "return values[3]")


def test_an_exception_past_the_students_code_is_shown_where_that_called(lab: Lab) -> None:
    outcome = graded(lab, total="import math\nreturn math.sqrt(-1)\n").outcome("total")
    assert outcome.failure is not None
    assert (outcome.failure.line, outcome.failure.code) == (13, "return math.sqrt(-1)")


def test_what_the_checks_stumble_over_names_their_line_and_the_students_function(lab: Lab) -> None:
    text = GRADE.replace("expect(sums.total(VALUES), 6.0,", "expect(len(sums.total(VALUES)), 6.0,")
    (lab.folder / "grade.py").write_text(text.lstrip("\n"), encoding="utf-8")
    failure = graded(lab, total="return 7.0\n").outcome("total").failure
    assert failure is not None
    told = "TypeError: object of type 'float' has no len() (in grade.py:12)"
    assert failure.what == f"the check could not use what your code gave: {told}"
    assert (failure.file, failure.line) == ("sums.py", 10)


@pytest.mark.parametrize("body", ["raise SystemExit(3)\n", "exit()\n"])
def test_student_code_cannot_end_the_grading(body: str, lab: Lab) -> None:
    report = graded(lab, total=body, mean="return 2.0\n")
    assert statuses(report) == [FAIL, PASS]
    failure = report.outcome("total").failure
    assert failure is not None
    assert failure.what.startswith("SystemExit")


def test_output_is_kept_with_its_hole(lab: Lab) -> None:
    report = graded(lab, total=f"import os\nprint('look', 1)\nos.write(1, b'raw')\n{TOTAL}", mean="return 2.0\n")
    assert report.outcome("total").printed == "look 1\n"
    assert report.outcome("mean-value").printed == ""
    assert report.passed


@pytest.mark.parametrize(
    ("cycles", "mark", "status"),
    [(89, "impossible", FAIL), (90, "beats", PASS), (99, "beats", PASS), (100, "full", PASS), (105, "full", PASS),
     (106, "pass", PASS), (120, "pass", PASS), (121, "slow", FAIL)],
)  # fmt: skip
def test_thresholds(cycles: int, mark: str, status: str, lab: Lab) -> None:
    text = f"{lab.text('sums.py')}\n\nCYCLES = {cycles}\n"
    outcome = grade(lab, {"sums.py": text}, load_lock(lab.folder.parent)).outcome("mean-value")
    assert outcome.status == status
    assert [figure.mark for figure in outcome.measured] == [mark]
    if mark == "slow":
        expected = "at most 120 cycles (1.20 × the reference's 100)"
        assert outcome.failure == CheckFailure("too slow", "cycles of a mean", expected, "121 cycles", "sums.py", 19)
    if mark == "impossible":
        assert outcome.failure is not None
        assert outcome.failure.expected == "at least 90 cycles: nothing can be faster"


def test_a_figure_that_is_no_whole_number_fails(lab: Lab) -> None:
    report = grade(lab, {"sums.py": f"{lab.text('sums.py')}\n\nCYCLES = 1.5\n"}, load_lock(lab.folder.parent))
    failure = report.outcome("mean-value").failure
    assert failure is not None
    assert failure.what.startswith("TypeError: @measure cycles returned 1.5; it must return cycles as a whole number")


def test_without_a_lock_file_a_measured_hole_cannot_be_graded(tree: Path, lab: Lab) -> None:
    (tree / "lock.toml").unlink()
    solution = {"sums.py": lab.text("sums.py")}
    with pytest.raises(LabError, match=r"lock\.toml: missing; it holds the cycle thresholds"):
        grade(lab, solution, load_lock(tree))
    (tree / "lock.toml").write_text("schema = 1\n", encoding="utf-8")
    with pytest.raises(LabError, match=r"nothing for 'cycles of a mean' \(lab 1-sums, hole mean-value\); generate it"):
        grade(lab, solution, load_lock(tree))
    for text in ("schema = 2\n", "schema = 1\n[[measure]]\nlab = 3\n", "schema ="):
        (tree / "lock.toml").write_text(text, encoding="utf-8")
        with pytest.raises(LabError, match="generate it again with `weft lab lock`"):
            load_lock(tree)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('@check("total")', '@check("tally")', "grade.py: a check grades 'tally', which is no hole of lab.toml"),
        ('@check("total")', "", "grade.py: no check grades the hole 'total'"),
        ("import sums\n", "import summs\n", "cannot be loaded: ModuleNotFoundError: No module named 'summs'"),
    ],
)
def test_a_grader_at_fault_is_the_labs_error(old: str, new: str, message: str, lab: Lab) -> None:
    (lab.folder / "grade.py").write_text(GRADE.replace(old, new).lstrip("\n"), encoding="utf-8")
    with pytest.raises(LabError, match=message):
        grade(load_lab(lab.folder), {"sums.py": lab.text("sums.py")}, load_lock(lab.folder.parent))
