"""A recorded step run again: the shortest way from arguments and state to results and new state.

What a jitted function finds out by looking, a replay knows: what arguments it is for, which tensors are its state, and
which expression each of them had when it ran last. It compares, collects values, launches the graph and puts the new
values back. Whatever is not as it expects is left to the long way, which knows every case.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from weft.framework.autocast import autocast_mode
from weft.framework.device import Value, chosen_device, launch
from weft.framework.dtypes import DType, float32
from weft.framework.guard_code import GuardCheck
from weft.framework.labels import check_labels, have_ignored
from weft.framework.lazy import CLOCK, LEAF, TRACES, Expr, grad_enabled
from weft.framework.pending import realize_pending
from weft.framework.recording import Recording
from weft.framework.tensor import Tensor, stored

MISS: Any = object()
"""What ``Replay.attempt`` gives for a call that it is not for."""

_HOLDERS = 4
"""References to an expression that its tensor alone uses, as ``sys.getrefcount`` counts in ``attempt``: the storage's,
the replay's, a variable's and the argument's."""


class Replay:
    """One recording, for calls whose arguments are tensors, arrays, numbers and other single values."""

    def __init__(self, recording: Recording, arguments: list[tuple[str, Any]], keywords: tuple[str, ...]) -> None:
        """arguments: what a call was given in its order, by name; keywords: the names of the last ones."""
        graph = recording.graph
        place = {name: n for n, name in enumerate(graph.input_names)}
        number = {name: n for n, (name, _) in enumerate(recording.states)}
        self.recording, self.guards = recording, GuardCheck(recording.guards)
        self._count, self._keywords = len(arguments) - len(keywords), keywords
        types = {name: graph.nodes[i].dtype for name, i in graph.input_names.items()}
        self._arguments = [(_Expected(value, types.get(name)), place.get(name, -1)) for name, value in arguments]
        self._values: list[Any] = [None] * len(place)
        self._states = [(tensor, place[name], tensor._storage) for name, tensor in recording.states]
        self._known: list[Expr | None] = [None] * len(self._states)
        self._changed = [number[name] for name, _ in graph.updates]
        self._changing = frozenset(self._states[n][2] for n in self._changed)
        self._labels = [(label, place[label.name]) for label in recording.labels]
        self._checked: dict[str, Value] = {}
        self.guards_failed = False
        self._default, self._modes = chosen_device(), (grad_enabled(), autocast_mode())
        self._age = sum(graph.nodes[i].size * graph.nodes[i].dtype.itemsize >> 16 for _, i in graph.updates)

    def is_for(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether a call has such arguments, whatever else has changed."""
        if len(args) != self._count or tuple(kwargs) != self._keywords:
            return False
        given = zip((*args, *kwargs.values()), self._arguments, strict=True)
        return all(expected.value(one, self._changing) is not MISS for one, (expected, _) in given)

    def attempt(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What the function returns for these arguments, or MISS. Raises what ``check_labels`` and the device raise."""
        if len(args) != self._count or tuple(kwargs) != self._keywords:
            return MISS
        values = self._values.copy()
        pending: list[tuple[Tensor, int]] | None = None
        given = (*args, *kwargs.values()) if kwargs else args
        for one, (expected, place) in zip(given, self._arguments, strict=True):
            value = expected.value(one, self._changing)
            if value is MISS:
                return MISS
            if place >= 0:
                values[place] = value
                if value is None:
                    pending = [*(pending or ()), (one, place)]
        if self._default is not chosen_device() or self._modes != (grad_enabled(), autocast_mode()):
            return MISS
        if not self.guards.holds():
            self.guards_failed = True
            return MISS
        known = self._known
        for n, (tensor, place, storage) in enumerate(self._states):
            e = storage.expr
            if e is not known[n]:
                with_history = e.requires_grad and e.owner is None
                if e.value is None or with_history or not self.recording.state_fits(n):
                    return MISS
                known[n] = e
            if tensor._storage is not storage:
                return MISS
            values[place] = e.value
        if pending:
            for (_, place), value in zip(pending, realize_pending(*(tensor for tensor, _ in pending)), strict=True):
                values[place] = value
        for label, place in self._labels:
            if self._checked.get(label.name) is not values[place]:
                if have_ignored((label,), {label.name: values[place]}):
                    return MISS
                check_labels((label,), {label.name: values[place]})
                self._checked[label.name] = values[place]
        results = launch(self.recording.device, self.recording.graph, values)
        with TRACES:
            return self._deliver(results)

    def _deliver(self, results: Any) -> Any:
        """Put the new state into its tensors: into the expressions that they have, where nobody else uses those."""
        known, first = self._known, len(self.recording.graph.outputs)
        for k, n in enumerate(self._changed, first):
            e = known[n]
            assert e is not None
            if sys.getrefcount(e) == _HOLDERS and e.op == LEAF:
                e.value = results[k]
            else:
                tensor = self._states[n][0]
                tensor.take(results[k])
                known[n] = tensor._storage.expr
        CLOCK.now += self._age
        for parameter, gradient in self.recording.gradients:
            parameter._grad = gradient
        return self.recording.build(results)


class _Expected:
    """An argument that a recording is for: a tensor or array of a type, any float, or an equal value."""

    __slots__ = ("_kind", "_number", "_plain", "_value")

    def __init__(self, value: Any, dtype: DType | None) -> None:
        """dtype: of the input that it is; None if it is none."""
        self._number = (dtype or float32).numpy
        self._plain = isinstance(value, bool | int | str | bytes)
        self._kind: Any = type(value)
        self._value: Any = value
        if isinstance(value, Tensor):
            e = value._expr
            self._kind, self._value = Tensor, (e.shape, e.dtype, e.device, e.requires_grad)
        elif isinstance(value, np.ndarray | np.generic | float):
            self._kind = float if isinstance(value, float) else np.ndarray
            array = self._array(value)
            self._value = array.shape, array.dtype

    def value(self, given: Any, changing: frozenset[Any]) -> Any:
        """What the graph is given for it, None for what is no input or pending; MISS if it is another, or a tensor that
        shares a storage of ``changing``."""
        kind = self._kind
        if kind is Tensor:
            if not isinstance(given, Tensor):
                return MISS
            storage = given._storage
            e = storage.expr if given._seen_as is None else given._expr
            shape, dtype, device, requires_grad = self._value
            fits = e.shape == shape and e.dtype is dtype and e.device is device and e.requires_grad is requires_grad
            return MISS if not fits or e.trace is not None or storage in changing else e.value
        if kind is float or kind is np.ndarray:
            if not isinstance(given, float if kind is float else np.ndarray | np.generic):
                return MISS
            if kind is np.ndarray and isinstance(given, float):
                return MISS
            array = self._array(given)
            return array if (array.shape, array.dtype) == self._value else MISS
        same = given is self._value or (self._plain and type(given) is kind and given == self._value)
        return None if same else MISS

    def _array(self, value: Any) -> Any:
        return np.array(value, self._number) if isinstance(value, float) else stored(value, None)


def replay_of(
    recording: Recording, args: tuple[Any, ...], kwargs: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Replay | None:
    """A replay for calls like this one, whose parameters are bound to ``arguments``; None if it is not for such."""
    given = {**dict(zip(arguments, args, strict=False)), **kwargs}
    if any(_is_nested(value) for value in arguments.values()) or not given.keys() >= set(recording.arguments):
        return None
    if any(tensor._seen_as is not None for _, tensor in recording.states) or len(args) > len(arguments):
        return None
    return Replay(recording, list(_in_order(args, kwargs, arguments)), tuple(kwargs))


def _in_order(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield from zip(arguments, args, strict=False)
    yield from kwargs.items()


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) and len(value) > 0
