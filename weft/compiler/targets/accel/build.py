"""Kernels from groups: the members of a group written out in micro-operations over its space."""

from __future__ import annotations

import numpy as np

from weft.compiler.errors import InternalError
from weft.compiler.targets.accel.expand import CASTS, ELEMENTWISE, KINDS, MicroOpBuilder
from weft.compiler.targets.accel.groups import KernelFusion, KernelGroup, extents
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.micro import COL, FULL, ONE, ROW, MicroOp
from weft.compiler.targets.accel.product import Product
from weft.compiler.targets.accel.views import is_view, stored, unsupported
from weft.framework.graph import Graph, Node
from weft.framework.names import node_label, node_text


def constant_bits(node: Node) -> int | None:
    """The word of a constant whose elements are all equal; None for any other."""
    raw = np.frombuffer(node.attr("value"), node.dtype.numpy)
    if raw.size == 0 or (raw.size > 1 and raw.tobytes() != raw[:1].tobytes() * raw.size):
        return None
    value = raw[0]
    if node.dtype.is_float:
        return int(np.float32(value).view(np.uint32))
    return -int(value) if node.dtype.kind == "bool" else int(value)


class _Build:
    def __init__(self, fusion: KernelFusion, group: KernelGroup) -> None:
        self.graph, self.fusion, self.group = fusion.graph, fusion, group
        self.writer = MicroOpBuilder()
        self.made: dict[int, int] = {}
        self.leaves: dict[tuple[int, str], int] = {}

    def operand(self, base: int, role: str) -> int:
        """The micro-operation that is a value in a role."""
        if base in self.made:
            return self.made[base]
        node = self.graph.nodes[base]
        if node.op == "constant":
            bits = constant_bits(node)
            if bits is not None:
                return self.writer.imm(bits)
        key = (base, role)
        if key not in self.leaves:
            label = node_label(self.graph, base)
            self.leaves[key] = self.writer.add(MicroOp("leaf", "", (), role, node.dtype.name, label, value=base))
        return self.leaves[key]

    def member(self, index: int, role: str) -> int:
        """Write a member out."""
        node, w = self.graph.nodes[index], self.writer
        w.role, w.label = role, node_label(self.graph, index)
        if node.op == "matmul":
            return w.add(MicroOp("product", "", (), FULL, node.dtype.name, w.label))
        if node.op == "iota":
            return self._iota(index, node, role)
        seen = self.fusion.operand_views(index)
        inner = self.fusion.inner(self.group, index, role)
        args = tuple(self.operand(v.base, r) for v, r in zip(seen, inner, strict=True))
        if node.op in ("sum", "max"):
            return self._reduction(index, node, role, args[0])
        if is_view(self.graph, index):
            return w.un("identity", args[0], node.dtype.name)
        kind = KINDS[self.graph.nodes[node.inputs[0]].dtype.name]
        if node.op == "cast":
            return CASTS[kind, KINDS[node.dtype.name]](w, args, node.dtype.name)
        return ELEMENTWISE[node.op, kind](w, args, node.dtype.name)

    def _iota(self, index: int, node: Node, role: str) -> int:
        shape, axis = node.shape, node.attr("axis")
        along = role
        if role == FULL and stored(shape)[0] > 1:
            along = ROW if axis == len(shape) - 1 else COL
        elif role == FULL:
            along = ROW
        if shape[axis] == 1:
            return self.writer.imm(0)
        made = self.writer.add(MicroOp("iota", "", (), along, "int32", self.writer.label))
        return made if along == role else self.writer.un("identity", made, "int32")

    def _reduction(self, index: int, node: Node, role: str, arg: int) -> int:
        w = self.writer
        base = self.fusion.walked(self.group, index)
        if role == FULL:
            return w.un("identity", arg, node.dtype.name)
        if w.micros[arg].role != base:
            w.role = base
            arg = w.un("identity", arg)
        op = {"sum": "fsum", "max": "fmax"}[node.op]

        def reduce(over: str, operand: int, out: str) -> int:
            return w.add(MicroOp("reduce", f"{over}_{op}", (operand,), out, "float32", w.label))

        if base == FULL and role == ROW:
            return reduce("row", arg, ROW)
        if base == FULL and role == ONE and self.group.space[0] > 1:
            return reduce("lane", reduce("row", arg, ROW), ONE)
        return reduce("lane", arg, role)


def _product(fusion: KernelFusion, index: int) -> Product:
    """The product as stored values, so that its result comes out as it is stored."""
    graph = fusion.graph
    node = graph.nodes[index]
    sides = []
    for operand, flag in zip(node.inputs, ("transpose_a", "transpose_b"), strict=True):
        value, flipped, shape = fusion.operand(operand)
        column = shape[-1] == 1 and shape[0] > 1  # stored as one row: its own transpose
        sides.append((value, flipped ^ node.attr(flag) ^ column))
    dtype = graph.nodes[sides[0][0]].dtype.name
    rows = graph.nodes[node.inputs[0]].shape
    k = rows[0] if node.attr("transpose_a") else rows[1]
    label = node_label(graph, index)
    (a, ta), (b, tb) = sides
    names = node_label(graph, a), node_label(graph, b)
    if node.shape[1] == 1 and node.shape[0] > 1:
        return Product(b, a, not tb, not ta, dtype, k, label, names[::-1])
    return Product(a, b, ta, tb, dtype, k, label, names)


def kernel_of(fusion: KernelFusion, group: KernelGroup) -> TileKernel:
    """The kernel of a group. Raises CompileError for a node that the vector unit cannot do."""
    build = _Build(fusion, group)
    graph = fusion.graph
    for index in sorted(group.members):
        if any(extent == 0 for extent in graph.nodes[index].shape):
            raise unsupported(graph, index, "it has no elements", "extents of at least 1")
        build.made[index] = build.member(index, group.members[index])
    for index, role in group.members.items():
        if stored(graph.nodes[index].shape) != extents(group.space, role):
            raise InternalError(node_text(graph, index), f"it is stored otherwise than {role} of {list(group.space)}")
    outputs: dict[int, int] = {}
    for index in sorted(group.outputs):
        micro = build.made[index]
        if build.writer.micros[micro].kind in ("imm", "iota", "leaf") or micro in outputs:
            build.writer.role = group.members[index]
            build.writer.label = node_label(graph, index)
            micro = build.writer.un("identity", micro, graph.nodes[index].dtype.name)
        outputs[micro] = index
    product = None if group.product is None else _product(fusion, group.product)
    dominant = group.product
    if dominant is None:
        dominant = max(group.members, key=lambda index: (_walked(graph, index), index))
    nodes = tuple(sorted(group.members))
    label = node_label(graph, dominant)
    return TileKernel(label, *group.space, tuple(build.writer.micros), outputs, product, nodes, dominant)


def _walked(graph: Graph, index: int) -> int:
    """How many elements a node goes through."""
    return max(graph.nodes[i].size for i in (index, *graph.nodes[index].inputs))
