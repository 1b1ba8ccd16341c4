"""The cache of built models: one builder at a time, nothing half-written, nothing damaged taken for good."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isa.errors import WeftError

_SEAL_BYTES = 32


@contextmanager
def exclusive(folder: Path, key: str) -> Iterator[Path]:
    """An empty working folder for building ``key`` in ``folder``; other processes that want it wait meanwhile.

    The lock belongs to the process, so one that was killed holds nothing, and the next builder removes what it left.
    Raises WeftError if the cache cannot be written.
    """
    work, lock = folder / f"build-{key}", folder / f"{key}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise WeftError(
            f"cannot keep a built model in {folder}: {error.strerror or error}; "
            "set WEFT_CACHE to a folder that can be written and has room"
        ) from error


def keep(built: Path, place: Path) -> None:
    """Move a finished file to its place in the cache, in one step, with its own digest at the end.

    What loads the file does not mind: a shared library or an object ends where its headers say.
    """
    with built.open("r+b") as file:
        digest = hashlib.sha256(file.read()).digest()
        file.write(digest)
    os.replace(built, place)


def intact(place: Path) -> bool:
    """Whether ``place`` holds what was kept there, unharmed."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return False
    return hashlib.sha256(content[:-_SEAL_BYTES]).digest() == content[-_SEAL_BYTES:]
