"""A module's parameter computed from others whenever it is read, as ``torch.nn.utils.parametrize`` has it.

The parameter gives way to a property of a class of the module's own; what it is computed from, and the modules that do
so, are in ``module.parametrizations``, so that all of it is found, saved and moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.errors import AbstractError, OptionError, ShapeError
from weft.framework.grad_mode import no_grad
from weft.framework.module import Module, Parameter
from weft.framework.nn.container import ModuleDict
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["ParametrizationList", "is_parametrized", "register_parametrization", "remove_parametrizations"]


class ParametrizationList(Module):
    """The modules "0", "1", … that make one parameter, one after the other, of ``original`` (or ``original0``,
    ``original1``, … where ``right_inverse`` of the first gives several)."""

    def __init__(self, first: Module, original: Tensor) -> None:
        super().__init__()
        self._kind = type(original)
        parts = _inverse(first, original)
        self.names = ("original",) if isinstance(parts, Tensor) else tuple(f"original{i}" for i in range(len(parts)))
        for name, part in zip(self.names, (parts,) if isinstance(parts, Tensor) else parts, strict=True):
            if self._kind is Parameter:
                self.register_parameter(name, Parameter(part, requires_grad=original.requires_grad))
            else:
                self.register_buffer(name, part)
        self.add(first)

    def add(self, parametrization: Module) -> None:
        """One more, of what those that there are give."""
        self.register_module(str(len(self)), parametrization)

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int) -> Any:
        return list(self._modules.values())[index]

    def originals(self) -> tuple[Tensor, ...]:
        """What the parameter is computed from."""
        return tuple(getattr(self, name) for name in self.names)

    def forward(self) -> Tensor:
        """The parameter."""
        first, *further = self._modules.values()
        made: Tensor = first(*self.originals())
        for one in further:
            made = one(made)
        return made

    def right_inverse(self, value: Tensor) -> None:
        """Set what the parameter is computed from, so that it becomes ``value``. Raises FrameworkError."""
        with no_grad():
            parts: Any = value
            for one in reversed(self._modules.values()):
                parts = _inverse(one, parts)
            for name, part in zip(self.names, (parts,) if isinstance(parts, Tensor) else parts, strict=True):
                getattr(self, name).copy_(part)


def _inverse(parametrization: Module, value: Tensor) -> Any:
    """What ``forward`` would make ``value`` of: ``value`` itself of a parametrization that does not say."""
    inverse = getattr(type(parametrization), "right_inverse", None)
    if inverse is None:
        return value
    with no_grad():
        return inverse(parametrization, value)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Have ``module.<tensor_name>`` computed by ``parametrization`` from what is trained instead; the module again.

    parametrization: a module from a tensor to one of its shape; with a ``right_inverse``, what is trained starts as
    that of the parameter, otherwise as the parameter itself. unsafe: another shape or element type is as well.
    Raises FrameworkError for a name of no parameter or buffer, and ShapeError.
    """
    held = getattr(module, tensor_name, None) if isinstance(module, Module) else None
    if not isinstance(held, Tensor) or not isinstance(parametrization, Module):
        raise OptionError(
            f"{user_line()}: register_parametrization takes a module, the name of one of its parameters or buffers and "
            f"a module, not {tensor_name!r} of a {type(module).__name__} and a {type(parametrization).__name__}"
        )
    if is_parametrized(module, tensor_name):
        _parametrizations(module)[tensor_name].add(parametrization)
        return _checked(module, tensor_name, held, unsafe)
    made = ParametrizationList(parametrization, held)
    if not is_parametrized(module):
        module.register_module("parametrizations", ModuleDict())
    delattr(module, tensor_name)
    module._buffer_names.discard(tensor_name)
    _parametrizations(module)[tensor_name] = made
    computed(
        module, tensor_name, lambda own: _parametrizations(own)[tensor_name](),
        lambda own, value: _parametrizations(own)[tensor_name].right_inverse(value), "Parametrized",
    )  # fmt: skip
    return _checked(module, tensor_name, held, unsafe)


def _parametrizations(module: Module) -> Any:
    own: Any = module
    return own.parametrizations


def _checked(module: Module, name: str, before: Tensor, unsafe: bool) -> Module:
    with no_grad():
        found = getattr(module, name)
    if not unsafe and (found.shape, found.dtype) != (before.shape, before.dtype):
        raise ShapeError(
            f"{user_line()}: the parametrization makes {found.dtype}{list(found.shape)} of {name}, which is "
            f"{before.dtype}{list(before.shape)}; give unsafe=True if that is meant"
        )
    return module


def computed(
    module: Module, name: str, read: Callable[[Any], Tensor], write: Callable[[Any, Tensor], None] | None = None,
    prefix: str = "",
) -> None:  # fmt: skip
    """Have an attribute computed whenever it is read: the module gets a class of its own with that property.

    prefix: what the class is called besides, if it is not already.
    """
    kind = type(module)
    own = {name: property(read, write), "__module__": kind.__module__, "_computes": prefix}
    title = kind.__name__ if kind.__name__.startswith(prefix) else prefix + kind.__name__
    module.__class__ = type(title, (kind,), own)


def uncomputed(module: Module, names: set[str]) -> None:
    """Give the module the class that it had, but for properties that are still computed."""
    kind: Any = type(module)
    kept: list[tuple[str, Any, str]] = []
    while "_computes" in vars(kind):
        own = vars(kind)
        kept += [(k, v, own["_computes"]) for k, v in own.items() if isinstance(v, property) and k not in names]
        (kind,) = kind.__bases__
    module.__class__ = kind
    for name, value, prefix in reversed(kept):
        computed(module, name, value.fget, value.fset, prefix)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module (or that parameter of it) is computed by parametrizations."""
    held = vars(module).get("parametrizations")
    return isinstance(held, ModuleDict) and bool(len(held)) and (tensor_name is None or tensor_name in held)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the parameter one again, of the value that it has, or of its original if not ``leave_parametrized``.

    Raises FrameworkError for one that is not parametrized, and AbstractError for an original that is several tensors.
    """
    if not is_parametrized(module, tensor_name):
        raise OptionError(f"{user_line()}: {type(module).__name__} has no parametrization of {tensor_name!r}")
    made: ParametrizationList = _parametrizations(module)[tensor_name]
    if not leave_parametrized and len(made.names) > 1:
        raise AbstractError(
            f"{user_line()}: {tensor_name} is computed from {len(made.names)} tensors, none of which it was; leave "
            "leave_parametrized out"
        )
    trained = made.originals()[0]
    with no_grad():
        value = getattr(module, tensor_name).clone() if leave_parametrized else trained
    uncomputed(module, {tensor_name})
    del _parametrizations(module)[tensor_name]
    if not len(_parametrizations(module)):
        delattr(module, "parametrizations")
    if made._kind is Parameter:
        module.register_parameter(tensor_name, Parameter(value, requires_grad=trained.requires_grad))
    else:
        module.register_buffer(tensor_name, value.detach())
    return module
