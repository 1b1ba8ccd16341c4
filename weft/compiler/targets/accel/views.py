"""Shapes on the accelerator: every value is [rows, cols], and reshapes and broadcasts are ways of reading one.

A value whose last extent is 1 is stored as one row, so that vectors of any orientation are the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.compiler.errors import CompileError
from weft.compiler.targets.accel.micro import COL, FULL, ONE, ROW
from weft.framework.graph import Graph
from weft.framework.names import node_text

Shape = tuple[int, ...]


def matrix(shape: Shape) -> tuple[int, int]:
    """A shape as rows and columns: leading axes are rows."""
    return (math.prod(shape[:-1]), shape[-1]) if shape else (1, 1)


def stored(shape: Shape) -> tuple[int, int]:
    """Rows and columns as stored: a column of several rows lies in one row."""
    rows, cols = matrix(shape)
    return (1, rows) if cols == 1 else (rows, cols)


@dataclass(frozen=True)
class OperandView:
    """Value ``base`` read in some role of the reader's stored space."""

    base: int
    role: str


def unsupported(graph: Graph, index: int, reason: str, nearest: str) -> CompileError:
    """The error of a node that the accelerator cannot run."""
    return CompileError(f"{node_text(graph, index)}: the accelerator cannot run this: {reason}; nearest: {nearest}")


def _broadcast_role(inner: Shape, outer: Shape) -> str | None:
    if stored(inner) == stored(outer):
        return FULL
    if math.prod(inner) == 1:
        return ONE
    inner = (1,) * (len(outer) - len(inner)) + inner
    if inner[-1] == outer[-1] and math.prod(inner[:-1]) == 1:
        return ROW
    if inner[-1] == 1 and inner[:-1] == outer[:-1]:
        return COL
    return None


def is_view(graph: Graph, index: int) -> bool:
    """Whether a node moves no element. Raises CompileError for a movement that would have to."""
    node = graph.nodes[index]
    if node.op == "broadcast_to":
        source = graph.nodes[node.inputs[0]].shape
        if _broadcast_role(source, node.shape) is None:
            raise unsupported(
                graph, index,
                f"{list(source)} repeated to {list(node.shape)} is neither whole rows nor one value a row",
                "a broadcast of a scalar, of the last axis, or of all axes but the last",
            )
        return True
    if node.op in ("reshape", "permute"):
        source = graph.nodes[node.inputs[0]].shape
        free = stored(source) == stored(node.shape)
        if node.op == "permute":  # axes of one element may go anywhere
            wide = [axis for axis in node.attr("order") if source[axis] > 1]
            free = free and wide == sorted(wide)
        if not free:
            raise unsupported(
                graph, index, f"{list(source)} to {list(node.shape)} would move elements",
                "a reshape that keeps the last axis, or a transpose that is a flag of matmul",
            )
        return True
    return False


def view(graph: Graph, index: int) -> OperandView:
    """What node ``index`` really reads: the value behind its views, and its role in the node's stored space."""
    role = FULL
    while is_view(graph, index):
        node = graph.nodes[index]
        if node.op == "broadcast_to":
            inner = _broadcast_role(graph.nodes[node.inputs[0]].shape, node.shape)
            assert inner is not None
            role = inner if role == FULL else (ONE if inner == ONE else role)
        index = node.inputs[0]
    return OperandView(index, ONE if role != FULL and graph.nodes[index].size == 1 else role)
