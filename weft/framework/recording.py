"""What one trace of a function gives: a graph, the tensors that are its state, and how results go back to Python."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from weft.framework.device import Device, Value, default_device
from weft.framework.dtypes import DType
from weft.framework.errors import DeviceError, TraceError
from weft.framework.graph import Graph
from weft.framework.guards import Guard
from weft.framework.labels import LabelRange
from weft.framework.lazy import Expr, leaf
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.realising import collect
from weft.framework.state_names import Names, reachable, state_names
from weft.framework.tensor import Tensor
from weft.framework.tracing import GraphTrace, name_input, tracing
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
    gradients: tuple[tuple[Tensor, Tensor], ...]
    guards: tuple[Guard, ...]
    _default: Device

    def still_fits(self) -> bool:
        """Whether the state has the shapes, dtypes, devices and gradients, and what the trace read of the Python around
        it the values, that it was traced with."""
        if not all(map(self.state_fits, range(len(self.states)))):
            return False
        for guard in self.guards:
            if not guard.holds():
                return False
        return self._default is default_device()

    def state_fits(self, n: int) -> bool:
        """Whether state ``n`` has the shape, dtype, device and gradient that it was traced with."""
        return _type(self.states[n][1]) == self._state_types[n]

    def change(self) -> str:
        """What keeps the recording from fitting, for a message."""
        for (name, tensor), kind in zip(self.states, self._state_types, strict=True):
            if _type(tensor) != kind:
                return f"the shape, type, device or requires_grad of {name} changed"
        broken = next((guard for guard in self.guards if not guard.holds()), None)
        return "the default device changed" if broken is None else broken.change()

    @functools.cached_property
    def _changed(self) -> tuple[tuple[str, Tensor], ...]:
        """The states that the function gives another value."""
        names = {name for name, _ in self.graph.updates}
        return tuple((name, tensor) for name, tensor in self.states if name in names)

    def refuse_aliases(self, arguments: Mapping[str, Tensor]) -> None:
        """Raise TraceError for an argument that shares its storage with a state that the function changes.

        In the graph the two are different inputs: the argument would keep its old value where Python's would change.
        """
        for name, tensor in arguments.items():
            for state, changed in self._changed:
                if tensor._storage is changed._storage:
                    raise TraceError(
                        f"{user_line()}: argument {name} is {state}, or a view of it, which the jitted function "
                        f"changes: the argument would not see that; use {state} in the function, or pass a copy "
                        f"(weft.Tensor({name}))"
                    )

    def deliver(self, results: Sequence[Value]) -> Any:
        """Put the new state, the last of ``results``, into its tensors and return what the function returned."""
        tensors, count = dict(self.states), len(self.graph.outputs)
        for (name, _), value in zip(self.graph.updates, results[count:], strict=True):
            tensors[name].take(value)
        for parameter, gradient in self.gradients:
            parameter.grad = gradient  # using it says that it was left over from the trace
        return self.build(results)

    @functools.cached_property
    def build(self) -> Callable[[Sequence[Value]], Any]:
        """Makes of the results what the function returned."""
        return _builder(self._returned, {name: n for n, (name, _) in enumerate(self.graph.outputs)})


def _builder(part: Any, index: Mapping[str, int]) -> Callable[[Sequence[Value]], Any]:
    """Makes of the results, whose places are in ``index``, what ``part`` stands for."""
    if isinstance(part, _Output):
        return functools.partial(_tensor, part, index[part.name])
    if type(part) in (list, tuple):
        kind, parts = type(part), [_builder(one, index) for one in part]
        return lambda results: kind([build(results) for build in parts])
    if type(part) is dict:
        named = {key: _builder(one, index) for key, one in part.items()}
        return lambda results: {key: build(results) for key, build in named.items()}
    return lambda results: map_leaves(
        part, lambda path, one: _tensor(one, index[one.name], results) if isinstance(one, _Output) else one
    )


def _tensor(output: _Output, place: int, results: Sequence[Value]) -> Tensor:
    return Tensor._of(leaf(results[place], output.dtype, output.device))


def _type(t: Tensor) -> TensorType:
    e = t._expr
    return e.shape, e.dtype, e.device, e.requires_grad


def record(
    function: Callable[..., Any], name: str, bound: inspect.BoundArguments, arguments: Mapping[str, Any],
    assuming: bool = True,
) -> Recording:  # fmt: skip
    """Trace ``function`` with placeholders for the tensors in ``arguments``.

    bound: the call's arguments, overwritten. assuming: that no label is one that a loss ignores. Raises what the
    function raises, and DeviceError if its tensors are on several devices.
    """
    with tracing(name, Names({**reachable(function), **arguments}), assuming) as trace:
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
    taken = {path for path, _ in trace.arguments}
    names = state_names({**reachable(function), **arguments}, [t for t, _ in trace.states], taken)
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
        labels=tuple(LabelRange(name_of[id(e)], *of) for e, of in trace.labels),
        _state_types=tuple(map(_type, tensors)),
        _returned=map_leaves(returned, described, "output"),
        gradients=left,
        guards=guards,
        _default=default_device(),
    )


def _placeholder(trace: GraphTrace, numbers: Set[str], path: str, part: Any) -> Any:
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
