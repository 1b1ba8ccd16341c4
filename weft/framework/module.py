"""Modules: objects whose attributes hold parameters, buffers and modules, and whose ``forward`` computes with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, ParamSpec, Protocol, Self, TypeVar

from weft.framework.description import to_cuda
from weft.framework.device import Device
from weft.framework.dtypes import DTYPES, DType, as_dtype
from weft.framework.errors import AbstractError, DTypeError, OptionError, PartError, TraceError
from weft.framework.module_hooks import ModuleHook, ModuleHooks, call_hooked
from weft.framework.module_parts import Parameter as Parameter
from weft.framework.origin import inside, part_of, user_line
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


class Module(ModuleHooks):
    """Something with parameters and a ``forward``.

    Its attributes are all there is: those that are parameters or modules, and those registered as buffers, are found,
    saved and moved; what is replaced, deleted or set to None is gone everywhere.
    """

    READ_BY_TRACES = True
    STORED = "weft.save(model.state_dict(), path), and model.load_state_dict(weft.load(path)) to read"

    def __init__(self) -> None:
        self._buffer_names: set[str] = set()
        self._unsaved: set[str] = set()
        self._hooks: tuple[ModuleHook, ...] = ()
        self._name = ""
        self.training = True

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor | Module) and "_buffer_names" not in self.__dict__:
            raise OptionError(f"{user_line()}: call super().__init__() before assigning {name!r} to a module")
        trace = current_trace()
        if trace is not None:
            _check_stays(trace, self, name, value)
        if name in vars(self):
            _check_replaced(self, name, vars(self)[name], value)
        if isinstance(value, Module):
            if any(module is self for _, module in value.named_modules()):
                raise OptionError(
                    f"{user_line()}: a module cannot contain itself, but {type(self).__name__}.{name} would; keep a "
                    "reference to a module around it in a tuple, which is not searched for modules"
                )
            value._name = name
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, value: Tensor | None, persistent: bool = True) -> None:
        """Keep the attribute ``name`` as state that is not trained, whatever tensor it is; None: no state.

        persistent: whether it is saved with the module.
        """
        _check_registered(self, name, value, Tensor)
        setattr(self, name, value)
        self._buffer_names.add(name)
        (self._unsaved.discard if persistent else self._unsaved.add)(name)

    def register_parameter(self, name: str, value: Parameter | None) -> None:
        """Set the attribute ``name`` to a parameter, or to None: no parameter."""
        _check_registered(self, name, value, Parameter)
        setattr(self, name, value)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set the attribute ``name`` to a module, or to None: no module."""
        _check_registered(self, name, module, Module)
        setattr(self, name, module)

    register_module = add_module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses say."""
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no forward(); define it, or call what it holds")

    def __call__(self: Forward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co:
        own: Any = self
        trace, kind = current_trace(), type(self).__name__
        layer = None if trace is None else trace.names.of_module(own)
        with inside(own._name, kind) if layer is None else part_of(layer, kind):
            result: R_co = call_hooked(own, args, kwargs) if own._hooks else self.forward(*args, **kwargs)
            return result

    def to(
        self,
        target: DType | str | Device | None = None,
        dtype: DType | str | None = None,
        *,
        device: str | Device | None = None,
        non_blocking: bool = False,
    ) -> Self:
        """Move every parameter and buffer to a device, or convert those of floats, in place; gradients are dropped.

        Raises DTypeError for an element type that is not of floats.
        """
        for _, value in self.named_state():
            moved, trained = Tensor(value), value.requires_grad
            for step in (step for step in (target, device, dtype) if step is not None):
                kind = as_dtype(step) if isinstance(step, DType) or (isinstance(step, str) and step in DTYPES) else None
                if kind is not None and not kind.is_float:
                    raise DTypeError(f"{user_line()}: a module is converted to a type of floats, not to {kind}")
                moved = moved.to(step) if kind is None or value.dtype.is_float else moved
            value._storage.put(moved._read())
            if isinstance(value, Parameter):
                value.grad = None
                value.requires_grad_(trained)
        return self

    def _place(self, device: str | Device | None, dtype: DType | str | None) -> None:
        """Put what was just made where a layer's ``device`` and ``dtype`` say."""
        for target in (device, dtype):
            if target is not None:
                self.to(target)

    def float(self) -> Self:
        """Parameters and buffers of floats as float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Parameters and buffers of floats as float64."""
        return self.to("float64")

    def half(self) -> NoReturn:
        """Refused: there is no float16 here."""
        raise DTypeError(
            f"{user_line()}: there is no float16; bfloat16() halves the memory and keeps float32's range, so that no "
            "loss has to be scaled"
        )

    def cuda(self, device: Any = None) -> NoReturn:
        """Refused: there is no CUDA device. Raises DeviceError."""
        to_cuda(Tensor(0.0), device)

    def cpu(self) -> Self:
        """Every parameter and buffer on the device ``cpu``."""
        return self.to("cpu")

    def bfloat16(self) -> Self:
        """Parameters and buffers of floats as bfloat16."""
        return self.to("bfloat16")

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Start (or stop) training every parameter: ``requires_grad_(False)`` freezes a module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def train(self, mode: bool = True) -> Self:
        """Say that the module is being trained (or not)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module is being used, not trained."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient, or make it zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = (parameter.grad * 0).detach()

    def summary(self, *inputs: Any) -> str:
        """A table of the modules within: path, class, number of parameters, and what goes out for ``inputs``, if given.

        Nothing is computed: shapes and element types are known before.
        """
        from weft.framework.summary import summary

        return summary(self, inputs)

    def __copy__(self) -> Self:
        twin = super().__copy__()
        twin._buffer_names, twin._unsaved = set(self._buffer_names), set(self._unsaved)
        return twin

    def __repr__(self) -> str:
        details = self.extra_repr()
        inner = [f"({name}): {module!r}" for name, module in self._shown()]
        if not inner and "\n" not in details:
            return f"{type(self).__name__}({details})"
        lines = [*(details.split("\n") if details else ()), *inner]
        return f"{type(self).__name__}(\n" + "\n".join("  " + line.replace("\n", "\n  ") for line in lines) + "\n)"

    def _shown(self) -> Iterable[tuple[str, Any]]:
        """The modules within as the repr names and shows them."""
        return self._modules.items()

    def extra_repr(self) -> str:
        """What the repr says of the module itself; subclasses say."""
        return ""


def _check_stays(trace: GraphTrace, module: Module, name: str, value: Any) -> None:
    """Raise TraceError if ``value`` holds a tensor that is gone when the trace is over."""
    if any(isinstance(part, Tensor) and trace.is_passing(part) for _, part in leaves(value)):
        raise TraceError(
            f"{user_line()}: {type(module).__name__}.{name} is given a tensor made while {trace.function} is traced by "
            "@jit, which has no value outside and would not be given anew at the next call; return it, or keep a "
            f"buffer and write self.{name}.assign(...)"
        )


def _check_replaced(module: Module, name: str, before: Any, value: Any) -> None:
    """Raise PartError for a value that would silently take the place of a parameter, a buffer or a module."""
    kinds: dict[str, tuple[bool, tuple[type[Any], ...], str]] = {
        "parameter": (
            isinstance(before, Parameter), (Parameter,),
            f"assign weft.nn.Parameter(...), or give this one new values: module.{name}.assign(...)",
        ),
        "module": (isinstance(before, Module), (Module, Parameter), "assign a module"),
        "buffer": (
            name in module._buffer_names and isinstance(before, Tensor), (Tensor, Module), "assign a tensor",
        ),
    }  # fmt: skip
    for kind, (is_one, instead, right) in kinds.items():
        if is_one and value is not None and not isinstance(value, instead):
            raise PartError(
                f"{user_line()}: {type(module).__name__}.{name} is a {kind}, and a {type(value).__name__} in its place "
                f"would take it out of the module; {right}; or None, or del module.{name}, to have none"
            )


def _check_registered(module: Module, name: str, value: Any, kind: type[Any]) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise OptionError(f"{user_line()}: {name!r} names no attribute; give a word without a dot")
    if value is not None and not isinstance(value, kind):
        raise OptionError(
            f"{user_line()}: {type(module).__name__}.{name} is to be a {kind.__name__} or None, not a "
            f"{type(value).__name__}"
        )
    if name not in vars(module) and hasattr(type(module), name):
        raise OptionError(f"{user_line()}: {type(module).__name__} has an attribute {name} of its own; take another")
