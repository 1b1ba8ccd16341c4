"""What plain ``pytest``, ``-m smoke`` and ``.ci/run`` run: in parallel, one of each kind, and everything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"isa", "framework", "compiler", "rtl", "sim", "reports", "labs", "weft"}
"""Of the tests, those that a smoke test has to be in."""


def collected(*words: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only", "-q", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 5), done.stdout + done.stderr
    return re.findall(r"^tests/\S+(?=::|: \d)", done.stdout, re.M)


@pytest.mark.thorough
def test_smoke_goes_over_the_whole_path() -> None:
    assert {name.split("/")[1] for name in collected("-m", "smoke")} >= FOLDERS


def test_ci_leaves_nothing_out() -> None:
    """Every run of the tests takes all marks and all cores, and what one ignores another names."""
    lines = re.findall(r"^pytest .*$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.M)
    assert lines
    assert all("-m '' " in f"{line} " for line in lines), lines
    assert all("-n auto " in line for line in lines if "--cov" in line), lines
    ignored = {name for line in lines for name in re.findall(r"--ignore=(\S+)", line)}
    named = {word for line in lines if "--ignore" not in line for word in line.split() if word.startswith("tests")}
    assert ignored == named


def test_marks_are_left_out_only_by_default() -> None:
    page = "tests/sim/test_reproducible.py"
    assert collected(page) == []
    assert collected("-m", "", page)


RUNS = {
    "tests/machines": True,
    "tests/test_pages.py": False,
    "tests/machines tests/test_pages.py": True,
    "-n 0 tests/machines": False,
    "-p no:xdist tests/machines": False,
    "--pdb tests/machines": False,
    "--cov=weft --cov-report= tests/machines": False,
    "--cov=weft --cov-report= -n auto tests/machines": True,
}
"""Words after ``pytest``, and whether it starts workers."""


@pytest.mark.parametrize("words", RUNS)
def test_folders_run_in_parallel(words: str, tmp_path: Path) -> None:
    """On an empty selection, so that workers start and nothing else."""
    command = [sys.executable, "-m", "pytest", "-v", "-k", "a_name_of_no_test", *words.split()]
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 5, done.stdout + done.stderr
    assert bool(re.search(r"^\d+ workers? \[", done.stdout, re.M)) == RUNS[words], done.stdout
