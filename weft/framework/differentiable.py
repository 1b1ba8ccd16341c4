"""What a tensor can do with gradients: collect them, send them back, and be cut off from its history."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from weft.framework import autograd
from weft.framework.backward import is_inner
from weft.framework.errors import DTypeError, GradientError, ShapeError
from weft.framework.grad_mode import no_grad
from weft.framework.gradient_nodes import GradientNode
from weft.framework.hooks import KEYS, RemovableHandle, registered
from weft.framework.lazy import ALIAS, Expr, Hook, alias, apply, is_left_over
from weft.framework.origin import user_line
from weft.framework.pending import wait
from weft.framework.tracing import current_trace, note_function
from weft.framework.versions import version_of
from weft.framework.views import Storage, View

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Differentiable:
    """A tensor's gradient, and where it comes from."""

    shape: Any
    dtype: Any
    numel: Callable[[], int]
    _grad: Tensor | None
    _storage: Storage
    _seen_as: View | None
    _expr: Any
    _read: Callable[[], Expr]
    _view: Callable[..., Tensor]
    _holding: Callable[[Expr], Tensor]
    _hooks: dict[int, Hook] | None = None
    _after: dict[int, Callable[[Any], None]] | None = None
    _kept: int | None = None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that was collected, or None. To assign it takes a tensor of this shape and element type.

        Raises DTypeError or ShapeError.
        """
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        given: Any = value
        if given is None:
            self._grad = None
            return
        if not isinstance(given, Differentiable):
            kind = type(given).__name__
            raise DTypeError(f"{user_line()}: a gradient is a tensor or None, not a {kind}; give weft.tensor(...)")
        if (given.shape, given.dtype) != (self.shape, self.dtype):
            raise (ShapeError if given.shape != self.shape else DTypeError)(
                f"{user_line()}: the gradient of {self.dtype}{list(self.shape)} is of that shape and type, not "
                f"{given.dtype}{list(given.shape)}"
            )
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow through it; to set it is ``requires_grad_``."""
        return bool(self._expr.requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Start (or stop) collecting gradients here. Raises GradientError for a dtype that has none."""
        if requires_grad and not self.dtype.is_float:
            raise GradientError(f"{user_line()}: only floats have gradients; this is {self.dtype}{list(self.shape)}")
        if requires_grad and self.requires_grad:
            return self
        own: Any = self
        owner: weakref.ref[Tensor] | None = weakref.ref(own) if requires_grad else None
        if self._seen_as is not None:
            self._read()
            self._seen_as.collect_gradients(owner)
        else:
            e = self._read()
            made = alias(e, requires_grad, owner)
            made.version = version_of(e)
            self._storage.put(made)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed from something that requires a gradient."""
        return self._expr.owner is not None or not self.requires_grad

    def detach(self) -> Tensor:
        """A view of the same value, without history."""
        return self._view(ALIAS)

    def backward(
        self: Any,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the derivative of this scalar to ``.grad`` of every leaf that it was computed from.

        gradient: the cotangent, if this is no scalar. retain_graph: keep the history of this tensor, so that a gradient
        can go through it again; else it ends here, and with it what it holds in memory. create_graph: the gradients
        have history themselves (and that of this tensor is kept). inputs: only to ``.grad`` of these.
        Raises GradientError.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def _accumulate(self: Any, value: Expr, create_graph: bool = False) -> None:
        trace = current_trace()
        if self._grad is None or is_left_over(self._grad._expr):
            self._grad = self._holding(value)
            if trace is not None:
                trace.gradients.append(self)
        elif create_graph:
            self.grad = self._holding(apply("add", self.grad._read(), value))
        else:
            with no_grad():
                self.grad._storage.expr = apply("add", self.grad._read(), value)
                wait(weakref.ref(self.grad), self.grad._storage.expr)
        for hook in [*self._after.values()] if self._after else ():
            note_function(hook)
            hook(self)

    # Looking on

    @property
    def grad_fn(self) -> GradientNode | None:
        """The operation that this was computed by, if a gradient flows back through it."""
        e: Expr = self._expr
        return GradientNode(e) if is_inner(e) else None

    def retain_grad(self: Any) -> None:
        """Collect the gradient of this tensor in ``.grad`` though it is no leaf. Raises GradientError."""
        e = self._read()
        if not e.requires_grad:
            raise GradientError(f"{user_line()}: retain_grad() on a tensor that does not require a gradient")
        if e.owner is not None or self.retains_grad:
            return
        kept = weakref.ref(self)

        def keep(gradient: Expr) -> Expr:
            tensor = kept()
            if tensor is not None:
                tensor._accumulate(gradient)
            return gradient

        self._kept = -1 - next(KEYS)
        e.hooks = {**(e.hooks or {}), self._kept: keep}

    @property
    def retains_grad(self) -> bool:
        """Whether ``.grad`` collects the gradient of this tensor, which is no leaf."""
        return self._kept in (self._expr.hooks or ())

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook`` with the gradient of this tensor whenever one is complete; what it returns, if it returns a
        tensor, goes on in its place. Hooks of a leaf stay through changes in place. Raises GradientError.
        """
        e = self._read()
        if not e.requires_grad:
            raise GradientError(f"{user_line()}: register_hook() on a tensor that does not require a gradient")
        owner = None if e.owner is None else e.owner()
        if owner is None:
            e.hooks = hooks = {} if e.hooks is None else e.hooks
        else:
            owner._hooks = hooks = {} if owner._hooks is None else owner._hooks
        return registered(hooks, _on_expressions(hook, self._holding))

    def register_post_accumulate_grad_hook(self: Any, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call ``hook`` with this leaf whenever its ``.grad`` has been added to. Raises GradientError."""
        e = self._read()
        if not e.requires_grad or e.owner is None:
            raise GradientError(f"{user_line()}: only a leaf that requires a gradient has post-accumulate hooks")
        self._after = {} if self._after is None else self._after
        return registered(self._after, hook)


def _on_expressions(hook: Callable[[Tensor], Tensor | None], holding: Callable[[Expr], Tensor]) -> Hook:
    """A hook of tensors as one of expressions. Raises GradientError for a result that does not fit."""
    where = user_line()

    def changed(gradient: Expr) -> Expr:
        note_function(hook)
        given: Any = hook(holding(gradient))
        if given is None:
            return gradient
        if not isinstance(given, Differentiable):
            raise GradientError(f"{where}: a hook returns a tensor or None, not a {type(given).__name__}")
        if (given.shape, given.dtype) != (gradient.shape, gradient.dtype):
            raise GradientError(
                f"{where}: the hook of a gradient {gradient.dtype}{list(gradient.shape)} returned "
                f"{given.dtype}{list(given.shape)}"
            )
        return given._read()

    return changed
