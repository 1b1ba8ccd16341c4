"""Noticing that files change: their times and sizes are looked at a few times a second."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SECONDS = 0.3
"""Time between two looks."""


def changes(paths: Sequence[Path], seconds: float = SECONDS) -> Iterator[None]:
    """Yield at once, and again after every change of one of the files."""
    before = None
    while True:
        now = [_state(path) for path in paths]
        if now != before:
            before = now
            yield
        time.sleep(seconds)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
