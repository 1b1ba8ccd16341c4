"""The planner: an offset for every buffer, so that no two that are occupied at the same time overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from arena import ALIGN, Buffer, arena_bytes


def lowest_gap(size: int, taken: Sequence[tuple[int, int]]) -> int:
    """The lowest offset, a multiple of ALIGN, at which ``size`` bytes overlap none of ``taken``.

    ``taken`` are (offset, size) pairs in any order; they may overlap each other.
    """
    # hole: lowest-gap
    offset = 0
    for begin, length in sorted(taken):
        if offset + size <= begin:
            break
        offset = max(offset, -(-(begin + length) // ALIGN) * ALIGN)
    return offset
    # end hole


def place_in_order(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """An offset for every buffer: taken in this order, each goes to the lowest gap between those placed before it
    that are occupied in a step in which it is, too. ``order`` is a permutation of range(len(buffers))."""
    # hole: place
    offsets: dict[int, int] = {}
    for index in order:
        buffer = buffers[index]
        taken = [
            (offset, buffers[other].size)
            for other, offset in offsets.items()
            if buffers[other].first <= buffer.last and buffer.first <= buffers[other].last
        ]
        offsets[index] = lowest_gap(buffer.size, taken)
    return [offsets[index] for index in range(len(buffers))]
    # end hole


def plan(buffers: Sequence[Buffer]) -> list[int]:
    """Offsets that need little memory: exactly as little as possible for up to 6 buffers, and for more at most a few
    percent above `lower_bound` on graphs of neural networks."""
    # hole: order
    numbers = range(len(buffers))
    if len(buffers) <= 6:
        orders = [list(order) for order in itertools.permutations(numbers)]
        return min((place_in_order(buffers, o) for o in orders), key=lambda offsets: arena_bytes(buffers, offsets))
    order = sorted(numbers, key=lambda i: (-buffers[i].size, buffers[i].first))
    best, least = [], -1
    for _ in range(3 * len(buffers)):
        offsets = place_in_order(buffers, order)
        needed = arena_bytes(buffers, offsets)
        if least < 0 or needed < least:
            best, least = offsets, needed
        highest = max(numbers, key=lambda i: offsets[i] + buffers[i].size)
        order.remove(highest)  # what ended at the top chooses first next time
        order.insert(0, highest)
    return best
    # end hole
