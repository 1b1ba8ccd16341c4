"""Memory images that take the host's memory for what is written in them, not for their size.

A large image is a private mapping of the operating system's, whose pages exist once they are written; pages that are
only read cost nothing. Every engine works on it as on any array. Copying and comparing keep to the same rule: zeros are
not written.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

PAGE = 4096
DENSE = 1 << 24
"""Images below so many bytes are plain arrays."""
_CHUNK = 1 << 18  # bytes looked at together
_FLAGS = ("MAP_PRIVATE", "MAP_ANONYMOUS")
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)


def blank(size: int) -> Bytes:
    """A writable image of ``size`` zeros."""
    if size < DENSE or not all(hasattr(mmap, flag) for flag in _FLAGS):
        return np.zeros(size, np.uint8)
    flags = sum(getattr(mmap, flag) for flag in _FLAGS) | _NO_RESERVE
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), np.uint8)


def _chunks(size: int) -> Iterator[slice]:
    return (slice(at, min(at + _CHUNK, size)) for at in range(0, size, _CHUNK))


def copied(image: Bytes) -> Bytes:
    """A copy of the bytes [n], C-contiguous and writable."""
    if len(image) < DENSE:
        return np.array(image, order="C")
    copy = blank(len(image))
    for part in _chunks(len(image)):
        source, target = image[part], copy[part]
        if not source.any():
            continue
        whole = len(source) // PAGE * PAGE
        pages = np.flatnonzero(source[:whole].reshape(-1, PAGE).any(axis=1))
        target[:whole].reshape(-1, PAGE)[pages] = source[:whole].reshape(-1, PAGE)[pages]
        if source[whole:].any():
            target[whole:] = source[whole:]
    return copy


def difference(a: Bytes, b: Bytes) -> tuple[int, int]:
    """Where two memories first differ and in how many bytes; (-1, 0) if they are equal.

    What one has and the other has not counts as different.
    """
    shared = min(len(a), len(b))
    first, count = -1, 0
    for part in _chunks(shared):
        if not np.array_equal(a[part], b[part]):
            unequal = np.flatnonzero(a[part] != b[part])
            first = first if count else part.start + int(unequal[0])
            count += len(unequal)
    over = max(len(a), len(b)) - shared
    return (shared if over and not count else first), count + over
