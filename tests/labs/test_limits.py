"""Student code that takes too much of the computer ends with one line that names the limit, and nothing runs on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.labs.test_processes import _gone
from tests.labs.tiny import TOTAL, Weft, write_hole
from weft.lab.limits import LIMITS, MEMORY
from weft.lab.warden import MARK, Warden

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of these limits")

SPIN = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end:\n    time.sleep(0.01)\n"
CASES: dict[str, tuple[dict[str, int], str, list[str]]] = {
    "a list that grows": (
        {"memory": 200 << 20},
        "held = []\nwhile True:\n    held.append(bytearray(1 << 20))\n",
        ["MemoryError: the limit is 200 MiB (the memory that a check takes", "WEFT_LIMIT_LAB_MEMORY changes it)"],
    ),
    "one great print": (
        {"memory": 200 << 20},
        "print('x' * 10_000_000_000)\nreturn 0\n",
        ["MemoryError: the limit is 200 MiB (the memory that a check takes", "WEFT_LIMIT_LAB_MEMORY changes it)"],
    ),
    "memory of several processes": (
        {"memory": 200 << 20},
        f"import os\nfor _ in range(8):\n    if os.fork() == 0:\n        held = bytearray(b'x') * (100 << 20)\n"
        f"        import time\n        time.sleep(60)\n        os._exit(0)\n{SPIN}",
        ["stopped: the limit is 200 MiB (the memory that a check takes"],
    ),
    "a fork bomb": (
        {"processes": 40},
        "import os\nwhile True:\n    if len(os.listdir('/proc')) < 3000:\n        os.fork()\n",
        ["the limit is 40 tasks (the processes of a check at once; WEFT_LIMIT_LAB_PROCESSES changes it)"],
    ),
    "processes that leave the session": (
        {"processes": 20},
        f"import os\nfor _ in range(30):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork():\n"
        f"            os._exit(0)\n        import time\n        time.sleep(60)\n        os._exit(0)\n{SPIN}",
        ["stopped: the limit is 20 tasks (the processes of a check at once"],
    ),
    "a great file": (
        {"file": 1 << 20},
        "with open('big', 'wb') as file:\n    while True:\n        file.write(b'x' * 65536)\n",
        ["OSError: [Errno 27] File too large; the limit is 1 MiB (a file that a check writes"],
    ),
    "output past Python": (
        {"file": 1 << 20},
        "import os\nwhile True:\n    os.write(1, b'x' * 65536)\n",
        ["OSError: [Errno 27] File too large; the limit is 1 MiB (a file that a check writes"],
    ),
    "many open files": (
        {"files": 64},
        "held = []\nwhile True:\n    held.append(open(__file__))\n",
        ["OSError: [Errno 24] Too many open files", "the limit is 64 files (the files that a process has open at once"],
    ),
    "a flood for the grader": (
        {"output": 1 << 20},
        "import os\nwhile True:\n    for handle in range(3, 20):\n        try:\n"
        "            os.write(handle, b'x' * 65536)\n        except OSError:\n            pass\n",
        ["stopped: the limit is 1 MiB (what a process says to the one that grades"],
    ),
    "junk for the grader": (
        {},
        "import os\nfor handle in range(3, 20):\n    try:\n        os.write(handle, b'junk\\n{}\\n')\n"
        f"    except OSError:\n        pass\n{SPIN}",
        ["what it wrote is no message of the grading process"],
    ),
}


def checked(weft: Weft, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The result of `weft lab check` as plain data."""
    monkeypatch.chdir(folder)
    outcome = weft("check", "--json")
    assert outcome.code == 1, outcome
    assert outcome.err == ""
    return json.loads(outcome.out)


@pytest.mark.parametrize("name", CASES)
def test_a_limit_is_named(name: str, weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, body, texts = CASES[name]
    monkeypatch.setattr("weft.lab.process.secrets.token_hex", lambda _: str(tmp_path))
    for limit, value in limits.items():
        monkeypatch.setenv(f"WEFT_LIMIT_LAB_{limit.upper()}", str(value))
    folder = tmp_path / "home" / "mine"
    lab = tmp_path / "labs/1-sums/lab.toml"
    lab.write_text("seconds = 60\n" + lab.read_text(encoding="utf-8"), encoding="utf-8")
    weft("init", "1", "mine")
    note = f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    write_hole(folder, "total", note + body)
    write_hole(folder, "mean-value", "return 0\n")
    first, _ = checked(weft, folder, monkeypatch)["holes"]
    assert first["status"] == "fail"
    for text in texts:
        assert text in first["failure"]["what"], first
    assert "\n" not in first["failure"]["what"]
    assert _gone(int((tmp_path / "pid").read_text()))
    assert not _born_with(f"{MARK}={tmp_path}")


def _born_with(variable: str) -> list[int]:
    """Processes that live with this variable in the environment that they were born with."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if variable.encode() in entry.read_bytes().split(b"\0") and not _gone(int(entry.parent.name)):
                found.append(int(entry.parent.name))
    return found


def test_what_is_left_running_would_be_seen(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(command, env=os.environ | {MARK: str(tmp_path)})
    deadline = time.monotonic() + 30
    while not (found := _born_with(f"{MARK}={tmp_path}")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert found == [process.pid]


def test_what_is_taken_while_loading_is_named(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY.variable, str(100 << 20))
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    with (folder / "sums.py").open("a", encoding="utf-8") as file:
        file.write("\nHELD = bytearray(1 << 30)\n")
    (problem,) = checked(weft, folder, monkeypatch)["problems"]
    assert "while loading: MemoryError: the limit is 100 MiB" in str(problem)


def test_what_is_right_passes_within_the_limits(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    write_hole(folder, "total", f"import os\nif os.fork() == 0:\n    os._exit(0)\n{TOTAL}")
    write_hole(folder, "mean-value", "return total(values) / len(values)\n")
    monkeypatch.chdir(folder)
    assert weft("check").code == 0


def test_every_limit_can_be_changed_and_says_what_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({limit.variable for limit in LIMITS}) == len(LIMITS)
    for limit in LIMITS:
        monkeypatch.setenv(limit.variable, "7")
        assert limit.value == 7
        assert limit.doc


def test_processes_are_found_by_session_parent_and_mark() -> None:
    assert os.getpid() not in Warden(os.getsid(0), "no such mark").members()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        time.sleep(60)
        os._exit(0)
    deadline = time.monotonic() + 30
    while len(found := Warden(child, "no such mark").members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child in found
    assert len(found) == 2
    Warden(child, "no such mark").end()
    os.waitpid(child, 0)
    assert Warden(child, "no such mark").members() == set()
