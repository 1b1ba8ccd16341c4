"""What people call a node: the layer it belongs to, its part in training, and what it computes there.

``layer 0, weight gradient, [64×128]ᵀ·[64×64]`` is the product of a backward pass that ``%62 matmul`` was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weft.framework.graph import Graph, Node
from weft.framework.origin import Origin
from weft.framework.primitives.base import Shape


def node_name(graph: Graph, index: int) -> str:
    """The name of a node; an input is called what the user calls it, and a constant what it is.

    A node of no layer is known by the user's line: ``train.py:12, exp [64×10]``.
    """
    node = graph.nodes[index]
    if node.op == "input":
        return str(node.attr("name"))
    what = _WHAT.get(node.op, _elements)(graph, node)
    return ", ".join((*place_of(node.origin), what)) if node.origin else what


def node_label(graph: Graph, index: int) -> str:
    """The name, and in brackets the node and the user's line: what instructions and messages say they come from."""
    origin = graph.nodes[index].origin
    line = f", {origin.line}" if origin is not None and (origin.layer or origin.kind) else ""
    return f"{node_name(graph, index)} (%{index}{line})"


def node_text(graph: Graph, index: int) -> str:
    """How messages show a node: ``%62 = matmul (float32[128, 64], train.py:12 in 0 (Linear), weight gradient)``."""
    node = graph.nodes[index]
    return f"%{index} = {node.op} ({node.type_text}{f', {node.origin}' if node.origin else ''})"


def place_of(origin: Origin) -> tuple[str, ...]:
    """Layer and role: ("layer 0", "weight gradient"); without a layer what else ran there, or the user's line."""
    if not (origin.layer or origin.kind):
        return (origin.line, origin.role) if origin.role else (origin.line,)
    return f"layer {origin.layer}" if origin.layer else origin.kind, origin.role or "forward"


def extents(shape: Shape) -> str:
    """A shape as people write it: ``[64×128]``."""
    return f"[{'×'.join(map(str, shape))}]"


def _product(graph: Graph, node: Node) -> str:
    sides = zip(node.inputs, (node.attr("transpose_a"), node.attr("transpose_b")), strict=True)
    return "·".join(extents(graph.nodes[i].shape) + "ᵀ" * flag for i, flag in sides)


def _convolution(graph: Graph, node: Node) -> str:
    operands = "∗".join(extents(graph.nodes[i].shape) for i in node.inputs)
    return operands if node.attr("result") == "output" else f"{node.attr('result')} of {operands}"


def _cast(graph: Graph, node: Node) -> str:
    source = graph.nodes[node.inputs[0]]
    named = f"{source.attr('name')} " if source.op == "input" else ""
    return f"cast {named}{extents(node.shape)} to {node.dtype}"


def _reduction(graph: Graph, node: Node) -> str:
    return f"{node.op} of {extents(graph.nodes[node.inputs[0]].shape)}"


def _elements(graph: Graph, node: Node) -> str:
    return f"{node.op} {extents(node.shape)}" if node.shape else node.op


_WHAT: Mapping[str, Callable[[Graph, Node], str]] = {
    "matmul": _product,
    "conv": _convolution,
    "cast": _cast,
    "sum": _reduction,
    "max": _reduction,
    "window_sum": _reduction,
    "window_max": _reduction,
}
"""Primitive → what a node of it computes; of all others the primitive and the shape of the result."""
