"""What a tensor can do with gradients: collect them, send them back, and be cut off from its history."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from weft.framework.backward import backward
from weft.framework.errors import DTypeError, GradientError, ShapeError
from weft.framework.lazy import ALIAS, Expr, alias, apply, is_left_over, no_grad
from weft.framework.origin import user_line
from weft.framework.pending import wait
from weft.framework.tracing import current_trace
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

    @property
    def grad(self) -> Tensor | None:
        """The gradient that was collected, or None. To assign it takes a tensor of this shape and element type.

        Raises DTypeError or ShapeError.
        """
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        given: Any = value
        if given is not None and not isinstance(given, Differentiable):
            kind = type(given).__name__
            raise DTypeError(f"{user_line()}: a gradient is a tensor or None, not a {kind}; give weft.tensor(...)")
        if given is not None and (given.shape, given.dtype) != (self.shape, self.dtype):
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
            self._storage.expr = alias(self._read(), requires_grad, owner)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed from something that requires a gradient."""
        return self._expr.owner is not None or not self.requires_grad

    def detach(self) -> Tensor:
        """A view of the same value, without history."""
        return self._view(ALIAS)

    def backward(self, gradient: Tensor | None = None, retain_graph: bool = False) -> None:
        """Add the derivative of this scalar to ``.grad`` of every tensor that it was computed from.

        gradient: the cotangent, if this is no scalar. retain_graph: keep the history of this tensor, so that a gradient
        can go through it again; else it ends here, and with it what it holds in memory. Raises GradientError.
        """
        expression = self._read()
        if not expression.requires_grad:
            raise GradientError(
                f"{user_line()}: backward() on a tensor that was computed from none with requires_grad (what a jitted "
                "function returns has no history: call backward() in it)"
            )
        if gradient is None and self.numel() != 1:
            raise GradientError(
                f"{user_line()}: backward() without a gradient needs one element; this is {self.dtype}"
                f"{list(self.shape)}; reduce it with .sum() or .mean()"
            )
        if gradient is not None and (gradient.shape, gradient.dtype) != (self.shape, self.dtype):
            raise GradientError(f"{user_line()}: the gradient must be {self.dtype}{list(self.shape)}, as the tensor is")
        for source, value in backward(expression, None if gradient is None else gradient._read(), retain_graph):
            owner = source.owner() if source.owner is not None else None
            if owner is not None:
                owner._accumulate(value)

    def _accumulate(self: Any, value: Expr) -> None:
        trace = current_trace()
        if self.grad is None or is_left_over(self.grad._expr):
            self.grad = self._holding(value)
            if trace is not None:
                trace.gradients.append(self)
        else:
            with no_grad():
                self.grad._storage.expr = apply("add", self.grad._read(), value)
                wait(self.grad)
