"""The nodes of a graph lie in the order in which they were asked for, so that what is computed again is made when used.

Memory is counted: the bytes that are alive at once when a graph's nodes run in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from weft.framework.func import grad
from weft.framework.graph import Graph
from weft.framework.jit import trace
from weft.framework.realising import collect
from weft.framework.recompute import checkpoint
from weft.framework.tensor import Tensor, tensor

WIDTH, LAYERS, ROWS = 16, 12, 32


def peak(graph: Graph) -> int:
    """The most bytes that values behind the inputs take at once, each freed after the last node that reads it."""
    root = list(range(len(graph.nodes)))
    for i, node in enumerate(graph.nodes):
        if node.op in ("barrier", "reshape", "permute"):  # the same bytes
            root[i] = root[node.inputs[0]]
    last = {root[source]: i for i, node in enumerate(graph.nodes) for source in node.inputs}
    last |= {root[i]: len(graph.nodes) for i in graph.results}
    held = most = 0
    for i, node in enumerate(graph.nodes):
        held += node.size * node.dtype.itemsize if root[i] == i and node.op not in ("input", "constant") else 0
        most = max(most, held)
        for k in {root[source] for source in node.inputs} | {root[i]}:
            kind = graph.nodes[k]
            if last.get(k, k) == i and kind.op not in ("input", "constant"):
                held -= kind.size * kind.dtype.itemsize
    return most


def chain(x: Tensor, weights: list[Tensor], kept: Callable[..., Tensor]) -> Tensor:
    """Layers of several operations each, every one of which is wanted again by the gradient."""
    for w in weights:
        x = kept(lambda x, w=w: ((x @ w).tanh() * x.sigmoid()).exp().tanh(), x)
    return x.sum()


def gradient_graph(kept: Callable[..., Tensor]) -> Graph:
    rng = np.random.default_rng(0)
    weights = [tensor(rng.normal(size=(WIDTH, WIDTH)).astype(np.float32)) for _ in range(LAYERS)]
    x = tensor(rng.normal(size=(ROWS, WIDTH)).astype(np.float32))
    return trace(grad(lambda weights: chain(x, weights, kept)), weights)


def test_checkpoints_of_layers_save_what_they_are_for() -> None:
    value = ROWS * WIDTH * 4
    plain, saving = (peak(gradient_graph(kept)) for kept in (lambda f, x: f(x), checkpoint))
    assert plain > 4 * LAYERS * value, "each layer keeps several values for the gradient"
    assert saving < (LAYERS + 10) * value, "one value a layer, and what one layer needs"


@pytest.mark.parametrize("seed", range(5))
def test_nodes_lie_as_they_were_asked_for(seed: int) -> None:
    """Whatever is wanted, in whatever order."""
    rng = np.random.default_rng(seed)
    made = [tensor(rng.normal(size=(3,)).astype(np.float32)).exp() for _ in range(3)]
    for _ in range(20):
        a, b = rng.choice(len(made), 2)
        made.append(made[a] * made[b] + 2.5 if rng.random() < 0.5 else (made[a] - made[b]).sin())
    wanted = [made[i]._read() for i in rng.permutation(len(made))[:6]]
    nodes, index, _ = collect(wanted)
    at = {index[id(e)]: e.made for e in wanted}
    assert [at[i] for i in sorted(at)] == sorted(at.values())
    assert all(source < i for i, node in enumerate(nodes) for source in node.inputs)
    assert math.prod(wanted[0].shape) == 3
