"""The layers and losses: modules with a forward of their own."""

from __future__ import annotations

import math
import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from weft.framework import functional
from weft.framework.axes import MOST
from weft.framework.errors import FrameworkError, PlaceError, ShapeError
from weft.framework.module import Module, Parameter
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "BCEWithLogitsLoss", "CrossEntropyLoss", "Flatten", "Linear", "MSELoss", "Module", "ModuleList", "Parameter",
    "ReLU", "Sequential", "Sigmoid",
]


class Linear(Module):
    """x @ Wᵀ + b: [..., in_features] → [..., out_features].

    weight [out_features, in_features] and bias [out_features] start uniform in ±1/√in_features, drawn from
    ``generator`` (the default one if None).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, generator: Generator | None = None
    ) -> None:
        super().__init__()
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= MOST:
                raise ShapeError(f"{user_line()}: Linear: {name} is a positive integer, not {value!r}")
        self.in_features, self.out_features = int(in_features), int(out_features)
        source, bound = generator or default_generator(), 1 / math.sqrt(max(in_features, 1))
        self.weight = Parameter(source.uniform((out_features, in_features), -bound, bound))
        self.bias = Parameter(source.uniform((out_features,), -bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Raises ShapeError if the last extent of x is not in_features, DTypeError if it is no tensor or array."""
        x = functional.operand(f"Linear({self.in_features}, {self.out_features})", x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{user_line()}: Linear({self.in_features}, {self.out_features}) takes [..., {self.in_features}], "
                f"not {list(x.shape)}"
            )
        rows = x if x.ndim == 2 else x.reshape(-1, self.in_features)
        product: Tensor = rows @ self.weight.T
        result: Tensor = product if self.bias is None else product + self.bias
        return result if x.ndim == 2 else result.reshape(*x.shape[:-1], self.out_features)

    def _details(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return functional.relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return functional.sigmoid(x)


class Flatten(Module):
    """[batch, ...] → [batch, features]."""

    def forward(self, x: Tensor) -> Tensor:
        """All axes but the first as one."""
        return x.flatten(1)


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


class CrossEntropyLoss(Module):
    """``functional.cross_entropy`` as a module."""

    def forward(self, logits: Tensor, labels: Operand) -> Tensor:
        """Mean over the rows."""
        return functional.cross_entropy(logits, labels)


class BCEWithLogitsLoss(Module):
    """``functional.binary_cross_entropy_with_logits`` as a module."""

    def forward(self, logits: Tensor, targets: Operand) -> Tensor:
        """Mean over the elements."""
        return functional.binary_cross_entropy_with_logits(logits, targets)


class MSELoss(Module):
    """``functional.mse_loss`` as a module."""

    def forward(self, x: Tensor, target: Operand) -> Tensor:
        """Mean over the elements."""
        return functional.mse_loss(x, target)


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("nn", globals())
