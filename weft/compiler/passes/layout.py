"""Layout: elementwise work on transposed operands is done before the transposition, where that makes it cost nothing.

    matmul(relu(permute(w)), x)  →  matmul(relu(w), x) with the flag for a transposed operand
    permute(exp(permute(x)))     →  exp(x)

Elements are then read as they lie, and the transposition is undone by another or becomes a flag of a product (both by
``algebra``, which runs next). It is left where it is if anything else would read the result: a loop that reads its
operand transposed is cheaper than a copy that does nothing else.
"""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, prune
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Shape

Order = tuple[int, ...]


def layout(graph: Graph) -> Graph:
    """The graph with every such piece of work in front of the transposition."""
    if "permute" not in graph.ops:
        return graph
    orders = _movable(graph)
    if not orders:
        return graph
    builder, mapped, before = GraphBuilder(), dict[int, int](), dict[int, int]()
    for i, node in enumerate(graph.nodes):
        with builder.origin(node.origin):
            if i not in orders:
                mapped[i] = builder.retain(node, tuple(mapped[source] for source in node.inputs))
                continue
            operands = []
            for source in node.inputs:
                inner = graph.nodes[source]
                if source in orders:
                    operands.append(before[source])
                elif inner.op == "permute":
                    operands.append(mapped[inner.inputs[0]])
                else:
                    shape = _before(node.shape, orders[i])
                    operands.append(builder.apply("broadcast_to", mapped[inner.inputs[0]], shape=shape))
            before[i] = builder.apply(node.op, *operands, **node.attributes)
            mapped[i] = builder.apply("permute", before[i], order=orders[i])
    outputs = {name: mapped[i] for name, i in graph.outputs}
    return prune(builder.build(outputs, {name: mapped[i] for name, i in graph.updates}))


def _movable(graph: Graph) -> dict[int, Order]:
    """Elementwise nodes whose operands are all transposed alike and whose readers make the transposition disappear."""
    orders: dict[int, Order] = {}
    for i, node in enumerate(graph.nodes):
        if PRIMITIVES[node.op].group == "elementwise" and _is_transposed(graph, i, orders):
            sources = [source for source in node.inputs if not _is_number(graph, source)]
            found = _order(graph, sources[0], orders)
            assert found is not None
            orders[i] = found
    results, pending = set(graph.results), list(orders)
    while pending:
        i = pending.pop()
        if i not in orders or (i not in results and _vanishes(graph, i, orders) and _is_transposed(graph, i, orders)):
            continue
        del orders[i]  # so that what it is made of, and what is made of it, has to be looked at again
        pending += [n for n in (*graph.nodes[i].inputs, *graph.uses[i]) if n in orders]
    return orders


def _vanishes(graph: Graph, index: int, orders: dict[int, Order]) -> bool:
    """Whether everything that reads the node makes its transposition disappear."""
    order = orders[index]
    swap = (*range(len(order) - 2), len(order) - 1, len(order) - 2)
    return all(
        orders.get(user) == order or (op := graph.nodes[user].op) == "permute" or (op == "matmul" and order == swap)
        for user in graph.uses[index]
    )


def _is_transposed(graph: Graph, index: int, orders: dict[int, Order]) -> bool:
    """Whether all of the node's operands are transposed in one way, or the same number everywhere."""
    found = [_order(graph, source, orders) for source in graph.nodes[index].inputs if not _is_number(graph, source)]
    return bool(found) and None not in found and len(set(found)) == 1


def _order(graph: Graph, index: int, orders: dict[int, Order]) -> Order | None:
    """By which order a node is transposed, or would be."""
    node = graph.nodes[index]
    return node.attr("order") if node.op == "permute" else orders.get(index)


def _is_number(graph: Graph, index: int) -> bool:
    """Whether every element is one number, repeated."""
    node = graph.nodes[index]
    return node.op == "broadcast_to" and graph.nodes[node.inputs[0]].size == 1


def _before(shape: Shape, order: Order) -> Shape:
    """The shape that is transposed to ``shape``."""
    found = [0] * len(shape)
    for extent, axis in zip(shape, order, strict=True):
        found[axis] = extent
    return tuple(found)
