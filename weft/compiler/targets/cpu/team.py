"""The threads that share kernels with whoever runs a compiled graph: started when first wanted, ended with the process.

There is one team for each number of threads. Its workers are threads of Python that spend their lives in native code,
without the interpreter's lock and with all signals blocked, which so reach the program's own threads. After a fork the
child has none of them, and starts its own when it wants some.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import signal
import threading

import numpy as np

from weft.compiler.targets.cpu.driver import native_driver
from weft.compiler.targets.cpu.emit_team import PIPE, TEAM_WORDS

_ENDING = 5.0
"""Seconds that a worker has to finish its part when the process ends."""


class ThreadTeam:
    """`threads` threads: those that call, one at a time, and ``threads - 1`` workers.

    Attributes:
        address: of its words, for ``share`` in native code; the same as long as the process lives.
        started: whether it has been; where no worker runs, whoever shares a kernel does all its parts.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.started = False
        self._words = np.zeros(TEAM_WORDS + 16, np.int64)
        start = self._words.ctypes.data
        self.address = -(-start // 128) * 128
        self._view = self._words[(self.address - start) // 8 :]
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ended = False
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._forget)

    def start(self) -> None:
        """Have the workers run. Where the system gives no more threads there are fewer."""
        with self._lock:
            if self.started or self._ended:
                return
            self._view[PIPE : PIPE + 2] = os.pipe()
            work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(native_driver().address("work"))
            for n in range(1, self.threads):
                worker = threading.Thread(target=_live, args=(work, self.address), daemon=True, name=f"weft-cpu-{n}")
                try:
                    worker.start()
                except RuntimeError:
                    break
                self._workers.append(worker)
            self.started = True

    def stop(self) -> None:
        """End the workers, and start none again: kernels are done by who calls them from here on."""
        with self._lock:
            self._ended = True
            if not self._workers:
                return
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(native_driver().address("stop"))(self.address)
            for worker in self._workers:
                worker.join(_ENDING)
            self._workers = []

    def _forget(self) -> None:
        """In the child of a fork: no worker has come along, and whatever was under way is the parent's."""
        if self.started:
            for end in self._view[PIPE : PIPE + 2].tolist():
                os.close(end)
        self._view[:] = 0
        self._workers, self._lock, self.started = [], threading.Lock(), False


@functools.cache
def thread_team(threads: int) -> ThreadTeam:
    """The team of so many threads."""
    return ThreadTeam(threads)


def _live(work: object, address: int) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    assert callable(work)
    work(address)
