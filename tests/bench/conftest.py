"""Benches as `weft rtl bench` writes them, and run.py as a stranger calls it: from there, in a bare environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from weft.isa.machine import load
from weft.sim.fuzz import random_program

TOOLS = ("make", "c++", "iverilog")


@dataclass(frozen=True)
class Outcome:
    """What a run of run.py left behind."""

    code: int
    printed: str

    @property
    def cycles(self) -> int:
        """What the test logs at its end."""
        told = re.search(r"(\d+) cycles; with", self.printed)
        assert told is not None, self.printed
        return int(told[1])

    def failed(self, *texts: str) -> None:
        """A test failed, and each text is in what was printed."""
        assert self.code == 1, self.printed
        for text in texts:
            assert text in self.printed, self.printed

    def passed(self) -> Outcome:
        """One test passed."""
        assert (self.code, "TESTS=1 PASS=1 FAIL=0" in self.printed) == (0, True), self.printed
        return self


Run = Callable[..., Outcome]


def bare(home: Path, *folders: Path | str) -> dict[str, str]:
    """An environment of nothing but a home and a PATH."""
    return {"HOME": str(home), "PATH": ":".join(map(str, folders))}


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the bench in a folder with these words, with this Python and the tools on PATH."""
    tools = {str(Path(found).parent) for tool in TOOLS if (found := shutil.which(tool))}

    def call(folder: Path, *words: str) -> Outcome:
        result = subprocess.run(
            ["python", "run.py", *words],
            cwd=folder,
            env=bare(folder, Path(sys.executable).parent, *sorted(tools)),
            executable=sys.executable,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Outcome(result.returncode, result.stdout)

    return call


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of ``nano`` with a random program, to copy; nothing is built in it."""
    pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")
    pytest.importorskip("cocotb_tools", reason="needs cocotb: pip install 'weftml[dev]'")
    from weft.testbench import write

    folder = tmp_path_factory.mktemp("bench") / "kit"
    machine = load("nano")
    write(folder, machine, random_program(machine, 3), "verilator")
    return folder


@pytest.fixture
def kit(written: Path, tmp_path: Path) -> Path:
    """A bench of its own for one test."""
    return Path(shutil.copytree(written, tmp_path / "kit"))
