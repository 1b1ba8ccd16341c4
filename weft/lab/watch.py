"""Noticing that files change: their times and sizes are looked at a few times a second."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SECONDS = 0.3
"""Time between two looks."""


State = list[tuple[int, int] | None]


def changes(paths: Sequence[Path], seconds: float = SECONDS) -> Iterator[State]:
    """Yield the files' state at once, and again after every change of one of them."""
    before = None
    while True:
        now = state(paths)
        if now != before:
            before = now
            yield now
        time.sleep(seconds)


def state(paths: Sequence[Path]) -> State:
    """What tells whether files have changed: time and size of each, None for one that is not there."""
    return [_state(path) for path in paths]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
