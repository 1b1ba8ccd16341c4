"""The extents of a tensor: a tuple that knows the number of elements."""

from __future__ import annotations

import math


class Size(tuple[int, ...]):
    """Extents, as a tuple."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"weft.Size({list(self)})"
