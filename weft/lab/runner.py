"""The process in which checks run: ``python -m weft.lab.runner JOB.json``, messages as JSON lines on stdout.

A job is a list of runs, each a folder with ``grade.py`` and the lab's files, the student's among them. Messages:
``import`` (of a student's file), ``load`` (of the checks), ``start`` (of one), ``print`` (what the student's code
printed), ``result``, ``end`` (of a run).
"""

from __future__ import annotations

import faulthandler
import importlib
import io
import json
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import IO, Any

import weft.lab
from weft.lab import api
from weft.lab.api import Check
from weft.lab.limits import hold
from weft.lab.raised import failure

PRINTED = 20_000
"""Characters of output that are passed on for one check."""


class _Printed(io.TextIOBase):
    """Stands for stdout and stderr while student code runs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.left = PRINTED

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.left > 0:
            kept = text[: self.left]
            self.left -= len(kept)
            self._channel.send(message="print", text=kept if self.left else f"{kept}\n… (more was printed)\n")
        return len(text)


class Channel:
    """The way back to the process that grades."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()  # threads of the student's may print
        self._process = os.getpid()

    def send(self, **message: Any) -> None:
        if os.getpid() != self._process:
            return  # a process that student code forked has nothing to say
        with self._lock:
            self._stream.write(json.dumps(message, allow_nan=False) + "\n")
            self._stream.flush()


def _load(channel: Channel, number: int, job: dict[str, Any]) -> list[Check[Any]]:
    """The checks of ``grade.py`` in the order of its text; the student's files come first, under a check's limit."""
    folder = Path(job["folder"])
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    sound = [(module, dict(vars(module))) for module in (weft.lab, api)]
    for file in job["files"]:
        channel.send(message="import", run=number)
        importlib.import_module(Path(file).stem)
    for module, names in sound:  # the grader gets what was there before the student's code ran
        vars(module).update(names)
    channel.send(message="load", run=number)
    grade = importlib.import_module("grade")
    return [value for value in vars(grade).values() if isinstance(value, Check)]


def _unload(folder: Path) -> None:
    """Forget every module of the folder, so that the next one's of the same name is read."""
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


def _call(check: Check[Any]) -> dict[str, Any]:
    value = check()
    if check.what is None:
        return {"kind": "pass"}
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"@measure {check.name} returned {value!r}; it must return cycles as a whole number")
    return {"kind": "measured", "what": check.what, "cycles": int(value), "bound": check.bound}


def run(channel: Channel, number: int, job: dict[str, Any]) -> None:
    """One run: load ``grade.py``, then its checks in the order of holes; a hole's first failure ends that hole."""
    folder, holes = Path(job["folder"]), job["holes"]
    os.chdir(folder)
    printed = _Printed(channel)
    sys.stdout = sys.stderr = printed
    channel.send(message="load", run=number)
    try:
        loaded = _load(channel, number, job)
        checks = sorted(loaded, key=lambda check: holes.index(check.hole) if check.hole in holes else -1)
    except BaseException as problem:
        channel.send(message="broken", run=number, result=failure(problem, job))
        _unload(folder)
        return
    channel.send(message="checks", run=number, holes=[check.hole for check in checks])
    ended = set(job["ended"])
    for check in checks:
        if check.hole in ended or check.name in job["done"] or check.hole not in job["only"]:
            continue
        channel.send(message="start", run=number, hole=check.hole, name=check.name, title=check.title)
        printed.left = PRINTED
        try:
            result = _call(check)
        except BaseException as problem:  # SystemExit too: student code must not end the grading
            result = failure(problem, job, check.hole)
            ended.add(check.hole)
        channel.send(message="result", run=number, result=result)
    channel.send(message="end", run=number)
    _unload(folder)


def _end_with(parent: int) -> None:
    """End this process, whatever it is doing, when the one that grades is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Read the job, keep stdout for messages, run."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    runs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)  # asked for where a check gives no answer
    channel = Channel(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what is printed past Python goes to stderr
    sys.dont_write_bytecode = True
    hold()
    warnings.simplefilter("ignore")
    for number, job in enumerate(runs):
        if not job["complete"]:
            run(channel, number, job)
    os._exit(0)  # not waiting for threads that student code started


if __name__ == "__main__":
    main()
