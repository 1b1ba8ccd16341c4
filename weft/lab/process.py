"""Runs checks in a process of its own, with a time limit for each: a loop without end is killed and named.

After a kill or a crash the process is started again for the checks that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

LOADING = 120
"""Seconds that importing may take at least (compiled kernels are built on the first use)."""


@dataclass
class Result:
    """One check's result as the runner reports it, and what was printed meanwhile."""

    hole: str
    name: str
    title: str
    value: dict[str, Any]
    printed: str = ""


@dataclass
class Run:
    """A folder to grade in; ``only`` are the holes whose checks run. The rest is filled in while it runs."""

    folder: Path
    files: Sequence[str]
    holes: Sequence[str]
    only: Sequence[str]
    checks: list[str] | None = None
    results: list[Result] = field(default_factory=list)
    broken: dict[str, Any] | None = None
    printed: str = ""
    complete: bool = False

    def job(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "files": list(self.files),
            "holes": list(self.holes),
            "only": list(self.only),
            "complete": self.complete,
            "done": [result.name for result in self.results],
            "ended": [r.hole for r in self.results if r.value["kind"] not in ("pass", "measured")],
        }


def execute(runs: Sequence[Run], seconds: float) -> None:
    """Fill in every run. Nothing is left running, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="weft-lab-") as scratch:
        while not all(run.complete for run in runs):
            job = Path(scratch, "job.json")
            job.write_text(json.dumps([run.job() for run in runs]), encoding="utf-8")
            with open(Path(scratch, "stderr"), "w+b") as errors, _process(job, errors) as process:
                _follow(process, errors, runs, seconds)


@contextlib.contextmanager
def _process(job: Path, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    package_root = str(Path(__file__).parents[2])
    inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([package_root, *inherited]), "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-X", "faulthandler", "-m", "weft.lab.runner", str(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        cwd=job.parent,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if hasattr(os, "killpg"):  # the group: what student code started goes too
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _follow(process: subprocess.Popen[bytes], errors: IO[bytes], runs: Sequence[Run], seconds: float) -> None:
    """Take messages until the process is through, dies, or gives no answer in time."""
    lines: queue.Queue[bytes | None] = queue.Queue(maxsize=10_000)
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    run: Run | None = None
    waiting: Result | None = None
    limit = max(seconds, LOADING)
    deadline = time.monotonic() + limit
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            _stop(run, waiting, {"kind": "no answer", "seconds": limit})
            return
        if line is None:
            process.wait()
            if process.returncode or run is None or not run.complete:
                errors.seek(0)
                text = errors.read().decode("utf-8", "replace").strip()
                if run is None:
                    raise RuntimeError(f"the grading process ended with {process.returncode}: {text[-2000:]}")
                _stop(run, waiting, {"kind": "crash", "code": process.returncode, "text": text[-2000:]})
            return
        message = json.loads(line)
        kind = message["message"]
        if kind == "print":
            if waiting is not None:
                waiting.printed += message["text"]
            elif run is not None:
                run.printed += message["text"]
            continue
        run = runs[message["run"]]
        if kind == "checks":
            run.checks = message["holes"]
        elif kind == "start":
            waiting = Result(message["hole"], message["name"], message["title"], {})
        elif kind == "result" and waiting is not None:
            run.results.append(Result(waiting.hole, waiting.name, waiting.title, message["result"], waiting.printed))
            waiting = None
        elif kind == "broken":
            run.broken, run.complete = message["result"], True
        elif kind == "end":
            run.complete = True
        if all(run.complete for run in runs):
            return  # not at the end of its output: what student code started may hold that open
        limit = seconds if kind == "start" else max(seconds, LOADING)
        deadline = time.monotonic() + limit


def _stop(run: Run | None, waiting: Result | None, value: dict[str, Any]) -> None:
    """Record that the process was lost in this check, or while loading."""
    if run is None:
        raise RuntimeError("the grading process did not start")
    if waiting is not None:
        run.results.append(Result(waiting.hole, waiting.name, waiting.title, value, waiting.printed))
    elif not run.complete:
        run.broken, run.complete = value, True


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[bytes | None]) -> None:
    """Pass lines on, reading without a lock that whoever closes the pipe would wait for."""
    assert process.stdout is not None
    rest = b""
    with contextlib.suppress(ValueError, OSError):
        while chunk := os.read(process.stdout.fileno(), 65536):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                lines.put(line)
    lines.put(None)
