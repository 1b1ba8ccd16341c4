"""Whether operations record what a gradient needs: ``no_grad`` and its kin, for a ``with`` block or a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, ParamSpec, Self, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")

_GRAD: ContextVar[bool] = ContextVar("grad_enabled", default=True)
_INFERENCE: ContextVar[bool] = ContextVar("inference_mode", default=False)


def grad_enabled() -> bool:
    """Whether operations record what a gradient needs."""
    return _GRAD.get()


is_grad_enabled = grad_enabled


def is_inference_mode_enabled() -> bool:
    """Whether an ``inference_mode()`` is around."""
    return _INFERENCE.get()


class GradMode:
    """Recording on or off: inside a ``with`` block, or while the function that it decorates runs.

    enabled: whether operations record. inference: whether it is an inference mode; None leaves that as it is.
    """

    def __init__(self, enabled: bool, inference: bool | None = None) -> None:
        self._mode = enabled, inference
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> Self:
        self._before.append((_GRAD.get(), _INFERENCE.get()))
        enabled, inference = self._mode
        _GRAD.set(enabled)
        if inference is not None:
            _INFERENCE.set(inference)
        return self

    def __exit__(self, *error: object) -> None:
        before, inference = self._before.pop()
        _GRAD.set(before)
        _INFERENCE.set(inference)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """``function`` run in this mode; of a generator each step is, and what is between them is not."""
        if inspect.isgeneratorfunction(function):
            return self._steps(function)

        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with GradMode(*self._mode):
                return function(*args, **kwargs)

        return inside

    def _steps(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            running = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, running)
            try:
                while True:
                    with GradMode(*self._mode):
                        made = step()
                    try:
                        step = functools.partial(running.send, (yield made))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = functools.partial(running.throw, error)
            except StopIteration as end:
                return end.value
            finally:
                running.close()

        return inside


class set_grad_enabled(GradMode):
    """Recording on or off from here on, or with ``with`` until the end of the block."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        super().__enter__()

    def __enter__(self) -> Self:
        return self

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """``function`` run in this mode, and around it what was before."""
        self.__exit__()
        return super().__call__(function)


@overload
def no_grad() -> GradMode: ...
@overload
def no_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Inside, nothing is recorded for gradients: ``with no_grad():``, ``@no_grad()`` or ``@no_grad``."""
    return _used(GradMode(False), function)


@overload
def enable_grad() -> GradMode: ...
@overload
def enable_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def enable_grad(function: Callable[..., Any] | None = None) -> Any:
    """Inside, gradients are recorded again, also within ``no_grad()``."""
    return _used(GradMode(True), function)


@overload
def inference_mode(mode: bool = True) -> GradMode: ...
@overload
def inference_mode(mode: Callable[P, R]) -> Callable[P, R]: ...
def inference_mode(mode: bool | Callable[..., Any] = True) -> Any:
    """``no_grad()`` by another name (False: gradients are recorded).

    Tensors made inside are as all others: torch gives them no version counter, and refuses some of their uses
    afterwards; here none has one, so nothing is refused.
    """
    if isinstance(mode, bool):
        return GradMode(not mode, mode)
    return _used(GradMode(False, True), mode)


def _used(mode: GradMode, function: Callable[..., Any] | None) -> Any:
    return mode if function is None else mode(function)
