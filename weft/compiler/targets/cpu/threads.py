"""The thread budget: how many threads a compiled graph may use while it runs, its own (`team.py`) and a BLAS's.

One BLAS call can become a hundred times slower when it competes with other threads for cores, so the device sets the
number around each run and puts it back afterwards.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Any

import threadpoolctl

from weft.framework.errors import DeviceError


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usual_threads() -> int:
    """As many threads as there are cores, or as OMP_NUM_THREADS says where that is a number, but no more than cores."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(said), available_cores()) if said.isdecimal() and int(said) else available_cores()


class ThreadBudget:
    """A context in which BLAS uses `threads` threads. It may be entered again, by other threads too: the number is
    set at the first entry and put back after the last exit."""

    def __init__(self, threads: int | None = None) -> None:
        """`threads`: None means `usual_threads()`. Raises DeviceError for a number that is not 1 to that of cores."""
        cores = available_cores()
        if threads is not None and not 1 <= threads <= cores:
            raise DeviceError(f"threads={threads}: the budget must be 1 to {cores}, the cores this process may use")
        self.threads = threads or usual_threads()
        found = threadpoolctl.ThreadpoolController().select(user_api="blas")
        self._libraries: list[Any] = list(found.lib_controllers)
        self._before: list[int] = []
        self._inside = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = [library.get_num_threads() for library in self._libraries]
                self._change(self._before, [self.threads] * len(self._libraries))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._change([self.threads] * len(self._libraries), self._before)

    def _change(self, now: list[int], wanted: list[int]) -> None:
        for library, a, b in zip(self._libraries, now, wanted, strict=True):
            if a != b:
                library.set_num_threads(b)
