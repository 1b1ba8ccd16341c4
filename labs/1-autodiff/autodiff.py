"""Reverse-mode differentiation: the gradient of recorded work is more recorded work.

A *cotangent* of a tensor is the derivative of the final number with respect to it: an array of the tensor's own shape.
Each operation has a rule that takes its own cotangent to the cotangents of its operands; ``gradients`` walks the graph
once, from the end to the beginning, and applies the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tracer import Tensor, tensor, topological_order

Cotangents = tuple[Tensor | None, ...]
"""One for each operand, of the operand's shape; None where nothing depends on the operand smoothly."""


def sub_rule(node: Tensor, g: Tensor) -> Cotangents:
    """node = a - b, so a's cotangent is g and b's is -g. (A worked example.)"""
    return g, -g


def transpose_rule(node: Tensor, g: Tensor) -> Cotangents:
    """node[i, j] = a[j, i], so what arrives at [i, j] belongs to [j, i]. (A worked example.)"""
    return (g.transpose(),)


def reshape_rule(node: Tensor, g: Tensor) -> Cotangents:
    """The elements stay in order; their cotangents take the operand's shape again. (A worked example.)"""
    return (g.reshape(node.inputs[0].shape),)


def step_rule(node: Tensor, g: Tensor) -> Cotangents:
    """A step is flat on both sides of its jump: nothing flows back."""
    return (None,)


def elementwise_rule(node: Tensor, g: Tensor) -> Cotangents:
    """The cotangents of the operands of an add, mul, div, exp, log or relu, given its own cotangent ``g``.

    node: the operation; ``node.inputs`` are its operands a, or a and b (of node's shape: ``record`` has stretched
    them), and ``node`` itself is its result, which may be used. For relu, the derivative at 0 is 0.
    """
    # hole: elementwise-gradients
    a, b = node.inputs[0], node.inputs[-1]
    match node.op:
        case "add":
            return g, g
        case "mul":
            return g * b, g * a
        case "div":
            return g / b, -g * node / b
        case "exp":
            return (g * node,)
        case "log":
            return (g / a,)
        case "relu":
            return (g * a.step(),)
    # end hole
    raise NotImplementedError(node.op)


def sum_rule(node: Tensor, g: Tensor) -> Cotangents:
    """The cotangent of a, where node = a.sum(axes); ``dict(node.attrs)["axes"]`` are the axes that disappeared."""
    # hole: sum-gradient
    (a,) = node.inputs
    axes = dict(node.attrs)["axes"]
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(a.shape))
    return (g.reshape(kept).broadcast(a.shape),)
    # end hole


def broadcast_rule(node: Tensor, g: Tensor) -> Cotangents:
    """The cotangent of a, where node = a.broadcast(node.shape).

    NumPy's rules: a's axes are matched with the *last* axes of node; axes before them are new; an axis of extent 1 may
    have been stretched.
    """
    # hole: broadcast-gradient
    (a,) = node.inputs
    new = len(node.shape) - len(a.shape)
    stretched = [axis for axis, extent in enumerate(a.shape, new) if extent != node.shape[axis]]
    return (g.sum((*range(new), *stretched)).reshape(a.shape),)
    # end hole


def matmul_rule(node: Tensor, g: Tensor) -> Cotangents:
    """The cotangents of a [n, k] and b [k, m], where node [n, m] = a @ b."""
    # hole: matmul-gradient
    a, b = node.inputs
    return g @ b.transpose(), a.transpose() @ g
    # end hole


RULES: dict[str, Callable[[Tensor, Tensor], Cotangents]] = {
    "sub": sub_rule,
    "transpose": transpose_rule,
    "reshape": reshape_rule,
    "step": step_rule,
    "add": elementwise_rule,
    "mul": elementwise_rule,
    "div": elementwise_rule,
    "exp": elementwise_rule,
    "log": elementwise_rule,
    "relu": elementwise_rule,
    "sum": sum_rule,
    "broadcast": broadcast_rule,
    "matmul": matmul_rule,
}
"""Every operation's rule: (the node, its cotangent) to the cotangents of its operands."""


def gradients(result: Tensor, wrt: Sequence[Tensor]) -> list[Tensor]:
    """The derivative of ``result`` (shape []) with respect to each tensor of ``wrt``, of that tensor's shape.

    A tensor of ``wrt`` may be anywhere in the graph, not only a leaf; one that ``result`` does not depend on gets
    zeros. One may stand behind another, and gets all that comes through it. A tensor that is used several times gets
    the sum of what comes from each use. Each node's rule is applied once, when its cotangent is complete. Nothing is
    computed: the gradients are recorded.
    """
    # hole: backward
    cotangents = {result: tensor(1.0, result.dtype)}
    for node in reversed(topological_order([result])):
        if node not in cotangents or node.op == "leaf":
            continue
        for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
            if part is not None:
                cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
    return [cotangents[x] if x in cotangents else tensor(np.zeros(x.shape), x.dtype) for x in wrt]
    # end hole
