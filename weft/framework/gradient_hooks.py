"""What a module's backward hooks see: gradients of a call's results on their way in, of its arguments on their way out.

Both are identities around ``forward`` with a gradient of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft.framework.backward import GradientRule, custom
from weft.framework.errors import GradientError
from weft.framework.grad_mode import grad_enabled
from weft.framework.lazy import Expr
from weft.framework.like import zeros_like
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor
from weft.framework.tracing import note_function

Gradients = tuple[Tensor | None, ...]


class GradientHooks:
    """One call of a module whose gradients somebody looks at.

    hooks: each with a ``kind`` and a ``call`` (``ModuleHook``).
    """

    def __init__(self, module: Any, hooks: Sequence[Any]) -> None:
        self.module, self.where = module, user_line()
        self._before, self._after = (
            [h.call for h in hooks if h.kind == f"gradients {kind}"] for kind in ("before", "after")
        )
        self._arguments, self._watched = 0, False
        self._of_results: Gradients | None = None

    def arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as ``forward`` gets them."""
        self._arguments = len(args)
        taken, self._watched = self._through(args, self._leaving, zeros_like)
        return taken

    def results(self, result: Any) -> Any:
        """What ``forward`` returned, as the caller gets it; of what is in lists and dictionaries nothing is seen."""
        several = result if isinstance(result, tuple) else (result,)
        made, _ = self._through(several, self._arriving, lambda x: None)
        return made if isinstance(result, tuple) else made[0]

    def _through(
        self, values: tuple[Any, ...], hand_on: Callable[[Gradients], Gradients], of_others: Callable[[Tensor], Any]
    ) -> tuple[tuple[Any, ...], bool]:
        """The values, those that require a gradient behind an identity that hands it to ``hand_on``, with what
        ``of_others`` says for other tensors; and whether there is one, without which nothing is done."""
        places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
        if not (grad_enabled() and places):
            return values, False
        given = [values[i]._read() for i in places]

        def vjp(gradients: list[Expr | None]) -> list[Expr | None]:
            held: list[Tensor | None] = [of_others(x) if isinstance(x, Tensor) else None for x in values]
            for i, gradient in zip(places, gradients, strict=True):
                held[i] = None if gradient is None else Tensor._holding(gradient)
            handed = hand_on(tuple(held))
            return [self._fitted(handed[i], e) for i, e in zip(places, given, strict=True)]

        rule, made = GradientRule(f"{type(self.module).__name__} hook", len(places), vjp), list(values)
        for k, i in enumerate(places):
            made[i] = Tensor._of(custom(given[k], given, rule, k))
        return tuple(made), True

    def _arriving(self, gradients: Gradients) -> Gradients:
        """The gradients of the results: the first hooks may change them, and the others see them later."""
        for call in self._before:
            gradients = self._changed(call, "grad_output", gradients, self.module, gradients)
        self._of_results = gradients
        if not self._watched:
            nothing: Gradients = (None,) * self._arguments
            for call in self._after:
                note_function(call)
                given = call(self.module, nothing, gradients)
                if given is not None and any(part is not None for part in given):
                    raise GradientError(
                        f"{self.where}: a backward hook of {type(self.module).__name__}, whose arguments require no "
                        "gradient, returned one"
                    )
        return gradients

    def _leaving(self, gradients: Gradients) -> Gradients:
        """The gradients of the arguments."""
        if self._of_results is None:  # they came another way than through the results
            return gradients
        for call in self._after:
            gradients = self._changed(call, "grad_input", gradients, self.module, gradients, self._of_results)
        return gradients

    def _changed(self, call: Callable[..., Any], what: str, before: Gradients, *given: Any) -> Gradients:
        note_function(call)
        changed = call(*given)
        if changed is None:
            return before
        listed = (changed,) if isinstance(changed, Tensor) else tuple(changed)
        if len(listed) != len(before) or not all(part is None or isinstance(part, Tensor) for part in listed):
            raise GradientError(
                f"{self.where}: a backward hook of {type(self.module).__name__} returns {what}, {len(before)} tensors "
                f"or None, not {len(listed)} of {', '.join(type(part).__name__ for part in listed)}"
            )
        return listed

    def _fitted(self, gradient: Tensor | None, of: Expr) -> Expr | None:
        if gradient is None:
            return None
        if (gradient.shape, gradient.dtype) != (of.shape, of.dtype):
            raise GradientError(
                f"{self.where}: a backward hook of {type(self.module).__name__} returned {gradient.dtype}"
                f"{list(gradient.shape)} as the gradient of {of.dtype}{list(of.shape)}"
            )
        return gradient._read()
