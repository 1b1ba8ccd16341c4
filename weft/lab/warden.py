"""All processes that student code has started, however they are related now: counted, measured, ended together.

A process belongs to a grading process if it is in its session, has a parent that belongs to it, or carries its mark in
the environment that it was born with. Linux alone tells of these; elsewhere the process group is all that is known.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weft.base.children import end_group
from weft.base.limits import Limit
from weft.lab.limits import MEMORY, PROCESSES

MARK = "WEFT_LAB_GRADING"
"""The variable of the environment by which processes are known that left the session."""
_PROC = Path("/proc")
_OWN = 256 << 20
"""Bytes that Python and the libraries take themselves: a single process meets the system's limit before this one."""
_ROUNDS, _PAUSE = 200, 0.02


@dataclass(frozen=True)
class _Process:
    """A row of the system's table of processes."""

    number: int
    parent: int
    session: int
    state: str


@dataclass(frozen=True)
class Warden:
    """Watches over the processes of the session ``leader``, marked with ``mark``."""

    leader: int
    mark: str

    def members(self) -> set[int]:
        """The numbers of all its processes that live."""
        table = {process.number: process for process in _table()}
        found = {n for n, process in table.items() if process.session == self.leader or self._marked(n)}
        grown = True
        while grown:
            more = {n for n, process in table.items() if process.parent in found} - found
            grown = bool(more)
            found |= more
        return {n for n in found if n in table and table[n].state not in "ZX"} - {os.getpid()}

    def over(self) -> Limit | None:
        """A limit that the processes are over together."""
        members = self.members()
        if len(members) > PROCESSES.value:
            return PROCESSES
        return MEMORY if sum(map(_memory, members)) > MEMORY.value + _OWN else None

    def end(self) -> None:
        """End all of them, those too that are being started meanwhile."""
        for _ in range(_ROUNDS):
            end_group(self.leader)
            left = self.members()
            for number in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(number, signal.SIGKILL)
            if not left:
                return
            time.sleep(_PAUSE)

    def _marked(self, number: int) -> bool:
        with suppress(OSError):
            return f"{MARK}={self.mark}".encode() in (_PROC / str(number) / "environ").read_bytes().split(b"\0")
        return False


def _table() -> Iterator[_Process]:
    """The system's processes; none where there is no ``/proc``."""
    if not (_PROC / "self" / "stat").exists():
        return
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                rest = (_PROC / entry.name / "stat").read_bytes().rpartition(b")")[2].split()
                yield _Process(int(entry.name), int(rest[1]), int(rest[3]), rest[0].decode())


def _memory(number: int) -> int:
    """Bytes that a process has resident and does not share with files or other processes."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared = (_PROC / str(number) / "statm").read_bytes().split()[:3]
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    return 0
