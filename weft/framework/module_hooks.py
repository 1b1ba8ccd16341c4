"""Hooks of a module: functions that are called before or after its ``forward`` or its gradient, and can change both."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from weft.framework.errors import OptionError
from weft.framework.gradient_hooks import GradientHooks
from weft.framework.hooks import RemovableHandle
from weft.framework.module_state import ModuleState
from weft.framework.origin import user_line

Kind = Literal["before", "after", "gradients before", "gradients after"]


class ModuleHook(NamedTuple):
    """One function. with_kwargs: it takes the keyword arguments too. always: it is called after an error as well."""

    kind: Kind
    call: Callable[..., Any]
    number: int
    with_kwargs: bool
    always: bool


_NUMBERS = itertools.count()


class ModuleHooks(ModuleState):
    """The part of a module that keeps its hooks: a tuple, so that a jitted function sees that there are others."""

    _hooks: tuple[ModuleHook, ...]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every ``forward``; what it returns, unless None, are the arguments then.

        with_kwargs: ``hook(module, args, kwargs)``, which returns None or both. prepend: before those there are.
        """
        return self._register(hook, "before", prepend, with_kwargs, False)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every ``forward``; the output is then what it returns, unless None.

        with_kwargs: ``hook(module, args, kwargs, output)``. prepend: before those there are. always_call: also when
        ``forward`` raised, with None for the output.
        """
        return self._register(hook, "after", prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of what ``forward`` returned are complete, before they
        go on; they are then what it returns, unless None. grad_output: a tuple, None for what is no float tensor.
        """
        return self._register(hook, "gradients before", prepend, False, False)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's arguments are complete.

        They go on as what it returns, unless None. Both are tuples, with None for what has no gradient; keyword
        arguments are not among them. Of a module whose arguments require none, ``grad_input`` is all None.
        """
        return self._register(hook, "gradients after", prepend, False, False)

    def _register(
        self, hook: Callable[..., Any], kind: Kind, prepend: bool, with_kwargs: bool, always: bool
    ) -> RemovableHandle:
        if not callable(hook):
            raise OptionError(f"{user_line()}: a hook is a function, not a {type(hook).__name__}")
        made = ModuleHook(kind, hook, next(_NUMBERS), with_kwargs, always)
        self._hooks = (made, *self._hooks) if prepend else (*self._hooks, made)
        return RemovableHandle(lambda: self._unregister(made.number))

    def _unregister(self, number: int) -> None:
        self._hooks = tuple(hook for hook in self._hooks if hook.number != number)


def call_hooked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with the hooks around it."""
    hooks: tuple[ModuleHook, ...] = module._hooks
    for hook in (h for h in hooks if h.kind == "before"):
        changed = hook.call(module, args, kwargs) if hook.with_kwargs else hook.call(module, args)
        if changed is not None and hook.with_kwargs:
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise OptionError(
                    f"{user_line()}: a forward pre-hook with_kwargs returns None or (args, kwargs), not a "
                    f"{type(changed).__name__}"
                )
            args, kwargs = changed
        elif changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
    after = [h for h in hooks if h.kind == "after"]
    gradients = GradientHooks(module, hooks) if any(h.kind.startswith("gradients") for h in hooks) else None
    args = args if gradients is None else gradients.arguments(args)
    try:
        result = module.forward(*args, **kwargs)
    except Exception:
        for hook in after:
            if hook.always:
                _call_after(hook, module, args, kwargs, None)
        raise
    for hook in after:
        changed = _call_after(hook, module, args, kwargs, result)
        result = result if changed is None else changed
    return result if gradients is None else gradients.results(result)


def _call_after(hook: ModuleHook, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    given = (args, kwargs) if hook.with_kwargs else (args,)
    return hook.call(module, *given, result)
