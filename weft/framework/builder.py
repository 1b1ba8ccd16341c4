"""Writing graphs: the builder that infers shapes and dtypes, and the rewriting that every pass is made of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from weft.framework.dtypes import DType, as_dtype, data_dtype
from weft.framework.errors import DTypeError, GraphError, ShapeError
from weft.framework.graph import Attributes, Graph, Node, Subgraph, check_attributes, check_results, node_types
from weft.framework.origin import Origin
from weft.framework.primitives.base import Array, OperandType, Shape, Types


def _plain(value: Any) -> Any:
    """An attribute's value in its one hashable form."""
    if isinstance(value, (list, tuple)):
        return tuple([v if type(v) in _PLAIN else _plain(v) for v in value])
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Graph):
        return Subgraph(value)
    return value.item() if isinstance(value, np.generic) else value


def plain_attributes(attrs: Mapping[str, Any]) -> Attributes:
    """Attributes in the form that a node holds them in: hashable values, sorted by name."""
    if not attrs:
        return ()
    pairs = [(name, value if type(value) in _PLAIN else _plain(value)) for name, value in attrs.items()]
    return tuple(sorted(pairs, key=_name_of) if len(pairs) > 1 else pairs)


_PLAIN = frozenset({bool, int, float, str, bytes})
_name_of = operator.itemgetter(0)


class GraphBuilder:
    """A graph under construction: nodes are appended, refer to earlier ones by index, and get shape and dtype by rule.

    >>> b = GraphBuilder()
    >>> x = b.input("x", (2, 3), "float32")
    >>> y = b.apply("sum", x, axes=(1,), keepdims=False)
    >>> b.build(outputs={"y": y}).nodes[y].type_text
    'float32[2]'
    """

    def __init__(self, nodes: Sequence[Node] = ()) -> None:
        """Start from ``nodes`` (kept under their indices) or from nothing."""
        self.nodes: list[Node] = list(nodes)
        self._scalars: dict[tuple[bytes, str], int] = {}
        self._origin: Origin | None = None
        self._unmoved: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, index: int) -> Node:
        return self.nodes[index]

    def values(self) -> list[int]:
        """The nodes that others may read: all but those of several results."""
        return [i for i, node in enumerate(self.nodes) if not node.further]

    def shape(self, node: int) -> Shape:
        """The shape of a node."""
        return self.nodes[node].shape

    def dtype(self, node: int) -> DType:
        """The dtype of a node."""
        return self.nodes[node].dtype

    def further(self, node: int) -> Types:
        """The types of a node's results behind the first."""
        return self.nodes[node].further

    def origin(self, origin: Origin | None) -> _Origin:
        """Nodes appended in a ``with`` block of this carry this origin."""
        return _Origin(self, origin)

    def apply(self, op: str, *inputs: int, **attrs: Any) -> int:
        """Append primitive ``op`` and return its index.

        Raises GraphError for an unknown primitive or wrong attributes, ShapeError or DTypeError (naming op, shapes and
        origin) for operands that do not fit.
        """
        return self.add(op, inputs, plain_attributes(attrs))

    def add(self, op: str, inputs: Sequence[int], attrs: Attributes, origin: Origin | None = None) -> int:
        """Append ``op`` with attributes already in the form that a node holds them in."""
        origin = origin or self._origin
        check_attributes(op, dict(attrs), len(inputs))
        operands = [self.nodes[i] for i in inputs]
        check_results(op, operands)
        shape, dtype, further = infer(op, operands, attrs, origin)
        self.nodes.append(Node(op, tuple(inputs), attrs, shape, dtype, origin, further))
        return len(self.nodes) - 1

    def results(self, op: str, *inputs: int, **attrs: Any) -> tuple[int, ...]:
        """Append ``op``, and a ``result`` node for each result if it has several; return the node of each."""
        made = self.apply(op, *inputs, **attrs)
        if not self.nodes[made].further:
            return (made,)
        return tuple(self.apply("result", made, index=k) for k in range(1 + len(self.nodes[made].further)))

    def copy(self, node: Node, inputs: Sequence[int]) -> int:
        """Append ``node`` with other inputs; its shape and dtype are inferred anew."""
        return self.add(node.op, inputs, node.attrs, node.origin)

    def retain(self, node: Node, inputs: tuple[int, ...]) -> int:
        """Append ``node`` with inputs that are known to have the shapes and dtypes of its own."""
        same = node.inputs == inputs
        self.nodes.append(node if same else with_inputs(node, inputs))
        return len(self.nodes) - 1

    def input(self, name: str, shape: Shape, dtype: DType | str, kind: str = "input") -> int:
        """A value given at run time under ``name``; ``kind`` "state" if the caller keeps it between calls."""
        return self.apply("input", name=name, kind=kind, shape=tuple(shape), dtype=as_dtype(dtype).name)

    def constant(self, value: Any, dtype: DType | str | None = None) -> int:
        """A value fixed in the graph; equal scalars are one node."""
        array = np.asarray(value)
        wanted = data_dtype(array.dtype) if dtype is None else as_dtype(dtype)
        array = np.ascontiguousarray(array, dtype=wanted.numpy).reshape(array.shape)
        raw = array.tobytes()
        if array.shape == () and (raw, wanted.name) in self._scalars:
            return self._scalars[raw, wanted.name]
        index = self.apply("constant", value=raw, shape=array.shape, dtype=wanted.name)
        if array.shape == ():
            self._scalars[raw, wanted.name] = index
        return index

    def unmoved(self, index: int) -> int:
        """The node whose elements ``index`` repeats or shows in another shape; however it is asked for, each
        broadcast and reshape on the way there is walked once.
        """
        passed = []
        while self.nodes[index].op in ("broadcast_to", "reshape"):
            passed.append(index)
            index = self._unmoved.get(index, self.nodes[index].inputs[0])
        self._unmoved.update(dict.fromkeys(passed, index))
        return index

    def full(self, value: float, like: int) -> int:
        """A scalar constant of ``like``'s dtype, broadcast to its shape."""
        scalar, shape = self.constant(value, self.dtype(like)), self.shape(like)
        return self.apply("broadcast_to", scalar, shape=shape) if shape else scalar

    def zeros(self, shape: Shape, dtype: DType) -> int:
        """Zeros of a shape and dtype."""
        scalar = self.constant(0, dtype)
        return self.apply("broadcast_to", scalar, shape=shape) if shape else scalar

    def build(self, outputs: dict[str, int] | None = None, updates: dict[str, int] | None = None) -> Graph:
        """The graph so far, validated. Raises GraphError."""
        graph = Graph(tuple(self.nodes), tuple((outputs or {}).items()), tuple((updates or {}).items()))
        graph._validate_names()
        return graph


class _Origin:
    """The block in which a builder gives new nodes an origin (a class, since a pass enters one for each node)."""

    __slots__ = ("before", "builder", "origin")

    def __init__(self, builder: GraphBuilder, origin: Origin | None) -> None:
        self.builder, self.origin, self.before = builder, origin, builder._origin

    def __enter__(self) -> None:
        self.builder._origin = self.origin

    def __exit__(self, *error: object) -> None:
        self.builder._origin = self.before


def infer(
    op: str, operands: Sequence[OperandType], attrs: Attributes, origin: Origin | None = None
) -> tuple[Shape, DType, Types]:
    """What ``node_types`` gives. Raises ShapeError or DTypeError naming the origin and op."""
    try:
        return _inferred(op, attrs, tuple([(o.shape, o.dtype, o.further) for o in operands]))
    except (ShapeError, DTypeError) as error:
        raise type(error)(f"{f'{origin}: ' if origin else ''}{op}: {error}") from None


class _Operand(NamedTuple):
    shape: Shape
    dtype: DType
    further: Types


@lru_cache(maxsize=4096)
def _inferred(
    op: str, attrs: Attributes, operands: tuple[tuple[Shape, DType, Types], ...]
) -> tuple[Shape, DType, Types]:
    """What ``node_types`` gives; a loop asks the same again and again."""
    return node_types(op, [_Operand(*one) for one in operands], dict(attrs))


def constant_value(node: Node) -> Array:
    """The value of a ``constant`` node, with its shape and dtype. Raises GraphError for another node."""
    if node.op != "constant":
        raise GraphError(f"{node.op} is not a constant")
    return np.frombuffer(node.attr("value"), node.dtype.numpy).reshape(node.shape)


Rule = Callable[[GraphBuilder, Node, tuple[int, ...]], int | None]


def rewrite(graph: Graph, rule: Rule) -> Graph:
    """A new graph made by walking the nodes in order.

    ``rule(builder, node, inputs)`` gets each node with its inputs already mapped into the new graph, and returns the
    index that stands for it there (having appended what it likes), or None to copy the node. New nodes inherit the
    origin of the node they replace. Results are remapped; nodes that became unused stay until ``prune``. Where nothing
    is replaced the graph itself is returned.
    """
    builder, mapped = GraphBuilder(), list[int]()
    before, after = graph.nodes, builder.nodes
    for node in before:
        inputs = tuple([mapped[i] for i in node.inputs])
        with builder.origin(node.origin):
            replacement = rule(builder, node, inputs)
        if replacement is None:
            for i, j in zip(node.inputs, inputs, strict=True):
                if before[i] is not after[j] and _types(before[i]) != _types(after[j]):
                    replacement = builder.copy(node, inputs)
                    break
            else:
                replacement = builder.retain(node, inputs)
        mapped.append(replacement)
    if mapped == list(range(len(after))) and all(map(operator.is_, before, after)):
        return graph
    outputs = {name: mapped[i] for name, i in graph.outputs}
    return builder.build(outputs, {name: mapped[i] for name, i in graph.updates})


def with_inputs(node: Node, inputs: tuple[int, ...]) -> Node:
    """``node`` with other inputs of the same types (``dataclasses.replace`` takes three times as long)."""
    return Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.origin, node.further)


def _types(node: Node) -> Types:
    return ((node.shape, node.dtype), *node.further)


def inline(builder: GraphBuilder, body: Graph, operands: Sequence[int]) -> list[int]:
    """Append the nodes of ``body`` with ``operands`` in place of its inputs; the nodes of its outputs."""
    mapped = dict(zip(body.inputs, operands, strict=True))
    for i, node in enumerate(body.nodes):
        if i not in mapped:
            mapped[i] = builder.retain(node, tuple([mapped[source] for source in node.inputs]))
    return [mapped[i] for _, i in body.outputs]


def prune(graph: Graph) -> Graph:
    """The graph without nodes that no result needs; inputs stay, since they are its signature."""
    if len(graph.live) == len(graph.nodes):
        return graph
    mapped: dict[int, int] = {}
    nodes: list[Node] = []
    for i, node in enumerate(graph.nodes):
        if i in graph.live or node.op == "input":
            mapped[i] = len(nodes)
            nodes.append(with_inputs(node, tuple(mapped[source] for source in node.inputs)))
    outputs = tuple((name, mapped[i]) for name, i in graph.outputs)
    return Graph(tuple(nodes), outputs, tuple((name, mapped[i]) for name, i in graph.updates))
