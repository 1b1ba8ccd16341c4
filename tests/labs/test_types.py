"""The labs' solutions, checks and given files have right types, each lab by itself, as its files import one another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weft.lab.tree import load_labs

TREE = Path(__file__).parents[2] / "labs"


def test_every_lab_passes_mypy() -> None:
    """One after another: all use the cache of the checkout, so that weft is not read anew for each."""
    pytest.importorskip("mypy", reason="mypy is not installed; weftml[dev] has it")
    for lab in load_labs(TREE):
        files = sorted(str(path.relative_to(TREE.parent)) for path in lab.folder.glob("*.py"))
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *files],
            cwd=TREE.parent,
            env=os.environ | {"MYPYPATH": os.pathsep.join((str(lab.folder), str(TREE / "common")))},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
