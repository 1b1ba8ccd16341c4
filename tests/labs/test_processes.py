"""``weft lab`` as a process: Ctrl-C, watching, what is left running, colour on a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.labs.tiny import TOTAL, Weft, write_hole, written


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "weft", "lab", *words]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=environment)


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited in vain")


def _gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{process_id}/stat")
    return state.exists() and state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def _endless(folder: Path) -> Path:
    """A hole that notes its process and never returns."""
    note = folder / "pid"
    write_hole(folder, "total", f"import os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass\n")
    return note


@pytest.mark.parametrize("words", [("check",), ("check", "--watch")])
def test_interrupted_in_the_middle_leaves_nothing_running(words: tuple[str, ...], weft: Weft, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    note = _endless(folder)
    process = _start(folder, *words)
    _until(lambda: note.exists() and note.read_text(encoding="utf-8") != "")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    _until(lambda: _gone(int(note.read_text(encoding="utf-8"))))


def test_a_grading_process_ends_when_its_parent_is_killed(weft: Weft, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    note = _endless(folder)
    process = _start(folder, "check")
    _until(lambda: note.exists() and note.read_text(encoding="utf-8") != "")
    process.kill()
    process.communicate(timeout=60)
    _until(lambda: _gone(int(note.read_text(encoding="utf-8"))))


def test_watch_checks_again_after_a_change(weft: Weft, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    process = _start(folder, "check", "--watch")
    assert process.stdout is not None
    assert _line(process, "0 of 2 holes pass")
    write_hole(folder, "total", TOTAL)
    assert _line(process, "1 of 2 holes pass")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_watch_gives_up_a_check_when_the_file_changes(weft: Weft, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mine"
    weft("init", "1", "mine")
    text = (folder / "sums.py").read_text(encoding="utf-8")
    note = _endless(folder)
    lab = tmp_path / "labs/1-sums/lab.toml"
    lab.write_text("seconds = 3000\n" + lab.read_text(encoding="utf-8"), encoding="utf-8")
    process = _start(folder, "check", "--watch")
    _until(lambda: note.exists() and note.read_text(encoding="utf-8") != "")
    (folder / "sums.py").write_text(written(text, "total", TOTAL), encoding="utf-8")
    assert _line(process, "1 of 2 holes pass")
    _until(lambda: _gone(int(note.read_text(encoding="utf-8"))))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def _line(process: subprocess.Popen[str], wanted: str) -> bool:
    assert process.stdout is not None
    return any(line.strip() == wanted for line in iter(process.stdout.readline, "") if line.strip().endswith("pass"))


def test_colour_on_a_terminal_only_where_it_is_wanted(lab_view: Callable[[dict[str, str]], str]) -> None:
    green = "\x1b[32mpass"
    assert green in lab_view({})
    assert green not in lab_view({"NO_COLOR": "1"})


@pytest.fixture
def lab_view(tree: Path) -> Callable[[dict[str, str]], str]:
    """The list of labs on a terminal, with these variables set."""

    def view(variables: dict[str, str]) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"} | variables
        code = "import pty, sys; sys.exit(pty.spawn([sys.executable, '-m', 'weft', 'lab', *sys.argv[1:]]))"
        command = [sys.executable, "-c", code, "check", "1", "--solution", "--tree", str(tree)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, check=True)
        return done.stdout

    return view
