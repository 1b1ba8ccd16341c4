"""Training steps written straight as graphs: a multilayer perceptron, and logistic regression with L2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array


def _product(b: GraphBuilder, x: int, w: int) -> int:
    return b.apply("matmul", x, w, transpose_a=False, transpose_b=True, accumulate="float32")


def _repeated(b: GraphBuilder, x: int, like: int) -> int:
    return b.apply("broadcast_to", x, shape=b.shape(like))


def _linear(b: GraphBuilder, x: int, name: str, outputs: int) -> tuple[int, list[int]]:
    """x · wᵀ + bias, and the two parameters."""
    w = b.input(f"{name}.weight", (outputs, b.shape(x)[1]), "float32", "state")
    bias = b.input(f"{name}.bias", (outputs,), "float32", "state")
    y = _product(b, x, w)
    return b.apply("add", y, _repeated(b, bias, y)), [w, bias]


def _momentum_updates(b: GraphBuilder, loss: int, parameters: Sequence[int]) -> dict[str, int]:
    """v' = 0.9 v + g and p' = p - rate v' for each parameter p with gradient g."""
    rate = b.input("rate", (), "float32", "state")
    updates = {}
    for p, g in zip(parameters, gradients(b, loss, parameters), strict=True):
        name = b[p].attr("name")
        v = b.input(f"{name}.momentum", b.shape(p), "float32", "state")
        updates[f"{name}.momentum"] = b.apply("add", b.apply("mul", v, b.full(0.9, like=v)), g)
        step = b.apply("mul", updates[f"{name}.momentum"], _repeated(b, rate, p))
        updates[name] = b.apply("sub", p, step)
    return updates


def mlp_step(widths: Sequence[int], batch: int) -> Graph:
    """Forward, softmax cross-entropy, backward and SGD with momentum; inputs x and y (int32 labels), output loss."""
    b = GraphBuilder()
    x, labels = b.input("x", (batch, widths[0]), "float32"), b.input("y", (batch,), "int32")
    parameters: list[int] = []
    for n, width in enumerate(widths[1:]):
        if n:
            x = b.apply("maximum", x, b.full(0, like=x))
        x, new = _linear(b, x, f"layer{n}", width)
        parameters += new
    top = b.apply("max", x, axes=(1,), keepdims=True)
    shifted = b.apply("sub", x, _repeated(b, top, x))
    total = b.apply("sum", b.apply("exp", shifted), axes=(1,), keepdims=True)
    logs = b.apply("sub", shifted, _repeated(b, b.apply("log", total), shifted))
    column = b.apply("reshape", labels, shape=(batch, 1))
    hot = b.apply("eq", b.apply("iota", shape=(batch, widths[-1]), axis=1), _repeated(b, column, logs))
    picked = b.apply("select", hot, logs, b.full(0, like=logs))
    summed = b.apply("sum", picked, axes=(0, 1), keepdims=False)
    loss = b.apply("div", b.apply("neg", summed), b.constant(float(batch), "float32"))
    updates = _momentum_updates(b, loss, parameters)
    return b.build({"loss": loss}, updates)


def logistic_step(features: int, batch: int) -> Graph:
    """Binary logistic regression with L2: loss = mean(log(1 + e^-yz)) + 0.01 |w|², y is float32 of -1 and 1."""
    b = GraphBuilder()
    x, y = b.input("x", (batch, features), "float32"), b.input("y", (batch, 1), "float32")
    z, parameters = _linear(b, x, "layer", 1)
    grown = b.apply("exp", b.apply("neg", b.apply("mul", y, z)))
    losses = b.apply("log", b.apply("add", grown, b.full(1, like=grown)))
    summed = b.apply("sum", losses, axes=(0, 1), keepdims=False)
    mean = b.apply("div", summed, b.constant(float(batch), "float32"))
    square = b.apply("sum", b.apply("mul", parameters[0], parameters[0]), axes=(0, 1), keepdims=False)
    loss = b.apply("add", mean, b.apply("mul", square, b.constant(0.01, "float32")))
    updates = _momentum_updates(b, loss, parameters)
    return b.build({"loss": loss}, updates)


def starting_values(graph: Graph, seed: int) -> dict[str, Array]:
    """Standard normal inputs, labels 0 to 9 or signs, small random weights, no momentum, rate 0.1."""
    rng = np.random.default_rng(seed)
    values: dict[str, Array] = {}
    for i in graph.inputs:
        node, name = graph.nodes[i], graph.nodes[i].attr("name")
        if name == "y":
            drawn = rng.integers(0, 10, node.shape) if node.dtype.kind == "int" else rng.choice((-1, 1), node.shape)
        elif name.endswith("momentum"):
            drawn = np.zeros(node.shape)
        else:
            drawn = rng.normal(0, 1 if name == "x" else 0.1, node.shape)
        values[name] = np.asarray(0.1 if name == "rate" else drawn).astype(node.dtype.numpy)
    return values
