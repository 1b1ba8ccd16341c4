"""Grouping: nodes of a graph gathered into kernels, each over one space of elements.

Nodes are taken in order. A matrix product opens a group; any other node joins the latest group among those of its
operands if that can compute it in the same walk, and opens a group otherwise. Groups run in the order in which they
were opened. Nodes that only depend on the graph's inputs wait until a group needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from weft.compiler.errors import InternalError
from weft.compiler.targets.accel.micro import COL, END, FULL, ONE, ROW, STRIP_END, TILE
from weft.compiler.targets.accel.views import OperandView, is_view, stored, unsupported, view
from weft.framework.graph import Graph
from weft.framework.names import node_text

IterationSpace = tuple[int, int]


@dataclass
class KernelGroup:
    """Nodes of one kernel: ``members``: node → role in ``space``; ``ready``: node → the phase of the walk in which its
    value is there (see ``kernel``), TILE if it is not named."""

    space: IterationSpace
    members: dict[int, str] = field(default_factory=dict)
    ready: dict[int, int] = field(default_factory=dict)
    product: int | None = None
    outputs: set[int] = field(default_factory=set)


def reduction(graph: Graph, index: int) -> tuple[IterationSpace, str]:
    """The space that a reduction reads and the role of its result there. Raises CompileError."""
    node = graph.nodes[index]
    shape = graph.nodes[node.inputs[0]].shape
    axes = {a for a in node.attr("axes") if shape[a] > 1}
    wide = {a for a in range(len(shape)) if shape[a] > 1}
    space, last = stored(shape), {len(shape) - 1}
    role = FULL if not axes else ONE if axes == wide else COL if axes == last else ROW if axes == wide - last else ""
    if not role:
        nearest = "the last axis, all the others, or all axes"
        raise unsupported(graph, index, f"it reduces axes {sorted(axes)} of {list(shape)}", nearest)
    if stored(node.shape) != extents(space, role):
        raise unsupported(
            graph, index, f"one value for each row of {list(shape)} would be moved into rows of {list(node.shape)}",
            "keepdims=True, which keeps them in one row",
        )
    return space, role


def extents(space: IterationSpace, role: str) -> IterationSpace:
    """How a value that has a role in a space is stored."""
    return {FULL: space, ROW: (1, space[1]), COL: (1, space[0]), ONE: (1, 1)}[role]


LATEST = {FULL: TILE, COL: TILE, ROW: STRIP_END, ONE: END}
"""Role → the last phase in which operands may become ready; a reduction to that role is ready in that phase, and needs
its operands when what it goes through is walked. One value for each column is kept no longer than its strip: what is
ready when all is done can make no more of those."""


class KernelFusion:
    """Gathers a graph's nodes.

    kept: nodes whose value must be stored even if nothing outside their group reads it.
    apart: nodes that open a group of their own, for kernels that would not fit otherwise.
    """

    def __init__(self, graph: Graph, kept: Collection[int], apart: Collection[int] = ()) -> None:
        self.graph, self.kept, self.apart = graph, kept, apart
        self.groups: list[KernelGroup] = []
        self.made_by: dict[int, int] = {}
        self.floating: set[int] = set()

    def run(self) -> list[KernelGroup]:
        """The groups in the order in which they run."""
        graph = self.graph
        for index, node in enumerate(graph.nodes):
            if index not in graph.live or node.op in ("input", "constant"):
                continue
            if node.op == "matmul":
                self._product(index)
            elif node.op == "permute" and self._only_flips(index):
                continue
            elif not is_view(graph, index):
                self._place(index)
            if index in self.kept:
                self.stored(index)
        return self.groups

    def source(self, index: int) -> bool:
        """Whether a value is there before any group runs."""
        return self.graph.nodes[index].op in ("input", "constant")

    def stored(self, index: int) -> int:
        """Have the value of a node stored by the group that makes it (a copy for a view); the node that names it."""
        seen = view(self.graph, index)
        if seen.role == FULL and seen.base != index:
            index = seen.base
        if self.source(index):
            return index
        if seen.role != FULL or (is_view(self.graph, index) and index not in self.made_by):
            if index not in self.made_by:
                self._open(index)
        elif index in self.floating:
            for other in self._floating_reductions(index):
                if other in self.floating:
                    self._open(other)
            if index in self.floating:
                self._open(index)
        self.groups[self.made_by[index]].outputs.add(index)
        return index

    def _product(self, index: int) -> None:
        node = self.graph.nodes[index]
        dtype = self.graph.nodes[node.inputs[0]].dtype.name
        if dtype == "float32":
            raise unsupported(self.graph, index, "the array has no float32 products", "bfloat16 (the precision pass)")
        for operand in node.inputs:
            self.stored(self.operand(operand)[0])
        group = KernelGroup(stored(node.shape), {index: FULL}, product=index)
        self.groups.append(group)
        self.made_by[index] = len(self.groups) - 1

    def operand(self, index: int) -> tuple[int, bool, tuple[int, ...]]:
        """The stored value that an operand of a product is, whether it is taken transposed (transposes of matrices are
        looked through), and the shape in which it is read."""
        flipped = False
        while self.graph.nodes[index].op == "permute" and len(self.graph.nodes[index].shape) == 2:
            flipped ^= self.graph.nodes[index].attr("order") == (1, 0)
            index = self.graph.nodes[index].inputs[0]
        seen = view(self.graph, index)
        return (seen.base if seen.role == FULL else index), flipped, self.graph.nodes[index].shape

    def _only_flips(self, index: int) -> bool:
        """Whether a transpose is nothing but a flag of the products that read it."""
        users = self.graph.uses[index]
        return bool(users) and all(self.graph.nodes[u].op == "matmul" for u in users) and index not in self.kept

    def _operands(self, index: int) -> list[OperandView]:
        return [view(self.graph, i) for i in self.graph.nodes[index].inputs]

    def _place(self, index: int) -> None:
        """Put a node into a group, or leave it floating."""
        node = self.graph.nodes[index]
        bases = [v.base for v in self._operands(index)]
        role = reduction(self.graph, index)[1] if node.op in ("sum", "max") else FULL
        if role in (FULL, COL) and all(self.source(b) or b in self.floating for b in bases):
            self.floating.add(index)
            return
        for attempt in (1, 2):
            latest = max((self.made_by[b] for b in bases if b in self.made_by), default=-1)
            if latest >= 0 and index not in self.apart and self._join(latest, index):
                return
            # A floating reduction over another space has to be made first.
            needed = self._floating_reductions(index) if attempt == 1 else []
            for other in needed:
                if other in self.floating:
                    self._open(other)
            if not needed:
                break
        self._open(index)

    def _floating_reductions(self, index: int) -> list[int]:
        """Floating reductions that a node depends on through floating nodes, in order."""
        found: set[int] = set()
        seen: set[int] = set()
        stack = [index]
        while stack:
            for operand in self.operand_views(stack.pop()):
                if operand.base in self.floating and operand.base not in seen:
                    seen.add(operand.base)
                    stack.append(operand.base)
                    if self.graph.nodes[operand.base].op in ("sum", "max"):
                        found.add(operand.base)
        return sorted(found)

    def _space(self, index: int) -> IterationSpace:
        """The space of a group that a node opens."""
        node = self.graph.nodes[index]
        return reduction(self.graph, index)[0] if node.op in ("sum", "max") else stored(node.shape)

    def _open(self, index: int) -> None:
        """Put a node into a group of its own. Floating operands come with it, unless they would have to be there in two
        roles, or at two times: those are made in groups before."""
        self.floating.discard(index)
        for operands in ({v.base for v in self.operand_views(index)}, set[int]()):
            self.groups.append(KernelGroup(self._space(index)))
            if self._join(len(self.groups) - 1, index):
                return
            self.groups.pop()
            for other in sorted(operands & self.floating):
                self._open(other)
        raise InternalError(node_text(self.graph, index), "it does not fit a group of its own")

    def _role(self, group: KernelGroup, index: int) -> list[str]:
        """Roles in which a node could be a member, best first."""
        node = self.graph.nodes[index]
        if node.op in ("sum", "max"):
            space, role = reduction(self.graph, index)
            if space == group.space:
                return [role]
            return [ONE] if space[0] == 1 and role == ONE and space[1] in group.space else []
        space = stored(node.shape)
        if space == group.space:
            return [FULL]
        if space == (1, 1):
            return [ONE]
        found = []
        if space[0] == 1 and space[1] == group.space[0]:
            found.append(COL)
        if space == (1, group.space[1]):
            found.append(ROW)
        return found

    def _join(self, number: int, index: int) -> bool:
        group = self.groups[number]
        for role in self._role(group, index):
            added: dict[int, str] = {}
            ready: dict[int, int] = {}
            if self._fits(group, number, index, role, added, ready):
                for node in added:
                    if node not in self.floating:
                        self.made_by.setdefault(node, number)
                group.members |= added
                group.ready |= ready
                self._export(number, added)
                return True
        return False

    def _export(self, number: int, added: Collection[int]) -> None:
        """What new members read of other groups, those must store."""
        for node in added:
            for seen in self.operand_views(node):
                made = self.made_by.get(seen.base)
                if made is not None and made != number and seen.base not in self.groups[number].members:
                    self.groups[made].outputs.add(seen.base)

    def operand_views(self, node: int) -> list[OperandView]:
        """What a member reads: its operands behind their views, or, for a view that is stored, what is behind it."""
        return [view(self.graph, node)] if is_view(self.graph, node) else self._operands(node)

    def walked(self, group: KernelGroup, index: int) -> str:
        """The role in the group's space of what a reduction goes through."""
        space, _ = reduction(self.graph, index)
        return FULL if space == group.space else (COL if space[1] == group.space[0] else ROW)

    def inner(self, group: KernelGroup, index: int, role: str) -> list[str]:
        """For a member, the role in the group's space of each of its operands."""
        base = self.walked(group, index) if self.graph.nodes[index].op in ("sum", "max") else role
        result = []
        for seen in self.operand_views(index):
            if base == FULL:
                result.append(seen.role)
            else:
                result.append(ONE if seen.role == ONE else base)
        return result

    def _fits(
        self, group: KernelGroup, number: int, index: int, role: str, added: dict[int, str], ready: dict[int, int]
    ) -> bool:
        """Whether a node can be a member in a role; collects it and the floating nodes that come with it."""
        stack: list[tuple[int, str]] = [(index, role)]
        order: list[tuple[int, str]] = []
        while stack:
            node, wanted = stack.pop()
            if added.get(node, wanted) != wanted:
                return False
            added[node] = wanted
            order.append((node, wanted))
            for seen, inner in zip(self.operand_views(node), self.inner(group, node, wanted), strict=True):
                have = group.members.get(seen.base)
                if have is not None:
                    if have != inner:
                        return False
                elif seen.base in self.floating:
                    if self.graph.nodes[seen.base].op in ("sum", "max") and (
                        reduction(self.graph, seen.base) != (group.space, inner)
                    ):
                        return False
                    stack.append((seen.base, inner))
                elif not self.source(seen.base) and self.made_by[seen.base] >= number:
                    return False
        for node, wanted in sorted(order):
            operands = [s.base for s in self.operand_views(node)]
            phase = max((ready.get(o, group.ready.get(o, TILE)) for o in operands), default=TILE)
            reduces = self.graph.nodes[node].op in ("sum", "max")
            if phase > LATEST[self.walked(group, node) if reduces else wanted]:
                return False
            if reduces:
                phase = max(phase, LATEST[wanted])
            ready[node] = phase
        return True
