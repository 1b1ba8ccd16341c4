"""``Function``: an operation whose gradient the user writes, in terms of tensors, so that it is differentiable too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from weft.framework.backward import GradientRule, custom
from weft.framework.errors import AbstractError, GradientError
from weft.framework.grad_mode import grad_enabled, no_grad
from weft.framework.lazy import Expr
from weft.framework.origin import origin, part_of, user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.tracing import note_function
from weft.framework.versions import Version, check_saved, version_of


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: saved tensors, and whatever attributes it is given.

    needs_input_grad: for each argument of ``forward`` whether a gradient is asked of it.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...], name: str) -> None:
        self.needs_input_grad, self._name = needs_input_grad, name
        self._saved: tuple[Tensor | None, ...] = ()
        self._versions: list[Version | None] = []
        self._without_gradient: tuple[Tensor, ...] = ()
        self._zeros = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments and results of ``forward`` for ``saved_tensors``. Raises GradientError for anything else."""
        wrong = next((t for t in tensors if t is not None and not isinstance(t, Tensor)), None)
        if wrong is not None:
            raise GradientError(
                f"{user_line()}: save_for_backward() takes tensors and None, not a {type(wrong).__name__}; set an "
                "attribute of ctx for anything else"
            )
        self._saved = tensors
        self._versions = [None if t is None else version_of(t._read()) for t in tensors]

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` was given. Raises GradientError if it was changed in place since."""
        for tensor, version in zip(self._saved, self._versions, strict=True):
            if tensor is not None and version is not None:
                check_saved(tensor, version, self._name)
        return self._saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """These results have no gradient."""
        self._without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (as it does by default) or None for a result that nothing depends on."""
        self._zeros = value

    def mark_dirty(self, *tensors: Tensor) -> NoReturn:
        """Refused: a Function changes no argument in place here."""
        raise GradientError(
            f"{user_line()}: a Function that changes an argument in place is not supported; return a new tensor"
        )


class Function:
    """An operation with a gradient of its own: subclass it, and call ``apply``.

    ``forward(ctx, *args)`` computes the result, one tensor or a tuple (what else is in it is handed back as it is), and
    is not recorded. Or ``forward(*args)``, with ``setup_context(ctx, inputs, output)`` called behind it.
    ``backward(ctx, *gradients)`` takes a gradient for each result and returns one, or None, for each argument. It
    consists of operations on tensors, so that its result can be differentiated, and compiled.

    >>> import weft
    >>> class Square(weft.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, gradient):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * gradient
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """What the operation computes; subclasses say."""
        raise AbstractError(f"{user_line()}: a Function needs a forward(ctx, ...); define it as a static method")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """What ``backward`` needs, if ``forward`` takes no ctx."""
        raise AbstractError(f"{user_line()}: this Function has no setup_context()")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """A gradient for each argument of ``forward``, None where there is none; subclasses say."""
        raise AbstractError(f"{user_line()}: a Function needs a backward(ctx, ...); define it as a static method")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The result of ``forward``, with the gradient that ``backward`` gives. Raises GradientError."""
        for part in (cls.forward, cls.backward, cls.setup_context):
            note_function(part)
        needed = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        ctx = FunctionCtx(needed, cls.__name__)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        if not (grad_enabled() and any(needed)):
            return output
        return _Application(cls, ctx, args).of(output)


class _Application:
    """One call of a Function whose gradient may be asked for."""

    def __init__(self, function: type[Function], ctx: FunctionCtx, args: tuple[Any, ...]) -> None:
        self.function, self.ctx, self.name = function, ctx, function.__name__
        self.tensors = [(i, a._read()) for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.arguments, self.given = len(args), {id(a) for a in args}
        self.results: list[tuple[Shape, Any]] = []
        self.where, self.origin = user_line(), origin()

    def of(self, output: Any) -> Any:
        """The results of ``forward``, as tensors with history."""
        several = output if isinstance(output, tuple) else (output,)
        places = [k for k, t in enumerate(several) if isinstance(t, Tensor)]
        self.results = [(several[k].shape, several[k].dtype) for k in places]
        rule = GradientRule(self.name, len(places), self.vjp)
        made = list(several)
        for index, k in enumerate(places):
            made[k] = self._with_history(several[k], rule, index)
        return tuple(made) if isinstance(output, tuple) else made[0]

    def _with_history(self, result: Tensor, rule: GradientRule, index: int) -> Tensor:
        plain = any(result is t for t in self.ctx._without_gradient) or not result.dtype.is_float
        value = result._read()
        if plain:
            return result.detach() if value.requires_grad else result
        made = custom(value, [e for _, e in self.tensors], rule, index)
        if id(result) in self.given or result._seen_as is not None or value.requires_grad:
            return Tensor._of(made)  # an argument, or a view of one, handed back
        made.version = version_of(value)
        result._storage.expr = made  # also where ctx has saved it
        return result

    def vjp(self, gradients: list[Expr | None]) -> Sequence[Expr | None]:
        """The user's ``backward``, on expressions."""
        given = [
            Tensor._holding(g) if g is not None else self._zeros(k) if self.ctx._zeros else None
            for k, g in enumerate(gradients)
        ]
        with part_of(self.origin.layer, self.name, "backward"):
            made = self.function.backward(self.ctx, *given)
        parts = made if isinstance(made, tuple) else (made,)
        extra = parts[self.arguments :]
        if len(parts) < self.arguments or any(part is not None for part in extra):
            raise GradientError(
                f"{self.where}: {self.name}.backward() returned {len(parts)} gradients for {self.arguments} arguments "
                "of forward(); return None for those without"
            )
        return [self._fitted(i, e, parts[i]) for i, e in self.tensors]

    def _zeros(self, k: int) -> Tensor:
        shape, dtype = self.results[k]
        return Tensor(0, dtype=dtype).expand(shape)

    def _fitted(self, i: int, argument: Expr, gradient: Any) -> Expr | None:
        """The gradient of argument ``i``, summed over what it was broadcast along, and of its dtype."""
        if gradient is None or not argument.requires_grad:
            return None
        if not isinstance(gradient, Tensor):
            kind = type(gradient).__name__
            raise GradientError(f"{self.where}: {self.name}.backward() returns tensors and None, not a {kind}")
        shape, new = argument.shape, gradient.ndim - len(argument.shape)
        fits = new >= 0 and all(n in (1, m) for n, m in zip(shape, gradient.shape[new:], strict=True))
        if not fits:
            raise GradientError(
                f"{self.where}: {self.name}.backward() returned a gradient of shape {list(gradient.shape)} for "
                f"argument {i}, which has shape {list(shape)}"
            )
        if gradient.shape != shape:
            axes = tuple(d for d, m in enumerate(gradient.shape) if d < new or (shape[d - new] == 1 and m != 1))
            gradient = gradient.sum(axes).reshape(shape)
        fitted: Expr = gradient.to(argument.dtype)._read()
        return fitted


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A ``backward`` whose result must not be differentiated: it runs without recording, and to try is an error."""

    @functools.wraps(backward)
    def once(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            made = backward(ctx, *gradients)
        used = [t._read() for t in (*gradients, *ctx.saved_tensors) if isinstance(t, Tensor) and t.requires_grad]
        if not (grad_enabled() and used):
            return made
        several = made if isinstance(made, tuple) else (made,)
        sealed = tuple(_sealed(t._read(), used) if isinstance(t, Tensor) else t for t in several)
        return sealed if isinstance(made, tuple) else sealed[0]

    return once


def _sealed(value: Expr, used: Sequence[Expr]) -> Tensor:
    """``value``, from which no gradient goes back to what it was computed from."""

    def refuse(gradients: list[Expr | None]) -> NoReturn:
        raise GradientError(
            f"{user_line()}: trying to differentiate twice a function whose backward is marked @once_differentiable"
        )

    return Tensor._holding(custom(value, used, GradientRule("once_differentiable", 1, refuse)))
