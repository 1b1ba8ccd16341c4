"""What was made last, kept for its next use: a mapping bounded by count and by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, made when first asked for; those used longest ago go when there are too many, or too large.

    count: the most values kept. nbytes: the most bytes that they hold together, as ``size_of`` tells each time; the
    value asked for last stays whatever its size. Safe to use from several threads.
    """

    def __init__(self, count: int, nbytes: int, size_of: Callable[[V], int]) -> None:
        self.count, self.nbytes, self.made = count, nbytes, 0
        self._size_of = size_of
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made now if it is not kept. ``made`` counts how often that was."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            value = self._values[key] = make()
            self.made += 1
            self._drop_oldest()
            return value

    def __len__(self) -> int:
        return len(self._values)

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()

    def _drop_oldest(self) -> None:
        held = sum(map(self._size_of, self._values.values()))
        while len(self._values) > 1 and (len(self._values) > self.count or held > self.nbytes):
            _, dropped = self._values.popitem(last=False)
            held -= self._size_of(dropped)
