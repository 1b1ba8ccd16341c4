"""Drawing a report in two processes beside this one, which import what it takes while the report is still measured.

Importing matplotlib and drawing take about as long as training and compiling; done beside it they cost a third of that.
A process that has imported all that already draws by itself.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

PARTS = ("write_page", "write_pictures")
"""What of ``reports.page`` each process does; together they are ``write_all``."""


def _work(part: str, pipe: Connection) -> None:
    """Import, then do ``part`` for one (directory, result), and answer with None or the exception."""
    import reports.page

    directory, result = pipe.recv()
    try:
        getattr(reports.page, part)(directory, result)
        pipe.send(None)
    except Exception as problem:
        pipe.send(problem)


class Drawing:
    """A context in which ``draw`` writes a report. Leaving it ends whatever is still running."""

    def __init__(self) -> None:
        self._workers: list[tuple[Any, Connection]] = []

    def __enter__(self) -> Drawing:
        if "reports.page" not in sys.modules:
            # Ctrl-C is this process's to answer: what starts while it is blocked never sees it.
            masked = hasattr(signal, "pthread_sigmask") and signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                self._workers = [self._start(part) for part in PARTS]
            except OSError:  # no more processes: it is drawn here
                self._stop()
            finally:
                if masked is not False:
                    signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        return self

    @staticmethod
    def _start(part: str) -> tuple[Any, Connection]:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(part, theirs), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def draw(self, directory: Path, result: Mapping[str, Any]) -> None:
        """Write every file of the report into ``directory``. Raises OSError."""
        try:
            for _, pipe in self._workers:
                pipe.send((directory, result))
            answers = [pipe.recv() for _, pipe in self._workers]
        except (EOFError, BrokenPipeError, ConnectionResetError):  # one was killed: it is drawn here
            self._stop()
            answers = []
        for problem in answers:
            if problem is not None:
                raise problem
        if not answers:
            from reports.page import write_all

            write_all(directory, result)

    def _stop(self) -> None:
        for process, pipe in self._workers:
            process.terminate()
            process.join()
            pipe.close()
        self._workers = []

    def __exit__(self, *_: object) -> None:
        self._stop()
