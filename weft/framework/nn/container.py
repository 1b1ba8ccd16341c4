"""Modules of modules: one after another, in a list."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Self, overload

from weft.framework.errors import FrameworkError, PlaceError
from weft.framework.module import Module
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["ModuleList", "Sequential"]


class _Places(Module):
    """Modules that are reached by their place."""

    def _chosen(self, index: int | slice) -> list[tuple[str, Module]]:
        """(name, module) at these places. Raises IndexError or TypeError at the user's line."""
        named = list(self._modules.items())
        try:
            return named[index] if isinstance(index, slice) else [named[operator.index(index)]]
        except TypeError:
            kind = type(index).__name__
            raise PlaceError(f"{user_line()}: {type(self).__name__} takes a number or a slice, not a {kind}") from None
        except IndexError:
            name = type(self).__name__
            raise PlaceError(f"{user_line()}: {name} has {len(named)} modules, so there is no [{index}]") from None

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())


class Sequential(_Places):
    """Modules one after another, named "0", "1", … or as in the OrderedDict given."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], OrderedDict) else enumerate(modules)
        for name, module in named:
            if not isinstance(module, Module):
                kind = type(module).__name__
                raise FrameworkError(f"{user_line()}: a Sequential takes modules, but {name!r} is of type {kind}")
            setattr(self, str(name), module)

    def forward(self, x: Any) -> Tensor:
        """Each module takes the result of the one before; the last gives a tensor."""
        for module in self._modules.values():
            x = module(x)
        result: Tensor = x
        return result

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        """A module by its place; for a slice a Sequential of the same modules under the same names."""
        chosen = self._chosen(index)
        return Sequential(OrderedDict(chosen)) if isinstance(index, slice) else chosen[0][1]


class ModuleList(_Places):
    """Modules named "0", "1", …, to be called as their owner likes."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        if not isinstance(modules, Iterable):
            raise FrameworkError(f"{user_line()}: a ModuleList takes a list of modules, not a {type(modules).__name__}")
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """One more at the end."""
        if not isinstance(module, Module):
            raise FrameworkError(f"{user_line()}: a ModuleList holds modules, not a {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        """A module by its place; for a slice a ModuleList of the same modules, counted anew."""
        chosen = self._chosen(index)
        return ModuleList(module for _, module in chosen) if isinstance(index, slice) else chosen[0][1]
