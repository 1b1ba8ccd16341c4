"""What tensors and modules that a traced function uses are called: by the variables that it reaches them through."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from weft.framework.refusals import FrameworkObject
from weft.framework.usercode import is_library, is_own

if TYPE_CHECKING:
    from weft.framework.module import Module
    from weft.framework.tensor import Tensor


class Called(NamedTuple):
    """A tensor's layer (see ``Origin``) and its name there: ("0", "weight"), or ("", "w1") for one of no module."""

    layer: str
    name: str


class Names:
    """The names of what a function can reach through ``roots``, its variables by name.

    Layers begin with the variable of their model only where the function uses several models.
    """

    def __init__(self, roots: Mapping[str, Any]) -> None:
        modules = {name: value for name, value in roots.items() if _is_ours(value, "named_modules")}
        models = {id(module): name for name, module in modules.items() if any(module.named_state())}
        several = len(models) > 1
        self._layers: dict[int, str] = {}
        self._tensors: dict[int, Called] = {}
        for root, module in modules.items():
            for path, part in module.named_modules(root if several and id(module) in models else ""):
                self._layers.setdefault(id(part), path)
        for root, value in roots.items():
            prefix = "" if id(value) in models and not several else root
            for path, tensor in _tensors_of(value):
                layer, _, name = ".".join(part for part in (prefix, path) if part).rpartition(".")
                self._tensors.setdefault(id(tensor), Called(layer, name))

    def of_tensor(self, tensor: Tensor) -> Called:
        """What ``tensor`` is called."""
        return self._tensors.get(id(tensor), Called("", "parameter"))

    def of_module(self, module: Module) -> str | None:
        """The layer that a module is; None for one that is not reached through the function's variables."""
        return self._layers.get(id(module))


NAMELESS = Names({})


def reachable(function: Callable[..., Any]) -> dict[str, Any]:
    """What the function can name besides its arguments: closure, globals it uses, the instance of a method, itself;
    then what the user's objects among these hold, and what the user's functions among these can name."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    waiting = [function]
    while waiting:
        named = _named_by(waiting.pop(0))
        for name, value in named.items():
            found.setdefault(name, value)
            if id(value) in seen:
                continue
            seen.add(id(value))
            ours = callable(value) and isinstance(value, FunctionType | FrameworkObject)
            called = inspect.unwrap(value) if ours else None
            if isinstance(called, FunctionType) and not is_library(called.__code__.co_filename):
                waiting.append(called)
            elif is_own(type(value)) and not hasattr(type(value), "named_state"):
                prefix = "" if name == "self" else f"{name}."
                for key, held in getattr(value, "__dict__", {}).items():
                    found.setdefault(f"{prefix}{key}", held)
    return found


def _named_by(function: Callable[..., Any]) -> dict[str, Any]:
    """What the function itself can name."""
    if isinstance(function, functools.partial):
        return {**(_inside(function.args[0]) if function.args else {}), **_named_by(function.func)}
    if isinstance(function, MethodType):
        return {**_inside(function.__self__), **_named_by(function.__func__)}
    if not hasattr(function, "__code__"):
        return _inside(function)
    code, closure = function.__code__, getattr(function, "__closure__", None) or ()
    used = {n: function.__globals__[n] for n in code.co_names if n in function.__globals__}
    cells: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, closure, strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:  # a variable that is assigned only later
            continue
    return {**used, **cells}


def _inside(instance: Any) -> dict[str, Any]:
    """An object, and its attributes unless it names its state itself."""
    own = {} if hasattr(type(instance), "named_state") else getattr(instance, "__dict__", {})
    return {"self": instance, **own}


def _tensors_of(value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a variable holds, each with its path in it: "" for one that is the value itself."""
    if _is_ours(value, "named_state"):
        yield from value.named_state()
    elif _is_ours(value, "requires_grad_"):
        yield "", value


def _is_ours(value: Any, method: str) -> bool:
    """Whether ``value`` is of a class of weft's that has ``method``; another library's may be there as well."""
    return isinstance(value, FrameworkObject) and hasattr(type(value), method)


def state_names(roots: Mapping[str, Any], states: Sequence[Tensor], taken: Set[str]) -> list[str]:
    """One name for each of ``states``, none of them ``taken``: where it was found (``model.0.weight``), else
    ``state<n>``."""
    known: dict[int, str] = {}
    for root, value in roots.items():
        for path, tensor in _tensors_of(value):
            name = f"{root}.{path}" if path else root
            known.setdefault(id(tensor), name)
            if tensor.grad is not None:
                known.setdefault(id(tensor.grad), f"{name}.grad")
    used, names = set(taken), list[str]()
    for i, tensor in enumerate(states):
        name = known.get(id(tensor), f"state{i}")
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names
