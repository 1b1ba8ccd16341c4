"""What a module is made of: its parameters, buffers and modules, itself and all within, by dotted path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from weft.framework.errors import OptionError
from weft.framework.origin import user_line
from weft.framework.refusals import FrameworkObject, UnknownNameError
from weft.framework.tensor import Tensor

if TYPE_CHECKING:
    from weft.framework.module import Module

T = TypeVar("T")


class Parameter(Tensor):
    """A tensor that a module trains."""

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)


class ModuleParts(FrameworkObject):
    """The part of a module that goes through what it holds: its attributes are all there is."""

    _buffer_names: set[str]

    @property
    def _modules(self) -> dict[str, Module]:
        """The attributes that are modules."""
        found: dict[str, Any] = {name: value for name, value in vars(self).items() if isinstance(value, ModuleParts)}
        return found

    @property
    def _parameters(self) -> dict[str, Parameter]:
        """The attributes that are parameters."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Parameter)}

    @property
    def _buffers(self) -> dict[str, Tensor]:
        """The attributes registered as buffers that are tensors, and no parameters."""
        own = vars(self)
        return {
            name: own[name] for name in own
            if name in self._buffer_names and isinstance(own[name], Tensor) and not isinstance(own[name], Parameter)
        }

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all within, outer first; a shared one under each of its names."""
        own: Any = self
        yield prefix, own
        for name, module in self._modules.items():
            yield from module._walk(f"{prefix}.{name}" if prefix else name)

    def _named(self, *kinds: str, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Every tensor of these kinds by dotted path; a shared one under each of its names."""
        for path, module in self._walk(prefix) if recurse else ((prefix, self),):
            for kind in kinds:
                for name, value in getattr(module, kind).items():
                    yield f"{path}.{name}" if path else name, value

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all within, by dotted path, outer first; a shared one once unless told otherwise."""
        walk = self._walk(prefix)
        return _once(walk) if remove_duplicate else walk

    def modules(self) -> Iterator[Module]:
        """This module and all within, each once, outer first."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds itself, by name, each once."""
        return _once(self._modules.items())

    def children(self) -> Iterator[Module]:
        """The modules that this one holds itself, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter by dotted path; a shared one once unless told otherwise. recurse: of modules within too."""
        found: Any = self._named("_parameters", prefix=prefix, recurse=recurse)
        return _once(found) if remove_duplicate else found

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer by dotted path, those that are not saved too; a shared one once unless told otherwise."""
        found = self._named("_buffers", prefix=prefix, recurse=recurse)
        return _once(found) if remove_duplicate else found

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter and buffer by dotted path, a shared one once: what a jitted function may read and write."""
        return _once(self._named("_parameters", "_buffers"))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, "" being this one. Raises UnknownNameError, an AttributeError."""
        module: Any = self
        for name in target.split(".") if self._is_path(target) and target else ():
            if name not in module._modules:
                raise UnknownNameError(type(module).__name__, f"module {name!r}", module._modules)
            module = module._modules[name]
        found: Module = module
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. Raises UnknownNameError, an AttributeError."""
        found: Parameter = self._at(target, "_parameters", "parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path. Raises UnknownNameError, an AttributeError."""
        found: Tensor = self._at(target, "_buffers", "buffer")
        return found

    def _at(self, target: str, kind: str, called: str) -> Any:
        self._is_path(target)
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        held = getattr(module, kind)
        if name not in held:
            raise UnknownNameError(type(module).__name__, f"{called} {name!r}", held)
        return held[name]

    def _is_path(self, target: str) -> bool:
        if not isinstance(target, str):
            kind = type(target).__name__
            raise OptionError(f"{user_line()}: a path in a module is text such as 'layers.0', not a {kind}")
        return True

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` with every module within, inner ones first, and then with this one."""
        if not callable(fn):
            raise OptionError(f"{user_line()}: apply takes a function of a module, not a {type(fn).__name__}")
        for child in self.children():
            child.apply(fn)
        own: Any = self
        fn(own)
        return self


def _once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Each thing under the first of its names."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
