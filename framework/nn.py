"""Modules: parameters with a name each, and what is computed from them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from framework import functional
from framework.checkpoint import fitted
from framework.device import Device
from framework.dtypes import DType
from framework.errors import CheckpointError, FrameworkError, ShapeError
from framework.origin import inside, unknown_name, user_line
from framework.primitives.base import Array
from framework.random import Generator, default_generator
from framework.tensor import Tensor
from framework.tracing import current_trace


class Parameter(Tensor):
    """A tensor that a module trains."""

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)


class Module:
    """Something with parameters and a ``forward``. Parameters, buffers and modules assigned as attributes are found."""

    def __init__(self) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._buffers: dict[str, Tensor] = {}
        self._modules: dict[str, Module] = {}
        self._name = ""
        self.training = True

    @property
    def training(self) -> bool:
        """Whether it is being trained. A jitted function that reads it is traced once for each value."""
        trace = current_trace()
        if trace is not None:
            trace.note_mode(self, self._training)
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        trace = current_trace()
        if trace is not None:
            trace.note_mode(self, None)
        self._training = mode

    def __setattr__(self, name: str, value: Any) -> None:
        kind = "_parameters" if isinstance(value, Parameter) else "_modules" if isinstance(value, Module) else None
        if kind is not None:
            if "_parameters" not in self.__dict__:
                raise FrameworkError(f"{user_line()}: call super().__init__() before assigning {name!r} to a module")
            if isinstance(value, Module) and any(module is self for _, module in value.named_modules()):
                raise FrameworkError(
                    f"{user_line()}: a module cannot contain itself, but {type(self).__name__}.{name} would; keep a "
                    "reference to a module around it in a tuple, which is not searched for modules"
                )
            for table in ("_parameters", "_buffers", "_modules"):
                self.__dict__[table].pop(name, None)
            self.__dict__[kind][name] = value
            if isinstance(value, Module):
                value._name = name
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, value: Tensor) -> None:
        """Keep ``value`` as state that is saved but not trained."""
        self._buffers[name] = value
        object.__setattr__(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses say."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")  # torch's way: abc would refuse containers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with inside(self._name, type(self).__name__):
            return self.forward(*args, **kwargs)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all within, by dotted path, outer first."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, kinds: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for kind in kinds:
                for name, value in module.__dict__[kind].items():
                    if id(value) not in seen:
                        seen.add(id(value))
                        yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter by dotted path; a shared one once."""
        return ((name, p) for name, p in self._named(("_parameters",)) if isinstance(p, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter."""
        return (p for _, p in self.named_parameters())

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter and buffer by dotted path: what a jitted function may read and write."""
        return self._named(("_parameters", "_buffers"))

    def state_dict(self) -> dict[str, Array]:
        """Every parameter and buffer by dotted path, as NumPy arrays."""
        return {name: value.numpy() for name, value in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and buffer, or none. Raises CheckpointError for missing or unknown names, other shapes,
        and values that the element type in the model cannot hold."""
        own = dict(self.named_state())
        missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or unknown:
            found = (("missing", missing), ("unknown", unknown))
            parts = [f"{word} {', '.join(names)}" for word, names in found if names]
            raise CheckpointError(f"the state does not belong to this {type(self).__name__}: {'; '.join(parts)}")
        arrays = {name: fitted(name, state[name], value) for name, value in own.items()}
        for name, value in own.items():
            value.assign(Tensor(arrays[name], dtype=value.dtype))

    def to(self, target: DType | str | Device) -> Self:
        """Move, or convert, every parameter and buffer in place; their gradients are dropped."""
        for _, value in self.named_state():
            moved = Tensor(value).to(target)
            value._expr = moved._read()
            if isinstance(value, Parameter):
                value.grad = None
                value.requires_grad_()
        return self

    def train(self, mode: bool = True) -> Self:
        """Say that the module is being trained (or not)."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module is being used, not trained."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget every gradient."""
        for parameter in self.parameters():
            parameter.grad = None

    def __repr__(self) -> str:
        inner = [f"  ({name}): " + repr(m).replace("\n", "\n  ") for name, m in self._modules.items()]
        return f"{type(self).__name__}({self._details()}" + ("\n" + "\n".join(inner) + "\n)" if inner else ")")

    def _details(self) -> str:
        return ""


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
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
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
        result: Tensor = x.flatten(1)
        return result


class Sequential(Module):
    """Modules one after another, named "0", "1", … or as in the OrderedDict given."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], OrderedDict) else enumerate(modules)
        for name, module in named:
            setattr(self, str(name), module)

    def forward(self, x: Any) -> Any:
        """Each module takes the result of the one before."""
        for module in self._modules.values():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int) -> Module:
        return list(self._modules.values())[index]


class CrossEntropyLoss(Module):
    """``functional.cross_entropy`` as a module."""

    def forward(self, logits: Tensor, labels: Any) -> Tensor:
        """Mean over the rows."""
        return functional.cross_entropy(logits, labels)


class BCEWithLogitsLoss(Module):
    """``functional.binary_cross_entropy_with_logits`` as a module."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over the elements."""
        return functional.binary_cross_entropy_with_logits(logits, targets)


class MSELoss(Module):
    """``functional.mse_loss`` as a module."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Mean over the elements."""
        return functional.mse_loss(x, target)


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("nn", globals())
