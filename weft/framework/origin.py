"""Where in the user's code an operation was written: file and line, and the module it runs in."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType

_INTERNAL = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_WITHIN = (os.path.dirname(os.path.abspath(__file__)) + os.sep, copy.__file__)
_MODULE: ContextVar[tuple[str, str] | None] = ContextVar("module", default=None)
"""Dotted path and class of the module whose forward runs."""


@lru_cache(maxsize=1024)
def _shown(filename: str) -> str:
    """The path as a reader wants it: relative if it lies below the working directory."""
    relative = os.path.relpath(filename) if os.path.isabs(filename) else filename
    return filename if relative.startswith("..") else relative


def is_internal(filename: str) -> bool:
    """Whether a source file is one of weft's own."""
    return filename.startswith(_INTERNAL)


def user_frame() -> FrameType:
    """The innermost caller outside the framework, modules that set ``__framework__`` for themselves, and ``copy``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_WITHIN) or "__framework__" in frame.f_globals
    ):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """``file.py:12`` of the user's frame."""
    frame = user_frame()
    return f"{_shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def origin() -> str:
    """The user's line, and the path of the module that runs: ``train.py:12 in layers.0 (Linear)``."""
    module = _MODULE.get()
    if module is None:
        return user_line()
    path, kind = module
    return f"{user_line()} in {path} ({kind})" if path else f"{user_line()} in {kind}"


@contextmanager
def inside(path: str, kind: str) -> Iterator[None]:
    """Operations inside belong to the module ``path`` (within the module around it) of class ``kind``."""
    around = _MODULE.get()
    full = ".".join(part for part in (around[0] if around else "", path) if part)
    token = _MODULE.set((full, kind))
    try:
        yield
    finally:
        _MODULE.reset(token)
