"""The command line in this process, with what it printed and its exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from weft.cli import main
from weft.isa.assembler import assemble
from weft.isa.container import save

COPY = """
.machine nano
.buffer x input float32 16 @0x0
.buffer y output float32 16 @0x100
.entry 0x1000
.data 0x0 float32 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
load dram=0x0 local=acc[0x0] bytes=64 post=s0
vector x=acc[0x0] x_source=row pre=fadd imm=0.5 d=acc[0x100] lanes=4 count0=4 x_stride0=16 d_stride0=16 wait=s0 post=s1
store dram=0x100 local=acc[0x100] bytes=64 wait=s1
halt
"""
"""A program that adds a half to sixteen numbers."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *texts: str) -> None:
        """Exit code, a clean stdout, no traceback, and every text in the message."""
        assert self.code == code, self
        assert self.out == ""
        assert "Traceback" not in self.err
        assert self.err.lower().count("error: ") == 1, self.err
        for text in texts:
            assert text in self.err, self.err


Weft = Callable[..., Outcome]


@pytest.fixture
def weft(capsys: pytest.CaptureFixture[str]) -> Weft:
    """Run ``weft`` with the given words."""

    def run(*words: str | Path) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A small valid program file for nano."""
    path = tmp_path / "copy.weft"
    save(assemble(COPY, "copy.s"), path)
    return path


def python(code: str, **environment: str) -> Outcome:
    """Python ``code`` in a process of its own with only the given environment variables."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def fresh_python() -> Callable[..., Outcome]:
    """Run code in a process of its own."""
    return python
