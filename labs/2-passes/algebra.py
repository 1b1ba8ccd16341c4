"""Algebra: operations that leave their operand as it is go. But which do, when numbers are floating-point numbers?"""

from __future__ import annotations

import ir
import numpy as np
from passes import rewrite


def is_all(builder: ir.Builder, index: int, number: float) -> bool:
    """Is every element of the node known to have exactly the bits of ``number``? So 0.0 is not -0.0.

    It looks through broadcast and reshape to a constant, because a number in a program is usually a stretched scalar.
    """
    node = builder.nodes[index]
    while node.op in ("broadcast", "reshape"):
        node = builder.nodes[node.inputs[0]]
    return node.op == "constant" and node.value.tobytes() == np.full(node.shape, number, node.dtype).tobytes()


def algebra(graph: ir.Graph) -> ir.Graph:
    """The graph in which an operation that gives its operand back, bit for bit and whatever it is, is that operand.

    These are the candidates. Apply those that are true of every float x, with its infinities, NaN and the zero that
    has a sign, and leave the others alone::

        x + 0.0  = x    x - 0.0  = x     x * 1.0 = x    x / 1.0 = x      transpose(transpose(x)) = x
        x + -0.0 = x    x - -0.0 = x     x * 0.0 = 0    x / x   = 1      reshape(x, x's own shape) = x
        0.0 + x  = x    x - x    = 0     1.0 * x = x    exp(log(x)) = x  broadcast(x, x's own shape) = x
        -0.0 + x = x    (x + y) - y = x  0.0 * x = 0    log(exp(x)) = x  reshape(reshape(x, s), t) = reshape(x, t)
    """
    # hole: algebra
    def rule(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int | None:
        if not inputs:
            return None
        a, b = inputs[0], inputs[-1]
        operand = builder.nodes[a]
        match node.op:
            case "add" if is_all(builder, b, -0.0):
                return a
            case "add" if is_all(builder, a, -0.0):
                return b
            case "sub" if is_all(builder, b, 0.0):
                return a
            case "mul" if is_all(builder, a, 1.0):
                return b
            case "mul" | "div" if is_all(builder, b, 1.0):
                return a
            case "transpose" if operand.op == "transpose":
                return operand.inputs[0]
            case "reshape" | "broadcast" if node.shape == operand.shape:
                return a
            case "reshape" if operand.op == "reshape":
                return builder.apply("reshape", operand.inputs[0], shape=node.shape)
        return None

    return rewrite(graph, rule)
    # end hole
