"""Every node of a compiled graph judged against float64: the one place where allowed errors are stated.

A node is computed in float64 from the very values that the target gave its operands, so that errors do not add up along
the graph, and the target's value must be within a bound that follows from the operation alone. With u the unit roundoff
of what the value is rounded to (float32: 2**-24, bfloat16: 2**-8) and v = 2**-24 that of the arithmetic:

==================== ================================================================================
movement, select,    equal
max, neg, abs, casts,
window_max, integers,
bools, quantise,
dequantise
add, sub, mul        u·|r|: rounded once
sum of n, windows    (n - 1)·v·Σ|x| + u·|r|: n - 1 additions in any order
matmul over K, conv  2·K·v·Σ|a·b| + u·|r|: K fused products, and at most as many sums of partial sums
functions, div       c·v·|r| + u·|r|, with c from the target's table in `accuracy.py`; 0 where it has none
==================== ================================================================================

Where a target flushes, numbers below 2**-126 count as zero, and may become zero anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from weft.compiler.accuracy import NUMPY, Accuracy
from weft.framework.graph import Graph, Node
from weft.framework.names import node_text
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array
from weft.framework.reference import operands, reference_node

ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-52, "bfloat16": 2.0**-8}
"""Unit roundoff; of float64 twice that, for the oracle itself rounds as well."""
V = ROUNDOFF["float32"]
TINY = 2.0**-126
LEAST = {"float32": 2.0**-149, "float64": 2.0**-1074, "bfloat16": 2.0**-133}
"""The smallest subnormals."""
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class NodeError:
    """A node beyond its bound: the worst element, and by how many bounds it is off (infinity: not comparable)."""

    index: int
    text: str
    ratio: float


def _conv_depth(node: Node, inputs: list[Array]) -> int:
    """The most products that one element of a convolution is the sum of: without padding, each of the second operand's
    but for the channels that the result has too."""
    groups, result = node.attr("groups"), node.attr("result")
    shared = {"output": 0, "input": 1, "kernel": 1}[result]
    channels = inputs[1].shape[shared] * (groups if result == "input" else 1)
    return int(inputs[1].size // max(1, channels))


DEPTH: Mapping[str, Callable[[Node, list[Array]], int]] = {
    "matmul": lambda node, inputs: inputs[0].shape[-2 if node.attr("transpose_a") else -1],
    "conv": _conv_depth,
}
"""Sums of products → how many products one element of the result is the sum of."""
ADDENDS: Mapping[str, Callable[[Node, list[Array]], int]] = {
    "sum": lambda node, inputs: inputs[0].size // max(1, node.size),
    "cumsum": lambda node, inputs: node.shape[node.attr("axis")],
    "scatter": lambda node, inputs: 1 + inputs[1].shape[node.attr("axis")],
    **dict.fromkeys(("window_sum", "window_pick"), lambda node, inputs: math.prod(node.attr("window"))),
}
"""Sums → the most elements that one element of the result is the sum of."""
SUMS = frozenset({*ADDENDS, *DEPTH})
"""What adds up many elements, in whatever order."""
EXACT = frozenset(
    {
        "maximum", "minimum", "neg", "abs", "select", "cast", "max", "window_max", "quantise", "dequantise", "constant",
        "gather", "dynamic_slice", "dynamic_update", "concatenate", "floor", "round", "rem",
        "result",
    }
)


def is_exact(node: Node) -> bool:
    """Whether a node chooses, moves, or rounds only as it is told to."""
    chooses = (
        node.op in EXACT
        or (node.op == "window_pick" and node.attr("result") == "windows")
        or (node.op == "scatter" and node.attr("mode") != "add")
    )
    return chooses or PRIMITIVES[node.op].group == "movement" or not node.dtype.is_float


def magnitude(graph: Graph, index: int, inputs: list[Array], finite: bool = False) -> Array:
    """A sum computed on the absolute values of what it adds up; ``finite``: of these those that are."""
    whole = [x.dtype.kind in "biu" for x in inputs]  # indices: they tell where, not what
    sizes = [x if w else np.abs(x.astype(np.float64)) for x, w in zip(inputs, whole, strict=True)]
    if finite:
        sizes = [x if w else np.where(np.isfinite(x), x, 0.0) for x, w in zip(sizes, whole, strict=True)]
    if graph.nodes[index].op == "window_pick":
        sizes[0] = inputs[0]  # tells where, not what
    return np.asarray(reference_node(graph, index, sizes))


def arithmetic_error(graph: Graph, index: int, inputs: list[Array], result: Array, accuracy: Accuracy) -> Array:
    """The allowed absolute error before the result is rounded to the node's dtype."""
    node = graph.nodes[index]
    v = min(V, ROUNDOFF[node.dtype.name])
    if node.op in ADDENDS and not is_exact(node):
        return np.asarray(max(ADDENDS[node.op](node, inputs) - 1, 0) * v * magnitude(graph, index, inputs))
    if node.op in DEPTH:
        return np.asarray(2 * DEPTH[node.op](node, inputs) * v * magnitude(graph, index, inputs))
    if node.op not in accuracy.functions:
        return np.zeros(result.shape)
    return np.asarray(accuracy.functions[node.op].of(inputs[0].astype(np.float64)) * v * np.abs(result))


def bound(graph: Graph, index: int, inputs: list[Array], result: Array, accuracy: Accuracy) -> Array:
    """The allowed absolute error of every element of a float node. ``result``: its value in float64."""
    node = graph.nodes[index]
    with np.errstate(all="ignore"):
        if is_exact(node):
            return np.full(result.shape, TINY if accuracy.flushes else 0.0)
        own = arithmetic_error(graph, index, inputs, result, accuracy)
        # A bfloat16 is rounded from a float32, which was itself rounded.
        rounding = ROUNDOFF[node.dtype.name] * np.abs(result) * (1 + 2.0**-15)
        return np.asarray(own + rounding + (TINY if accuracy.flushes else LEAST[node.dtype.name]))


def flushed(values: list[Array]) -> list[Array]:
    """Floats with everything below 2**-126 made a zero of its sign."""
    return [np.where(np.abs(x) < TINY, np.copysign(0.0, x), x) if x.dtype.kind not in "biu" else x for x in values]


def _beyond(graph: Graph, index: int, inputs: list[Array], shape: tuple[int, ...]) -> Array:
    """Where partial sums may leave float32's range, whatever infinities there are besides: nothing is judged there."""
    node = graph.nodes[index]
    if node.op not in SUMS or not node.dtype.is_float:
        return np.zeros(shape, bool)
    return np.asarray(magnitude(graph, index, inputs, finite=True) >= LARGEST)


def _judge(
    graph: Graph, index: int, node: Node, inputs: list[Array], value: Array, accuracy: Accuracy
) -> NodeError | None:
    if value.shape != node.shape or value.dtype != node.dtype.numpy:
        text = f"{node_text(graph, index)}: the value is {value.dtype}{list(value.shape)}"
        return NodeError(index, text, math.inf)
    with np.errstate(all="ignore"):
        seen = flushed([x.astype(np.float64) if x.dtype.kind not in "biu" else x for x in inputs])
        expected = np.asarray(reference_node(graph, index, seen if accuracy.flushes else inputs))
        if node.dtype.is_float:
            allowed = bound(graph, index, inputs, expected, accuracy)
            ratio = np.asarray(np.abs(value.astype(np.float64) - expected) / allowed)
            same = (np.isnan(expected) & np.isnan(value)) | (value == expected)
            overflown = np.isinf(value.astype(np.float64)) & (np.abs(expected) + allowed >= LARGEST)
            same |= overflown & (np.sign(value) == np.sign(expected))
            ratio = np.where(same, 0.0, np.where(np.isnan(ratio), math.inf, ratio))
        else:
            ratio = np.where(value == expected, 0.0, math.inf)
        ratio = np.where(_beyond(graph, index, inputs, ratio.shape), 0.0, ratio)
        if node.op == "conv" and node.dtype.is_float and not all(np.isfinite(x).all() for x in seen):
            ratio = np.where(np.isnan(value), 0.0, ratio)  # a target may multiply the zeros that padding stands for
    if ratio.size == 0 or float(ratio.max()) <= 1.0:
        return None
    at = np.unravel_index(int(ratio.argmax()), ratio.shape)
    text = f"{node_text(graph, index)}: element {list(map(int, at))} is {value[at]}, float64 gives {expected[at]}"
    if PRIMITIVES[node.op].group == "elementwise":
        text += f" from {', '.join(str(x[at]) for x in inputs)}"
    return NodeError(index, text, float(ratio.max()))


def _is_of_body(graph: Graph, node: Node) -> bool:
    """Whether a loop or branch makes it: judged where that is unrolled, since errors add up from turn to turn."""
    made = graph.nodes[node.inputs[0]] if node.op == "result" else node
    return PRIMITIVES[made.op].group == "control"


def check_nodes(graph: Graph, values: Mapping[int, Array], accuracy: Accuracy = NUMPY) -> list[NodeError]:
    """Every node of ``values`` that is beyond its bound.

    values: what the target computed for nodes by index, inputs included; constants, index grids and movements may be
    left out. Nodes without all operands are skipped. accuracy: what the target states.
    """
    known = {i: np.asarray(value) for i, value in values.items()}
    found: list[NodeError] = []
    for index, node in enumerate(graph.nodes):
        sources = operands(graph, index)
        if node.op == "input" or node.further or _is_of_body(graph, node) or any(i not in known for i in sources):
            continue
        inputs = [known[i] for i in sources]
        if index in known:
            error = _judge(graph, index, node, inputs, known[index], accuracy)
            if error:
                found.append(error)
            if known[index].shape != node.shape:
                del known[index]
        elif PRIMITIVES[node.op].group in ("movement", "source"):
            known[index] = reference_node(graph, index, inputs, float64=False)
    return found
