"""What is said of a hand-in before a hole is graded: files, syntax, imports, errors while loading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.labs.tiny import graded, statuses, written
from weft.lab.grading import FAIL, UNCHECKED, UNWRITTEN, WAITS, grade
from weft.lab.lock import load_lock
from weft.lab.sources import read_sources
from weft.lab.tree import Lab
from weft.lab.workspace import starters


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
    assert [str(p) for p in problems] == [f"sums.py: missing in {tmp_path}; `weft lab reset` puts the starter there"]
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
