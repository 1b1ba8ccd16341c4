"""The meaning of a graph: each node evaluated with NumPy, at its own dtype or, as an oracle, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.framework.dtypes import DType
from weft.framework.dtypes import float64 as double
from weft.framework.errors import GraphError, ShapeError
from weft.framework.graph import Graph, Node
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array, Attrs

Values = Mapping[str, npt.ArrayLike]
"""What inputs and states are, by name."""


def reference_node(graph: Graph, index: int, inputs: Sequence[Array], float64: bool = True) -> Array:
    """The value of node ``index`` computed from given values of its inputs.

    inputs: one array per node of ``operands(graph, index)``, as the target under test computed them (of their dtypes).
    float64: compute and return floats in float64, the oracle against which a target's node is judged; otherwise
        compute in float32 and round to the node's dtype. Integers and bools are exact either way.
    A cast to a float type rounds to that type under both.
    """
    node = graph.nodes[index]
    if node.op == "input":
        raise GraphError(f"%{index} is input {node.attr('name')!r}: it has no meaning but the value given")
    read = node.attr("index") if node.op == "result" else 0
    source = graph.nodes[node.inputs[0]] if node.op == "result" else node
    return _results(source, inputs, float64)[int(read)]


def operands(graph: Graph, index: int) -> tuple[int, ...]:
    """The nodes whose values ``reference_node`` takes for node ``index``: its inputs, but for a ``result`` node those
    of the node that it reads, whose results have no value together."""
    node = graph.nodes[index]
    return graph.nodes[node.inputs[0]].inputs if node.op == "result" else node.inputs


def evaluate(graph: Graph, values: Values, float64: bool = False) -> list[Array]:
    """The value of every node, in the nodes' order; of several results the first.

    values: one array per input and state, by name; more are ignored. They are rounded to the declared dtype first,
        so that both modes start from identical inputs.
    float64: as in ``reference_node``: floats stay float64 all the way (except through casts, which round).
    Raises GraphError for a missing value and ShapeError for one of another shape.
    """
    results: list[Array] = []
    for _, value in _walk(graph, values, float64, results):
        results.append(value)
    return results


def run(graph: Graph, values: Values) -> tuple[dict[str, Array], dict[str, Array]]:
    """Outputs and new states by name, each node at its dtype; a value is forgotten after its last use."""
    last = {source: i for i, node in enumerate(graph.nodes) for source in node.inputs}
    kept, live = set(graph.results), graph.live
    results: dict[int, Array] = {}
    for i, value in _walk(graph, values, False, results, live):
        results[i] = value
        for source in set(graph.nodes[i].inputs):
            if last[source] == i and source not in kept:
                del results[source]
    outputs = {name: results[i].copy() for name, i in graph.outputs}
    return outputs, {name: results[i].copy() for name, i in graph.updates}


def checked_value(node: Node, values: Values) -> Array:
    """The value given for an input node, at the node's dtype. Raises GraphError or ShapeError."""
    name = node.attr("name")
    if name not in values:
        raise GraphError(f"no value was given for {node.attr('kind')} {name!r} ({node.type_text})")
    value = np.asarray(values[name])
    if value.shape != node.shape:
        raise ShapeError(f"{node.attr('kind')} {name!r} is {list(node.shape)}, but its value is {list(value.shape)}")
    return value.astype(node.dtype.numpy, copy=False)


def _walk(
    graph: Graph, values: Values, float64: bool, results: Any, only: frozenset[int] | None = None
) -> Iterator[tuple[int, Array]]:
    """Yield (index, value); the caller stores the value in ``results`` before asking for the next."""
    several: dict[int, tuple[Array, ...]] = {}
    for i, node in enumerate(graph.nodes):
        if only is not None and i not in only:
            continue
        if node.op == "input":
            value = checked_value(node, values)
            yield i, value.astype(np.float64) if float64 and node.dtype.is_float else value
        elif node.op == "result":
            yield i, several[node.inputs[0]][node.attr("index")]
        else:
            values_of = _results(node, [results[source] for source in node.inputs], float64)
            if node.further:
                several[i] = values_of
            yield i, values_of[0]


def _results(node: Node, inputs: Sequence[Array], float64: bool) -> tuple[Array, ...]:
    kinds = (node.dtype, *(dtype for _, dtype in node.further))
    return compute(node.op, dict(node.attrs), kinds, inputs, float64)


def compute(
    op: str, attrs: Attrs, kinds: Sequence[DType], inputs: Sequence[Array], float64: bool = False
) -> tuple[Array, ...]:
    """All results of primitive ``op``, which are of element types ``kinds``; ``float64`` as in ``reference_node``."""
    arrays = [np.asarray(x) for x in inputs]
    wide = float64 or double in kinds or any(x.dtype == np.float64 for x in arrays)
    real = np.dtype(np.float64 if wide else np.float32)
    widened = [x if x.dtype.kind in "biu" else x.astype(real, copy=False) for x in arrays]
    with np.errstate(all="ignore"):  # infinities and NaN are values here, as on every target
        values = PRIMITIVES[op].results(widened, attrs, real)
        if not float64:
            values = tuple(
                value.astype(kind.numpy, copy=False) if kind.is_float else value
                for value, kind in zip(values, kinds, strict=True)
            )
    return values
