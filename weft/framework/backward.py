"""Backward through pending work: the history of expressions is differentiated as a graph, and gives expressions.

Hooks, and operations with a gradient of their own, are Python in the middle of it: what was appended so far becomes
expressions, the function takes and gives some of them, and those are inputs of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weft.framework.anomaly import is_anomaly_enabled, note_gradient
from weft.framework.autodiff import Visit, cotangents
from weft.framework.builder import GraphBuilder, constant_value
from weft.framework.errors import GradientError
from weft.framework.grad_mode import GradMode
from weft.framework.graph import Attributes, Node
from weft.framework.lazy import (
    CLOCK,
    COPY,
    CUSTOM,
    Expr,
    Hook,
    alias,
    apply,
    common_device,
    common_trace,
    folded,
    scalar,
    topological,
)
from weft.framework.origin import origin, user_line
from weft.framework.versions import Readers, changed_among


@dataclass(frozen=True, eq=False)
class GradientRule:
    """The gradient of an operation that is no primitive: what ``CUSTOM`` expressions have as their attribute ``rule``.

    name: of the operation. results: how many it has; the attribute ``index`` says which of them an expression is.
    vjp: takes a gradient (or None, for zero) of each result and gives one (or None) for each input behind the first.
    """

    name: str
    results: int
    vjp: Callable[[list[Expr | None]], Sequence[Expr | None]]


def custom(value: Expr, inputs: Sequence[Expr], rule: GradientRule, index: int = 0) -> Expr:
    """``value`` as result ``index`` of an operation with a gradient of its own by ``inputs``."""
    return Expr(
        CUSTOM, (value, *inputs), (("index", index), ("rule", rule)), value.shape, value.dtype, value=value.value,
        device=value.device, requires_grad=value.dtype.is_float, trace=value.trace, origin=origin(),
    )  # fmt: skip


def unrecorded(new: Expr, old: Expr) -> Expr:
    """``new`` in the place of ``old``, which was changed without being recorded: gradients go on as if it were not."""
    return custom(new, [old], GradientRule("unrecorded", 1, lambda gradients: gradients))


def replaced(new: Expr, old: Expr) -> Expr:
    """``new`` in the place of ``old``, of which nothing is left: its gradient is zero."""

    def zero(gradients: list[Expr | None]) -> list[Expr | None]:
        nothing = scalar(np.zeros((), old.dtype.numpy), old.dtype)
        return [apply("broadcast_to", nothing, shape=old.shape) if old.shape else nothing]

    return custom(new, [old], GradientRule("replaced", 1, zero))


def is_inner(e: Expr) -> bool:
    """Whether a gradient that arrives at ``e`` goes on to what it was computed from."""
    return e.requires_grad and e.owner is None


def sources(e: Expr) -> tuple[Expr, ...]:
    """What a gradient that arrives at ``e`` goes on to."""
    return () if not is_inner(e) else e.inputs[1:] if e.op == CUSTOM else e.inputs


def backward(
    roots: Sequence[tuple[Expr, Expr | None]],
    wanted: Sequence[Expr] | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
    stop: bool = False,
) -> list[tuple[Expr, Expr | None]]:
    """(expression, its gradient) of the sum of ``roots``, each given with its cotangent (None: 1).

    wanted: by what to differentiate; None for all that has an owner. The gradient of what the roots do not depend on is
    None. The history that was walked ends with this unless ``retain_graph``; create_graph: the gradients have history.
    stop: none of ``wanted`` lies behind another, so nothing behind them is walked. Raises GradientError.
    """
    ends = frozenset(id(e) for e in wanted or () if stop or len(wanted or ()) == 1)
    return _Pass(roots, wanted, ends, create_graph).run(retain_graph)


def hooks_of(e: Expr) -> list[Hook]:
    """What is done with the gradient of ``e``, in order: what merely keeps it (a key below 0) comes last."""
    owner = None if e.owner is None else e.owner()
    hooks = e.hooks if owner is None else owner._hooks
    return [hooks[key] for key in sorted(hooks, key=lambda key: key < 0)] if hooks else []


class _Pass:
    """One walk back."""

    def __init__(
        self,
        roots: Sequence[tuple[Expr, Expr | None]],
        wanted: Sequence[Expr] | None,
        ends: frozenset[int],
        create_graph: bool,
    ) -> None:
        self.roots, self.create_graph, self.all = roots, create_graph, wanted is None
        self.ends, self.kept = ends, frozenset(map(id, wanted or ()))
        self.order = topological([e for e, _ in roots], lambda e: self._folded(e)[0] if self._goes_on(e) else ())
        self.index = {id(e): i for i, e in enumerate(self.order)}
        self.wanted = [e for e in self.order if e.requires_grad and e.owner is not None] if wanted is None else wanted
        self.history = list(filter(self._goes_on, self.order))
        self.walked = self.history if wanted is None else self._leading()
        if any(e.freed for e in self.walked):
            raise GradientError(
                f"{user_line()}: trying to backward through the graph a second time: the first backward() has freed "
                "its history; give the first one retain_graph=True, or compute the tensor anew"
            )
        self.home = None if any(e.op == COPY for e in self.history) else roots[0][0].device
        self.results = self._results_of_rules()
        self.hooks = {i: hooks for i, e in enumerate(self.order) if (hooks := hooks_of(e))}
        self.builder = GraphBuilder(list(map(self._node, self.order)))

    def run(self, retain_graph: bool) -> list[tuple[Expr, Expr | None]]:
        """The walk, and what it found."""
        seeds: dict[int, int] = {}
        for e, given in self.roots:
            i = self.index[id(e)]
            seed = self.builder.full(1, like=i) if given is None else self._given(given)
            seeds[i] = self.builder.apply("add", seeds[i], seed) if i in seeds else seed
        targets = [self.index[id(e)] for e in self.wanted if id(e) in self.index]
        visit: Visit | None = self._visit if self.hooks or self.results else None
        changed = changed_among(self.order)
        looking = is_anomaly_enabled()
        readers = Readers(self.builder.nodes, visit) if changed or looking else None
        found = cotangents(self.builder, seeds, targets, readers or visit)
        if readers is not None:
            readers.check(self.order, changed)
        self._emit()
        if looking and readers is not None:
            for appended, i in readers.appended():
                note_gradient(self.order[appended], self.order[i])
        if not retain_graph:
            for e in self.walked:
                if self.all or self.index[id(e)] in found:
                    e.free()
        places = [self.index.get(id(e), -1) for e in self.wanted]
        return self._apart([self.order[found[i]] if i in found else None for i in places])

    def _apart(self, found: Sequence[Expr | None]) -> list[tuple[Expr, Expr | None]]:
        """Each gradient by itself: several that are one, or were given, are not one if they are changed in place."""
        taken = {id(given) for _, given in self.roots if given is not None}
        apart: list[tuple[Expr, Expr | None]] = []
        for e, gradient in zip(self.wanted, found, strict=True):
            if gradient is not None and id(gradient) in taken:
                kept = gradient.requires_grad
                gradient = apply("reshape", gradient, shape=gradient.shape) if kept else alias(gradient)
            apart.append((e, gradient))
            taken.add(id(gradient))
        return apart

    def _leading(self) -> list[Expr]:
        """The part of the history that has something wanted behind it: through no other does a gradient go."""
        leads: set[int] = set()
        for e in self.history:  # each after its sources
            if any(id(source) in self.kept or id(source) in leads for source in self._folded(e)[0]):
                leads.add(id(e))
        return [e for e in self.history if id(e) in leads]

    def _goes_on(self, e: Expr) -> bool:
        return is_inner(e) and id(e) not in self.ends

    def _folded(self, e: Expr) -> tuple[tuple[Expr, ...], Attributes]:
        """What a gradient goes on to, and the attributes; a transpose whose own gradient somebody sees is kept."""
        if e.op == "matmul":
            return folded(e, self.kept.union(id(x) for x in e.inputs if x.hooks))
        return sources(e), e.attrs

    def _node(self, e: Expr) -> Node:
        """``e`` as a node; what a gradient ends at is an input by the name that it has, and others call parameter."""
        if not self._goes_on(e):
            return Node("input", (), (("name", dict(e.attrs).get("name", "parameter")),), e.shape, e.dtype, e.origin)
        operands, attrs = self._folded(e)
        inputs = tuple(self.index[id(source)] for source in operands)
        return Node(e.op, inputs, attrs, e.shape, e.dtype, e.origin, e.further)

    def _results_of_rules(self) -> dict[int, dict[int, int]]:
        """For each custom rule of the history, by id, where its results lie, by number."""
        found: dict[int, dict[int, int]] = {}
        for e in self.history:
            if e.op == CUSTOM:
                attrs = dict(e.attrs)
                found.setdefault(id(attrs["rule"]), {})[attrs["index"]] = self.index[id(e)]
        return found

    def _given(self, e: Expr) -> int:
        """A node that is ``e``, an input of what follows."""
        self._emit()
        self.builder.nodes.append(Node("input", (), (("name", "gradient"),), e.shape, e.dtype))
        self.order.append(e)
        return len(self.order) - 1

    def _emit(self) -> None:
        """Make expressions of the nodes that were appended."""
        for node in self.builder.nodes[len(self.order) :]:
            CLOCK.now += 1
            if node.op == "constant" and not node.shape:
                self.order.append(scalar(constant_value(node), node.dtype))
                continue
            operands = tuple(self.order[i] for i in node.inputs)
            self.order.append(Expr(
                node.op, operands, node.attrs, node.shape, node.dtype, trace=common_trace(operands), origin=node.origin,
                device=common_device(node.op, operands, node.attrs) or self.home, further=node.further,
                requires_grad=self.create_graph and node.dtype.is_float and any(e.requires_grad for e in operands),
            ))  # fmt: skip

    def _visit(self, i: int, found: dict[int, int]) -> bool:
        """What Python has to say about node ``i``: its hooks, then its own gradient rule."""
        for hook in self.hooks.get(i, ()) if i in found else ():
            self._emit()
            with GradMode(self.create_graph):
                found[i] = self._given(hook(self.order[found[i]]))
        if self.builder[i].op != CUSTOM:
            return False
        rule = dict(self.order[i].attrs)["rule"]
        places = self.results[id(rule)]
        if i == min(places.values()):  # all its results have theirs
            self._apply(rule, i, places, found)
        return True

    def _apply(self, rule: GradientRule, i: int, places: Mapping[int, int], found: dict[int, int]) -> None:
        """Hand on the cotangents of all results of a custom rule; ``i``: the first of them."""
        given = [found.get(places.get(k, -1)) for k in range(rule.results)]
        if all(g is None for g in given):
            return
        self._emit()
        with GradMode(self.create_graph):
            made = rule.vjp([None if g is None else self.order[g] for g in given])
        for source, gradient in zip(self.builder[i].inputs, made, strict=True):
            if gradient is not None and self.order[source].requires_grad:
                part = self._given(gradient)
                found[source] = self.builder.apply("add", found[source], part) if source in found else part
