"""Where an operation comes from: the user's line, the module that ran, and its part in training."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType
from typing import NamedTuple

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
    frame = user_frame()
    return _origin(frame.f_code.co_filename, frame.f_lineno, _PLACE.get())


@lru_cache(maxsize=4096)
def _origin(filename: str, line: int, place: tuple[str, str, str]) -> Origin:
    """One object for all operations of a line in a place: a loop makes many."""
    return Origin(f"{shown_path(filename)}:{line}", *place)


@contextmanager
def inside(path: str, kind: str) -> Iterator[None]:
    """Operations inside belong to the module ``path`` (within the module around it) of class ``kind``."""
    around = _PLACE.get()[0]
    token = _PLACE.set((f"{around}.{path}" if around and path else around or path, kind, ""))
    try:
        yield
    finally:
        _PLACE.reset(token)


@contextmanager
def part_of(layer: str, kind: str, role: str = "") -> Iterator[None]:
    """Operations inside have this layer, kind and role (see ``Origin``), whatever is around them."""
    token = _PLACE.set((layer, kind, role))
    try:
        yield
    finally:
        _PLACE.reset(token)
