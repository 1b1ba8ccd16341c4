"""The files that the command line writes: refused before the work if they cannot be written, then all or nothing."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class _InTheWayError(OSError):
    """Something inside a directory keeps its new files out; it names that."""


def obstacle(path: Path) -> str | None:
    """Why ``path`` cannot be written, and what to do about it; None if nothing speaks against it."""
    folder = path.absolute().parent
    if path.is_dir():
        return f"{path} is a directory; give the name of a file"
    if (reason := _no_folder(folder)) is not None:
        return reason
    if path.exists() and (reason := _closed(path, path)) is not None:
        return reason
    replaced = path.is_file() or not path.exists()  # a device or a pipe is written to as it is
    return _closed(folder, path) if replaced else None


def folder_obstacle(path: Path, files: Iterable[str] = ()) -> str | None:
    """Why ``files`` cannot be written into the directory ``path``, and what to do about it; None if nothing speaks
    against it. Its parent must be there."""
    if path.exists() and not path.is_dir():
        return f"{path} is not a directory; give the name of one"
    parent = path.absolute().parent
    if (reason := _no_folder(parent)) is not None:
        return reason
    if (reason := _closed(path if path.exists() else parent, path)) is not None:
        return reason
    blocked = _in_the_way(path, map(Path, files))
    return None if blocked is None else f"{blocked.filename}: {blocked.strerror}; move it, or choose another directory"


def _no_folder(folder: Path) -> str | None:
    if not folder.exists():
        return f"the directory {folder} does not exist; make it first, or give another"
    return None if folder.is_dir() else f"{folder} is not a directory; give another"


def _closed(place: Path, path: Path) -> str | None:
    """Why ``place``, which is there, does not let ``path`` be written."""
    if os.access(place, os.W_OK):
        return None
    read_only = hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY  # Windows has no statvfs
    why = "read-only file system" if read_only else "permission denied"
    return f"{path} may not be written ({why}); choose another place"


def same_file(first: Path, second: Path) -> bool:
    """Whether both are names of one regular file, through links too, or of one place where nothing is yet."""
    if first.exists() and second.exists():
        return first.is_file() and first.samefile(second)
    return not first.exists() and not second.exists() and first.resolve() == second.resolve()


@contextmanager
def filling(path: Path) -> Iterator[Path]:
    """A new directory to write into; when the block ends, its files become those of ``path``, and replace files of the
    same names there. Other files stay. If the block or the replacing fails, ``path`` is as it was. Raises OSError
    naming ``path``, or what is in the way inside it.
    """
    try:
        place = path if path.is_dir() else path.absolute().parent  # the same file system
        with tempfile.TemporaryDirectory(dir=place, prefix=".part.") as folder:
            new = Path(folder, "new")
            new.mkdir()
            yield new
            if path.exists():
                _merge(new, path, Path(folder, "old"))
            else:
                os.replace(new, path)
    except _InTheWayError:
        raise
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def _in_the_way(path: Path, files: Iterable[Path]) -> _InTheWayError | None:
    """What keeps ``files`` from being put into the directory ``path``."""
    for file in files:
        for folder in list(file.parents)[-2::-1]:  # the outermost first, without "."
            inner = path / folder
            if os.path.lexists(inner) and not inner.is_dir():
                return _InTheWayError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(inner))
            if inner.is_dir() and not os.access(inner, os.W_OK):
                return _InTheWayError(errno.EACCES, os.strerror(errno.EACCES), str(inner))
        if (path / file).is_dir():
            return _InTheWayError(errno.EISDIR, os.strerror(errno.EISDIR), str(path / file))
    return None


def _merge(new: Path, path: Path, old: Path) -> None:
    """Move every file below ``new`` to its place below ``path``, all or none. ``old``: where replaced ones wait."""
    files = sorted(file.relative_to(new) for file in new.rglob("*") if file.is_file())
    if (blocked := _in_the_way(path, files)) is not None:
        raise blocked
    tried, at = [], path
    made = [folder for file in files for folder in (path / file).parents if not folder.exists()]
    try:
        for file in files:
            at = path / file
            for folder in (at.parent, old / file.parent):
                folder.mkdir(parents=True, exist_ok=True)
            tried.append(file)
            if os.path.lexists(at):
                os.replace(at, old / file)
            os.replace(new / file, at)
    except BaseException as problem:
        for file in tried:
            if os.path.lexists(old / file):
                os.replace(old / file, path / file)
            elif not os.path.lexists(new / file):
                (path / file).unlink()
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(problem, OSError):
            raise _InTheWayError(problem.errno, problem.strerror, str(at)) from problem
        raise


@contextmanager
def replacing(path: Path, keep: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """The name under which to write what becomes ``path`` when the block ends, all or nothing.

    It becomes so too if the block ends with one of ``keep``. A device or a pipe is written to as it is. Raises OSError
    naming ``path``.
    """
    try:
        if path.exists() and not path.is_file():
            yield path
            return
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=f".{path.name}.") as folder:
            whole = Path(folder, path.name)
            try:
                yield whole
            except keep:
                if whole.exists():
                    os.replace(whole, path)
                raise
            os.replace(whole, path)
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, all or nothing; a device or a pipe is written to as it is. Raises OSError."""
    with replacing(path) as whole:
        whole.write_text(text, encoding="utf-8")
