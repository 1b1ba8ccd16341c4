"""A user's script as the program that runs, up to a point: how it is ended, and what it changed is put back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

__framework__ = True
"""A user's line is never in here (``framework.origin``)."""
PATIENCE = 3
"""Calls after the last one at which the script is ended by exceptions, before the process is."""


@contextmanager
def as_main(module: ModuleType, file: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Inside, ``module`` is the program that Python runs, and the modules beside it can be imported. The working
    directory and the trace function are afterwards what they were."""
    module.__file__ = str(file.absolute())
    before, argv, path = sys.modules["__main__"], sys.argv, sys.path
    folder, tracing = os.getcwd(), sys.gettrace()
    sys.modules["__main__"], sys.argv = module, [str(file), *arguments]
    sys.path = [str(file.absolute().parent), *path]
    try:
        yield
    finally:
        sys.settrace(tracing)
        sys.modules["__main__"], sys.argv, sys.path = before, argv, path
        os.chdir(folder)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Inside, what is printed, and what this process or one that it starts writes to descriptor 1, goes to stderr."""
    with suppress(OSError, AttributeError, ValueError):  # stdout is closed, or no file
        sys.__stdout__.flush()  # type: ignore[union-attr]  # AttributeError is caught
    kept: int | None = None
    with suppress(OSError):  # there is no stdout
        kept = os.dup(1)
    try:
        if kept is not None:
            os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            with suppress(OSError, AttributeError, ValueError):
                sys.__stdout__.flush()  # type: ignore[union-attr]  # as above
            os.dup2(kept, 1)
            os.close(kept)


def end_script(again: int, line: str, name: str) -> NoReturn:
    """End the script, which calls at ``line`` for the ``again``-th time after the call that was to be its last.

    It ends by a SystemExit: no ``except Exception`` stops that, and a thread says nothing of it. A script that swallows
    it gets another at the next line of every function that it is in, which leaves any single ``except BaseException``.
    Python drops a trace function that raises, so layers of them can still go on: then the process ends, with 2.
    """
    if again > PATIENCE:
        told = (
            f"error: {line}: the script catches what ends it at its call of {name}; catch Exception, not BaseException"
        )
        os.write(2, f"{told}\n".encode())
        os._exit(2)
    if again:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__") != "weft.scripts":  # whence the script is run
            frame.f_trace = _leave
            frame = frame.f_back
        sys.settrace(lambda *_: None)
    raise SystemExit


def _leave(frame: FrameType, event: str, argument: Any) -> Any:
    """Raises at every line."""
    if event == "line":
        raise SystemExit
    return _leave
