"""The keeper of the cache: entries are whole and our own, or they are not there; where none can be kept, none are.

Whatever fails in reading is discarded and made again, whatever fails in writing leaves the process without a cache,
and each is said once. An entry's name is a digest of all that it is made from, so none is ever out of date.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weft.base.cache.lock import locked
from weft.base.cache.place import FOLDER, distrust, folder, limit
from weft.base.files import PARTIAL, beside, synced

KINDS = ("kernels", "models")
"""The folders of the cache: the machine code of the fast engine and of the CPU target, the RTL engine's models."""
_NAME = re.compile(r"[0-9a-f]{24}\.(?:kernel|key|so|o)")
_LEFT = re.compile(rf"\..*{re.escape(PARTIAL)}|[0-9a-f]{{24}}\.lock")
"""Names that a process which was killed has left, if they are old."""
_OLD = 3600.0
"""Seconds after which nobody is writing such a file any more."""
_SEAL_BYTES = 32
_LOG = logging.getLogger("weft.cache")


def digest(*parts: object) -> str:
    """The name of what is made from ``parts``: 24 hexadecimal digits."""
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(len(data).to_bytes(8, "little") + data)
    return h.hexdigest()[:24]


@dataclass(frozen=True)
class Entry:
    """What was kept. The file at ``path`` holds ``content`` and a checksum behind it, which no loader minds."""

    path: Path
    content: bytes


class Cache:
    """Keeps entries in ``folder`` (None: nowhere), ``limit`` bytes at most."""

    def __init__(self, folder: Path | None, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._said: set[str] = set()
        self._given_up = False

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry, if it is there, unharmed, and nobody else's. It counts as used now."""
        room = self._room(kind) if self.limit else None
        if room is None:
            return None
        path = room / _checked(name)
        try:
            content = _read(path, self.limit)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            self.discard(kind, name, str(getattr(problem, "strerror", None) or problem))
            return None
        with suppress(OSError):  # a cache that can only be read
            os.utime(path)
        return Entry(path, content)

    def put(self, kind: str, name: str, content: bytes) -> Entry | None:
        """Keep ``content``; what was used least recently makes room. None if that cannot be."""
        room = self._room(kind) if self.limit and not self._given_up else None
        if room is None:
            return None
        data = content + hashlib.sha256(content).digest()
        if len(data) > self.limit:
            self._say("limit", f"{len(data):,} bytes are not kept in {self.folder}, which may hold {self.limit:,}")
            return None
        path = room / _checked(name)
        try:
            self._evict(self.limit - len(data))
            _write(path, data)
        except OSError as problem:
            self._given_up = True
            self._say("write", f"nothing is kept in {self.folder}: {problem.strerror or problem}; {_REMEDY}")
            return None
        return Entry(path, content)

    def discard(self, kind: str, name: str, reason: str) -> None:
        """Remove an entry that turned out to be of no use."""
        room = self._room(kind)
        if room is not None:
            self._say("damage", f"damaged files in {self.folder} are made again, such as {kind}/{name}: {reason}")
            _remove(room / _checked(name))

    @contextmanager
    def alone(self, kind: str, name: str) -> Iterator[None]:
        """Processes that make the same entry do so one after the other; where no lock can be had, side by side."""
        room = self._room(kind) if self.limit and not self._given_up else None
        if room is None:
            yield
            return
        with locked(room / f"{name}.lock", lambda owner: self._say("wait", f"waiting for {owner} to make the same")):
            yield

    def entries(self) -> Iterator[tuple[str, Path, os.stat_result]]:
        """Kind, path and status of all that is in the cache and ours, what killed processes have left included."""
        for kind in KINDS if self.folder else ():
            with suppress(OSError):
                room = self.folder / kind if self.folder else Path()
                for place in room.iterdir() if not room.is_symlink() else ():  # a link leads to what is not ours
                    with suppress(OSError):
                        if _NAME.fullmatch(place.name) or _LEFT.fullmatch(place.name):
                            yield kind, place, place.lstat()

    def clear(self) -> int:
        """Remove every entry; the number of bytes that were freed. Raises OSError for one that stays."""
        freed = 0
        for _, path, status in self.entries():
            if _NAME.fullmatch(path.name) or time.time() - status.st_mtime > _OLD:
                _remove(path)
                if os.path.lexists(path):
                    path.unlink()  # says why it stays
                freed += status.st_size
        return freed

    def problem(self) -> str | None:
        """Why nothing can be kept here; None if nothing speaks against it."""
        try:
            return self._unusable(self.folder)
        except OSError as problem:
            return f"{problem.filename or self.folder}: {problem.strerror or problem}"

    def _unusable(self, place: Path | None) -> str | None:
        """Make ``place`` if it is not there, and say why it may not be used. Raises OSError."""
        if place is None:
            return "this user has no home"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = distrust(place.stat() if place == self.folder else place.lstat(), is_folder=True)
        return f"{place} {reason}" if reason else None

    def _room(self, kind: str) -> Path | None:
        """The folder of a kind, made if need be; None, which is said once, if it cannot be used."""
        assert kind in KINDS
        room = None if self.folder is None else self.folder / kind
        try:
            reason = self._unusable(self.folder) or self._unusable(room)
        except OSError as problem:
            reason = f"{problem.filename or room}: {problem.strerror or problem}"
        if reason is None:
            return room
        self._say("folder", f"nothing is kept: {reason}; {_REMEDY}")
        return None

    def _evict(self, most: int) -> None:
        """Remove what was used least recently until no more than ``most`` bytes are left."""
        found = sorted(self.entries(), key=lambda entry: entry[2].st_mtime)
        total, now = sum(status.st_size for _, _, status in found), time.time()
        for _, path, status in found:
            left = bool(_LEFT.fullmatch(path.name))
            if now - status.st_mtime > _OLD if left else total > most:
                _remove(path)
                total -= status.st_size

    def _say(self, what: str, text: str) -> None:
        if what not in self._said:
            self._said.add(what)
            _LOG.warning("weft: %s", text)


_REMEDY = f"weft goes on without a cache ({FOLDER} names its folder)"


def keeper() -> Cache:
    """The keeper of this user's cache. Raises WeftError for a limit that is none."""
    return _keeper(folder(), limit())


_keeper = functools.cache(Cache)


def own() -> Cache:
    """A keeper for this process alone, in a folder that goes with it. Raises OSError."""
    return _keeper(_own_folder(), 1 << 62)


def keepers() -> tuple[Cache, ...]:
    """Where something may be found: the user's keeper, and this process's own if it has kept anything."""
    return (keeper(), own()) if _own_folder.cache_info().currsize else (keeper(),)


@functools.cache
def _own_folder() -> Path:
    made, maker = Path(tempfile.mkdtemp(prefix="weft-")), os.getpid()
    # A child that was forked leaves it alone.
    atexit.register(lambda: shutil.rmtree(made, ignore_errors=True) if os.getpid() == maker else None)
    return made


def _checked(name: str) -> str:
    assert _NAME.fullmatch(name), name
    return name


def _read(path: Path, most: int) -> bytes:
    """The content of a sealed file. Raises OSError, ValueError for one that is damaged or not ours."""
    if path.is_symlink():
        raise ValueError("is a symbolic link")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if reason := distrust(status):
            raise ValueError(reason)
        if status.st_size > most:
            raise ValueError(f"has {status.st_size:,} bytes, more than the whole cache may hold")
        data = file.read()
    content, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    if hashlib.sha256(content).digest() != seal:
        raise ValueError("its checksum does not match" if data else "it is empty")
    return content


def _write(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, all or nothing, on the disk before it is seen. Raises OSError."""
    with beside(path, ".") as whole:
        whole.touch(0o600)  # whatever the umask: nobody else may write it
        whole.write_bytes(data)
        synced(whole)
        if path.is_dir() and not path.is_symlink():
            _remove(path)
        os.replace(whole, path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
