"""A disk that fails: the n-th step of whatever writes files raises, half of its bytes written.

Steps are what Python asks the system for: opening for writing, writing, closing, making folders, moving, syncing.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_CALLS = ("mkdir", "replace", "fsync", "open")


class Disk:
    """Counts the steps, and fails at step ``failing`` with ``number``."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch, self._on = patch, False
        self.steps, self.failing, self.number = 0, 0, 0
        patch.setattr(builtins, "open", self._opened(io.open))
        patch.setattr(io, "open", builtins.open)
        for name in _CALLS:
            patch.setattr(os, name, self._counted(getattr(os, name), name))

    def fail(self, failing: int, number: int) -> None:
        """From now on, the step ``failing`` (from 1) fails."""
        self.steps, self.failing, self.number, self._on = 0, failing, number, True

    def well(self) -> bool:
        """From now on nothing fails; whether nothing did."""
        self._on = False
        return self.steps < self.failing

    def step(self) -> None:
        """Something is asked of the disk."""
        if self._on:
            self.steps += 1
            if self.steps == self.failing:
                raise OSError(self.number, os.strerror(self.number))

    def _counted(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR):
                self.step()
            return call(*arguments, **named)

        return counted

    def _opened(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if not set(mode) & set("wax+"):
                return call(file, mode, *arguments, **named)
            self.step()
            return _File(call(file, mode, *arguments, **named), self)

        return opened


class _File:
    """A file whose writing and closing are steps; a step that fails has written half."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def write(self, content: Any) -> Any:
        half = len(content) // 2
        self._file.write(content[:half])
        self._disk.step()
        return half + self._file.write(content[half:])

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()
            self._disk.step()

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
