"""Given: did your function return what its docstring promises, and does a plan keep buffers apart? The checks and
`look.py` ask this first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from arena import ALIGN, Buffer, arena_bytes

from weft.lab import Difference


def refused(value: Any, kind: str, call: str) -> Difference:
    """What is said of a value that is no ``kind``."""
    if value is None:
        return Difference(f"what {call} returned", kind, "None; is a `return` missing?")
    return Difference(f"what {call} returned", kind, f"a {type(value).__name__}: {value!r}"[:200])


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole(value: Any, call: str) -> int:
    """A whole number, or Difference."""
    if not _is_whole(value):
        raise refused(value, "a whole number", call)
    return int(value)


def offsets(value: Any, count: int, call: str) -> list[int]:
    """A whole number for each of ``count`` buffers, or Difference."""
    kind = f"a list of {count} offsets, one for each buffer"
    if not isinstance(value, list | tuple | np.ndarray) or len(value) != count:
        raise refused(value, kind, call)
    for number, offset in enumerate(value):
        if not _is_whole(offset):
            raise refused(offset, "a whole number", f"{call} for buffer {number}")
    return [int(offset) for offset in value]


def ranges(value: Any, call: str) -> Mapping[int, tuple[int, int]]:
    """A pair of whole numbers for each value, or Difference."""
    if not isinstance(value, Mapping):
        raise refused(value, "a dictionary from values to (first, last)", call)
    for key, pair in value.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(_is_whole(step) for step in pair):
            raise refused(pair, "a pair of steps, (first, last)", f"{call} for {key!r}")
    return value


def buffers(value: Any, call: str) -> Sequence[Buffer]:
    """Buffers with values, size, first and last, or Difference."""
    if not isinstance(value, list | tuple):
        raise refused(value, "a list of Buffer", call)
    for number, buffer in enumerate(value):
        if not isinstance(buffer, Buffer):
            raise refused(buffer, "a Buffer", f"{call} as element {number}")
        if not isinstance(buffer.values, tuple | list) or not all(_is_whole(v) for v in buffer.values):
            raise refused(buffer.values, "a tuple of values", f"{call} as values of buffer {number}")
        if not buffer.values:
            raise refused(buffer.values, "at least one value", f"{call} as values of buffer {number}")
        for name in ("size", "first", "last"):
            whole(getattr(buffer, name), f"{call} as {name} of buffer {number}")
    return value


def shown(buffer: Buffer, offset: int) -> str:
    """A placed buffer in words."""
    return f"bytes {offset} to {offset + buffer.size - 1} in steps {buffer.first} to {buffer.last}"


def sound(buffers: Sequence[Buffer], offsets: Sequence[int], what: str) -> None:
    """Look at every byte in every step: raise Difference if two buffers are there."""
    for number, offset in enumerate(offsets):
        if offset < 0 or offset % ALIGN:
            raise Difference(f"{what}: offset of buffer {number}", f"a multiple of {ALIGN}, at least 0", str(offset))
    for step in range(max((buffer.last for buffer in buffers), default=0) + 1):
        owner = np.full(arena_bytes(buffers, offsets), -1)
        for number, (buffer, offset) in enumerate(zip(buffers, offsets, strict=True)):
            if buffer.first <= step <= buffer.last:
                there = owner[offset : offset + buffer.size]
                if (there >= 0).any():
                    other = int(there.max())
                    raise Difference(
                        f"{what}: step {step}",
                        f"buffer {number} ({shown(buffer, offset)}) apart from all others",
                        f"it overlaps buffer {other} ({shown(buffers[other], offsets[other])})",
                    )
                there[:] = number
