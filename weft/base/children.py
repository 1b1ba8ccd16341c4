"""Child processes that end with whoever began them, and with all that they have started."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


def end_group(leader: int) -> None:
    """Kill a process that leads a group and all that is in it, as far as it is there."""
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


class Children:
    """Processes of one piece of work, each in a session of its own, which Ctrl-C does not reach; after ``end`` none is
    begun."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[Any]] = []
        self._lock, self._ended = threading.Lock(), False

    def begin(self, command: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
        """Start a process, as ``subprocess.Popen`` does. Raises OSError."""
        with self._lock:
            if self._ended:
                raise InterruptedError(errno.EINTR, "the work was given up")
            process = subprocess.Popen(command, start_new_session=True, **how)
            self._processes.append(process)
            return process

    def end(self) -> None:
        """Kill what is running, and what it has started."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                if process.poll() is None:
                    end_group(process.pid)
                    process.kill()
