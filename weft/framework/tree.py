"""Nested lists, tuples and dictionaries taken apart into named leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def map_leaves(value: Any, function: Callable[[str, Any], Any], path: str = "") -> Any:
    """The same nest with ``function(path, leaf)`` in place of every leaf; paths look like ``batch.0.images``."""

    def inner(key: Any, part: Any) -> Any:
        return map_leaves(part, function, f"{path}.{key}" if path else str(key))

    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(inner(name, part) for name, part in zip(value._fields, value, strict=True)))
    if isinstance(value, list | tuple):
        return type(value)(inner(i, part) for i, part in enumerate(value))
    if isinstance(value, Mapping):
        return {key: inner(key, part) for key, part in value.items()}
    return function(path, value)


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """(path, leaf) in order."""
    found: list[tuple[str, Any]] = []
    map_leaves(value, lambda name, leaf: found.append((name, leaf)), path)
    return found
