"""A small graph IR: immutable nodes in one flat tuple, and what each operation means in NumPy.

    %0 = input(name='x') : float64[3]
    %1 = constant([2.0, 2.0, 2.0]) : float64[3]
    %2 = mul(%0, %1) : float64[3]
    %3 = sum(%2, axes=(0,)) : float64[]
    output %3

A node names its operands by their index, and an operand always has a smaller index than its reader. So a loop over
``graph.nodes`` meets everything in an order in which it can be computed, and nothing here is recursive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Attributes = tuple[tuple[str, Any], ...]


class GraphError(ValueError):
    """A node or a graph that breaks the rules of the IR; the text says which node and which rule."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, its operands' indices, its attributes sorted by name, the type of its result."""

    op: str
    inputs: tuple[int, ...]
    attrs: Attributes
    shape: Shape
    dtype: str  # "float32" or "float64"

    @property
    def value(self) -> Array:
        """The value of a constant. It is kept as bytes, so that nodes can be compared and hashed."""
        return np.frombuffer(dict(self.attrs)["data"], self.dtype).reshape(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the result takes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def short(value: Array) -> str:
    """An array on one line, its middle left out if it is long."""
    return " ".join(np.array2string(value, separator=", ", threshold=8, edgeitems=2).split())


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and the indices of those whose values are wanted."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        lines = []
        for i, node in enumerate(self.nodes):
            shown = [f"%{source}" for source in node.inputs]
            shown += [f"{name}={value!r}" for name, value in node.attrs if name != "data"]
            shown += [short(node.value)] if node.op == "constant" else []
            lines.append(f"%{i} = {node.op}({', '.join(shown)}) : {node.dtype}{list(node.shape)}")
        return "\n".join([*lines, "output " + ", ".join(f"%{i}" for i in self.outputs)])


@dataclass(frozen=True)
class Op:
    """What an operation means: its operands' arrays, and its attributes by name, to the result's array; and its
    shape rule: the operands' shapes, and the attributes, to the result's shape, or None where it does not apply."""

    compute: Callable[..., Array]
    shape: Callable[..., Shape | None]
    attributes: tuple[str, ...] = ()


def _unary(a: Shape) -> Shape:
    return a


def _binary(a: Shape, b: Shape) -> Shape | None:
    return a if a == b else None


def _matmul(a: Shape, b: Shape) -> Shape | None:
    return (a[0], b[1]) if len(a) == len(b) == 2 and a[1] == b[0] else None


def _sum(a: Shape, axes: Shape) -> Shape | None:
    fits = axes == tuple(sorted(set(axes))) and set(axes) <= set(range(len(a)))
    return tuple(extent for axis, extent in enumerate(a) if axis not in axes) if fits else None


def _broadcast(a: Shape, shape: Shape) -> Shape | None:
    return shape if np.broadcast_shapes(a, shape) == shape else None


def _reshape(a: Shape, shape: Shape) -> Shape | None:
    return shape if np.prod(a) == np.prod(shape) else None


OPS: dict[str, Op] = {
    "add": Op(np.add, _binary),
    "sub": Op(np.subtract, _binary),
    "mul": Op(np.multiply, _binary),
    "div": Op(np.divide, _binary),
    "exp": Op(np.exp, _unary),
    "log": Op(np.log, _unary),
    "relu": Op(lambda a: np.maximum(a, 0), _unary),
    "step": Op(lambda a: a > 0, _unary),  # 1 where the operand is positive, else 0
    "matmul": Op(np.matmul, _matmul),  # [n, k] @ [k, m]
    "transpose": Op(np.transpose, lambda a: a[::-1]),
    "sum": Op(lambda a, axes: np.sum(a, axis=axes), _sum, ("axes",)),  # over these axes, which disappear
    "broadcast": Op(np.broadcast_to, _broadcast, ("shape",)),  # by NumPy's rules
    "reshape": Op(np.reshape, _reshape, ("shape",)),
}
"""Every operation except ``input`` (attribute name) and ``constant`` (attribute data)."""


def infer(op: str, operands: Sequence[Any], attrs: Mapping[str, Any]) -> tuple[Shape, str]:
    """Shape and dtype of ``op`` on operands that have a .shape and a .dtype. Raises GraphError if it does not fit."""
    try:
        shape = OPS[op].shape(*(x.shape for x in operands), **attrs)
    except (KeyError, TypeError, ValueError):  # no such operation; other operands or attributes; not to be broadcast
        shape = None
    if shape is None or len({x.dtype for x in operands}) != 1:
        given = " and ".join(f"{x.dtype}{list(x.shape)}" for x in operands)
        raise GraphError(f"{op} cannot take {given}" + "".join(f", {name}={value}" for name, value in attrs.items()))
    return shape, operands[0].dtype


def compute(op: str, operands: Sequence[Array], attrs: Attributes = ()) -> Array:
    """The value of ``op``: a C-contiguous array of the operands' dtype, so that equal graphs give equal bits."""
    with np.errstate(all="ignore"):  # infinities and NaN are values like others
        return np.asarray(OPS[op].compute(*operands, **dict(attrs)), operands[0].dtype, order="C")


def evaluate(graph: Graph, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
    """The values of the outputs, given an array for every input's name."""
    values: list[Array] = []
    for node in graph.nodes:
        if node.op == "input":
            values.append(np.asarray(inputs[dict(node.attrs)["name"]], node.dtype).reshape(node.shape))
        elif node.op == "constant":
            values.append(node.value)
        else:
            values.append(compute(node.op, [values[i] for i in node.inputs], node.attrs))
    return tuple(values[i] for i in graph.outputs)


class Builder:
    """Makes a graph node by node; each method returns the new node's index."""

    def __init__(self, nodes: Sequence[Node] = ()) -> None:
        self.nodes = list(nodes)

    def append(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def input(self, name: str, shape: Shape = (), dtype: str = "float64") -> int:
        return self.append(Node("input", (), (("name", name),), shape, dtype))

    def constant(self, value: npt.ArrayLike, dtype: str = "float64") -> int:
        array = np.asarray(value, dtype, order="C")
        return self.append(Node("constant", (), (("data", array.tobytes()),), array.shape, dtype))

    def apply(self, op: str, *inputs: int, **attrs: Any) -> int:
        """Operation ``op`` on earlier nodes. Raises GraphError if it does not fit them."""
        shape, dtype = infer(op, [self.nodes[i] for i in inputs], attrs)
        return self.append(Node(op, inputs, tuple(sorted(attrs.items())), shape, dtype))

    def build(self, *outputs: int) -> Graph:
        return Graph(tuple(self.nodes), outputs)


def validate(graph: Graph) -> None:
    """Check that every node reads earlier nodes and is what ``infer`` says. Raises GraphError, naming the node."""
    for i, node in enumerate(graph.nodes):
        if any(not 0 <= source < i for source in node.inputs):
            raise GraphError(f"%{i} = {node.op} reads {node.inputs}, which are not all earlier nodes")
        if node.op in OPS and (node.shape, node.dtype) != (
            found := infer(node.op, [graph.nodes[source] for source in node.inputs], dict(node.attrs))
        ):
            raise GraphError(f"%{i} = {node.op} is declared {node.dtype}{node.shape}, but its operands make it {found}")
    if any(not 0 <= i < len(graph.nodes) for i in graph.outputs):
        raise GraphError(f"outputs {graph.outputs} are not all among the {len(graph.nodes)} nodes")
