"""A step that is taken again: what an update computes is worked out once, and is one compound expression from then on.

An update is a function of tensors: parameters, gradients, state and the scalars of the groups. All else that it depends
on (fixed options, which parameters have gradients, which state is shared) is in the key that it is remembered by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from weft.framework.compound import Compound, constant_node
from weft.framework.lazy import COUNT, Expr
from weft.framework.optim.groups import ParamGroup
from weft.framework.origin import user_line
from weft.framework.pending import wait
from weft.framework.realising import collect
from weft.framework.tensor import Tensor
from weft.framework.versions import overwritten
from weft.framework.views import Storage

State = dict[Tensor, dict[str, Tensor]]
KEPT = 8
"""Updates that an optimiser remembers: with other parameters that have gradients, say."""


class _Update(NamedTuple):
    """What a step computes. changed: the numbers of the storages that get the values, in order."""

    values: Compound
    changed: list[int]


class Steps:
    """The updates of one optimiser by what they depend on; None for one that cannot be taken again like this."""

    def __init__(self) -> None:
        self._known: dict[Any, _Update | None] = {}

    def again(self, groups: Sequence[ParamGroup], state: State, version: int) -> list[Expr]:
        """Take a step that has been taken before: all that the tensors are then. Nothing if it has not been taken."""
        step = StepStart(groups, state, version)
        update = self._known.get(step.key)
        if update is None:
            return []
        where, since = user_line(), COUNT()
        for number, new in zip(update.changed, update.values.apply(step.before), strict=True):
            storage, old = step.storages[number], step.before[number]
            new.device, new.owner, new.requires_grad = old.device or new.device, old.owner, old.owner is not None
            overwritten(old, where, since)
            storage.put(new)
            if storage.root is not None:
                wait(storage.root, new)
        return [storage.expr for storage in step.storages]

    def learn(self, step: StepStart, groups: Iterable[ParamGroup]) -> bool:
        """Whether ``step``, which has just been taken in the plain way, can be undone and taken again; then it is."""
        if step.key is None or step.key in self._known:
            return False
        known = set(step.storages)
        if all(scalar._storage in known for group in groups for scalar in group.scalars()):  # none was made just now
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[step.key] = _update(step)
            if self._known[step.key] is None:
                return False
        for storage, before in zip(step.storages, step.before, strict=True):
            storage.put(before)
        return True


class StepStart:
    """What a step starts from. key: None if it has to be taken in the plain way."""

    def __init__(self, groups: Sequence[ParamGroup], state: State, version: int) -> None:
        tensors: list[Tensor] = []
        for group in groups:
            for parameter in group.params:
                gradient = parameter._grad
                if gradient is not None:
                    tensors += (parameter, gradient, *state[parameter].values())
            tensors += group.scalars()
        number: dict[Storage, int] = {}
        pattern = [number.setdefault(t._storage, len(number)) for t in tensors]
        self.storages = list(number)
        self.before = before = [storage.settled() for storage in self.storages]
        self.key: Any = None
        if not any(t._seen_as for t in tensors) and not any(e.requires_grad and not e.owner for e in before):
            kinds = [(e.type, e.device, e.owner is None) for e in before]
            counts = [sum(p._grad is not None for p in group.params) for group in groups]
            self.key = version, *pattern, *kinds, *counts


def _update(step: StepStart) -> _Update | None:
    """What the plain way has computed, if it read nothing but what the step starts from, and numbers."""
    changed = [k for k, storage in enumerate(step.storages) if storage.expr is not step.before[k]]
    new = [step.storages[k].expr for k in changed]
    nodes, index, known = collect(new, step.before)
    for e in known:
        if e.shape or e.value is None:
            return None
        nodes[index[id(e)]] = constant_node(e)
    return _Update(Compound(nodes, range(len(step.before)), [index[id(e)] for e in new]), changed)
