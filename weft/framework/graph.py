"""The graph: an immutable, flat, topologically ordered list of nodes that every pass takes and every target lowers.

The forward graph, the backward graph and an optimiser's update are one graph of this kind. Nothing here recurses over
its depth, so 100,000 nodes are as good as ten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from weft.framework.dtypes import DType
from weft.framework.errors import DTypeError, GraphError, ShapeError
from weft.framework.origin import Origin
from weft.framework.primitives import PRIMITIVES, primitive
from weft.framework.primitives.base import OperandType, Shape, Types

Attributes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    op: the name of a primitive.
    inputs: indices of earlier nodes of the same graph.
    attrs: the primitive's attributes as (name, value) pairs, sorted by name; values are hashable (ints, bools, floats,
        strings, bytes, tuples of ints, and graphs as ``Subgraph``).
    shape, dtype: of the result, as the primitive's rules give them; of several results of the first.
    origin: where it came from, ``file.py:12 in 0 (Linear)``; not part of the graph's identity, so that equal steps
        compile once. ``framework.names`` makes of it what people call the node.
    further: the types of the results behind the first. Each of several results is read by a ``result`` node.
    """

    op: str
    inputs: tuple[int, ...]
    attrs: Attributes
    shape: Shape
    dtype: DType
    origin: Origin | None = None
    further: Types = ()

    def attr(self, name: str) -> Any:
        """The attribute called ``name``. Raises GraphError."""
        for key, value in self.attrs:
            if key == name:
                return value
        raise GraphError(f"{self.op} has no attribute {name!r}")

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes as a dictionary."""
        return dict(self.attrs)

    @property
    def size(self) -> int:
        """How many elements the result has."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total

    @property
    def type_text(self) -> str:
        """dtype and shape as text: ``float32[64, 10]``, of several results ``(float32[3], int32[3])``."""
        texts = [f"{dtype}{list(shape)}" for shape, dtype in ((self.shape, self.dtype), *self.further)]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


@dataclass(frozen=True, repr=False, eq=False)
class Graph:
    """A program of primitives.

    nodes: in topological order; a node's inputs have smaller indices.
    outputs: (name, node) of every value handed back.
    updates: (name, node) of every state that gets a new value: the name is that of an ``input`` node of kind "state"
        with the node's shape and dtype. A state without an update keeps its value.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, int], ...] = ()
    updates: tuple[tuple[str, int], ...] = ()

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Indices of the ``input`` nodes, of both kinds."""
        return tuple(i for i, node in enumerate(self.nodes) if node.op == "input")

    @cached_property
    def input_names(self) -> dict[str, int]:
        """Every input and state by name, with its node."""
        return {self.nodes[i].attr("name"): i for i in self.inputs}

    @property
    def results(self) -> tuple[int, ...]:
        """Nodes whose values leave the graph: outputs, then updates."""
        return tuple(i for _, i in (*self.outputs, *self.updates))

    @cached_property
    def ops(self) -> frozenset[str]:
        """The primitives that occur."""
        return frozenset([node.op for node in self.nodes])

    @cached_property
    def uses(self) -> tuple[tuple[int, ...], ...]:
        """For each node the nodes that read it, in order (twice if read twice); results are not counted."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for source in node.inputs:
                users[source].append(i)
        return tuple(map(tuple, users))

    @cached_property
    def live(self) -> frozenset[int]:
        """Nodes that some output or update depends on."""
        seen = bytearray(len(self.nodes))
        for i in self.results:
            seen[i] = 1
        for i in range(len(self.nodes) - 1, -1, -1):
            if seen[i]:
                for source in self.nodes[i].inputs:
                    seen[source] = 1
        return frozenset(i for i, flag in enumerate(seen) if flag)

    def __eq__(self, other: object) -> bool:
        """Whether both compute the same in the same order; where nodes come from does not count."""
        return self is other or (isinstance(other, Graph) and self._digest == other._digest)

    def __hash__(self) -> int:
        return hash(self._digest)

    def digest(self) -> str:
        """A hash of everything but the origins: equal graphs, equal digests, in every process (64 hex digits)."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        h = hashlib.sha256()
        for node in self.nodes:
            h.update(repr((node.op, node.inputs, node.attrs, node.shape, node.dtype.name, node.further)).encode())
        h.update(repr((self.outputs, self.updates)).encode())
        return h.hexdigest()

    def validate(self) -> None:
        """Check every node against its primitive and every name against its node. Raises GraphError."""
        legal: set[tuple[Any, ...]] = set()  # nodes of a kind are checked once
        for i, node in enumerate(self.nodes):
            where = f"%{i} = {node.op}" + (f" ({node.origin})" if node.origin else "")
            if node.inputs and not 0 <= min(node.inputs) <= max(node.inputs) < i:
                raise GraphError(f"{where}: inputs {list(node.inputs)} are not all earlier nodes")
            operands = [self.nodes[source] for source in node.inputs]
            kind = (
                node.op, node.attrs, node.shape, node.dtype, node.further,
                *((o.shape, o.dtype, o.further) for o in operands),
            )  # fmt: skip
            if kind in legal:
                continue
            check_attributes(node.op, dict(node.attrs), len(node.inputs))
            check_results(node.op, operands)
            try:
                shape, dtype, further = node_types(node.op, operands, node.attributes)
            except (ShapeError, DTypeError) as error:
                raise GraphError(f"{where}: {error}") from None
            if (shape, dtype, further) != (node.shape, node.dtype, node.further):
                given = Node(node.op, node.inputs, node.attrs, shape, dtype, None, further)
                raise GraphError(f"{where}: is declared {node.type_text}, but its rules give {given.type_text}")
            legal.add(kind)
        self._validate_names()

    def _validate_names(self) -> None:
        if len(self.input_names) != len(self.inputs):
            raise GraphError("two inputs have the same name")
        for kind, pairs in (("outputs", self.outputs), ("updates", self.updates)):
            if len(dict(pairs)) != len(pairs):
                raise GraphError(f"two {kind} have the same name")
            for name, i in pairs:
                if not 0 <= i < len(self.nodes):
                    raise GraphError(f"{kind}: {name!r} names node %{i} of {len(self.nodes)}")
                if self.nodes[i].further:
                    raise GraphError(f"{kind}: {name!r} names %{i}, which has several results; name a result of it")
        for name, i in self.updates:
            state = self.nodes[self.input_names[name]] if name in self.input_names else None
            if state is None or state.attr("kind") != "state":
                raise GraphError(f"update of {name!r}, which is no state of this graph")
            if (state.shape, state.dtype) != (self.nodes[i].shape, self.nodes[i].dtype):
                raise GraphError(f"state {name!r} is {state.type_text}, its update %{i} is {self.nodes[i].type_text}")

    def __str__(self) -> str:
        lines = [node_line(i, n) + (f"  # {n.origin}" if n.origin else "") for i, n in enumerate(self.nodes)]
        lines += [f"output {name} = %{i}" for name, i in self.outputs]
        lines += [f"update {name} = %{i}" for name, i in self.updates]
        return "\n".join(["graph {", *(f"  {line}" for line in lines), "}"])

    def __repr__(self) -> str:
        counts = (len(self.nodes), "node"), (len(self.inputs), "input"), (len(self.outputs), "output")
        told = ", ".join(f"{n:,} {word}{'s' * (n != 1)}" for n, word in (*counts, (len(self.updates), "update")))
        return f"Graph({told})"

    def _repr_html_(self) -> str:
        from weft.framework.display import graph_html

        return graph_html(self)


@dataclass(frozen=True, repr=False)
class Subgraph:
    """A graph as an attribute: the body of a loop, a branch. Its text, like its identity, is its digest."""

    graph: Graph

    def __repr__(self) -> str:
        return f"{{{len(self.graph.nodes)} nodes, {self.graph.digest()[:12]}}}"


def node_types(op: str, operands: Sequence[OperandType], attrs: Mapping[str, Any]) -> tuple[Shape, DType, Types]:
    """Shape and dtype of ``op``'s first result on these operands, and the types of the further ones.

    Raises ShapeError or DTypeError.
    """
    rule = PRIMITIVES[op]
    further = () if rule.further is None else rule.further(operands, attrs)
    return rule.shape(operands, attrs), rule.dtype(operands, attrs), further


_NUMBERS_SHOWN = 4


def attribute_text(node: Node) -> str:
    """The attributes of a node as they are printed, shape and dtype left out: the type says them."""
    shown = []
    for name, value in node.attrs:
        if name in ("shape", "dtype"):
            continue
        if isinstance(value, bytes):
            numbers = np.frombuffer(value, node.dtype.numpy)
            text = ", ".join(str(number) for number in numbers[:_NUMBERS_SHOWN])
            more = ", …" if len(numbers) > _NUMBERS_SHOWN else ""
            shown.append(f"{name}=[{text}{more}]" if node.shape else f"{name}={text}")
        else:
            shown.append(f"{name}={value!r}")
    return ", ".join(shown)


def node_line(i: int, node: Node) -> str:
    """One node on one line: ``%4 = sum(%3, axes=(1,), keepdims=False) : float32[64]``."""
    inside = ", ".join(filter(None, (*(f"%{source}" for source in node.inputs), attribute_text(node))))
    return f"%{i} = {node.op}({inside}) : {node.type_text}"


def check_attributes(op: str, attrs: dict[str, Any], inputs: int) -> None:
    """Check that ``op`` is a primitive and takes these attributes and so many inputs. Raises GraphError."""
    declared = primitive(op)
    if set(attrs) != set(declared.attributes):
        raise GraphError(f"{op} takes attributes {sorted(declared.attributes)}, not {sorted(attrs)}")
    if inputs != declared.arity if declared.arity is not None else inputs < 1:
        wanted = "one or more" if declared.arity is None else declared.arity
        raise GraphError(f"{op} takes {wanted} inputs, not {inputs}")


def check_results(op: str, operands: Sequence[OperandType]) -> None:
    """Check that several results are read by ``result`` nodes alone. Raises GraphError."""
    if op != "result" and any(o.further for o in operands):
        raise GraphError(f"{op} reads a node of several results; read one of them with result(…, index=…)")
