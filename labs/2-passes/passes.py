"""Three passes that make a graph smaller, and the walk over the nodes that they share.

A pass takes a graph and gives a graph. It never changes the graph it was given (it could not: nodes are immutable); it
builds another, node by node, in the same order. So in every pass there are old indices and new ones, and most of the
work is not to mix them up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ir
import numpy as np

COMMUTATIVE = ("add", "mul")
"""Operations whose operands may be exchanged without changing a bit of the result."""

LIMIT = 16
"""The largest number of elements of a constant that folding makes: a large one is cheaper to make than to carry."""

Rule = Callable[[ir.Builder, ir.Node, tuple[int, ...]], int | None]
"""See ``rewrite``."""


def live_nodes(graph: ir.Graph) -> set[int]:
    """The indices of the nodes that some output depends on, the outputs themselves among them.

    The work grows with the number of nodes and edges, and there is no recursion.
    """
    # hole: live-nodes
    live = set(graph.outputs)
    for i in range(len(graph.nodes) - 1, -1, -1):
        if i in live:
            live.update(graph.nodes[i].inputs)
    return live
    # end hole


def dead_code(graph: ir.Graph) -> ir.Graph:
    """The graph without the nodes that no output depends on; the others keep their order.

    Nodes with op "input" stay in any case: they are what the graph asks of its caller. Outputs keep their number and
    their order, and a node may be an output twice.
    """
    # hole: dead-code
    live = live_nodes(graph)
    builder = ir.Builder()
    new: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        if i in live or node.op == "input":
            new[i] = builder.append(replace(node, inputs=tuple(new[operand] for operand in node.inputs)))
    return builder.build(*(new[i] for i in graph.outputs))
    # end hole


def rewrite(graph: ir.Graph, rule: Rule) -> ir.Graph:
    """Copy a graph node by node, and let ``rule`` put something else in a node's place.

    For each node in order ``rule(builder, node, inputs)`` is called once. builder: holds the new graph so far. node:
    the node of the old graph, unchanged. inputs: the indices, in the *new* graph, of what now stands for its operands.
    The rule answers with the index of a node of the new graph that has the same value; everything that read the old
    node then reads that one, and the node is not copied. Or it answers None: then the node is copied, with the new
    inputs. It may append nodes to the builder. Outputs are those that stand for the old outputs.
    """
    # hole: rewrite
    builder = ir.Builder()
    new: list[int] = []
    for node in graph.nodes:
        inputs = tuple(new[operand] for operand in node.inputs)
        found = rule(builder, node, inputs)
        new.append(builder.append(replace(node, inputs=inputs)) if found is None else found)
    return builder.build(*(new[i] for i in graph.outputs))
    # end hole


def common_subexpressions(graph: ir.Graph) -> ir.Graph:
    """The graph with one node for each distinct computation: the first of those that compute the same.

    Two nodes compute the same if operation, attributes, shape, dtype and operands are the same. Operands are compared
    as they are after merging (if a and b became one node, then exp(a) and exp(b) are the same), and without their
    order where the operation is COMMUTATIVE.
    """
    # hole: common-subexpressions
    first: dict[ir.Node, int] = {}

    def rule(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int:
        key = replace(node, inputs=tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs)
        if key not in first:
            first[key] = builder.append(replace(node, inputs=inputs))
        return first[key]

    return rewrite(graph, rule)
    # end hole


def constant_folding(graph: ir.Graph) -> ir.Graph:
    """The graph in which an operation on constants alone is the constant that it computes.

    That constant is bit for bit what ``ir.compute`` gives, of the node's shape and dtype. Results of more than LIMIT
    elements are not folded. What a folded constant makes foldable is folded too.
    """
    # hole: constant-folding
    def rule(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int | None:
        operands = [builder.nodes[i] for i in inputs]
        if not operands or any(operand.op != "constant" for operand in operands):
            return None
        if np.prod(node.shape) > LIMIT:
            return None
        return builder.constant(ir.compute(node.op, [operand.value for operand in operands], node.attrs), node.dtype)

    return rewrite(graph, rule)
    # end hole
