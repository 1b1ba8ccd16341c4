"""The files that the command line writes: refused before the work if they cannot be written, then all or nothing."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from weft.base.files import real, replacing, synced


class _InTheWayError(OSError):
    """Something inside a directory keeps its new files out; it names that."""


def obstacle(path: Path) -> str | None:
    """Why ``path``, or what it points to as a symbolic link, cannot be written, and what to do about it; None if
    nothing speaks against it."""
    try:
        folder = real(path).parent
    except OSError as problem:
        return f"{path} may not be written ({problem.strerror}); choose another place"
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
    try:
        parent = real(path).parent
    except OSError as problem:
        return f"{path} may not be written ({problem.strerror}); choose another place"
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
    same names there. Other files stay. If the block or the replacing fails, ``path`` is as it was. Symbolic links, of
    ``path`` and inside it, stay and are followed; files that are there keep their modes. Raises OSError naming
    ``path``, or what is in the way inside it.
    """
    try:
        target = real(path)
        place = target if target.is_dir() else target.parent  # the same file system
        with tempfile.TemporaryDirectory(dir=place, prefix=".part.") as folder:
            new = Path(folder, "new")
            new.mkdir()
            yield new
            if path.exists():
                _merge(new, path, Path(folder, "old"))
            else:
                for file in new.rglob("*"):
                    synced(file)
                os.replace(new, target)
                synced(place)
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
    with ExitStack() as rooms:
        waiting = {file: _beside(real(path / file), new, file, old, rooms) for file in files}
        try:
            for file in files:
                at = path / file
                target, whole, replaced = real(at), *waiting[file]
                for folder in (target.parent, replaced.parent):
                    folder.mkdir(parents=True, exist_ok=True)
                tried.append(file)
                synced(whole)
                if target.exists():
                    shutil.copymode(target, whole)
                    os.replace(target, replaced)
                os.replace(whole, target)
        except BaseException as problem:
            for file in tried:
                whole, replaced = waiting[file]
                if os.path.lexists(replaced):
                    os.replace(replaced, real(path / file))
                elif not os.path.lexists(whole):
                    real(path / file).unlink()
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            if isinstance(problem, OSError):
                raise _InTheWayError(problem.errno, problem.strerror, str(at)) from problem
            raise


def _beside(target: Path, new: Path, file: Path, old: Path, rooms: ExitStack) -> tuple[Path, Path]:
    """Where the new file waits to become ``target``, and where to keep the one that is there: on its file system."""
    folder = target.parent
    if not folder.is_dir() or folder.stat().st_dev == new.stat().st_dev:
        return new / file, old / file
    room = Path(rooms.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".part.")))
    shutil.copyfile(new / file, room / "new")
    return room / "new", room / "old"


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, all or nothing; a device or a pipe is written to as it is. Raises OSError."""
    with replacing(path) as whole:
        whole.write_text(text, encoding="utf-8")
