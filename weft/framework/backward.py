"""Backward through pending work: the history of expressions is differentiated as a graph, and gives expressions."""

from __future__ import annotations

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder, constant_value
from weft.framework.errors import GradientError
from weft.framework.graph import Node
from weft.framework.lazy import CLOCK, COPY, Expr, common_device, common_trace, scalar, topological
from weft.framework.origin import user_line


def backward(loss: Expr, seed: Expr | None = None, retain_graph: bool = False) -> list[tuple[Expr, Expr]]:
    """(expression with an owner, its gradient) for all that ``loss`` was computed from.

    The history of ``loss`` ends with this unless ``retain_graph``. Raises GradientError.
    """
    order = topological([loss], lambda e: e.inputs if e.requires_grad and e.owner is None else ())
    history = [e for e in order if e.requires_grad and e.owner is None]
    if any(e.freed for e in history):
        raise GradientError(
            f"{user_line()}: trying to backward through the graph a second time: the first backward() has freed its "
            "history; give the first one retain_graph=True, or compute the tensor anew"
        )
    index = {id(e): i for i, e in enumerate(order)}
    nodes: list[Node] = []
    for e in order:
        inner = e.requires_grad and e.owner is None
        attrs = e.attrs if inner else (("name", dict(e.attrs).get("name", "parameter")),)
        inputs = tuple(index[id(source)] for source in e.inputs) if inner else ()
        nodes.append(Node(e.op if inner else "input", inputs, attrs, e.shape, e.dtype, e.origin, e.further))
    builder = GraphBuilder(nodes)
    if seed is not None:
        builder.nodes.append(Node("input", (), (("name", "seed"),), seed.shape, seed.dtype))
        order.append(seed)
    owned = [e for e in order if e.owner is not None and e.requires_grad]
    start = len(builder)
    home = None if any(e.op == COPY for e in history) else loss.device
    found = gradients(builder, index[id(loss)], [index[id(e)] for e in owned], None if seed is None else start - 1)
    for node in builder.nodes[start:]:
        operands = tuple(order[i] for i in node.inputs)
        if node.op == "constant" and not node.shape:
            order.append(scalar(constant_value(node), node.dtype))
            continue
        order.append(Expr(
            node.op, operands, node.attrs, node.shape, node.dtype, trace=common_trace(operands), origin=node.origin,
            device=common_device(node.op, operands, node.attrs) or home, further=node.further,
        ))
    CLOCK.now += len(builder) - start
    if not retain_graph:
        for e in history:
            e.free()
    return [(e, order[i]) for e, i in zip(owned, found, strict=True)]
