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

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self.id = hooks, next(KEYS)
        hooks[self.id] = hook
        Registrations.count += 1

    def remove(self) -> None:
        """Take the hook off; nothing happens if it is gone."""
        if self._hooks.pop(self.id, None) is not None:
            Registrations.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()
