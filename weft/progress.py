"""Progress for long work: a bar on stderr when a person watches, silence otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def track(items: Iterable[T], label: str) -> Iterator[T]:
    """Yield ``items``, showing a bar on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    total = float(len(items)) if isinstance(items, Sized) else None
    yield from rich_track(items, description=label, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show that something of unknown length is under way, on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


class Bar:
    """A bar on stderr for training: steps done and the current loss. Silent if stderr is no terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
            extra = (TextColumn("loss {task.fields[loss]:.4f}"), TimeRemainingColumn())
            self._progress = Progress(*columns, *extra, console=Console(stderr=True))
            self._progress.start()
            self._task = self._progress.add_task(self._label, loss=float("nan"))
        return self

    def step(self, done: int, total: int, loss: float) -> None:
        """Show that ``done`` of ``total`` steps are done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, loss=loss)

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
