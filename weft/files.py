"""The files that the command line writes: refused before the work if they cannot be written, then all or nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def obstacle(path: Path) -> str | None:
    """Why ``path`` cannot be written, and what to do about it; None if nothing speaks against it."""
    folder = path.absolute().parent
    if path.is_dir():
        return f"{path} is a directory; give the name of a file"
    if not folder.exists():
        return f"the directory {folder} does not exist; make it first, or give another"
    if not folder.is_dir():
        return f"{folder} is not a directory; give another"
    if not os.access(path if path.exists() else folder, os.W_OK):
        return f"{path} may not be written (permission denied); choose another place"
    return None


def folder_obstacle(path: Path) -> str | None:
    """Why nothing can be written into the directory ``path``, and what to do about it; None if nothing speaks against
    it. Its parent must be there."""
    if path.exists() and not path.is_dir():
        return f"{path} is not a directory; give the name of one"
    parent = path.absolute().parent
    if not parent.exists():
        return f"the directory {parent} does not exist; make it first, or give another"
    if not parent.is_dir():
        return f"{parent} is not a directory; give another"
    if not os.access(path if path.exists() else parent, os.W_OK):
        return f"{path} may not be written (permission denied); choose another place"
    return None


@contextmanager
def filling(path: Path) -> Iterator[Path]:
    """A new directory to write into; when the block ends, its files become those of ``path``, and replace files of the
    same names there. Other files stay. If the block fails, ``path`` is as it was. Raises OSError naming ``path``.
    """
    try:
        place = path if path.is_dir() else path.absolute().parent  # the same file system
        with tempfile.TemporaryDirectory(dir=place, prefix=".part.") as folder:
            new = Path(folder, "new")
            new.mkdir()
            yield new
            if not path.exists():
                os.replace(new, path)
                return
            for file in sorted(new.rglob("*")):
                if file.is_file():
                    target = path / file.relative_to(new)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(file, target)
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


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
