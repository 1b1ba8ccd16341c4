"""Functions that a user hangs on tensors, and the handle that takes one off again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Self

KEYS = itertools.count()
"""Hooks run in the order in which they were registered."""


class Registrations:
    """How often hooks of leaves were registered or removed, in ``count``: a trace that saw another number is redone."""

    count = 0


class RemovableHandle:
    """What a registration gives: ``remove()`` takes the hook off, and so does the end of a ``with`` block of it."""

    def __init__(self, take_off: Callable[[], None]) -> None:
        self._take_off = take_off

    def remove(self) -> None:
        """Take the hook off; nothing happens if it is gone."""
        self._take_off()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def registered(hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook of a tensor to those there are."""
    key = next(KEYS)
    hooks[key] = hook
    Registrations.count += 1

    def take_off() -> None:
        if hooks.pop(key, None) is not None:
            Registrations.count += 1

    return RemovableHandle(take_off)
