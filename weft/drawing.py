"""Drawing a report in a process beside this one, which imports what that takes while the report is still measured.

Importing matplotlib takes about as long as training does; beside it, it costs little. Once imported, the process forks
where the system can, so that page and pictures are drawn side by side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from weft.base.children import end_group

_COMMAND = "from weft.drawing import work; work()"


def work() -> None:
    """What such a process does: import, warm up, read one line [directory, result] from stdin, draw, and answer with
    one line on stdout: null, or the [errno, message] of an OSError."""
    from weft.reports import page

    page.warm_up()
    line = sys.stdin.readline()
    if not line:  # nothing is to be drawn after all
        return
    name, result = json.loads(line)
    directory, child = Path(name), -1
    try:
        (directory / "figures").mkdir(exist_ok=True)
        child = os.fork() if hasattr(os, "fork") else -1
        if child == 0:
            _end(lambda: page.write_pictures(directory, result))
        page.write_page(directory, result)
        answer = None
    except OSError as problem:
        answer = [problem.errno, problem.strerror]
    # Whatever happened, nothing may go on writing once the answer is given.
    failed = child < 0 or os.waitpid(child, 0)[1] != 0
    if failed and answer is None:  # what failed there is tried here again, and told
        try:
            page.write_pictures(directory, result)
        except OSError as problem:
            answer = [problem.errno, problem.strerror]
    print(json.dumps(answer, allow_nan=False), flush=True)


def _end(action: Callable[[], None]) -> NoReturn:
    """Do it as a forked child, and end with an exit code and nothing else of the parent's."""
    code = 1
    try:
        action()
        code = 0
    finally:
        os._exit(code)


class Drawing:
    """A context in which ``draw`` writes a report. Leaving it ends whatever is still running."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[str] | None = None

    def __enter__(self) -> Drawing:
        if "weft.reports.page" not in sys.modules:  # else there is nothing to gain
            with suppress(OSError):  # no more processes: it is drawn here
                self._worker = _start()
        return self

    def draw(self, directory: Path, result: Mapping[str, Any]) -> None:
        """Write every file of the report into ``directory``. Raises OSError."""
        try:
            drawn, problem = self._asked(json.dumps([str(directory.absolute()), result], allow_nan=False))
        except BaseException:  # Ctrl-C: nothing may go on writing where the caller cleans up
            self._stop()
            raise
        if problem is not None:
            raise OSError(*problem, str(directory))
        if not drawn:
            from weft.reports.page import write_all

            write_all(directory, result)

    def _asked(self, line: str) -> tuple[bool, Any]:
        """Whether the process has drawn, and its problem; if it failed it has ended."""
        worker = self._worker
        if worker is None or worker.stdin is None or worker.stdout is None:
            return False, None
        try:
            worker.stdin.write(line + "\n")
            worker.stdin.flush()
            return True, json.loads(worker.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):  # it could not import, or was killed: it is drawn here
            self._stop()
            return False, None

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            end_group(worker.pid)  # with what it has forked
            worker.kill()
            with suppress(OSError), worker:  # waits, and closes the pipes, one of which may hold unsent text
                pass

    def __exit__(self, *_: object) -> None:
        self._stop()


def _start() -> subprocess.Popen[str]:
    # In a session of its own, so that Ctrl-C is this process's to answer; it ends with our end of its stdin.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what goes wrong there is tried here again, and told
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
