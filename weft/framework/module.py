"""Modules: what finds, names, saves and moves the parameters, buffers and modules among an object's attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from weft.framework.checkpoint import fitted
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import AbstractError, CheckpointError, FrameworkError, TraceError
from weft.framework.origin import inside, part_of, user_line
from weft.framework.primitives.base import Array
from weft.framework.refusals import FrameworkObject
from weft.framework.tensor import Tensor
from weft.framework.tracing import GraphTrace, current_trace
from weft.framework.tree import leaves

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Forward(Protocol[P, R_co]):
    """A module to a type checker: calling it takes and gives what its ``forward`` does."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """What the module computes."""
        ...


class Parameter(Tensor):
    """A tensor that a module trains."""

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)


class Module(FrameworkObject):
    """Something with parameters and a ``forward``.

    Its attributes are all there is: those that are parameters or modules, and those registered as buffers, are found,
    saved and moved; what is replaced, deleted or set to None is gone everywhere.
    """

    READ_BY_TRACES = True
    STORED = "weft.save(model.state_dict(), path), and model.load_state_dict(weft.load(path)) to read"

    def __init__(self) -> None:
        self._buffer_names: set[str] = set()
        self._name = ""
        self.training = True

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor | Module) and "_buffer_names" not in self.__dict__:
            raise FrameworkError(f"{user_line()}: call super().__init__() before assigning {name!r} to a module")
        trace = current_trace()
        if trace is not None:
            _check_stays(trace, self, name, value)
        if isinstance(value, Module):
            if any(module is self for _, module in value.named_modules()):
                raise FrameworkError(
                    f"{user_line()}: a module cannot contain itself, but {type(self).__name__}.{name} would; keep a "
                    "reference to a module around it in a tuple, which is not searched for modules"
                )
            value._name = name
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, value: Tensor | None) -> None:
        """Keep the attribute ``name`` as state that is saved but not trained, whatever tensor it is; None: no state."""
        _check_registered(self, name, value, Tensor)
        setattr(self, name, value)
        self._buffer_names.add(name)

    def register_parameter(self, name: str, value: Parameter | None) -> None:
        """Set the attribute ``name`` to a parameter, or to None: no parameter."""
        _check_registered(self, name, value, Parameter)
        setattr(self, name, value)

    @property
    def _modules(self) -> dict[str, Module]:
        """The attributes that are modules."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

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

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses say."""
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no forward(); define it, or call what it holds")

    def __call__(self: Forward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co:
        own: Any = self
        trace, kind = current_trace(), type(self).__name__
        layer = None if trace is None else trace.names.of_module(own)
        with inside(own._name, kind) if layer is None else part_of(layer, kind):
            return self.forward(*args, **kwargs)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all within, by dotted path, outer first."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, *kinds: str) -> Iterator[tuple[str, Tensor]]:
        """Every tensor of these kinds by dotted path; a shared one under each of its names."""
        for path, module in self.named_modules():
            for kind in kinds:
                for name, value in getattr(module, kind).items():
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter by dotted path; a shared one once."""
        return ((name, p) for name, p in _once(self._named("_parameters")) if isinstance(p, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter."""
        return (p for _, p in self.named_parameters())

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter and buffer by dotted path, a shared one once: what a jitted function may read and write."""
        return _once(self._named("_parameters", "_buffers"))

    def state_dict(self) -> dict[str, Array]:
        """Every parameter and buffer by dotted path, as NumPy arrays; a shared one under each of its names."""
        return {name: value.numpy() for name, value in self._named("_parameters", "_buffers")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and buffer, or none. Of a shared tensor one name is enough.

        Raises CheckpointError for missing or unknown names, other shapes, values that the element type in the model
        cannot hold, and values of a shared tensor that differ between its names.
        """
        if not isinstance(state, Mapping):
            raise CheckpointError(
                f"{user_line()}: load_state_dict takes arrays by name, as state_dict() or weft.load() gives them, "
                f"not a {type(state).__name__}"
            )
        own = dict(self._named("_parameters", "_buffers"))
        given = {id(own[name]) for name in own.keys() & state.keys()}
        missing = sorted(name for name, value in own.items() if id(value) not in given)
        unknown = sorted(map(str, state.keys() - own.keys()))
        if missing or unknown:
            found = (("missing", missing), ("unknown", unknown))
            parts = [f"{word} {', '.join(names)}" for word, names in found if names]
            raise CheckpointError(f"the state does not belong to this {type(self).__name__}: {'; '.join(parts)}")
        arrays = {name: fitted(name, state[name], value) for name, value in own.items() if name in state}
        first: dict[int, str] = {}
        for name, array in arrays.items():
            other = first.setdefault(id(own[name]), name)
            if arrays[other].tobytes() != array.tobytes():
                raise CheckpointError(f"{other} and {name} are one tensor in the model, but differ in the state")
        for name in first.values():
            own[name].assign(Tensor(arrays[name], dtype=own[name].dtype))

    def to(self, target: DType | str | Device) -> Self:
        """Move, or convert, every parameter and buffer in place; their gradients are dropped."""
        for _, value in self.named_state():
            moved = Tensor(value).to(target)
            value._storage.expr = moved._read()
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

    def __copy__(self) -> Self:
        twin = super().__copy__()
        twin._buffer_names = set(self._buffer_names)
        return twin

    def __repr__(self) -> str:
        inner = [f"  ({name}): " + repr(m).replace("\n", "\n  ") for name, m in self._modules.items()]
        return f"{type(self).__name__}({self._details()}" + ("\n" + "\n".join(inner) + "\n)" if inner else ")")

    def _details(self) -> str:
        return ""


def _check_stays(trace: GraphTrace, module: Module, name: str, value: Any) -> None:
    """Raise TraceError if ``value`` holds a tensor that is gone when the trace is over."""
    if any(isinstance(part, Tensor) and trace.is_passing(part) for _, part in leaves(value)):
        raise TraceError(
            f"{user_line()}: {type(module).__name__}.{name} is given a tensor made while {trace.function} is traced by "
            "@jit, which has no value outside and would not be given anew at the next call; return it, or keep a "
            f"buffer and write self.{name}.assign(...)"
        )


def _check_registered(module: Module, name: str, value: Any, kind: type[Tensor]) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise FrameworkError(f"{user_line()}: {name!r} names no attribute; give a word without a dot")
    if value is not None and not isinstance(value, kind):
        raise FrameworkError(
            f"{user_line()}: {type(module).__name__}.{name} is to be a {kind.__name__} or None, not a "
            f"{type(value).__name__}"
        )
    if name not in vars(module) and hasattr(type(module), name):
        raise FrameworkError(f"{user_line()}: {type(module).__name__} has an attribute {name} of its own; take another")


def _once(named: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Each tensor under the first of its names."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
