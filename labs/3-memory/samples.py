"""Given: graphs to plan memory for; a training step, an attention layer, a network with skips, and random ones."""

from __future__ import annotations

import random
from itertools import pairwise

from ir import Builder, Graph


def dense(g: Builder, x: int, rows: int, inputs: int, outputs: int, name: str) -> int:
    """x·W + b, with W and b as inputs of the graph."""
    weight = g.input(f"{name}.weight", (inputs, outputs), "float32")
    bias = g.input(f"{name}.bias", (outputs,), "float32")
    return g.apply("add", g.apply("matmul", x, weight), g.apply("broadcast", bias, shape=(rows, outputs)))


def training_step(batch: int = 32, sizes: tuple[int, ...] = (64, 48, 32, 24, 10)) -> Graph:
    """Forward and backward of a multilayer perceptron with a squared error: outputs the loss and every gradient."""
    g = Builder()
    x = g.input("x", (batch, sizes[0]), "float32")
    target = g.input("target", (batch, sizes[-1]), "float32")
    before: list[int] = []  # what each layer's product read, and what its relu read
    sums: list[int] = []
    layers = list(pairwise(sizes))
    weights: list[int] = []
    for number, (inputs, outputs) in enumerate(layers):
        before.append(x)
        x = dense(g, x, batch, inputs, outputs, str(number))
        weights.append(x - 4)  # the nodes of dense: weight, bias, matmul, broadcast, add
        sums.append(x)
        if number + 1 < len(layers):
            x = g.apply("relu", x)
    error = g.apply("sub", x, target)
    results = [g.apply("sum", g.apply("mul", error, error), axes=(0, 1))]
    gradient = g.apply("add", error, error)
    for number in reversed(range(len(layers))):
        if number + 1 < len(layers):
            gradient = g.apply("mul", gradient, g.apply("step", sums[number]))
        results.append(g.apply("matmul", g.apply("transpose", before[number]), gradient))
        results.append(g.apply("sum", gradient, axes=(0,)))
        if number:
            gradient = g.apply("matmul", gradient, g.apply("transpose", weights[number]))
    return g.build(*results)


def softmax(g: Builder, x: int, rows: int, columns: int) -> int:
    """Along the last axis, without the shift by the maximum."""
    powers = g.apply("exp", x)
    sums = g.apply("reshape", g.apply("sum", powers, axes=(1,)), shape=(rows, 1))
    return g.apply("div", powers, g.apply("broadcast", sums, shape=(rows, columns)))


def attention(length: int = 40, width: int = 24, heads: int = 3) -> Graph:
    """Self-attention with its heads one after the other, then a dense layer; both with a residual."""
    g = Builder()
    x = g.input("x", (length, width), "float32")
    total = x
    for head in range(heads):
        query, key, value = (
            g.apply("matmul", x, g.input(f"{head}.{name}", (width, width // 2), "float32")) for name in "qkv"
        )
        scores = g.apply("matmul", query, g.apply("transpose", key))
        mixed = g.apply("matmul", softmax(g, scores, length, length), value)
        out = g.input(f"{head}.out", (width // 2, width), "float32")
        total = g.apply("add", total, g.apply("matmul", mixed, out))
    hidden = g.apply("relu", dense(g, total, length, width, 3 * width, "up"))
    return g.build(g.apply("add", total, dense(g, hidden, length, 3 * width, width, "down")))


def skips(rows: int = 16, widths: tuple[int, ...] = (96, 64, 40, 24)) -> Graph:
    """Down to few columns and up again; on the way up every level adds what it had on the way down."""
    g = Builder()
    x = g.input("x", (rows, widths[0]), "float32")
    kept: list[int] = []
    for number, (wide, narrow) in enumerate(pairwise(widths)):
        x = g.apply("relu", dense(g, x, rows, wide, wide, f"in{number}"))
        kept.append(x)
        x = g.apply("relu", dense(g, x, rows, wide, narrow, f"down{number}"))
    for number, (wide, narrow) in reversed(list(enumerate(pairwise(widths)))):
        x = g.apply("add", dense(g, x, rows, narrow, wide, f"up{number}"), kept[number])
        x = g.apply("relu", dense(g, x, rows, wide, wide, f"out{number}"))
    return g.build(x)


SAMPLES = {"training step": training_step(), "attention": attention(), "skips": skips()}
"""The graphs whose plans are measured."""


def random_graph(seed: int, operations: int = 20) -> Graph:
    """Any operations on small matrices of different sizes; one to three outputs, some values without a reader."""
    choose, g = random.Random(seed), Builder()
    extents = (1, 2, 3, 5, 8)
    values = [g.input(f"x{i}", (choose.choice(extents), choose.choice(extents))) for i in range(3)]
    values.append(g.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    while len(g.nodes) < operations + 4:
        a = choose.choice(values[-6:])
        shape = g.nodes[a].shape
        same = [v for v in values if g.nodes[v].shape == shape]
        fitting = [v for v in values if g.nodes[v].shape[0] == shape[1]]
        op = choose.choice(("add", "mul", "sub", "relu", "step", "matmul", "transpose", "sum", "broadcast", "reshape"))
        if op in ("add", "mul", "sub"):
            values.append(g.apply(op, *choose.sample([a, choose.choice(same)], 2)))
        elif op == "matmul" and fitting:
            values.append(g.apply(op, a, choose.choice(fitting)))
        elif op == "sum":
            values.append(g.apply("reshape", g.apply(op, a, axes=(0,)), shape=(1, shape[1])))
        elif op == "broadcast" and shape[0] == 1:
            values.append(g.apply(op, a, shape=(choose.choice(extents), shape[1])))
        elif op == "reshape":
            values.append(g.apply(op, a, shape=shape[::-1]))
        elif op in ("relu", "step", "transpose"):
            values.append(g.apply(op, a))
    outputs = {len(g.nodes) - 1, *(choose.choice(values[4:]) for _ in range(choose.randint(0, 2)))}
    return g.build(*sorted(outputs))
