"""Grading: every outcome of a hole, where a failure is shown, limits of time, pristine files, thresholds."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.labs.tiny import GRADE, TOTAL, written
from weft.lab import Unwritten, check, measure, process
from weft.lab.grading import FAIL, PASS, UNCHECKED, UNWRITTEN, WAITS, Failure, Report, grade
from weft.lab.lock import Measured, load_lock
from weft.lab.markers import LabError
from weft.lab.sources import read_sources
from weft.lab.tree import Lab, load_lab
from weft.lab.warden import Warden
from weft.lab.workspace import starters

LEAVES = """\
import os, time
if os.fork() == 0:
    os.setsid()
    open({note!r}, "w").write(str(os.getpid()))
    time.sleep(60)
    os._exit(0)
while not (os.path.exists({note!r}) and open({note!r}).read()):
    pass
return 6.0
"""
"""A hole that starts a process which outlives the check."""
MEAN = "return total(values) / len(values)\n"


def graded(lab: Lab, total: str | None = None, mean: str | None = None, seconds: float | None = None) -> Report:
    """The starter with these holes written, graded."""
    text = starters(lab)["sums.py"]
    for hole, body in (("total", total), ("mean-value", mean)):
        text = text if body is None else written(text, hole, body)
    return grade(lab, {"sums.py": text}, load_lock(lab.folder.parent), seconds)


def statuses(report: Report) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


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
    assert outcome.failure == Failure("difference", "total of 1, 2, 3", "6.0", "7.0", "sums.py", 10)


def test_an_exception_is_shown_at_the_students_line(lab: Lab) -> None:
    outcome = graded(lab, total="values = []\nreturn values[3]\n").outcome("total")
    what = "IndexError: list index out of range"
    assert outcome.failure == Failure("error", what, None, None, "sums.py", 13, "return values[3]")


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


def test_a_loop_without_end_is_killed_and_named(lab: Lab) -> None:
    report = graded(lab, total="while True:\n    pass\n", mean="return 2.0\n", seconds=1)
    assert statuses(report) == [FAIL, PASS], "the other hole is still graded"
    outcome = report.outcome("total")
    assert outcome.check == "The sum of three numbers is right."
    what = "no answer after 1 s: a loop without end, or too slow?"
    assert outcome.failure is not None
    assert outcome.failure in [
        Failure("no answer", what, None, None, "sums.py", *at) for at in ((12, "while True:"), (13, "pass"))
    ]


def test_a_loop_that_prints_is_killed_too_and_its_output_cut(lab: Lab) -> None:
    outcome = graded(lab, total="while True:\n    print('x' * 100)\n", seconds=1).outcome("total")
    assert outcome.failure is not None
    assert outcome.failure.kind == "no answer"
    assert len(outcome.printed) < 21_000
    assert outcome.printed.endswith("… (more was printed)\n")


def test_no_thread_is_left_when_lines_come_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text('{"message": "end", "run": 0}\n' * 20_001, encoding="utf-8")
    before = set(threading.enumerate())
    with open(path, "rb") as messages, open(tmp_path / "errors", "w+b") as errors:
        ended: Any = SimpleNamespace(stdout=messages)
        nobody = Warden(1 << 30, "none")
        process._follow(ended, nobody, errors, [process.Run(tmp_path, [], [], [])], 10, lambda: False)
        readers = set(threading.enumerate()) - before
        for reader in readers:
            reader.join(5)
        assert not any(reader.is_alive() for reader in readers)


def test_a_loop_while_loading_is_killed_after_the_limit_of_a_check(lab: Lab) -> None:
    assert process.LOADING > 60
    text = starters(lab)["sums.py"] + "\nwhile True:\n    pass\n"
    report = grade(lab, {"sums.py": text}, None, seconds=1)
    assert statuses(report) == [UNCHECKED, UNCHECKED]
    told = "while loading: no answer after 1 s: a loop without end, or too slow?"
    assert len(report.problems) == 1
    assert str(report.problems[0]) in [f"sums.py:{line}: {told}" for line in (19, 20)]


def test_nothing_the_student_started_is_left_running(lab: Lab, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.fork() or os.getpid()))\ntime.sleep(600)\n"
    graded(lab, total=body, seconds=1)
    child = int(note.read_text(encoding="utf-8"))
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.1)
    pytest.fail("a process that the student's code started is still there")


def test_what_has_left_the_group_holds_nothing_up(lab: Lab, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = LEAVES.format(note=str(note))
    assert statuses(graded(lab, total=body, mean="return 2.0\n")) == [PASS, PASS]
    for _ in range(100):
        if note.read_text(encoding="utf-8"):
            break
        time.sleep(0.1)
    child_id = int(note.read_text(encoding="utf-8"))
    for _ in range(100):
        if not _runs(child_id):
            return
        time.sleep(0.1)
    pytest.fail("a process that left the group is still there")


def _runs(process_id: int) -> bool:
    state = Path(f"/proc/{process_id}/stat")
    if Path("/proc/self").exists():
        return state.exists() and state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_python_dying_is_a_failure(lab: Lab) -> None:
    report = graded(lab, total="import os\nos._exit(9)\n", mean="return 2.0\n")
    assert statuses(report) == [FAIL, PASS]
    failure = report.outcome("total").failure
    assert failure is not None
    assert (failure.kind, failure.what) == ("crash", "Python itself died (exit code 9)")


def test_python_dying_by_a_fault_is_shown_at_the_students_line_without_other_frames(lab: Lab) -> None:
    body = "import os\nos.sys.modules['faulthandler']._sigsegv()\n"
    failure = graded(lab, total=body, mean="return 2.0\n").outcome("total").failure
    assert failure is not None
    assert failure.what == "Python itself died (exit code -11) Fatal Python error: Segmentation fault"
    assert (failure.file, failure.line, failure.code) == ("sums.py", 13, body.splitlines()[1])


def test_a_thread_of_the_students_holds_nothing_up(lab: Lab) -> None:
    body = "import os, time\nos.sys.modules['threading'].Thread(target=time.sleep, args=(600,)).start()\nreturn 6.0\n"
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(graded, lab, body, "return 2.0\n").result(timeout=300)
    assert statuses(report) == [PASS, PASS]


def test_output_is_kept_with_its_hole(lab: Lab) -> None:
    report = graded(lab, total=f"import os\nprint('look', 1)\nos.write(1, b'raw')\n{TOTAL}", mean="return 2.0\n")
    assert report.outcome("total").printed == "look 1\n"
    assert report.outcome("mean-value").printed == ""
    assert report.passed


def test_what_is_printed_while_loading_is_kept(lab: Lab) -> None:
    text = starters(lab)["sums.py"] + "print('loaded')\n"
    assert grade(lab, {"sums.py": text}, None).printed == "loaded\n"


def test_a_syntax_error_is_shown_and_nothing_runs(lab: Lab) -> None:
    report = graded(lab, total="return (1\n")
    assert statuses(report) == [UNCHECKED, UNCHECKED]
    (problem,) = report.problems
    assert str(problem) == "sums.py:12: not Python: '(' was never closed"
    assert problem.code == "return (1"
    assert not report.passed


def test_what_only_the_compiler_refuses_is_shown_too(lab: Lab) -> None:
    report = grade(lab, {"sums.py": "return 1\n"}, None)
    assert str(report.problems[0]) == "sums.py:1: not Python: 'return' outside function"


@pytest.mark.parametrize(
    ("line", "name"),
    [("import json", "json"), ("from collections import abc", "collections"), ("import weft", "weft"),
     ("from weft.lab.grading import grade", "weft.lab.grading"), ("import grade", "grade"), ("from . import x", ".")],
)  # fmt: skip
def test_a_forbidden_import_is_refused_by_name_and_line(line: str, name: str, lab: Lab) -> None:
    report = graded(lab, total=f"{line}\nreturn 6.0\n")
    (problem,) = report.problems
    allowed = "it allows __future__, math, numbers_given, os, sums, time, typing"
    assert str(problem) == f"sums.py:12: imports {name}, which this lab does not allow; {allowed}"
    assert problem.code == line
    assert statuses(report) == [UNCHECKED, UNCHECKED]


@pytest.mark.parametrize(
    ("line", "what"),
    [("import weft.lab", "imports weft.lab"), ("import weft.lab as lab", "imports weft.lab"),
     ("from weft.lab import Unwritten, expect", "imports expect from weft.lab"),
     ("from weft.lab import *", "imports * from weft.lab"), ("from weft.lab import api", "imports api from weft.lab")],
)  # fmt: skip
def test_of_the_runner_only_unwritten_may_be_imported(line: str, what: str, lab: Lab) -> None:
    report = grade(lab, {"sums.py": starters(lab)["sums.py"].replace("import math", line)}, None)
    assert [str(problem) for problem in report.problems] == [
        f"sums.py:5: {what}; of it a lab's files may import one name: `from weft.lab import Unwritten`"
    ]


def test_what_is_put_in_the_runners_place_while_loading_has_no_effect(lab: Lab) -> None:
    text = written(written(starters(lab)["sums.py"], "total", "return 7.0\n"), "mean-value", "return 3.0\n")
    trick = "import os\nos.sys.modules['weft.lab'].expect = lambda *a, **k: None\n"
    report = grade(lab, {"sums.py": f"{text}{trick}"}, load_lock(lab.folder.parent))
    assert statuses(report) == [FAIL, FAIL]


def test_a_byte_order_mark_is_no_mistake(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(lab.text("sums.py"), encoding="utf-8-sig")
    sources, problems = read_sources(lab, tmp_path)
    assert problems == ()
    assert grade(lab, sources, load_lock(lab.folder.parent)).passed


def test_an_error_while_loading_is_shown_at_its_line(lab: Lab) -> None:
    text = starters(lab)["sums.py"] + "print(1 / 0)\n"
    report = grade(lab, {"sums.py": text}, None)
    (problem,) = report.problems
    assert str(problem) == "sums.py:19: while loading: ZeroDivisionError: division by zero"
    assert problem.code == "print(1 / 0)"


def test_a_hole_at_module_level_holds_up_the_others(lab: Lab) -> None:
    text = lab.text("sums.py") + '\nfrom weft.lab import Unwritten\nraise Unwritten("mean-value")\n'
    report = grade(lab, {"sums.py": text}, None)
    assert statuses(report) == [WAITS, UNWRITTEN]


def test_files_other_than_those_with_holes_are_pristine(lab: Lab, tmp_path: Path) -> None:
    for name in ("numbers_given.py", "grade.py"):
        (tmp_path / name).write_text("VALUES = []\n", encoding="utf-8")
    (tmp_path / "sums.py").write_text(lab.text("sums.py"), encoding="utf-8")
    sources, problems = read_sources(lab, tmp_path)
    assert problems == ()
    assert grade(lab, sources, load_lock(lab.folder.parent)).passed


def test_a_missing_or_unreadable_file_is_named(lab: Lab, tmp_path: Path) -> None:
    _, problems = read_sources(lab, tmp_path)
    assert [str(p) for p in problems] == [
        f"sums.py: missing in {tmp_path}; `weft lab reset` puts the starter there"
    ]
    (tmp_path / "sums.py").write_bytes(b"\xff\xfe\xfa")
    assert [str(p) for p in read_sources(lab, tmp_path)[1]] == ["sums.py: not UTF-8 text"]
    (tmp_path / "sums.py").write_bytes(b"x = 1\0")
    assert "null bytes" in str(read_sources(lab, tmp_path)[1][0])


ENDLESS = {
    "-": "-" * 200_000 + "1", "attributes": "a" + ".b" * 100_000, "sums": "1" + "+1" * 100_000,
    "branches": "if a: pass\n" + "elif a: pass\n" * 50_000, "not": "not " * 5000 + "a",
    "lambdas": "lambda:" * 3000 + "1",
}  # fmt: skip


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_code_that_is_too_deep_is_no_python(text: str, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(text, encoding="utf-8")
    assert [str(p) for p in read_sources(lab, tmp_path)[1]] == ["sums.py: not Python: nested too deeply"]


def test_what_is_no_file_of_the_hand_in_is_not_read(lab: Lab, tmp_path: Path) -> None:
    """A pipe would be waited for, a device read to its end, and a link could lead to the solution."""
    folder = tmp_path / "hand-in"
    folder.mkdir()
    place = folder / "sums.py"

    def problem() -> str:
        sources, problems = read_sources(lab, folder)
        assert sources == {}
        return str(*problems)

    place.symlink_to(lab.folder / "sums.py")
    assert problem() == "sums.py: a link to a file outside of its folder; a hand-in holds its own files"
    for target in ("/dev/zero", "/dev/null", "sums.py", "."):
        place.unlink()
        place.symlink_to(target)
        assert problem() == "sums.py: not a regular file"
    place.unlink()
    place.mkdir()
    assert problem() == "sums.py: not a regular file"
    place.rmdir()
    os.mkfifo(place)
    assert problem() == "sums.py: not a regular file"
    place.unlink()
    with place.open("wb") as file:
        file.truncate(1 << 40)
    assert problem() == "sums.py: of 1,099,511,627,776 bytes; 1,048,576 are the most that is checked"
    (folder / "mine.py").write_text(lab.text("sums.py"), encoding="utf-8")
    place.unlink()
    place.symlink_to("mine.py")
    assert read_sources(lab, folder)[1] == ()


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
        assert outcome.failure == Failure("too slow", "cycles of a mean", expected, "121 cycles", "sums.py", 19)
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
