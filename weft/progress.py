"""Progress for long work: a bar on stderr when a person watches, silence otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

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
