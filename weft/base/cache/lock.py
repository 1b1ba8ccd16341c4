"""One process at a time, by a lock that the system takes back from whoever dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOOKING = 0.1
"""Seconds between two tries."""


@contextmanager
def locked(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock that the file at ``path`` stands for; ``waiting`` is told who has it.

    The file goes when the lock is given back, and a killed process holds nothing. Where the file system has no locks or
    cannot be written, the block runs without one.
    """
    handle = None
    with suppress(OSError, ImportError):  # Windows has no fcntl
        handle = _acquired(path, waiting)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                path.unlink()
            os.close(handle)


def _acquired(path: Path, waiting: Callable[[str], None]) -> int:
    """A handle that has the lock. Raises OSError."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        held = False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if held := _same(handle, path):
                with suppress(OSError):  # a full disk: nobody will read who it is
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
                return handle
        except BlockingIOError:
            owner = os.pread(handle, 40, 0).decode("ascii", "replace")
            waiting(owner if owner.startswith("process ") and owner.isprintable() else "another process")
            time.sleep(_LOOKING)
        finally:
            if not held:
                os.close(handle)


def _same(handle: int, path: Path) -> bool:
    """Whether the file is still at its place, and was not removed by the one who had the lock before."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
