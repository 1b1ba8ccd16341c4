"""Reverse-mode differentiation, graph to graph: the backward pass is more nodes of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache

from weft.framework.builder import GraphBuilder
from weft.framework.errors import GradientError
from weft.framework.graph import Graph
from weft.framework.origin import Origin
from weft.framework.primitives import PRIMITIVES, Site

Visit = Callable[[int, dict[int, int]], bool]
"""Takes a node and the cotangents so far, by node; returns whether it has handed on the node's itself."""


def gradients(builder: GraphBuilder, loss: int, wrt: Sequence[int], seed: int | None = None) -> tuple[int, ...]:
    """Append the derivatives of node ``loss`` with respect to each node of ``wrt``; return their indices.

    The result has the shape and dtype of the node it belongs to; a node that ``loss`` does not depend on gets zeros.
    seed: the cotangent of ``loss`` (its shape and dtype); 1 if it is not given, and then ``loss`` must be a scalar.
    Nodes on the way that no member of ``wrt`` leads to are not differentiated. New nodes carry the origin of the node
    they belong to, with the gradient that they are part of as its role. Raises GradientError for a ``loss`` that is no
    float, or no scalar and without a seed.
    """
    node = builder[loss]
    if not node.dtype.is_float:
        raise GradientError(f"cannot differentiate %{loss}, which is {node.dtype}, not a float")
    if seed is None and node.size != 1:
        raise GradientError(f"only a scalar has a gradient without a seed; this is {node.type_text}")
    found = cotangents(builder, {loss: builder.full(1, like=loss) if seed is None else seed}, wrt)
    return tuple(found[i] if i in found else builder.full(0, like=i) for i in wrt)


def cotangents(
    builder: GraphBuilder, seeds: Mapping[int, int], wrt: Sequence[int], visit: Visit | None = None,
    cut: Container[int] = (),
) -> dict[int, int]:  # fmt: skip
    """Append what hands the cotangents ``seeds`` (of nodes, by node) back to ``wrt``; return all cotangents, by node.

    visit: is asked about each node that leads to ``wrt``, last one first, once its cotangent is complete (a node that
    has none is asked about too); it may replace cotangents, and returns whether the inputs have got theirs from it.
    cut: nodes that no gradient goes through.
    """
    last, found = max(seeds), dict(seeds)
    reached, targets = _depends_on(builder, last, wrt, cut), _targets(builder, last, wrt)
    of_results: dict[int, dict[int, int]] = {}  # of nodes with several results: number of the result → cotangent
    for i in range(last, -1, -1):
        if not reached[i] or (visit is not None and visit(i, found)) or (i not in found and i not in of_results):
            continue
        node = builder[i]
        if node.op == "result":
            of_results.setdefault(node.inputs[0], {})[node.attr("index")] = found[i]
        elif PRIMITIVES[node.op].gradient is not None:
            given = of_results.pop(i) if node.further else {0: found[i]}
            _propagate_whole(builder, i, given, found, reached, targets)
        else:
            _propagate(builder, i, found, reached, targets)
    return found


def _propagate(
    builder: GraphBuilder, i: int, cotangents: dict[int, int], reached: bytearray, targets: Mapping[int, str]
) -> None:
    """Hand the cotangent of node ``i`` to its inputs, adding where a node is used several times."""
    node = builder[i]
    site = Site(node.inputs, i, node.attributes)
    for source, rule in zip(node.inputs, PRIMITIVES[node.op].gradients, strict=True) if node.inputs else ():
        if rule is None or not reached[source] or not builder.dtype(source).is_float:
            continue
        with builder.origin(None if node.origin is None else _origin(node.origin, node.op, targets.get(source))):
            _add(builder, cotangents, source, rule(builder, site, cotangents[i]))


def _propagate_whole(
    builder: GraphBuilder,
    i: int,
    of_results: Mapping[int, int],
    cotangents: dict[int, int],
    reached: bytearray,
    targets: Mapping[int, str],
) -> None:
    """The same for a node whose gradient is one rule: all its results' cotangents give all its inputs'."""
    node = builder[i]
    rule = PRIMITIVES[node.op].gradient
    assert rule is not None
    given = [of_results.get(k) for k in range(1 + len(node.further))]
    with builder.origin(None if node.origin is None else _origin(node.origin, node.op, None)):
        parts = rule(builder, Site(node.inputs, i, node.attributes), given)
    for source, part in zip(node.inputs, parts, strict=True):
        if part is not None and reached[source] and builder.dtype(source).is_float:
            with builder.origin(None if node.origin is None else _origin(node.origin, node.op, targets.get(source))):
                _add(builder, cotangents, source, part)


def _add(builder: GraphBuilder, cotangents: dict[int, int], source: int, part: int) -> None:
    cotangents[source] = builder.apply("add", cotangents[source], part) if source in cotangents else part


@lru_cache(maxsize=4096)
def _origin(forward: Origin, op: str, target: str | None) -> Origin:
    """The origin of the gradient of an operand of ``op``, which is merely another view of input ``target`` if any."""
    passed_on = "input gradient" if op in ("matmul", "conv") else "backward"
    return forward._replace(role=passed_on if target is None else f"{target} gradient")


def _targets(builder: GraphBuilder, last: int, wrt: Sequence[int]) -> dict[int, str]:
    """The inputs among ``wrt``, and all that merely shows or converts one, with the input's name."""
    found = {i: builder[i].attr("name") for i in wrt if builder[i].op == "input"}
    for i in range(last + 1):
        node = builder[i]
        if node.op in _SHOWS and node.inputs[0] in found:
            found[i] = found[node.inputs[0]]
    return found


_SHOWS = frozenset({"reshape", "broadcast_to", "permute", "cast"})


def _depends_on(builder: GraphBuilder, last: int, roots: Sequence[int], cut: Container[int]) -> bytearray:
    """For each node up to ``last``: does it depend on one of ``roots``, and not through a node of ``cut`` alone?"""
    reached = bytearray(last + 1)
    for i in roots:
        if i <= last:
            reached[i] = 1
    for i in range(last + 1):
        if any(reached[source] for source in builder[i].inputs) and i not in cut:
            reached[i] = 1
    return reached


def with_gradients(graph: Graph, loss: str, wrt: Sequence[str]) -> Graph:
    """The graph with an output ``d.<name>`` for every input of ``wrt``: the derivative of output ``loss`` by it.

    Raises GradientError for names that the graph does not have.
    """
    outputs = dict(graph.outputs)
    unknown = [name for name in wrt if name not in graph.input_names]
    if loss not in outputs or unknown:
        wrong = f"output {loss!r}" if loss not in outputs else f"input {unknown[0]!r}"
        raise GradientError(f"no {wrong}; outputs {sorted(outputs)}, inputs {sorted(graph.input_names)}")
    builder = GraphBuilder(graph.nodes)
    found = gradients(builder, outputs[loss], [graph.input_names[name] for name in wrt])
    return builder.build({**outputs, **{f"d.{n}": i for n, i in zip(wrt, found, strict=True)}}, dict(graph.updates))
