"""Backward through pending work: the history of expressions is differentiated as a graph, and gives expressions.

Hooks, and operations with a gradient of their own, are Python in the middle of it: what was appended so far becomes
expressions, the function takes and gives some of them, and those are inputs of the rest. A history without any such
is differentiated once for all of the same structure, and its gradients are the results of one compound expression;
in a trace, or if the gradients are to have history themselves, they are expressions one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from weft.framework.anomaly import is_anomaly_enabled, note_gradient
from weft.framework.autodiff import Visit, cotangents
from weft.framework.builder import GraphBuilder, constant_value
from weft.framework.compound import Compound, opened
from weft.framework.errors import GradientError
from weft.framework.grad_mode import GradMode
from weft.framework.graph import Attributes, Node
from weft.framework.lazy import (
    ACTIVE,
    CLOCK,
    COMPOUND,
    COPY,
    CUSTOM,
    LOCK,
    Expr,
    Hook,
    alias,
    apply,
    common_device,
    common_trace,
    scalar,
)
from weft.framework.operations import of_type, value_type
from weft.framework.origin import here, user_line
from weft.framework.realising import folded
from weft.framework.recent import Recent
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
    made = Expr(
        of_type(CUSTOM, value.type), (value, *inputs), value.value, value.device, value.dtype.is_float, None,
        value.trace, here(),
    )  # fmt: skip
    made.attrs = (("index", index), ("rule", rule))
    return made


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
    with LOCK:
        walk = _Pass(roots, wanted, ends, create_graph)
    return walk.run(retain_graph)


def hooks_of(e: Expr) -> list[Hook]:
    """What is done with the gradient of ``e``, in order: what merely keeps it (a key below 0) comes last."""
    owner = None if e.owner is None else e.owner()
    hooks = e.hooks if owner is None else owner._hooks
    return [hooks[key] for key in sorted(hooks, key=lambda key: key < 0)] if hooks else []


class _Use(NamedTuple):
    """What a gradient of an expression goes through: as in a ``Node``, the inputs what it goes on to."""

    op: str
    inputs: tuple[Expr, ...]
    attrs: Attributes


def _use(e: Expr, kept: frozenset[int]) -> _Use:
    if e.op == "matmul":
        return _Use(e.op, *folded(e, kept.union([id(x) for x in e.inputs if x.hooks])))
    return _Use(e.op, e.inputs[1:] if e.op == CUSTOM else e.inputs, e.attrs)


def _uses(roots: Sequence[Expr], ends: frozenset[int], kept: frozenset[int]) -> dict[Expr, _Use]:
    """The history of ``roots``.

    ends: ids of expressions that gradients do not go through. kept: ids of those whose gradient is wanted: if it is a
    transpose it is not folded into the product that reads it.
    """
    found: dict[Expr, _Use] = {}
    stack = list(roots)
    while stack:
        e = stack.pop()
        if e not in found and e.requires_grad and e.owner is None and id(e) not in ends:
            found[e] = use = _use(e, kept)
            stack.extend(use.inputs)
    return found


def _given(e: Expr) -> Node:
    """``e`` as an input of what is appended to a history."""
    return Node("input", (), (("name", "gradient"),), e.shape, e.dtype)


class _Plan(NamedTuple):
    """The gradients of a structure. wanted: the places that they belong to. reached: all that have a gradient."""

    gradients: Compound
    wanted: list[int]
    reached: frozenset[int]


_PLANS: Recent[tuple[Any, ...], _Plan] = Recent(512, 2**26, lambda plan: 400 * plan.gradients.size)
"""The gradients of the structures that were differentiated last, by these."""
_made = attrgetter("made")


class _Pass:
    """One walk back.

    order: the history, as it was made, and before it where it is first read what a gradient ends at. uses: of the
    history. cut: places in ``order`` that no gradient goes through.
    """

    def __init__(
        self,
        roots: Sequence[tuple[Expr, Expr | None]],
        wanted: Sequence[Expr] | None,
        ends: frozenset[int],
        create_graph: bool,
    ) -> None:
        self.roots, self.create_graph, self.all = roots, create_graph, wanted is None
        self.kept, self.cut = frozenset(map(id, wanted or ())), set[int]()
        self.uses = _uses([e for e, _ in roots], ends, self.kept)
        self.history = sorted(self.uses, key=_made)
        self.index: dict[Expr, int] = {}
        for e in self.history:
            for source in self.uses[e].inputs:
                self.index.setdefault(source, len(self.index))
            self.index.setdefault(e, len(self.index))
        for e, _ in roots:
            self.index.setdefault(e, len(self.index))
        self.order = list(self.index)
        self.wanted = [e for e in self.order if e.requires_grad and e.owner is not None] if wanted is None else wanted
        self.walked = self.history if wanted is None else self._leading()
        if any(e.freed for e in self.walked):
            raise GradientError(
                f"{user_line()}: trying to backward through the graph a second time: the first backward() has freed "
                "its history; give the first one retain_graph=True, or compute the tensor anew"
            )
        ops = {e.op for e in self.history}
        self.home = None if COPY in ops else roots[0][0].device
        self.with_python = CUSTOM in ops or any((e.hooks or e.owner) and hooks_of(e) for e in self.order)
        singly = self.with_python or create_graph or COPY in ops or ACTIVE.get() is not None
        self.one_by_one = singly or is_anomaly_enabled() or bool(changed_among(self.order))

    def run(self, retain_graph: bool) -> list[tuple[Expr, Expr | None]]:
        """The walk, and what it found."""
        if self.one_by_one:
            self._start()
            found = self._differentiated()
            reached, gradients = frozenset(found), {i: self.order[at] for i, at in found.items()}
        else:
            plan = _PLANS.get(self._structure(), copy.copy(self)._plan)
            made = plan.gradients.apply([*self.order, *(g for _, g in self.roots if g is not None)], self.home)
            reached, gradients = plan.reached, dict(zip(plan.wanted, made, strict=True))
        if not retain_graph:
            with LOCK:
                for e in self.walked:
                    if self.all or self.index[e] in reached:
                        e.free()
        return self._apart([gradients.get(self.index.get(e, -1)) for e in self.wanted])

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
        leads: set[Expr] = set()
        for e in self.history:  # each after its sources
            if any(id(source) in self.kept or source in leads for source in self.uses[e].inputs):
                leads.add(e)
        return [e for e in self.history if e in leads]

    def _structure(self) -> tuple[Any, ...]:
        """All that the gradients depend on."""
        index = self.index
        key: list[Any] = [(index[e], None if g is None else g.type) for e, g in self.roots]
        for e in self.order:
            use = self.uses.get(e)
            if use is None:
                key += e.type, e.requires_grad
            else:
                key += e.operation, use.attrs if e.op == "matmul" else None
                key += [index[source] for source in use.inputs]
        key.append(None)
        key += [index.get(e, -1) for e in self.wanted]
        return tuple(key)

    def _plan(self) -> _Plan:
        """The gradients of all histories of this structure."""
        before, count = self.index, sum(g is not None for _, g in self.roots)
        self._start()
        first = len(self.order) - count
        found = self._differentiated(emitted=False)
        wanted = [e for e in dict.fromkeys(self.wanted) if self.index.get(e, -1) in found]
        outside = [*(self.index[e] for e in before), *range(first, first + count)]
        gradients = Compound(self.builder.nodes, outside, [found[self.index[e]] for e in wanted])
        reached = frozenset(i for e, i in before.items() if self.index[e] in found)
        return _Plan(gradients, [before[e] for e in wanted], reached)

    def _start(self) -> None:
        """Write the history as nodes, compounds opened, and behind it the cotangents that are given."""
        given, index = [g for _, g in self.roots if g is not None], dict[Expr, int]()
        for e in self.order:
            if e.op == COMPOUND and e in self.uses:
                *inner, value = opened(e)
                for x in inner:
                    self.uses[x] = _use(x, self.kept)
                    index.setdefault(x, len(index))
                    if not x.requires_grad:
                        self.cut.add(index[x])
                self.uses[e] = _use(value, self.kept)
            index.setdefault(e, len(index))
        self.index = index
        self.builder = GraphBuilder([*map(self._node, index), *map(_given, given)])
        self.order = [*index, *given]
        self.results = self._results_of_rules()
        self.hooks = {i: hooks for e, i in index.items() if (e.hooks or e.owner) and (hooks := hooks_of(e))}

    def _differentiated(self, emitted: bool = True) -> dict[int, int]:
        """Where the cotangents of the history lie; emitted: as expressions in ``order``, else as nodes alone."""
        seeds: dict[int, int] = {}
        at = len(self.index)
        for e, given in self.roots:
            i = self.index[e]
            seed = self.builder.full(1, like=i) if given is None else at
            at += given is not None
            seeds[i] = self.builder.apply("add", seeds[i], seed) if i in seeds else seed
        targets = [self.index[e] for e in self.wanted if e in self.index]
        visit: Visit | None = self._visit if self.with_python else None
        changed = changed_among(self.order)
        looking = is_anomaly_enabled()
        readers = Readers(self.builder.nodes, visit) if changed or looking else None
        found = cotangents(self.builder, seeds, targets, readers or visit, self.cut)
        if readers is not None:
            readers.check(self.order, changed)
        if emitted:
            self._emit()
        if looking and readers is not None:
            for appended, i in readers.appended():
                note_gradient(self.order[appended], self.order[i])
        return found

    def _node(self, e: Expr) -> Node:
        """``e`` as a node; what a gradient ends at is an input by the name that it has, and others call parameter."""
        use = self.uses.get(e)
        if use is None:
            return Node("input", (), (("name", dict(e.attrs).get("name", "parameter")),), e.shape, e.dtype, e.origin)
        inputs = tuple([self.index[source] for source in use.inputs])
        return Node(use.op, inputs, use.attrs, e.shape, e.dtype, e.origin, e.further)

    def _results_of_rules(self) -> dict[int, dict[int, int]]:
        """For each custom rule of the history, by id, where its results lie, by number."""
        found: dict[int, dict[int, int]] = {}
        for e in self.history:
            if e.op == CUSTOM:
                attrs = dict(e.attrs)
                found.setdefault(id(attrs["rule"]), {})[attrs["index"]] = self.index[e]
        return found

    def _given(self, e: Expr) -> int:
        """A node that is ``e``, an input of what follows."""
        self._emit()
        self.builder.nodes.append(_given(e))
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
                of_type(node.op, value_type(node.shape, node.dtype, node.further), node.attrs), operands,
                trace=common_trace(operands), where=node.origin,
                device=common_device(node.op, operands, node.attrs) or self.home,
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
