"""Values for a random graph's inputs and states: whole numbers, moderate ones, and what arithmetic finds hard."""

from __future__ import annotations

import numpy as np

from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

EDGES = (
    0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 3.3895314e38, -3.3895314e38, 1.1754944e-38, 1e-40, -1e-45,
    88.0, -88.0, -104.0, 0.99999994, 1.0000001, 127.5, -128.5, 2147483648.0, 16777217.0,
)  # fmt: skip
"""Numbers at the ends of ranges, and those next to where functions turn."""


def random_values(graph: Graph, seed: int) -> dict[str, Array]:
    """One array for each input and state, by name. Half of the graphs get whole numbers, whose sums are exact in any
    order; one in eight gets edge values among moderate ones; zeros of both signs are everywhere."""
    rng = np.random.default_rng(seed)
    style = rng.choice(["whole", "moderate", "edges"], p=[0.5, 0.375, 0.125])
    values: dict[str, Array] = {}
    for i in graph.inputs:
        node = graph.nodes[i]
        drawn = np.asarray(rng.normal(0, 2, node.shape))
        if style == "whole" or node.dtype.kind == "int":
            drawn = drawn.round()
        drawn = np.where(rng.random(node.shape) > 0.2, drawn, 0.0) * rng.choice((-1.0, 1.0), node.shape)
        with np.errstate(all="ignore"):
            if style == "edges":
                drawn = np.where(rng.random(node.shape) < 0.4, rng.choice(EDGES, node.shape), drawn)
            if node.dtype.kind == "int":
                limits = np.iinfo(node.dtype.numpy)
                drawn = np.clip(np.nan_to_num(drawn, nan=0.0), float(limits.min), float(limits.max) - 128)
            values[node.attr("name")] = np.asarray(drawn).astype(node.dtype.numpy)
    return values
