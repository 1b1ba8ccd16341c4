"""The order of operators that table, roofline and timeline share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def rank(described: Sequence[Mapping[str, Any]]) -> list[int]:
    """Each operator's place, from 1, by wasted cycles: the number that stands for it in every view."""
    order = sorted(range(len(described)), key=lambda index: (-described[index]["wasted"], index))
    places = [0] * len(described)
    for place, index in enumerate(order, 1):
        places[index] = place
    return places
