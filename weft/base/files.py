"""One file written whole or not at all: through symbolic links, with the mode it had, on the disk before it is seen."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
"""How the name of a folder ends in which something is still being written, or was when its process was killed."""


@contextmanager
def beside(target: Path, prefix: str) -> Iterator[Path]:
    """A name on the file system of ``target``, in a hidden folder that goes when the block ends. Raises OSError.

    The folder is locked meanwhile, by which ``sweep`` in another process knows that it is still written.
    """
    with ExitStack() as locks, ExitStack() as folders:
        while True:
            made = tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix, suffix=PARTIAL)
            folder = Path(folders.enter_context(made))
            if (lock := _lock(folder, wait=True)) is not None:
                locks.callback(os.close, lock)
            if folder.is_dir():
                break  # else it was swept before it was locked
        yield folder / target.name


@contextmanager
def replacing(path: Path, keep: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """The name under which to write what becomes ``path`` when the block ends, all or nothing.

    Where ``path`` is a symbolic link, it stays one, and what it points to is replaced. A file that is there keeps its
    mode; a new one has what the umask allows. It becomes so too if the block ends with one of ``keep``. A device or a
    pipe is written to as it is. Raises OSError naming ``path``.
    """
    try:
        if path.exists() and not path.is_file():
            yield path
            return
        target = real(path)
        with beside(target, _prefix(target)) as whole:
            try:
                yield whole
            except keep:
                if whole.exists():
                    _put(whole, target)
                raise
            _put(whole, target)
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def real(path: Path) -> Path:
    """Where ``path`` leads through symbolic links, whether something is there or not. Raises OSError for a circle."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.stat()
    return Path(os.path.realpath(path))


def sweep(path: Path) -> None:
    """Remove what processes that were killed while they replaced ``path`` have left beside it.

    What another process is writing stays, and so does all where the file system has no locks to tell it by.
    """
    target = Path(os.path.realpath(path))
    for left in target.parent.glob(f"{glob.escape(_prefix(target))}*{PARTIAL}"):
        if (lock := _lock(left, wait=False)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path, wait: bool) -> int | None:
    """A handle with the lock of ``folder``, which the system takes back from whoever dies; None where it is gone or no
    folder, where another process has it (unless ``wait``), and where there are no locks."""
    with suppress(OSError, ImportError):  # Windows has no fcntl
        import fcntl

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BaseException:
            os.close(handle)
            raise
    return None


def _prefix(target: Path) -> str:
    return f".{target.name[:40]}."


def _put(whole: Path, target: Path) -> None:
    """Let the written file ``whole`` become ``target``, of the same file system, which keeps the mode it has."""
    synced(whole)
    if target.exists():
        shutil.copymode(target, whole)
    os.replace(whole, target)
    synced(target.parent)


def synced(path: Path) -> None:
    """Have what was written to a file, or which names a folder holds, on the disk; where that can be asked for."""
    if path.is_dir() and os.name == "nt":
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return  # a mode or mask that keeps its own owner from reading
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
