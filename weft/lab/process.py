"""Runs checks in a process of its own, with limits for each: a loop without end is killed and named.

After a kill or a crash the process is started again for the checks that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from weft.base.limits import Limit
from weft.lab import dump
from weft.lab.limits import CPU, OUTPUT, told
from weft.lab.warden import MARK, Warden

LOADING = 120
"""Seconds that loading the checks may take at least (compiled kernels are built on the first use)."""
LOOKING = 0.3
"""Seconds between two looks whether the answer is still wanted."""
STUDENTS = ("start", "import")
"""Messages after which the student's code runs, and the time limit of a check holds."""
MESSAGES = (*STUDENTS, "load", "checks", "print", "result", "broken", "end")
"""All that the runner says."""


class Abandoned(Exception):
    """Raised where the answer is no longer wanted; nothing is left running."""


@dataclass
class CheckResult:
    """One check's result as the runner reports it, and what was printed meanwhile."""

    hole: str
    name: str
    title: str
    value: dict[str, Any]
    printed: str = ""


@dataclass
class GradingRun:
    """A folder to grade in; ``only`` are the holes whose checks run.

    ``foundations`` are the holes that each builds on, ``owners`` the function around each, and ``functions`` those of
    each file of the tree. The rest is filled in while it runs.
    """

    folder: Path
    files: Sequence[str]
    holes: Sequence[str]
    only: Sequence[str]
    foundations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    owners: Mapping[str, str | None] = field(default_factory=dict)
    functions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    checks: list[str] | None = None
    results: list[CheckResult] = field(default_factory=list)
    broken: dict[str, Any] | None = None
    printed: str = ""
    complete: bool = False

    @property
    def hanging(self) -> set[str]:
        """Holes of which a check gave no answer, or was stopped at a limit."""
        return {result.hole for result in self.results if result.value["kind"] in ("no answer", "over")}

    def hopeless(self, hole: str) -> bool:
        """True if the hole builds on one that gave no answer, so that its checks would hang as well."""
        return bool(self.hanging & self.foundations.get(hole, frozenset()))

    def job(self) -> dict[str, Any]:
        """What the runner is told."""
        ended = [r.hole for r in self.results if r.value["kind"] not in ("pass", "measured")]
        return {
            "folder": str(self.folder),
            "files": list(self.files),
            "holes": list(self.holes),
            "only": list(self.only),
            "complete": self.complete,
            "done": [result.name for result in self.results],
            "ended": ended + [hole for hole in self.holes if self.hopeless(hole)],
            "owners": dict(self.owners),
            "functions": {file: list(names) for file, names in self.functions.items()},
        }


def execute(runs: Sequence[GradingRun], seconds: float, unwanted: Callable[[], bool] | None = None) -> None:
    """Fill in every run. Nothing is left running, whatever happens. Raises Abandoned once ``unwanted()`` is true."""
    with tempfile.TemporaryDirectory(prefix="weft-lab-") as scratch:
        while not all(run.complete for run in runs):
            job = Path(scratch, "job.json")
            job.write_text(json.dumps([run.job() for run in runs], allow_nan=False), encoding="utf-8")
            with open(Path(scratch, "stderr"), "w+b") as errors, _process(job, errors) as (process, warden):
                _follow(process, warden, errors, runs, seconds, unwanted or (lambda: False))


@contextlib.contextmanager
def _process(job: Path, errors: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], Warden]]:
    mark = secrets.token_hex(16)
    package_root = str(Path(__file__).parents[2])
    inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([package_root, *inherited]), "PYTHONHASHSEED": "0"}
    environment |= {MARK: mark, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each thread takes memory
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
    warden = Warden(process.pid, mark)
    try:
        yield process, warden
    finally:
        warden.end()  # what student code started goes too
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _follow(
    process: subprocess.Popen[bytes],
    warden: Warden,
    errors: IO[bytes],
    runs: Sequence[GradingRun],
    seconds: float,
    unwanted: Callable[[], bool],
) -> None:
    """Take messages until the process is through, dies, or gives no answer in time."""
    lines: queue.Queue[bytes | Limit | None] = queue.Queue()  # no limit: a reader that waits for room never ends
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    run: GradingRun | None = None
    waiting: CheckResult | None = None
    limit = max(seconds, LOADING)
    deadline = time.monotonic() + limit
    look = time.monotonic() + LOOKING
    while True:
        over: Limit | None = None
        if time.monotonic() >= look:
            over, look = warden.over(), time.monotonic() + LOOKING
        if over is not None:
            _stop(run, waiting, _over(over, process, errors, run))
            return
        try:
            line = lines.get(timeout=min(LOOKING, max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            if unwanted():
                raise Abandoned from None
            if time.monotonic() < deadline:
                continue
            at = {} if run is None else dump.place(_stacks(process, errors), run.folder, run.files)
            _stop(run, waiting, {"kind": "no answer", "seconds": limit} | at)
            return
        if line is None:
            process.wait()
            if process.returncode or run is None or not run.complete:
                errors.seek(0)
                text = errors.read().decode("utf-8", "replace").strip()
                if run is None:
                    raise RuntimeError(f"the grading process ended with {process.returncode}: {text[-2000:]}")
                at = dump.place(text, run.folder, run.files)
                if process.returncode == -getattr(signal, "SIGXCPU", 0):
                    _stop(run, waiting, {"kind": "over", "text": f"stopped: {told(CPU)}"} | at)
                    return
                _stop(run, waiting, {"kind": "crash", "exit": process.returncode, "text": dump.cause(text)[-500:]} | at)
            return
        if isinstance(line, Limit):
            _stop(run, waiting, _over(line, process, errors, run))
            return
        if (message := _message(line)) is None:
            text = "what it wrote is no message of the grading process"
            _stop(run, waiting, {"kind": "crash", "exit": 0, "text": text, "student": False})
            return
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
            waiting = CheckResult(message["hole"], message["name"], message["title"], {})
        elif kind == "result" and waiting is not None:
            run.results.append(
                CheckResult(waiting.hole, waiting.name, waiting.title, message["result"], waiting.printed)
            )
            waiting = None
        elif kind == "broken":
            run.broken, run.complete = message["result"], True
        elif kind == "end":
            run.complete = True
        if all(run.complete for run in runs):
            return  # not at the end of its output: what student code started may hold that open
        limit = seconds if kind in STUDENTS else max(seconds, LOADING)
        deadline = time.monotonic() + limit


def _over(limit: Limit, process: subprocess.Popen[bytes], errors: IO[bytes], run: GradingRun | None) -> dict[str, Any]:
    """What is recorded where a limit is met that the system does not hold."""
    at = {} if run is None else dump.place(_stacks(process, errors), run.folder, run.files)
    return {"kind": "over", "text": f"stopped: {told(limit)}"} | at


def _message(line: bytes) -> dict[str, Any] | None:
    """A message of the runner; None for anything else that was written where it writes them."""
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(line)
        if isinstance(message, dict) and message.get("message") in MESSAGES:
            return message
    return None


def _stacks(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """Where every thread of a hanging process stands, in the words of faulthandler; nothing where that cannot be."""
    if not hasattr(signal, "SIGUSR1"):
        return ""
    before = seen = errors.seek(0, os.SEEK_END)
    process.send_signal(signal.SIGUSR1)
    for _ in range(20):
        time.sleep(0.05)
        if (now := errors.seek(0, os.SEEK_END)) == seen > before:
            break
        seen = now
    errors.seek(before)
    return errors.read().decode("utf-8", "replace")


def _stop(run: GradingRun | None, waiting: CheckResult | None, value: dict[str, Any]) -> None:
    """Record that the process was lost in this check, or while loading."""
    if run is None:
        raise RuntimeError("the grading process did not start")
    if waiting is not None:
        run.results.append(CheckResult(waiting.hole, waiting.name, waiting.title, value, waiting.printed))
    elif not run.complete:
        run.broken, run.complete = value, True


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[bytes | Limit | None]) -> None:
    """Pass lines on, reading without a lock that whoever closes the pipe would wait for; up to the limit of it all."""
    assert process.stdout is not None
    rest, left = b"", OUTPUT.value
    with contextlib.suppress(ValueError, OSError):
        while chunk := os.read(process.stdout.fileno(), 65536):
            if (left := left - len(chunk)) < 0:
                lines.put(OUTPUT)
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                lines.put(line)
    lines.put(None)
