"""Progress for long work, on stderr: a bar where a person watches, else a plain line now and then, for a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from weft.base.errors import printable

T = TypeVar("T")

FIRST, LAST = 2.0, 60.0
"""Seconds between two plain lines: so many at first, a quarter of the time that has passed later, so many at most."""
VARIABLE = "WEFT_PROGRESS"
"""The environment variable that turns all of this off, by the value ``off``."""


def _silent() -> bool:
    return os.environ.get(VARIABLE) == "off"


def _watched() -> bool:
    return sys.stderr.isatty() and not _silent()


class Lines:
    """Plain lines about one piece of work, the first after ``FIRST`` seconds, then ever more rarely."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._began = time.monotonic()
        self._due = self._began + FIRST

    def show(self, text: str) -> None:
        """Print the label and ``text``, unless a line was printed lately."""
        now = time.monotonic()
        if now >= self._due and not _silent():
            self._due = now + min(max(FIRST, (now - self._began) / 4), LAST)
            _print(f"{self._label}: {text}")


def _print(line: str) -> None:
    with suppress(OSError, ValueError):  # whoever read it has gone, and the work goes on
        print(printable(line), file=sys.stderr, flush=True)


def track(items: Iterable[T], label: str) -> Iterator[T]:
    """Yield ``items``, showing how many are done."""
    total = len(items) if isinstance(items, Sized) else None
    if not _watched():
        lines, of = Lines(label), "" if total is None else f" of {total:,}"
        for done, item in enumerate(items):
            if done:
                lines.show(f"{done:,}{of}")
            yield item
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=label, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show that something of unknown length is under way."""
    if not _watched():
        timer = threading.Timer(FIRST, lambda: None if _silent() else _print(f"{label} …"))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


class Bar:
    """The progress of work in steps: how many are done, and of a training the current loss."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._lines: Lines | None = None
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if not _watched():
            self._lines = Lines(self._label)
            return self
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        extra = (TextColumn("{task.fields[said]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, *extra, console=Console(stderr=True))
        self._progress.start()
        self._task = self._progress.add_task(self._label, said="")
        return self

    def step(self, done: int, total: int, loss: float | None = None) -> None:
        """Show that ``done`` of ``total`` steps are done."""
        said = "" if loss is None else f"loss {loss:.4f}"
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, said=said)
        elif self._lines is not None:
            self._lines.show(f"{done:,} of {total:,}{said and f', {said}'}")

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
