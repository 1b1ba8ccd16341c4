"""What all optimisers are: groups of parameters, their options, state for each parameter, and how a step goes.

A step is operations of the same graph as the gradients. All state is there from the start, so that a jitted step finds
it. What the parameters of a group share at a step, such as how many steps they have had, is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, TypedDict

import numpy as np

from weft.framework.anomaly import is_anomaly_enabled
from weft.framework.dtypes import DType, float32
from weft.framework.errors import AbstractError, OptionError, TraceError
from weft.framework.functional import where
from weft.framework.lazy import LEARNING, is_left_over, leaf, no_grad
from weft.framework.optim.groups import (
    LR,
    PARAMS,
    OptimizerLayout,
    ParamGroup,
    converted,
    distinct,
    scalar_state,
)
from weft.framework.optim.loading import load, saved
from weft.framework.optim.remembered import Steps, StepStart
from weft.framework.origin import part_of, user_line
from weft.framework.pending import realize_all, realize_expressions
from weft.framework.refusals import FrameworkObject
from weft.framework.state_names import Called
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace

State: TypeAlias = dict[str, Tensor]
"""The tensors that an optimiser keeps for one parameter, by name."""
Given: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
"""What an optimiser can be given: parameters, named parameters, or groups of them with options of their own."""


class Execution(TypedDict, total=False):
    """How torch is to run its updates, which is the compiler's affair here: taken, and without effect."""

    foreach: bool | None
    fused: bool | None
    capturable: bool
    differentiable: bool


def _check_execution(kind: str, given: Mapping[str, Any]) -> None:
    """Raise TypeError for keywords that are none of ``Execution``, FrameworkError for an update with history."""
    if not isinstance(given, Mapping):
        raise OptionError(f"{user_line()}: {kind}: these are options by name, not a {type(given).__name__}")
    unknown = next((name for name in given if name not in Execution.__annotations__), None)
    if unknown is not None:
        raise TypeError(f"{user_line()}: {kind}() has no option {unknown!r}")
    if given.get("differentiable"):
        raise OptionError(
            f"{user_line()}: {kind}: differentiable=True is not supported: a step leaves no history; write the update "
            "as operations on tensors, and give create_graph=True to weft.autograd.grad"
        )


@dataclass(eq=False)
class _Held:
    """Groups and state. Traces read them by way of ``OptimizerLayout``: its version covers them all."""

    groups: list[ParamGroup] = field(default_factory=list)
    state: dict[Tensor, State] = field(default_factory=dict)
    numbers: dict[Tensor, int] = field(default_factory=dict)
    layout: OptimizerLayout = field(default_factory=OptimizerLayout)
    steps: Steps = field(default_factory=Steps)
    completed: tuple[int, list[DType]] = (-1, [])
    """The layout's version and the parameters' types that the state is complete for."""


class Optimizer(FrameworkObject):
    """Holds groups of parameters with their options; ``step`` changes the parameters by their gradients.

    params: parameters, (name, parameter) pairs as ``model.named_parameters()`` gives them, or dictionaries with
    ``params`` and options that differ from ``defaults``. Numbers among the options are float32 scalars to the update
    (float64 in a group with a float64 parameter): a changing learning rate compiles nothing anew, and other options do
    so once (see ``groups``).
    Raises FrameworkError.
    """

    READ_BY_TRACES = True
    STORED = "weft.save(optimizer.state_dict(), path), and optimizer.load_state_dict(weft.load(path)) to read"

    def __init__(
        self, params: Given, defaults: Mapping[str, Any], execution: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        _check_execution(type(self).__name__, execution)
        if not isinstance(defaults, Mapping):
            raise OptionError(f"{user_line()}: an optimiser's defaults are options by name, not {defaults!r}")
        self.defaults = dict(defaults)
        self._held = _Held()
        try:
            given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        except TypeError:
            raise OptionError(
                f"{user_line()}: the optimiser takes a list of parameters, such as model.parameters(), not a "
                f"{type(params).__name__}"
            ) from None
        if not given:
            raise OptionError(f"{user_line()}: the optimiser was given no parameters")
        for group in given if isinstance(given[0], dict) else [{PARAMS: given}]:
            self.add_param_group(group)

    @property
    def param_groups(self) -> list[ParamGroup]:
        """The groups, in order. A new one is added with ``add_param_group``."""
        return self._held.groups

    @property
    def state(self) -> dict[Tensor, State]:
        """What is kept for each parameter, by name."""
        return self._held.state

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimise more parameters: ``params``, and options of the group's own. Raises FrameworkError."""
        if not isinstance(param_group, Mapping) or PARAMS not in param_group:
            raise OptionError(
                f"{user_line()}: a parameter group is a dictionary with 'params', such as "
                f"{{'params': model.parameters(), 'lr': 0.1}}, not {param_group!r:.60}"
            )
        options = {**self.defaults, **param_group}
        listed = options[PARAMS]
        listed = [listed] if isinstance(listed, Tensor) else list(listed) if isinstance(listed, Iterable) else listed
        if isinstance(listed, list) and listed and all(isinstance(one, tuple) for one in listed):
            options["param_names"] = [name for name, _ in listed]
            listed = [parameter for _, parameter in listed]
        group = ParamGroup(self._held.layout, {**options, PARAMS: listed})
        distinct([*self._held.groups, group])
        self.check(group)
        self._held.groups.append(group)
        for parameter in group.params:
            self._held.numbers[parameter] = len(self._held.numbers)
        self._held.layout.changed()
        self.complete()

    def check(self, group: ParamGroup) -> None:
        """Raise FrameworkError for options of a group that do not fit together."""

    @property
    def lr(self) -> Tensor:
        """The learning rate of the only group, a scalar of ``ParamGroup.dtype``; assign a number to change it."""
        return self._only_group().lr

    @lr.setter
    def lr(self, value: float | Tensor) -> None:
        self._only_group()[LR] = value

    def _only_group(self) -> ParamGroup:
        groups = self._held.groups
        if len(groups) > 1:
            raise OptionError(
                f"{user_line()}: each of the {len(groups)} parameter groups has a learning rate of its own: "
                "optimizer.param_groups[0]['lr']"
            )
        return groups[0]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or make them zeros."""
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                with no_grad():
                    parameter.grad.zero_()

    def _parameters(self) -> Iterator[Tensor]:
        self._held.layout.note()
        return (parameter for group in self._held.groups for parameter in group.params)

    # A step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, and realise what is pending.

        closure: computes the loss and its gradients first; what it returns is returned. Raises TraceError for gradients
        made in an earlier call of a jitted function.
        """
        if closure is not None and not callable(closure):
            raise OptionError(f"{user_line()}: step() takes a function that gives the loss, not {closure!r}")
        loss = None if closure is None else closure()
        self.step_unless(None)
        return loss

    def step_unless(self, skip: Tensor | None) -> None:
        """``step()``, but leave everything as it is where the bool scalar ``skip`` holds: it is never looked at here.

        This is for what decides about a step from the gradients' values, in a jitted function too.
        """
        self.complete()
        held, trace = self._held, current_trace()
        ours = type(self).__module__.startswith("weft.")  # and depends on no more
        repeats = ours and skip is None and trace is None and not is_anomaly_enabled()
        if repeats and (step := held.steps.again(held.groups, held.state, held.layout.version)):
            realize_expressions(step)
            return
        parameters = list(self._parameters())
        if any(p.grad is not None and is_left_over(p.grad._expr) for p in parameters):
            raise TraceError(
                f"{user_line()}: step() has gradients made in an earlier call of a jitted function, which do not "
                "outlast it; call optimizer.zero_grad() at the start of the jitted step: gradients do not accumulate "
                "between jitted calls"
            )
        with no_grad():
            if skip is not None:
                self._update_unless(skip, parameters)
            elif repeats:
                self._learn_update()
            else:
                self._update_groups()
        if trace is None:
            gradients = [p.grad for p in parameters if p.grad is not None]
            realize_all(*parameters, *gradients, *(t for _, t in self.named_state()))

    def _update_unless(self, skip: Tensor, parameters: Sequence[Tensor]) -> None:
        changing = [*parameters, *(t for state in self._held.state.values() for t in state.values())]
        changing = list({id(t): t for t in changing}.values())
        before = [Tensor(t) for t in changing]
        self._update_groups()
        for tensor, old in zip(changing, before, strict=True):
            tensor.assign(where(skip, old, tensor))

    def _learn_update(self) -> None:
        """The update in the plain way, and again as one expression if it can be."""
        held, learned = self._held, True
        while learned:
            start = StepStart(held.groups, held.state, held.layout.version)
            with LEARNING:
                self._update_groups()
            learned = held.steps.learn(start, held.groups)
            if learned and held.steps.again(held.groups, held.state, held.layout.version):
                return

    def _update_groups(self) -> None:
        self._held.layout.updating = True
        try:
            for group in self._held.groups:
                self._update_group(group)
        finally:
            self._held.layout.updating = False

    def _update_group(self, group: ParamGroup) -> None:
        trace, kind = current_trace(), type(self).__name__
        for shared, parameters in self._together(group):
            with part_of("", kind, "step"):
                prepared = self.prepare(group, shared)
            for parameter in parameters:
                gradient = parameter.grad
                assert gradient is not None
                named = Called("", f"parameter {self._held.numbers[parameter]}")
                called = named if trace is None else trace.names.of_tensor(parameter)
                with part_of(called.layer, kind, f"{called.name} update"):
                    gradient = -gradient if group.get("maximize") else gradient
                    self.update(parameter, gradient, self._held.state[parameter], group, prepared)

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: Any) -> None:
        """Assign the parameter, and its state, their new values; subclasses say how.

        gradient: already turned around where the group maximises. prepared: what ``prepare`` gave.
        """
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no update(); define what a step does")

    def prepare(self, group: ParamGroup, shared: State) -> Any:
        """Advance the state that parameters of a group share, and give what their updates have in common."""
        return None

    # State

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The tensors kept for each parameter of a group, of its shape and element type, and what fills them first."""
        return {}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The scalars that parameters share which have had the same steps, of ``group.dtype``; their first values."""
        return {}

    def complete(self) -> None:
        """Make the state that the groups' options ask for and that is not there yet, of the parameters' types now."""
        held = self._held
        types = [parameter.dtype for group in held.groups for parameter in group.params]
        if held.completed == (held.layout.version, types):
            return
        for group in held.groups:
            group.convert()
            dtype, names = group.dtype, self.shared_slots(group)
            scalars = {name: scalar_state(value, dtype) for name, value in names.items()}
            slots = self.slots(group)
            for parameter in group.params:
                state = held.state.setdefault(parameter, {})
                for name, scalar in scalars.items():
                    state.setdefault(name, scalar)
                for name in slots.keys() - state.keys():
                    state[name] = self.filled(parameter, slots[name])
                for name, value in (*names.items(), *slots.items()):
                    converted(state[name], dtype if name in names else parameter.dtype, value)
        held.completed = held.layout.version, types

    def rearranged(self) -> None:
        """Other parameters share state than before: a jitted step is traced anew."""
        self._held.layout.changed()
        self._held.completed = self._held.layout.version, self._held.completed[1]

    @staticmethod
    def filled(like: Tensor, value: float) -> Tensor:
        """A new tensor of one value, of the shape and element type of ``like``, that a jitted step takes as state."""
        dtype = like.dtype if like.dtype.is_float else float32
        return Tensor._holding(leaf(np.full(like.shape, value, dtype.numpy), dtype))

    def _together(self, group: ParamGroup) -> list[tuple[State, list[Tensor]]]:
        """The parameters with gradients, those together that share state, each time with it.

        A parameter without a gradient no longer shares with one that has one: it keeps what it had.
        """
        names, state = self.shared_slots(group), self._held.state
        found: dict[tuple[int, ...], tuple[State, list[Tensor]]] = {}
        for parameter in group.params:
            if parameter.grad is not None:
                shared = {name: state[parameter][name] for name in names}
                found.setdefault(tuple(map(id, shared.values())), (shared, []))[1].append(parameter)
        for key, (shared, _) in found.items():
            left = [p for p in group.params if p.grad is None and tuple(id(state[p][n]) for n in names) == key]
            if names and left:
                kept = {name: scalar_state(0, tensor.dtype).assign(tensor) for name, tensor in shared.items()}
                for parameter in left:
                    state[parameter].update(kept)
                self.rearranged()
        return list(found.values())

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The learning rates and the optimiser's own tensors by name, each once."""
        groups = self._held.groups
        for i, group in enumerate(groups):
            yield LR if len(groups) == 1 else f"{LR}.{i}", group.lr
        seen: set[int] = set()
        for i, parameter in enumerate(p for group in groups for p in group.params):
            for name, tensor in self._held.state[parameter].items():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{name}.{i}", tensor

    def state_dict(self) -> dict[str, Any]:
        """All state in torch's form: ``state``, arrays by name for each parameter's number, and ``param_groups``, the
        options with the numbers of the parameters."""
        return saved(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set all state and options, or none, to what ``state_dict`` gave, here or in torch.

        Raises CheckpointError for other groups, names or shapes, and values that do not fit.
        """
        load(self, state_dict)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._held.groups))})"
