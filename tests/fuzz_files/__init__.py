"""Hostile files against every reader: one error that names the file, or a value that everything else can work with.

    python -m tests.fuzz_files -n 20000                  # every kind, numbers 0 to 19999
    python -m tests.fuzz_files -n 5000 --first 20000 --kind program --keep bad/

Every case has a number, and is the same whenever it is made: a run can be cut into pieces and taken up again.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz_files.kinds import KINDS
from weft.base.errors import LimitError

LIMITS = {"EXECUTED": 20_000, "COMPARED": 2_000_000, "DRAM": 1 << 26, "TEXT_FILE": 1 << 22, "PROGRAM_FILE": 1 << 24}
"""The limits of isa.limits while files are tried: a program that keeps to them is run on every engine."""
CASE_SECONDS = 30
"""Processor time that no case may take, so that one that never ends is a failure and no hang."""
_LONGEST_MESSAGE = 4000


@contextmanager
def small_limits() -> Iterator[None]:
    """``LIMITS`` hold meanwhile."""
    names = {f"WEFT_LIMIT_{name}": str(value) for name, value in LIMITS.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise AssertionError(f"takes over {CASE_SECONDS} s of processor time")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, CASE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def hostile(kind: str, number: int) -> bytes:
    """The file of that number."""
    return KINDS[kind].make(random.Random(f"{kind} {number}"))


def attempt(kind: str, path: Path) -> bool:
    """Read ``path`` and use what it gives; whether it was accepted. Raises AssertionError, or whatever a defect of
    weft's raises."""
    one = KINDS[kind]
    with _alarm():
        try:
            value = one.read(path)
        except (one.error, LimitError) as problem:
            message = str(problem)
            assert message.startswith(str(path)), message
            assert all(line.isprintable() for line in message.split("\n")), message
            assert len(message) < _LONGEST_MESSAGE, message
            return False
        one.use(value)
        return True
