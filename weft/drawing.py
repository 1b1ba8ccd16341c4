"""Drawing a report in two processes beside this one, which import what it takes while the report is still measured.

Importing matplotlib and drawing take about as long as compiling and training; done beside it they cost a third of that.
A process that has imported all that already draws by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PARTS = ("write_page", "write_pictures")
"""What of ``reports.page`` each process does; together they are ``write_all``."""

_COMMAND = "from weft.drawing import work; work({!r})"


def work(part: str) -> None:
    """What such a process does: import, read one line [directory, result] from stdin, do ``part``, and answer with one
    line on stdout: null, or the [errno, message] of an OSError."""
    import reports.page

    line = sys.stdin.readline()
    if not line:  # nothing is to be drawn after all
        return
    directory, result = json.loads(line)
    try:
        getattr(reports.page, part)(Path(directory), result)
        answer = None
    except OSError as problem:
        answer = [problem.errno, problem.strerror]
    print(json.dumps(answer), flush=True)


class Drawing:
    """A context in which ``draw`` writes a report. Leaving it ends whatever is still running."""

    def __init__(self) -> None:
        self._workers: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Drawing:
        if "reports.page" not in sys.modules:
            try:
                for part in PARTS:
                    self._workers.append(_start(part))
            except OSError:  # no more processes: it is drawn here
                self._stop()
            except BaseException:
                self._stop()
                raise
        return self

    def draw(self, directory: Path, result: Mapping[str, Any]) -> None:
        """Write every file of the report into ``directory``. Raises OSError."""
        answers = [] if not self._workers else self._asked(json.dumps([str(directory.absolute()), result]))
        for answer in answers:
            if answer is not None:
                raise OSError(*answer, str(directory))
        if not answers:
            from reports.page import write_all

            write_all(directory, result)

    def _asked(self, line: str) -> list[Any]:
        """The answer of each process; none if one of them failed, and all have ended then."""
        try:
            for worker in self._workers:
                assert worker.stdin is not None
                worker.stdin.write(line + "\n")
                worker.stdin.flush()
            return [json.loads(worker.stdout.readline()) for worker in self._workers if worker.stdout is not None]
        except (BrokenPipeError, json.JSONDecodeError):  # one could not import, or was killed: it is drawn here
            self._stop()
            return []

    def _stop(self) -> None:
        for worker in self._workers:
            worker.kill()
            with suppress(OSError), worker:  # waits, and closes the pipes, one of which may hold unsent text
                pass
        self._workers = []

    def __exit__(self, *_: object) -> None:
        self._stop()


def _start(part: str) -> subprocess.Popen[str]:
    # In a session of its own, so that Ctrl-C is this process's to answer; it ends with our end of its stdin.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _COMMAND.format(part)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what goes wrong there is tried here again, and told
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
