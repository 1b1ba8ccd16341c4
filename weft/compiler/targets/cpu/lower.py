"""From a graph to steps: every fusion group a loop nest, every product a call of sgemm, every move a view.

Values that need memory get numbered buffers; where those lie is decided afterwards (`buffers.py`).

Equal loops share their code, so a model's repeated layers are compiled once. A graph with very many loops that differ
would take minutes: from `code_limits.FUSED_WORK` on, a fused loop that is not there yet is taken apart into loops of
one operation each, with its numbers in memory, of which there are few kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from weft.compiler.passes.fusion import FusionGroup, fusion_groups, index_space
from weft.compiler.targets.cpu import code_limits
from weft.compiler.targets.cpu.body import LoopBody
from weft.compiler.targets.cpu.capabilities import CAPABILITIES
from weft.compiler.targets.cpu.epilogues import PRODUCTS, FusedEpilogue, epilogues
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.indexed import INDEXED, IndexedLowering
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store
from weft.compiler.targets.cpu.orientation import in_space, tile_window
from weft.compiler.targets.cpu.products import ProductLowering
from weft.compiler.targets.cpu.program import Step
from weft.compiler.targets.cpu.views import Index, NumberView, View, contiguous, move
from weft.compiler.targets.cpu.windows import WindowLowering
from weft.framework.builder import constant_value
from weft.framework.capability import operand_type
from weft.framework.dtypes import DTYPES
from weft.framework.graph import Graph, Node
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array, Shape

Kind = Literal["input", "output", "constant", "temporary"]


@dataclass(frozen=True)
class Slot:
    """Memory of one value: its kind, its number among the inputs, results or constants (0 for a temporary), and
    bytes."""

    kind: Kind
    number: int
    size: int


@dataclass(frozen=True)
class Lowered:
    """A graph as steps over buffers; a buffer's place in `buffers` is its place in the table of pointers.

    Input n is the graph's n-th input node, output n its n-th result (outputs, then updates), constant n is
    `constants[n]`. `nodes[n]` are the nodes that step n computes, or helps to.
    """

    steps: tuple[Step, ...]
    buffers: tuple[Slot, ...]
    constants: tuple[Array, ...]
    nodes: tuple[tuple[int, ...], ...]


def lower(graph: Graph, has_sgemm: bool, threads: int = 1) -> Lowered:
    """Steps that compute every result of `graph`, with memory for so many threads. Without sgemm, products become plain
    loops."""
    return _Lowering(graph, has_sgemm, threads).run()


def looped(graph: Graph, node: Node) -> Shape | None:
    """The shape of the loop that computes `node`; None where there is no such loop."""
    space = index_space(graph, node)
    return None if space is None or CAPABILITIES.calls_reference(node.op, operand_type(graph, node)) else space


class _Lowering(ProductLowering, WindowLowering, IndexedLowering):
    """The state of one lowering: steps and buffers so far, and where each node's value lies."""

    def __init__(self, graph: Graph, has_sgemm: bool, threads: int) -> None:
        self.graph = graph
        self.has_sgemm = has_sgemm
        self.threads = threads
        self.steps: list[Step] = []
        self.buffers: list[Slot] = []
        self.constants: list[Array] = []
        self.views: dict[int, View] = {}
        self.several: dict[int, list[AccessWindow]] = {}
        self.copies: dict[str, AccessWindow] = {}
        self.loops: set[Any] = set()
        self.work = 0
        self.waiting: dict[int, list[int]] = {}  # by node, the numbers of the results that have no memory yet
        for n, node in enumerate(graph.results):
            self.waiting.setdefault(node, []).append(n)

    def run(self) -> Lowered:
        for number, i in enumerate(self.graph.inputs):
            node = self.graph.nodes[i]
            self.views[i] = self._window(self._buffer("input", number, node.size * node.dtype.itemsize), node)
        groups = fusion_groups(self.graph, looped)
        finished = {fused.last: fused for fused in epilogues(self.graph, groups)} if self.has_sgemm else {}
        waiting = {i for fused in finished.values() for i in fused.same}
        nodes: list[tuple[int, ...]] = []
        for group in groups:
            i, made = group.nodes[-1], group.nodes
            node = self.graph.nodes[i]
            if group.space is not None:
                fused = finished.get(i)
                if fused is None or not self._finished_product(fused, group):
                    self._group(group)
                made = made if fused is None else (*fused.same, *made)
            elif node.op != "input" and i not in waiting:
                self._alone(i, node)
            nodes += [made] * (len(self.steps) - len(nodes))
        nodes += [(i,) for i in self._copy_results()]
        return Lowered(tuple(self.steps), tuple(self.buffers), tuple(self.constants), tuple(nodes))

    def _buffer(self, kind: Kind, number: int, size: int) -> int:
        self.buffers.append(Slot(kind, number, size))
        return len(self.buffers) - 1

    def _enlarge(self, buffer: int, times: int) -> None:
        """Make a temporary so many times as large: memory for each part of a step."""
        self.buffers[buffer] = replace(self.buffers[buffer], size=self.buffers[buffer].size * times)

    def _window(self, buffer: int, node: Node) -> AccessWindow:
        return AccessWindow(buffer, node.dtype.name, node.shape, contiguous(node.shape))

    def _temporary(self, shape: Shape, dtype: str) -> AccessWindow:
        size = math.prod(shape) * DTYPES[dtype].itemsize
        return AccessWindow(self._buffer("temporary", 0, size), dtype, shape, contiguous(shape))

    def _target(self, i: int) -> AccessWindow:
        """New memory for node `i`: that of the first result that hands it out, if there is one."""
        node = self.graph.nodes[i]
        if self.waiting.get(i):
            size = node.size * node.dtype.itemsize
            return self._window(self._buffer("output", self.waiting[i].pop(0), size), node)
        return self._temporary(node.shape, node.dtype.name)

    def _copy_results(self) -> list[int]:
        """Results that lie elsewhere (an input, a view, a value handed out twice) are copied; which, a step each."""
        copied = []
        for i in dict.fromkeys(self.graph.results):
            while self.waiting[i]:
                self._copy(self.views[i], self._target(i))
                copied.append(i)
        return copied

    def _copy(self, source: View, target: AccessWindow) -> None:
        """target = source, converted to the target's dtype; one of their shape."""
        body = LoopBody(target.shape)
        slot = body.operand(source)
        if source.dtype != target.dtype:
            slot = body.compute("cast", (slot,), target.dtype, source.dtype)
        self.steps.append(body.loop([Store(slot, target)]))

    def _group(self, group: FusionGroup) -> None:
        """The loop that computes a fusion group; or, where too much that differs is fused, one for each node."""
        kind = self._kind(group)
        if kind in self.loops or self.work < code_limits.FUSED_WORK:
            if kind not in self.loops:
                self.loops.add(kind)
                self.work += code_limits.LOOP_WORK + len(group.nodes)
            self._loop(group)
            return
        for i in group.nodes:
            node = self.graph.nodes[i]
            for source in node.inputs:
                view = self.views[source]
                if isinstance(view, NumberView):
                    self.views[source] = self._in_memory(view)
            self._loop(FusionGroup((i,), looped(self.graph, node), (i,)))

    def _kind(self, group: FusionGroup) -> tuple[Any, ...]:
        """What two groups have in common that become equal loops, but for which of their operands are one memory."""
        local = {i: n for n, i in enumerate(group.nodes)}
        stored = set(group.stored)
        described = []
        for i in group.nodes:
            node = self.graph.nodes[i]
            operands = tuple(
                local[s] if s in local
                else view._replace(buffer=0, offset=0) if isinstance(view := self.views[s], AccessWindow)
                else repr(view)  # 0.0 and -0.0 are equal, but other numbers
                for s in node.inputs
            )
            described.append((node.op, operands, node.dtype.name, i in stored, node.attrs))
        return group.space, tuple(described)

    def _in_memory(self, number: NumberView) -> AccessWindow:
        value = np.array([number.value], DTYPES[number.dtype].numpy)
        self.constants.append(value)
        buffer = self._buffer("constant", len(self.constants) - 1, value.nbytes)
        return AccessWindow(buffer, number.dtype, number.shape, number.strides)

    def _alone(self, i: int, node: Node) -> None:
        """What computes a node that shares no loop."""
        usual = _Lowering._move if PRIMITIVES[node.op].group == "movement" else _Lowering._host
        left = CAPABILITIES.calls_reference(node.op, operand_type(self.graph, node))
        self.views[i] = (_Lowering._host if left else self._OTHERS.get(node.op, usual))(self, i, node)

    def _finished_product(self, fused: FusedEpilogue, group: FusionGroup) -> bool:
        """The product with the group as its epilogue, if it gets code of its own and strides allow that; else the
        product alone."""
        node = self.graph.nodes[fused.product]
        factors = self._factors(node)
        if self._has_own_code(node, factors):
            before = len(self.buffers), {i: list(n) for i, n in self.waiting.items()}, dict(self.views)
            loop = in_space(self._loop(group, fused.same), factors.space)
            if loop is not None:
                self._contraction(factors, loop)
                return True
            self.buffers[before[0] :] = []
            self.waiting, self.views = before[1:]
        for i in fused.same:
            self._alone(i, self.graph.nodes[i])
        return False

    def _loop(self, group: FusionGroup, product: tuple[int, ...] = ()) -> LoopNest:
        """One loop nest that computes a fusion group. With a `product`, its nodes are read from a tile, and the loop is
        not a step of its own."""
        assert group.space is not None
        body = LoopBody(group.space)
        slots: dict[int, int] = {}
        if product:
            slots = dict.fromkeys(product, body.operand(tile_window(group.space)))
        stores: list[Store] = []
        narrowed: list[tuple[AccessWindow, AccessWindow]] = []
        for i in group.nodes:
            node = self.graph.nodes[i]
            args = tuple(slots[s] if s in slots else body.operand(self.views[s]) for s in node.inputs)
            if node.op in ("sum", "max"):
                target = self._target(i)
                total = target
                if node.op == "sum" and target.dtype == "bfloat16":  # summed in float32, rounded once
                    total = self._temporary(target.shape, "float32")
                    narrowed.append((total, target))
                stores.append(Store(args[0], _spread(total, node, group.space), "sum" if node.op == "sum" else "max"))
                self.views[i] = target
            else:
                slots[i] = body.compute(node.op, args, node.dtype.name, self.graph.nodes[node.inputs[0]].dtype.name)
                if i in group.stored:
                    target = self._target(i)
                    stores.append(Store(slots[i], target))
                    self.views[i] = target
        loop = body.loop(stores)
        if not product:
            self.steps.append(loop)
        for total, target in narrowed:
            self._copy(total, target)
        return loop

    def _constant(self, i: int, node: Node) -> View:
        value = constant_value(node)
        if node.size == 1:
            return NumberView(value.reshape(()).item(), node.dtype.name, node.shape, (0,) * len(node.shape))
        self.constants.append(np.ascontiguousarray(value))
        return self._window(self._buffer("constant", len(self.constants) - 1, value.nbytes), node)

    def _iota(self, i: int, node: Node) -> View:
        return Index(node.shape, tuple(int(d == node.attr("axis")) for d in range(len(node.shape))))

    def _move(self, i: int, node: Node) -> View:
        source = self.views[node.inputs[0]]
        moved = move(source, node)
        if moved is None:  # a reshape of elements that no strides reach: in order first, then free
            ordered = self._temporary(source.shape, source.dtype)
            self._copy(source, ordered)
            moved = move(ordered, node)
            assert moved is not None
        return moved

    def _pad(self, i: int, node: Node) -> View:
        target = self._target(i)
        dtype = node.dtype.name
        fill = np.asarray(node.attr("value")).astype(node.dtype.numpy).item()
        self._copy(NumberView(fill, dtype, node.shape, (0,) * len(node.shape)), target)
        source = self.views[node.inputs[0]]
        low, steps = node.attr("low"), [n + 1 for n in node.attr("interior")]
        inner = AccessWindow(
            target.buffer, dtype, source.shape,
            tuple(s * step for s, step in zip(target.strides, steps, strict=True)),
            sum(s * first for s, first in zip(target.strides, low, strict=True)),
        )  # fmt: skip
        self._copy(source, inner)
        return target

    def _concatenate(self, i: int, node: Node) -> View:
        target, axis, at = self._target(i), node.attr("axis"), 0
        for source in node.inputs:
            view = self.views[source]
            self._copy(view, target._replace(shape=view.shape, offset=target.offset + at * target.strides[axis]))
            at += view.shape[axis]
        return target

    def _host(self, i: int, node: Node) -> View:
        """A call of the primitive's reference; the results of one with several go where their readers want them."""
        operands = tuple(self._stored(self.views[source]) for source in node.inputs)
        targets = self._targets(i, node) if node.further else [self._target(i)]
        self.several[i] = targets
        self.steps.append(HostCall(node.op, node.attrs, operands, tuple(targets)))
        return targets[0]

    def _targets(self, i: int, node: Node) -> list[AccessWindow]:
        """Memory for each of several results: that of the node which reads it, if one does."""
        readers = {self.graph.nodes[user].attr("index"): user for user in reversed(self.graph.uses[i])}
        return [
            self._target(readers[k]) if k in readers else self._temporary(shape, dtype.name)
            for k, (shape, dtype) in enumerate(((node.shape, node.dtype), *node.further))
        ]

    def _result(self, i: int, node: Node) -> View:
        index: int = node.attr("index")
        return self.several[node.inputs[0]][index]

    def _stored(self, view: View) -> AccessWindow:
        """The view's elements in memory: where they are, or copied."""
        if isinstance(view, AccessWindow):
            return view
        made = self._temporary(view.shape, view.dtype)
        self._copy(view, made)
        return made

    def _argmax(self, i: int, node: Node) -> View:
        """The maximum, then the smallest index of an element equal to it (or not a number)."""
        source, axis = self.views[node.inputs[0]], node.attr("axis")
        dtype, space = source.dtype, source.shape
        reduced = {"axes": (axis,), "keepdims": node.attr("keepdims")}
        largest = _spread(self._temporary(node.shape, dtype), node, space, reduced)
        body = LoopBody(space)
        self.steps.append(body.loop([Store(body.operand(source), largest, "max")]))
        body = LoopBody(space)
        x, top = body.operand(source), body.operand(largest)
        hit = body.compute("eq", (x, top), "bool", dtype)
        if DTYPES[dtype].is_float:
            hit = body.compute("or", (hit, body.compute("ne", (x, x), "bool", dtype)), "bool", "bool")
        here = body.operand(Index(space, tuple(int(d == axis) for d in range(len(space)))))
        beyond = body.operand(NumberView(space[axis], "int32", space, (0,) * len(space)))
        where = body.compute("select", (hit, here, beyond), "int32", "int32")
        target = self._target(i)
        self.steps.append(body.loop([Store(where, _spread(target, node, space, reduced), "min")]))
        return target

    _OTHERS: ClassVar[dict[str, Callable[[_Lowering, int, Node], View]]] = {
        "constant": _constant, "iota": _iota, "pad": _pad, "argmax": _argmax,
        **dict.fromkeys(PRODUCTS, ProductLowering._product),
        **dict.fromkeys(INDEXED, IndexedLowering._indexed),
        "result": _result, "concatenate": _concatenate,
        "window_sum": WindowLowering._window_sum, "window_max": WindowLowering._window_max,
        "window_pick": WindowLowering._window_pick,
    }  # fmt: skip


def _spread(target: AccessWindow, node: Node, space: Shape, attrs: dict[str, Any] | None = None) -> AccessWindow:
    """A reduction's result as a window over the whole index space: stride 0 along the axes reduced away."""
    attrs = attrs or node.attributes
    kept = [d for d in range(len(space)) if attrs["keepdims"] or d not in attrs["axes"]]
    strides = [0] * len(space)
    for d, stride in zip(kept, target.strides, strict=True):
        strides[d] = 0 if d in attrs["axes"] else stride
    return target._replace(shape=space, strides=tuple(strides))
