"""Nested lists, tuples and dictionaries taken apart into named leaves and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any


def map_leaves(value: Any, function: Callable[[str, Any], Any], path: str = "") -> Any:
    """The same nest with ``function(path, leaf)`` in place of every leaf.

    Paths look like ``batch.0.images``; one that would come twice (keys 1 and "1") is followed by ``_``. Lists, tuples
    and dictionaries of classes of their own stay what they are; other mappings become dictionaries.
    """
    return _map(value, function, path, set())


def _map(part: Any, function: Callable[[str, Any], Any], path: str, taken: set[str]) -> Any:
    # No closure that calls itself: such a one is a reference cycle, and what `function` holds (a step's results) would
    # stay in memory until the garbage collector comes.
    def below(key: Any, part: Any) -> Any:
        return _map(part, function, f"{path}.{key}" if path else str(key), taken)

    if isinstance(part, tuple):
        names = getattr(part, "_fields", range(len(part)))
        return tuple.__new__(type(part), [below(name, one) for name, one in zip(names, part, strict=True)])
    if isinstance(part, list):
        parts = copy.copy(part)
        parts[:] = [below(i, one) for i, one in enumerate(part)]
        return parts
    if isinstance(part, Mapping):
        made = {key: below(key, one) for key, one in part.items()}
        if type(part) is dict or not isinstance(part, dict):
            return made
        twin = copy.copy(part)
        for key, one in made.items():
            dict.__setitem__(twin, key, one)
        return twin
    while path in taken:
        path += "_"
    taken.add(path)
    return function(path, part)


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """(path, leaf) in order."""
    found: list[tuple[str, Any]] = []
    map_leaves(value, lambda name, leaf: found.append((name, leaf)), path)
    return found
