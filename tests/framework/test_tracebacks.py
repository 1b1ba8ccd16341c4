"""Tracebacks of a user's mistake in a script, in pytest and in IPython: the user's lines, unless all are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weft.base.errors import WeftError
from weft.framework.errors import FrameworkError
from weft.framework.tensor import tensor

SCRIPT = """
import weft

def double(x):
    return x @ weft.ones(7)

@weft.jit
def step(x):
    return double(x)

step(weft.ones(2, 3))
"""
ROOT = Path(__file__).parents[2]


def run(folder: Path, *command: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WEFT_TRACEBACK": "", **variables}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_script_ends_in_one_line_at_the_users_line(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    told = run(tmp_path, "train.py")
    files = [line.split('"')[1] for line in told.splitlines() if line.startswith("  File")]
    assert {Path(file).name for file in files} == {"train.py"}
    assert len(files) == 3
    last = told.rstrip().splitlines()[-1]
    assert "ShapeError: train.py:5: matmul" in last
    assert "inner extents 3 and 7 differ" in last


def test_all_frames_are_there_when_asked_for_and_for_other_errors(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    assert "jit.py" in run(tmp_path, "train.py", WEFT_TRACEBACK="full")
    (tmp_path / "other.py").write_text(SCRIPT.replace("return double(x)", "return 1 / 0").replace("@weft", "@weft"))
    told = run(tmp_path, "other.py")
    assert "ZeroDivisionError" in told
    assert "jit.py" in told, "what is no mistake in the use of weft is told in full"


def test_a_hook_of_somebody_else_stays(tmp_path: Path) -> None:
    hook = "import sys\nsys.excepthook = lambda *error: sys.stderr.write('mine')\n"
    (tmp_path / "train.py").write_text(hook + SCRIPT)
    assert run(tmp_path, "train.py") == "mine"


def test_importing_installs_nothing(tmp_path: Path) -> None:
    check = "import sys, weft; weft.nn, weft.Tensor; assert sys.excepthook is sys.__excepthook__; sys.exit(1)"
    assert run(tmp_path, "-c", check) == ""


def test_pytest_shows_the_users_frames(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SCRIPT.replace("step(weft", "def test_it():\n    step(weft"))
    plain = ("-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "test_mine.py")
    assert "jit.py" not in run(tmp_path, *plain)
    assert "jit.py" in run(tmp_path, *plain, WEFT_TRACEBACK="full")


def test_what_ipython_is_given() -> None:
    with pytest.raises(FrameworkError) as caught:
        tensor([1.0]).sum(3)
    lines = caught.value._render_traceback_()
    assert "axis 3 is outside shape [1]" in lines[-1]
    assert not any("operators.py" in line for line in lines)


def test_an_error_of_the_framework_is_one_of_weft_and_shows_nothing_that_does_not_print() -> None:
    error = FrameworkError("a name of \x1b[31m" + "x" * 2000)
    assert isinstance(error, WeftError)
    assert str(error) == "a name of " + ("\\x1b[31m" + "x" * 2000)[:1000] + "…"
