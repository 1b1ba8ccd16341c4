"""Given: a picture of your plan. `python look.py attention`, `skips`, `training step`, or a number: a random graph."""

from __future__ import annotations

import sys

import contract
from arena import arena_bytes, computed, picture, separate
from liveness import live_ranges, lower_bound
from planner import place_in_order, plan
from samples import SAMPLES, random_graph
from sharing import share

from weft.lab import Difference


def main() -> None:
    """Print the graph, if it is a small one, and the plan at every stage that is written already."""
    name = " ".join(sys.argv[1:]) or "attention"
    if name not in SAMPLES and not name.isdecimal():
        raise SystemExit(f"no graph '{name}'; there are: {', '.join(SAMPLES)}, or a number for a random one")
    graph = SAMPLES[name] if name in SAMPLES else random_graph(int(name))
    if name.isdecimal():
        print(graph, "\n")
    try:
        ranges = contract.ranges(live_ranges(graph), "live_ranges")
        if absent := [value for value in computed(graph) if value not in ranges]:
            raise Difference("the values with a live range", "all computed ones", f"none for {absent}")
        for title, make in (("a buffer for each value", separate), ("results over operands", share)):
            buffers = contract.buffers(make(graph, ranges), make.__name__)
            total, least = sum(buffer.size for buffer in buffers), contract.whole(lower_bound(buffers), "lower_bound")
            print(f"{title}: {len(buffers)} buffers, {total:,} bytes without reuse, at least {least:,} in any plan")
            births = contract.offsets(place_in_order(buffers, range(len(buffers))), len(buffers), "place_in_order")
            print(f"  in the order of birth: {arena_bytes(buffers, births):,} bytes")
            offsets = contract.offsets(plan(buffers), len(buffers), "plan")
            print(f"  your plan: {arena_bytes(buffers, offsets):,} bytes\n{picture(buffers, offsets)}\n")
            contract.sound(buffers, offsets, "your plan")
    except NotImplementedError as unwritten:
        print(f"  {unwritten}")
    except Difference as wrong:
        raise SystemExit(f"{wrong.what}: expected {wrong.expected}, got {wrong.actual}") from None


if __name__ == "__main__":
    main()
