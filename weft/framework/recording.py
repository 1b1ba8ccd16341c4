"""What one trace of a function gives: a graph, the tensors that are its state, and how results go back to Python."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from weft.framework.device import Device, Result, default_device
from weft.framework.dtypes import DType
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph
from weft.framework.guards import Guard
from weft.framework.labels import LabelRange
from weft.framework.lazy import Expr, collect, leaf
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.tracing import Trace, name_input, tracing
from weft.framework.tree import leaves, map_leaves

TensorType = tuple[Shape, DType, Device | None, bool]


@dataclass(frozen=True)
class _Output:
    """Stands for a returned tensor."""

    name: str
    dtype: DType
    device: Device | None


@dataclass(frozen=True)
class Recording:
    """A traced function.

    graph: inputs are named after the arguments (``x``, ``batch.0``), states after where the tensor was found
        (``model.0.weight``, ``optimizer.lr``), outputs ``output``, ``output.0`` or ``output.key`` by what was returned.
    device: where it runs. arguments: the names of the inputs. states: (name, tensor) of every state.
    labels: the inputs and states that must hold class labels.
    """

    graph: Graph
    device: Device
    arguments: tuple[str, ...]
    states: tuple[tuple[str, Tensor], ...]
    labels: tuple[LabelRange, ...]
    _state_types: tuple[TensorType, ...]
    _returned: Any
    _gradients: tuple[tuple[Tensor, Tensor], ...]
    _guards: tuple[Guard, ...]
    _default: Device

    def still_fits(self) -> bool:
        """Whether the state has the shapes, dtypes, devices and gradients, and what the trace read of the Python around
        it the values, that it was traced with."""
        for (_, tensor), kind in zip(self.states, self._state_types, strict=True):
            if _type(tensor) != kind:
                return False
        for guard in self._guards:
            if not guard.holds():
                return False
        return self._default is default_device()

    def change(self) -> str:
        """What keeps the recording from fitting, for a message."""
        for (name, tensor), kind in zip(self.states, self._state_types, strict=True):
            if _type(tensor) != kind:
                return f"the shape, type, device or requires_grad of {name} changed"
        broken = next((guard for guard in self._guards if not guard.holds()), None)
        return "the default device changed" if broken is None else broken.change()

    def deliver(self, result: Result) -> Any:
        """Put the new state into its tensors and return what the function returned."""
        tensors = dict(self.states)
        for name, value in result.state.items():
            tensors[name].take(value)
        for parameter, gradient in self._gradients:
            parameter.grad = gradient  # using it says that it was left over from the trace

        def value_of(path: str, part: Any) -> Any:
            if not isinstance(part, _Output):
                return part
            return Tensor._of(leaf(result.outputs[part.name], part.dtype, part.device))

        return map_leaves(self._returned, value_of)


def _type(t: Tensor) -> TensorType:
    e = t._expr
    return e.shape, e.dtype, e.device, e.requires_grad


def record(
    function: Callable[..., Any], name: str, bound: inspect.BoundArguments, arguments: Mapping[str, Any]
) -> Recording:
    """Trace ``function`` with placeholders for the tensors in ``arguments``.

    bound: the call's arguments, overwritten. Raises what the function raises, and DeviceError if its tensors are on
    several devices.
    """
    with tracing(name) as trace:
        numbers = {path for path, part in leaves(dict(bound.arguments)) if isinstance(part, float)}
        bound.arguments.update(map_leaves(arguments, functools.partial(_placeholder, trace, numbers)))
        with trace.reads.watching():
            trace.reads.function(function)
            for path, part in leaves(arguments):
                if not isinstance(part, Tensor):
                    trace.reads.value(part, path)
            returned = function(*bound.args, **bound.kwargs)
        guards = trace.reads.guards()
        outputs = {path: (t, t._read()) for path, t in leaves(returned, "output") if isinstance(t, Tensor)}
        left = tuple((t, t.grad) for t in trace.gradients if t.grad is not None and t.grad._expr.trace is trace)
        written = trace.finish()
    names = _state_names(trace, {**_reachable(function), **arguments})
    results = [*(e for _, e in outputs.values()), *(e for _, e in written)]
    given = [*(e for _, e in trace.arguments), *(e for _, e in trace.states)]
    for path, expression in trace.arguments:
        name_input(expression, path, "input")
    for state, (_, expression) in zip(names, trace.states, strict=True):
        name_input(expression, state, "state")
    nodes, index, _ = collect(results, given)
    graph = Graph(
        tuple(nodes),
        tuple((path, index[id(e)]) for path, (_, e) in outputs.items()),
        tuple((names[i], index[id(e)]) for i, e in written),
    )
    graph.validate()

    def described(path: str, part: Any) -> Any:
        return _Output(path, part.dtype, outputs[path][1].device) if isinstance(part, Tensor) else part

    tensors = [t for t, _ in trace.states]
    name_of = {id(e): path for path, e in trace.arguments}
    name_of |= {id(e): state for state, (_, e) in zip(names, trace.states, strict=True)}
    return Recording(
        graph=graph,
        device=_one_device(name, [*given, *results]),
        arguments=tuple(path for path, _ in trace.arguments),
        states=tuple(zip(names, tensors, strict=True)),
        labels=tuple(LabelRange(name_of[id(e)], classes, where) for e, classes, where in trace.labels),
        _state_types=tuple(map(_type, tensors)),
        _returned=map_leaves(returned, described, "output"),
        _gradients=left,
        _guards=guards,
        _default=default_device(),
    )


def _placeholder(trace: Trace, numbers: Set[str], path: str, part: Any) -> Any:
    if not isinstance(part, Tensor):
        return part
    made = Tensor._of(trace.argument(path, part._expr))
    if path not in numbers:
        trace.protect(made)
    return made.requires_grad_() if part.requires_grad else made


def _one_device(name: str, expressions: list[Expr]) -> Device:
    devices = {id(e.device): e.device for e in expressions if e.device is not None}
    if len(devices) > 1:
        found = ", ".join(d.name for d in devices.values())
        raise DeviceError(f"{user_line()}: {name} uses tensors on {found}; a jitted function runs on one device")
    return next(iter(devices.values()), None) or default_device()


def _reachable(function: Callable[..., Any]) -> dict[str, Any]:
    """What the function can name besides its arguments: closure, globals it uses, the instance of a method, itself."""
    if isinstance(function, functools.partial):
        return {**(_inside(function.args[0]) if function.args else {}), **_reachable(function.func)}
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


def _named_tensors(roots: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for root, value in roots.items():
        if isinstance(value, Tensor):
            yield root, value
        elif hasattr(type(value), "named_state"):
            yield from ((f"{root}.{name}", t) for name, t in value.named_state())


def _state_names(trace: Trace, roots: Mapping[str, Any]) -> list[str]:
    """One name for each state: where it was found (``model.0.weight``), else ``state<n>``."""
    known: dict[int, str] = {}
    for path, tensor in _named_tensors(roots):
        known.setdefault(id(tensor), path)
        if tensor.grad is not None:
            known.setdefault(id(tensor.grad), f"{path}.grad")
    used, names = {path for path, _ in trace.arguments}, list[str]()
    for i, (tensor, _) in enumerate(trace.states):
        name = known.get(id(tensor), f"state{i}")
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names
