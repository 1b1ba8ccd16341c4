"""Student code that does not end, dies, or leaves something running: it is named, and holds nothing up."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.labs.tiny import graded, statuses
from weft.lab import process
from weft.lab.grading import FAIL, PASS, UNCHECKED, CheckFailure, grade
from weft.lab.tree import Lab
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


def test_a_loop_without_end_is_killed_and_named(lab: Lab) -> None:
    report = graded(lab, total="while True:\n    pass\n", mean="return 2.0\n", seconds=1)
    assert statuses(report) == [FAIL, PASS], "the other hole is still graded"
    outcome = report.outcome("total")
    assert outcome.check == "The sum of three numbers is right."
    what = "no answer after 1 s: a loop without end, or too slow?"
    assert outcome.failure is not None
    assert outcome.failure in [
        CheckFailure("no answer", what, None, None, "sums.py", *at) for at in ((12, "while True:"), (13, "pass"))
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
        process._follow(ended, nobody, errors, [process.GradingRun(tmp_path, [], [], [])], 10, lambda: False)
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
    last = len(text.splitlines())
    assert str(report.problems[0]) in [f"sums.py:{line}: {told}" for line in (last - 1, last)]


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
