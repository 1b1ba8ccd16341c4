"""One process at a time makes what the cache keeps; whoever is killed holds nothing up."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weft.base.cache.keeper import Cache

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys, time
from pathlib import Path
from weft.base.cache.keeper import Cache
with Cache(Path(sys.argv[1]), 1 << 20).alone("models", "a" * 24):
    (Path(sys.argv[1]) / "inside").open("x").close()
    print("inside", flush=True)
    time.sleep(float(sys.argv[2]))
    (Path(sys.argv[1]) / "inside").unlink()
"""


def holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that has the lock for so long; it fails if another one has it too."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    processes = [holder(tmp_path, 0.2) for _ in range(3)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert list(tmp_path.rglob("*.lock")) == []


def test_a_lock_that_cannot_say_whose_it_is_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the file is made, and nothing goes into it; the next to ask must not wait for ever."""
    pytest.importorskip("fcntl")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(2):
        with Cache(tmp_path, 1 << 20).alone("models", "a" * 24):
            process = holder(tmp_path, 0)
            assert process.stdout is not None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.kill()
            process.communicate()
    assert list(tmp_path.rglob("*.lock")) == []


def test_who_is_killed_holds_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("fcntl")
    process = holder(tmp_path, 600)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    killed = []

    class Waiting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            killed.append(record.getMessage())
            process.send_signal(signal.SIGKILL)

    log, handler = logging.getLogger("weft.cache"), Waiting()
    log.addHandler(handler)
    try:
        with Cache(tmp_path, 1 << 20).alone("models", "a" * 24):
            assert killed == [f"weft: waiting for process {process.pid} to make the same"]
    finally:
        log.removeHandler(handler)
        process.communicate()
    assert list(tmp_path.rglob("*.lock")) == []
