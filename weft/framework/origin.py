"""Where an operation comes from: the user's line, the module that ran, and its part in training."""

from __future__ import annotations

import copy
import os
import sys
from contextvars import ContextVar
from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple, TypeAlias

_INTERNAL = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_WITHIN = (os.path.dirname(os.path.abspath(__file__)) + os.sep, copy.__file__)


class Origin(NamedTuple):
    """Where a node comes from; as text ``train.py:12 in layers.0 (Linear), weight gradient``.

    line: the user's, ``train.py:12``. layer: dotted path of the module that ran, "" outside any and in the outermost.
    kind: its class, or what else ran there (an optimiser's class, a loss). role: "" for what was written in that line,
    else what it is part of: ``weight gradient``, ``input gradient``, ``backward``, ``weight update``.
    """

    line: str
    layer: str = ""
    kind: str = ""
    role: str = ""

    def __str__(self) -> str:
        kind = f"{self.layer} ({self.kind})" if self.layer and self.kind else self.layer or self.kind
        return self.line + (f" in {kind}" if kind else "") + (f", {self.role}" if self.role else "")


_PLACE: ContextVar[tuple[str, str, str]] = ContextVar("place", default=("", "", ""))
"""Layer, kind and role of what is done now."""


@lru_cache(maxsize=1024)
def shown_path(filename: str) -> str:
    """The path as a reader wants it: relative if it lies below the working directory."""
    relative = os.path.relpath(filename) if os.path.isabs(filename) else filename
    return filename if relative.startswith("..") else relative


def is_internal(filename: str) -> bool:
    """Whether a source file is one of weft's own."""
    return filename.startswith(_INTERNAL)


def user_frame() -> FrameType:
    """The innermost caller outside the framework, modules that set ``__framework__`` for themselves, and ``copy``."""
    frame = sys._getframe(1)
    while (_IS_WITHIN[frame.f_code.co_filename] or "__framework__" in frame.f_globals) and frame.f_back is not None:
        frame = frame.f_back
    return frame


CodePlace: TypeAlias = tuple[CodeType, int, tuple[str, str, str]]
"""Where something is done, as cheaply as it can be told: code, instruction, and layer, kind and role."""


def here() -> CodePlace:
    """The place of the user's frame, for ``resolved``: every operation asks, and nearly nobody reads the answer."""
    frame = sys._getframe(1)
    while True:
        code = frame.f_code
        if not _IS_WITHIN[code.co_filename] and "__framework__" not in frame.f_globals:
            break
        back = frame.f_back
        if back is None:
            break
        frame = back
    return code, frame.f_lasti, _PLACE.get()


def resolved(place: CodePlace) -> Origin:
    """The origin that a place is."""
    code, instruction, inside = place
    at = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return _origin(code.co_filename, next(at, code.co_firstlineno), inside)


class _IsWithin(dict[str, bool]):
    """Source file → whether a user's line is never in it. Every operation asks, of each of its callers."""

    def __missing__(self, filename: str) -> bool:
        found = self[filename] = filename.startswith(_WITHIN)
        return found


_IS_WITHIN = _IsWithin()


def user_line() -> str:
    """``file.py:12`` of the user's frame."""
    frame = user_frame()
    return f"{shown_path(frame.f_code.co_filename)}:{frame.f_lineno}"


def origin() -> Origin:
    """Where what is done now comes from."""
    return resolved(here())


@lru_cache(maxsize=4096)
def _origin(filename: str, line: int, place: tuple[str, str, str]) -> Origin:
    """One object for all operations of a line in a place: a loop makes many."""
    return Origin(f"{shown_path(filename)}:{line}", *place)


class part_of:
    """Operations inside have this layer, kind and role (see ``Origin``), whatever is around them."""

    __slots__ = ("_place", "_token")

    def __init__(self, layer: str, kind: str, role: str = "") -> None:
        self._place = layer, kind, role

    def __enter__(self) -> None:
        self._token = _PLACE.set(self._place)

    def __exit__(self, *error: object) -> None:
        _PLACE.reset(self._token)


def inside(path: str, kind: str) -> part_of:
    """Operations inside belong to the module ``path`` (within the module around it) of class ``kind``."""
    around = _PLACE.get()[0]
    return part_of(f"{around}.{path}" if around and path else around or path, kind)
