"""Given: a picture of your plan. `python look.py attention`, `skips`, `training step`, or a number: a random graph."""

from __future__ import annotations

import sys

from arena import arena_bytes, picture, separate
from liveness import live_ranges, lower_bound
from planner import place_in_order, plan
from samples import SAMPLES, random_graph
from sharing import share


def main() -> None:
    """Print the graph, if it is a small one, and the plan at every stage that is written already."""
    name = " ".join(sys.argv[1:]) or "attention"
    if name not in SAMPLES and not name.isdecimal():
        raise SystemExit(f"no graph '{name}'; there are: {', '.join(SAMPLES)}, or a number for a random one")
    graph = SAMPLES[name] if name in SAMPLES else random_graph(int(name))
    if name.isdecimal():
        print(graph, "\n")
    try:
        for title, buffers in (
            ("a buffer for each value", separate(graph, live_ranges(graph))),
            ("results over operands", share(graph, live_ranges(graph))),
        ):
            total, least = sum(buffer.size for buffer in buffers), lower_bound(buffers)
            print(f"{title}: {len(buffers)} buffers, {total:,} bytes without reuse, at least {least:,} in any plan")
            births = place_in_order(buffers, range(len(buffers)))
            print(f"  in the order of birth: {arena_bytes(buffers, births):,} bytes")
            offsets = plan(buffers)
            print(f"  your plan: {arena_bytes(buffers, offsets):,} bytes\n{picture(buffers, offsets)}\n")
    except NotImplementedError as unwritten:
        print(f"  {unwritten}")


if __name__ == "__main__":
    main()
