"""Views: tensors that share one storage, each a movement of its value, computed again when that has changed.

Graphs hold nothing in place, so a view is no pointer: it is the storage's value seen through movements (slice, reshape,
permute, broadcast, detach). What is written through it goes back the way it came, as a new value of the storage.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.backward import unrecorded
from weft.framework.dtypes import bool_
from weft.framework.errors import GradientError, OptionError
from weft.framework.grad_mode import GradMode
from weft.framework.lazy import ALIAS, TRACES, Expr, alias, apply, constant, grad_enabled, is_elsewhere
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.versions import version_of

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Storage:
    """A value that a tensor and its views share: ``expr``. root: the tensor that is no view, while it lives."""

    __slots__ = ("expr", "root")

    def __init__(self, expr: Expr, root: weakref.ref[Tensor] | None = None) -> None:
        self.expr, self.root = expr, root

    def put(self, expr: Expr) -> None:
        """Hold another value. A trace of another thread, which may have captured this one, ends first."""
        with TRACES:
            self.expr = expr

    def settled(self) -> Expr:
        """``expr`` when no trace of another thread has it captured."""
        if is_elsewhere(self.expr):
            with TRACES:
                return self.expr
        return self.expr


@dataclass(frozen=True, slots=True)
class ViewStep:
    """One movement of a view, after those ``before`` it. grad: whether a gradient flows back through it.

    owner: of a cut (ALIAS), the tensor that collects the gradients of what follows. A cut with an attribute is that of
        ``.data``.
    """

    before: ViewStep | None
    op: str
    attrs: Mapping[str, Any]
    grad: bool
    owner: weakref.ref[Tensor] | None = None

    def applied(self, e: Expr) -> Expr:
        """``e`` moved; it belongs to the trace of ``e``, whichever runs."""
        if self.op == ALIAS:
            made = alias(e, self.owner is not None, self.owner)
            made.version = None if self.attrs else version_of(e)
            return made
        if self.op == "reshape" and self.attrs["shape"] == e.shape and (self.grad or not e.requires_grad):
            return e
        if self.grad == grad_enabled():
            made = apply(self.op, e, **self.attrs)
        else:
            with GradMode(self.grad):
                made = apply(self.op, e, **self.attrs)
        made.requires_grad, made.trace = self.grad and e.requires_grad, e.trace
        made.version = version_of(e)
        return made


class View:
    """How a tensor sees its storage: as the movements up to ``last`` make it."""

    __slots__ = ("_seen", "last")

    def __init__(self, last: ViewStep, of: Expr, seen: Expr) -> None:
        self.last, self._seen = last, (of, seen)

    def of(self, value: Expr) -> Expr:
        """``value``, the storage's, through this view; computed again if it is not the one seen last."""
        of, seen = self._seen
        if value is not of:
            seen = value
            for step in self.steps():
                seen = step.applied(seen)
            self._seen = value, seen
        return seen

    def collect_gradients(self, owner: weakref.ref[Tensor] | None) -> None:
        """Become a leaf that requires a gradient (or none, for None)."""
        self.last = ViewStep(self.last, ALIAS, {}, False, owner)
        of, seen = self._seen
        self._seen = of, self.last.applied(seen)

    def steps(self) -> list[ViewStep]:
        """The movements, first one first."""
        found: list[ViewStep] = []
        step: ViewStep | None = self.last
        while step is not None:
            found.append(step)
            step = step.before
        return found[::-1]

    def written(self, value: Expr, part: Expr) -> Expr:
        """``value``, the storage's, with ``part`` in place of what this view sees of it.

        Raises FrameworkError for a view that repeats elements, GradientError for a part whose history it
        would lose.
        """
        values = [value]
        steps = self.steps()
        for step in steps[:-1]:
            values.append(step.applied(values[-1]))
        cut = any(not step.grad for step in steps)
        if cut and part.requires_grad:
            raise GradientError(
                f"{user_line()}: a value with a gradient is written through a view without one (detach() or "
                "no_grad()), which would lose it; write to the tensor itself, or .detach() the value"
            )
        for step, before in zip(reversed(steps), reversed(values), strict=True):
            part = _put_back(step, before, part)
        if value.requires_grad and value.owner is None and (cut or not grad_enabled()):
            return unrecorded(part, value)
        return alias(part, value.requires_grad, value.owner) if cut or value.owner is not None else part

    def put(self, whole: Array, part: Array) -> Array | None:
        """A copy of the storage's array with ``part`` in place of what this view sees of it.

        None if the view is no view of NumPy's, or repeats elements.
        """
        made = np.array(whole)
        seen = made
        for step in self.steps():
            if step.op not in _IN_NUMPY:
                return None
            seen = _IN_NUMPY[step.op](seen, step.attrs)
        if seen.size and not np.shares_memory(seen, made):
            return None
        seen[...] = part.reshape(seen.shape)
        return made

    @property
    def is_apart(self) -> bool:
        """Whether it is one of ``.data``: what is written through it no gradient takes note of."""
        return any(step.op == ALIAS and step.attrs for step in self.steps())


_IN_NUMPY: Mapping[str, Callable[[Array, Mapping[str, Any]], Array]] = {
    ALIAS: lambda a, attrs: a,
    "permute": lambda a, attrs: a.transpose(attrs["order"]),
    "reshape": lambda a, attrs: a.reshape(attrs["shape"]),
    "slice": lambda a, attrs: a[
        tuple(map(slice, attrs["starts"], attrs["stops"], attrs["steps"])) if a.ndim else ...
    ],
}
"""Movements that show the same memory of an array → how."""


def stepped(view: View | None, storage: Storage, op: str, attrs: Mapping[str, Any]) -> View:
    """The view that sees what ``view`` (None: the storage itself) sees, moved by ``op``."""
    step = ViewStep(view.last if view else None, op, attrs, op != ALIAS and grad_enabled())
    source = view.of(storage.expr) if view else storage.expr
    return View(step, storage.expr, step.applied(source))


def _put_back(step: ViewStep, before: Expr, part: Expr) -> Expr:
    """The inverse of a movement: ``before``, what it moved, with ``part`` in place of the result."""
    if step.op == "permute":
        order = step.attrs["order"]
        return apply("permute", part, order=tuple(order.index(axis) for axis in range(len(order))))
    if step.op == "slice":
        return _scattered(step.attrs, before, part)
    if step.op == "broadcast_to" and math.prod(before.shape) != math.prod(part.shape):
        raise OptionError(
            f"{user_line()}: writing through a view that repeats elements ({list(before.shape)} expanded to "
            f"{list(part.shape)}): several of its elements are one; write to the tensor itself"
        )
    return part if part.shape == before.shape else apply("reshape", part, shape=before.shape)


def _scattered(attrs: Mapping[str, Any], before: Expr, part: Expr) -> Expr:
    """``before`` with ``part`` at the places of a slice."""
    spans = [(n - 1) * step + 1 if n else 0 for n, step in zip(part.shape, attrs["steps"], strict=True)]
    room = zip(before.shape, attrs["starts"], spans, strict=True)
    high = tuple(extent - start - span for extent, start, span in room)
    around = {"low": attrs["starts"], "high": high, "interior": tuple(step - 1 for step in attrs["steps"])}
    everywhere = apply("broadcast_to", constant(True, bool_), shape=part.shape) if part.shape else constant(True, bool_)
    zero = 0.0 if part.dtype.is_float else 0
    placed = apply("pad", part, **around, value=False if part.dtype is bool_ else zero)
    return apply("select", apply("pad", everywhere, **around, value=False), placed, before)
