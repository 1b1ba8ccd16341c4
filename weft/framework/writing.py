"""Changing a tensor in place: one rule for every method, whatever is written and through whichever view.

A leaf that requires a gradient is changed under ``no_grad()`` only; what is written brings its history along, and the
result must be of a kind that the tensor can hold: no float into integers, no number into bools. What is written under
``no_grad()``, or through a view without a gradient, changes the value and not its history. ``docs/framework.md`` has
the whole rule.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar

import numpy as np

from weft.framework import choosing
from weft.framework.backward import replaced, unrecorded
from weft.framework.device import Value
from weft.framework.dtypes import DType
from weft.framework.errors import DTypeError, GradientError, ShapeError, TraceError
from weft.framework.indexing import Index
from weft.framework.lazy import ALIAS, COUNT, Expr, alias, apply, grad_enabled, leaf
from weft.framework.origin import user_line
from weft.framework.pending import realize_pending
from weft.framework.primitives.base import Array, Shape
from weft.framework.tracing import current_trace
from weft.framework.versions import overwritten, version_of
from weft.framework.views import Storage, View

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

T = TypeVar("T")
P = ParamSpec("P")
Operand: TypeAlias = "Tensor | float | np.generic | Array | list[Any] | tuple[Any, ...]"
"""What a tensor can be computed with, and be given."""
_KINDS = ("bool", "int", "float")


def in_place(function: Callable[Concatenate[Any, P], Tensor]) -> Callable[Concatenate[T, P], T]:
    """A method that gives its tensor the values of ``function``, a method or a function of a tensor, and returns it.

    Its arguments are those of ``function``, and so are its errors.
    """

    def method(self: T, /, *args: P.args, **kwargs: P.kwargs) -> T:
        own: Any = self
        since = COUNT()
        changed: T = own._changed(function(own, *args, **kwargs), since)
        return changed

    return described(method, function)


def described(method: Callable[P, T], function: Callable[..., Any]) -> Callable[P, T]:
    """``method`` with the name and the first sentence of the function that it does in place."""
    functools.update_wrapper(method, function)
    method.__doc__ = f"In place: {(function.__doc__ or '').partition(chr(10))[0]}".rstrip()
    return method


def _operator(name: str) -> Callable[[T, Operand], T]:
    """What Python calls for ``x += y``: the values of ``x + y``."""

    def computed(x: Any, other: Operand) -> Tensor:
        made: Tensor = getattr(x, name)(other)
        return made

    method: Any = in_place(computed)
    changing: Callable[[T, Operand], T] = method
    return changing


class Writing:
    """What changes a tensor, and with it all views of the same storage."""

    shape: Any
    dtype: Any
    _storage: Storage
    _seen_as: View | None
    _read: Callable[[], Expr]
    _as_operand: Callable[..., Tensor]
    _await: Callable[[], None]
    _of: Callable[[Expr], Tensor]
    _holding: Callable[[Expr], Tensor]

    __iadd__, __isub__, __imul__ = _operator("__add__"), _operator("__sub__"), _operator("__mul__")
    __itruediv__, __ipow__ = _operator("__truediv__"), _operator("__pow__")
    __iand__, __ior__, __ixor__ = _operator("__and__"), _operator("__or__"), _operator("__xor__")
    __ilshift__, __irshift__ = _operator("__lshift__"), _operator("__rshift__")
    __imod__, __ifloordiv__ = _operator("__mod__"), _operator("__floordiv__")

    def copy_(self, source: Operand) -> Self:
        """Take the values of ``source``, broadcast and cast, and its history.

        Raises GradientError for a leaf that requires a gradient, unless under ``no_grad()``.
        """
        since = COUNT()
        number = isinstance(source, bool | int | float)
        given: Any = self._as_operand(source, self.dtype if number else None).to(self.dtype)
        if given.shape != self.shape:
            given = given.expand(self.shape)
        e: Expr = given._read()
        fresh = apply("reshape", e, shape=e.shape) if e.requires_grad else alias(e)
        return self._changed(given._of(fresh), since)

    def fill_(self, value: Operand) -> Self:
        """Make every element ``value``."""
        shape = getattr(value, "shape", ())
        if shape or isinstance(value, list | tuple):
            raise ShapeError(f"{user_line()}: fill_() takes one number; copy_() takes tensors and arrays")
        return self.copy_(value)

    def zero_(self) -> Self:
        """Make every element 0."""
        return self.copy_(0)

    def __setitem__(self: Any, key: Index | tuple[Index, ...], value: Operand) -> None:
        """Give the elements that ``key`` chooses the values of ``value``, broadcast and cast, and its history."""
        if choosing.is_advanced(key):
            self._put(key, value, "set")
            return
        chosen, given = self[key], value
        shape: Shape = getattr(value, "shape", ())
        extra = len(shape) - len(chosen.shape)
        if extra > 0 and isinstance(given, Writing | np.ndarray) and all(extent == 1 for extent in shape[:extra]):
            given = given.reshape(shape[extra:])  # as in torch and NumPy
        chosen.copy_(given)

    def _put(self: Any, key: Any, value: Operand, mode: str) -> None:
        """Write where index tensors or a mask choose: of several values for one element the last, or (add) all."""
        number = isinstance(value, bool | int | float)
        given = self._as_operand(value, self.dtype if number else None).to(self.dtype)
        mask = choosing.mask_of(key, self)
        if mask is not None and given.numel() == 1 and mode == "set":
            holds = mask.reshape(*mask.shape, *(1,) * (self.ndim - mask.ndim)).expand(self.shape)
            chosen = apply("select", holds._read(), given.reshape(()).expand(self.shape)._read(), self._read())
            self.copy_(self._of(chosen))
            return
        what = choosing.chosen(self, key)
        what.view.copy_(self._of(choosing.written(what, given._read(), mode)))

    def index_put_(self: Any, indices: tuple[Any, ...], values: Operand, accumulate: bool = False) -> Any:
        """``x[indices] = values``; ``accumulate``: added, also where an element is chosen twice."""
        if not isinstance(indices, tuple | list) or not choosing.is_advanced(tuple(indices)):
            raise DTypeError(f"{user_line()}: index_put_ takes a tuple of index tensors, not {indices!r}")
        self._put(tuple(indices), values, "add" if accumulate else "set")
        return self

    @property
    def data(self: Any) -> Any:
        """A view of the same value without history, and no gradient takes note of what is written through it.

        What is assigned takes the place of the value, without history, of any shape: what was a view of the tensor
        before, this one too, keeps the old value. In a jitted function, and of a view, it is ``assign``.
        """
        return self._view(ALIAS, apart=True)

    @data.setter
    def data(self: Any, value: Operand) -> None:
        new, old = self._as_operand(value, self.dtype)._read(), self._storage.expr
        leaf = old.owner is not None or not old.requires_grad
        if current_trace() is not None or self._seen_as is not None or not leaf or new.dtype != old.dtype:
            self.assign(value)
            return
        self._storage = self._of(alias(new, old.owner is not None, old.owner))._storage
        self._storage.root = weakref.ref(self)
        self._await()

    def assign(self, value: Operand) -> Self:
        """Give this tensor, a parameter too, another value of its shape and dtype; no history comes with it.

        Inside a jitted function this updates state. Raises ShapeError or DTypeError for a value that does not fit, and
        GradientError for a tensor that was computed from others with a gradient.
        """
        new = self._as_operand(value, self.dtype)._read()
        if new.shape != self.shape:
            raise ShapeError(f"{user_line()}: cannot assign {list(new.shape)} to a tensor of shape {list(self.shape)}")
        if new.dtype != self.dtype:
            raise DTypeError(f"{user_line()}: cannot assign {new.dtype} to a tensor of {self.dtype}; use .to()")
        old = self._read()
        if old.requires_grad and old.owner is None and self._storage.expr.owner is None:
            raise GradientError(
                f"{user_line()}: assign() to a tensor with history would leave its gradient wrong; use copy_(), or "
                "assign to a .detach() of your own"
            )
        self._write(alias(new), COUNT())
        return self

    def take(self, value: Value) -> None:
        """Become ``value``, which a compiled step computed for this tensor: of its shape and dtype, on its device.

        The tensor is no view. Raises GradientError as ``assign`` does, and checks nothing else.
        """
        old = self._storage.expr
        new = leaf(value, old.dtype, old.device)
        if old.requires_grad and old.owner is None:
            self.assign(self._of(new))
            return
        new.requires_grad, new.owner = old.owner is not None, old.owner
        overwritten(old, "a jitted step", COUNT())
        self._storage.put(new)

    def _changed(self, result: Tensor, since: int) -> Self:
        """Take what an operation in place, which began at ``since``, gave, if this tensor may be changed and can hold
        it."""
        if result.shape != self.shape:
            raise ShapeError(
                f"{user_line()}: the result has shape {list(result.shape)}, which does not fit into {list(self.shape)}"
            )
        if _KINDS.index(result.dtype.kind) > _KINDS.index(self.dtype.kind):
            raise DTypeError(_cannot_hold(self.dtype, result.dtype))
        own = self._read()
        if grad_enabled() and own.requires_grad and (own.owner or self._storage.expr.owner):
            which = "tensor" if own.owner else "view of a tensor"
            raise GradientError(
                f"{user_line()}: in-place change of a {which} that requires a gradient; use no_grad()"
            )
        new = result.to(self.dtype)._read()
        if grad_enabled() and own.requires_grad and not new.requires_grad:
            new = replaced(new, own)
        self._write(new, since)
        return self

    def _write(self, new: Expr, since: int) -> None:
        """``new``, of this shape and dtype, as the value, through the view if this is one.

        since: the clock when the operation in place began.
        """
        self._read()  # captured, if a trace runs
        trace, old = current_trace(), self._storage.expr
        if trace is not None and trace.is_argument(self._storage):
            raise TraceError(
                f"{user_line()}: in-place change of an argument of the jitted function, which the caller would not "
                "see; return the new value, or write x = x + 1"
            )
        if new is old:
            return
        new.device = new.device or old.device
        given = new
        if self._seen_as is not None:
            new = self._put_at_once(old, new) or self._seen_as.written(old, new)
        elif old.owner is not None:
            new = alias(new, True, old.owner)
        elif old.requires_grad and not grad_enabled():
            new = unrecorded(new, old)
        if self._seen_as is None or not self._seen_as.is_apart:
            overwritten(old, user_line(), since)
        if given is not new:
            given.version = version_of(new)
        self._storage.put(new)
        self._await()

    def _put_at_once(self, old: Expr, new: Expr) -> Expr | None:
        """The storage with ``new`` in place of what this view sees, computed now, unless a history or a trace is
        concerned: as parts of a known value are read at once, so that a loop over its rows compiles one graph."""
        view = self._seen_as
        history = new.requires_grad or (old.requires_grad and (old.owner is None or grad_enabled()))
        if view is None or current_trace() is not None or old.trace is not None or history:
            return None
        realize_pending(self._holding(old), self._holding(new))
        if not isinstance(old.value, np.ndarray) or not isinstance(new.value, np.ndarray):
            return None
        made = view.put(old.value, new.value)
        if made is None:
            return None
        found = leaf(made, old.dtype, old.device)
        return found if old.owner is None else alias(found, True, old.owner)


def _cannot_hold(own: DType, result: DType) -> str:
    return (
        f"{user_line()}: the result is {result}, which a tensor of {own} cannot hold in place; write x = x + y for a "
        f"new tensor, or x = x.to({result.name!r}) before"
    )
