"""Random small graphs over every primitive, and values for their inputs."""

from __future__ import annotations

import random

import numpy as np

from framework.builder import GraphBuilder
from framework.graph import Graph
from framework.primitives import PRIMITIVES, functions
from framework.primitives.base import Array
from framework.primitives.contraction import ACCUMULATION

DTYPES = ("float32", "bfloat16", "int8", "int32", "bool")
_WEIGHTS = (6, 3, 1, 2, 1)
_KINDS = {  # what kinds of value an elementwise primitive takes
    **dict.fromkeys(("div", *(p.name for p in functions.PRIMITIVES)), ("float",)),
    **dict.fromkeys(("and", "or", "not"), ("bool",)),
    **dict.fromkeys(("eq", "ne", "select", "cast"), ("bool", "int", "float")),
}
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0)


def random_graph(seed: int, size: int = 24) -> Graph:
    """A graph of about `size` nodes after its inputs; every node without users is an output, and a state is updated."""
    rng = random.Random(seed)
    b = GraphBuilder()
    for n in range(5):
        shape = tuple(rng.choice((1, 2, 3, 5, 9)) for _ in range(rng.randint(0, 3)))
        b.input(f"x{n}", shape, rng.choices(DTYPES, _WEIGHTS)[0])
    state = b.input("s", (3, 9), "float32", kind="state")
    ops = [name for name, p in PRIMITIVES.items() if p.group != "source"] + ["iota", "full"]
    while len(b) < size + 6:
        _grow(b, rng, rng.choice(ops))
    outputs = _unused(b)
    new = next((i for i in reversed(range(len(b))) if (b.shape(i), b.dtype(i)) == ((3, 9), b.dtype(state))), state)
    return b.build({f"y{n}": i for n, i in enumerate(outputs)}, {"s": new})


def _unused(b: GraphBuilder) -> list[int]:
    used = {source for node in b.nodes for source in node.inputs}
    return [i for i in range(len(b)) if i not in used]


def _like(b: GraphBuilder, rng: random.Random, index: int) -> int:
    """Another node of the same shape and dtype: an existing one, or a broadcast number."""
    same = [i for i in range(len(b)) if (b.shape(i), b.dtype(i)) == (b.shape(index), b.dtype(index))]
    return b.full(rng.choice(_NUMBERS), like=index) if rng.random() < 0.3 else rng.choice(same)


def _grow(b: GraphBuilder, rng: random.Random, op: str) -> None:
    """Append one primitive `op` to operands that fit, or nothing when there are none."""
    x = rng.choice(range(len(b))) if rng.random() < 0.5 else len(b) - 1
    shape, dtype = b.shape(x), b.dtype(x)
    rank = len(shape)
    axes = tuple(sorted(rng.sample(range(rank), rng.randint(0, rank))))
    if op == "full":
        b.full(rng.choice(_NUMBERS), like=x)
    elif op == "iota":
        b.apply("iota", shape=(2, 5), axis=rng.randint(0, 1))
    elif op == "matmul":
        if rank >= 2 and dtype.name in ACCUMULATION:
            a, flags = x, (rng.random() < 0.5, rng.random() < 0.5)
            inner = shape[-2] if flags[0] else shape[-1]
            extents = (*shape[:-2], *((4, inner) if flags[1] else (inner, 4)))
            fits = [i for i in range(len(b)) if b.shape(i) == extents and b.dtype(i) == dtype]
            other = rng.choice(fits) if fits else b.apply("broadcast_to", b.constant(2, dtype), shape=extents)
            b.apply("matmul", a, other, transpose_a=flags[0], transpose_b=flags[1], accumulate=ACCUMULATION[dtype.name])
    elif PRIMITIVES[op].group == "elementwise":
        if dtype.kind not in _KINDS.get(op, ("int", "float")):
            return
        if op == "cast":
            b.apply("cast", x, dtype=rng.choice(DTYPES))
        elif op == "quantise":
            if dtype.name == "float32":
                b.apply(op, x, _like(b, rng, x))
        elif op == "dequantise":
            if dtype.kind == "int":
                scale = b.constant(rng.choice((0.5, 2.0, 0.01)), "float32")
                b.apply(op, x, b.apply("broadcast_to", scale, shape=shape) if shape else scale)
        elif op == "select":
            b.apply("select", b.apply("ne", x, _like(b, rng, x)), x, _like(b, rng, x))
        else:
            b.apply(op, x, *(_like(b, rng, x) for _ in range(PRIMITIVES[op].arity - 1)))
    elif op == "argmax":
        if rank and dtype.kind != "bool":
            b.apply("argmax", x, axis=rng.randrange(rank), keepdims=rng.random() < 0.5)
    elif op in ("sum", "max"):
        if dtype.kind != "bool":
            b.apply(op, x, axes=axes, keepdims=rng.random() < 0.5)
    elif op == "reshape":
        merged = (shape[0] * shape[1], *shape[2:]) if rank >= 2 else (*shape, 1)
        b.apply("reshape", x, shape=merged)
    elif op == "permute":
        b.apply("permute", x, order=rng.sample(range(rank), rank))
    elif op == "broadcast_to":
        if rank < 3:
            wanted = (rng.choice((2, 3)) if n == 1 else n for n in shape)
            b.apply("broadcast_to", x, shape=(rng.choice((1, 2, 3)), *wanted))
    elif op == "slice":
        starts = [rng.randrange(n) for n in shape]
        stops = [rng.randint(start + 1, n) for start, n in zip(starts, shape, strict=True)]
        b.apply("slice", x, starts=starts, stops=stops, steps=[rng.choice((1, 2)) for _ in shape])
    elif op == "pad":
        low, high, interior = ([rng.choice((0, 0, 1, 2)) for _ in shape] for _ in range(3))
        if all(n < 10 for n in shape):
            b.apply("pad", x, low=low, high=high, interior=interior, value=rng.choice((0, 1)))


def random_values(graph: Graph, seed: int) -> dict[str, Array]:
    """One array for each input and state: moderate numbers, zeros of both signs among them."""
    rng = np.random.default_rng(seed)
    values: dict[str, Array] = {}
    for i in graph.inputs:
        node = graph.nodes[i]
        drawn = rng.normal(0, 2, node.shape) * (rng.random(node.shape) > 0.2) * rng.choice((-1.0, 1.0), node.shape)
        whole = np.asarray(drawn.round() if node.dtype.kind == "int" else drawn)
        values[node.attr("name")] = whole.astype(node.dtype.numpy)
    return values
