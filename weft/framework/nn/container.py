"""Modules of modules: one after another, in a list, by key."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from weft.framework.errors import OptionError, PartError, PlaceError
from weft.framework.module import Module
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


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

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._one(index)[0], _module(self, module))

    def __delitem__(self, index: int | slice) -> None:
        """Those behind move up and are named anew."""
        gone = {name for name, _ in self._chosen(index)}
        kept = [(name, module) for name, module in self._modules.items() if name not in gone]
        counted = all(name.isdigit() for name in self._modules)
        for name in list(self._modules):
            delattr(self, name)
        for place, (name, module) in enumerate(kept):
            setattr(self, str(place) if counted else name, module)

    def append(self, module: Module) -> Self:
        """One more at the end."""
        setattr(self, str(len(self)), _module(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """More at the end."""
        if not isinstance(modules, Iterable):
            kind, name = type(modules).__name__, type(self).__name__
            raise OptionError(f"{user_line()}: a {name} takes a list of modules, not a {kind}")
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """One more in front of place ``index``; those behind are named anew."""
        _module(self, module)
        try:
            place = operator.index(index)
        except TypeError:
            raise PlaceError(f"{user_line()}: insert takes a place, not a {type(index).__name__}") from None
        if not -len(self) <= place <= len(self):
            raise PlaceError(f"{user_line()}: {type(self).__name__} has {len(self)} modules, so there is no [{place}]")
        listed = list(self)
        listed.insert(place, module)
        for at, one in enumerate(listed):
            setattr(self, str(at), one)
        return self

    def pop(self, index: int) -> Module:
        """Take one away and return it."""
        _, module = self._one(index)
        del self[index]
        return module

    def _one(self, index: Any) -> tuple[str, Module]:
        """Name and module at a place. Raises PlaceError for a slice too."""
        if isinstance(index, slice):
            raise PlaceError(f"{user_line()}: {type(self).__name__} takes a number here, not a slice")
        return self._chosen(index)[0]


def _module(owner: Module, module: Any) -> Module:
    """Raises FrameworkError for what is none."""
    if not isinstance(module, Module):
        raise PartError(f"{user_line()}: a {type(owner).__name__} holds modules, not a {type(module).__name__}")
    return module


class Sequential(_Places):
    """Modules one after another, named "0", "1", … or as in the OrderedDict given."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], OrderedDict) else enumerate(modules)
        for name, module in named:
            if not isinstance(module, Module):
                kind = type(module).__name__
                raise PartError(f"{user_line()}: a Sequential takes modules, but {name!r} is of type {kind}")
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Tensor:
        """Each module takes the result of the one before; the last gives a tensor."""
        for module in self._modules.values():
            input = module(input)
        result: Tensor = input
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
        self.extend(modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        """A module by its place; for a slice a ModuleList of the same modules, counted anew."""
        chosen = self._chosen(index)
        return ModuleList(module for _, module in chosen) if isinstance(index, slice) else chosen[0][1]

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def _shown(self) -> Iterator[tuple[str, Any]]:
        """Equal modules one behind the other are shown once, as torch does: ``(0-2): 3 x Linear(…)``."""
        runs: list[tuple[list[str], str]] = []
        for name, module in self._modules.items():
            text = repr(module)
            if runs and runs[-1][1] == text:
                runs[-1][0].append(name)
            else:
                runs.append(([name], text))
        for names, text in runs:
            span = (f"{names[0]}-{names[-1]}", f"{len(names)} x {text}") if len(names) > 1 else (names[0], text)
            yield span[0], _Text(span[1])


class _Text:
    """What shows as a text without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class ModuleDict(Module):
    """Modules by key, to be called as their owner likes."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Module:
        """Raises PlaceError, an IndexError, for a key that is not there."""
        if key not in self._modules:
            raise PlaceError(f"{user_line()}: ModuleDict has no {key!r}; it has {', '.join(self) or 'nothing'}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, _module(self, module))

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Keys and modules."""
        return self._modules.items()

    def pop(self, key: str) -> Module:
        """Take one away and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all away."""
        for key in list(self):
            del self[key]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Take in what a mapping, or pairs, have. Raises FrameworkError for anything else."""
        try:
            pairs = [(key, value) for key, value in (modules.items() if isinstance(modules, Mapping) else modules)]
        except (TypeError, ValueError):
            kind = type(modules).__name__
            raise OptionError(
                f"{user_line()}: a ModuleDict takes a dictionary or pairs of key and module, not a {kind}"
            ) from None
        for key, module in pairs:
            self[key] = module
