"""``@jit``: a Python function of tensors becomes one compiled graph, (state, inputs) → (new state, outputs).

State is every tensor from outside that the function reads or writes: parameters, momenta, the learning rate. Python
floats are traced as scalar inputs, of float32, or of float64 where an argument or state is of that type. Ints, bools,
strings and other objects specialise the graph, and so does what the trace reads of the Python around it: attributes of
modules, optimisers and other objects (``training``, ``momentum``), globals and closure variables, and what lists and
dictionaries among them hold. Shapes are static.
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import numpy as np

from weft.framework.anomaly import is_anomaly_enabled
from weft.framework.autocast import autocast_mode
from weft.framework.device import Value, host, launch
from weft.framework.dtypes import DType, float32, float64
from weft.framework.errors import TraceError
from weft.framework.graph import Graph
from weft.framework.labels import check_labels, have_ignored
from weft.framework.lazy import Expr, grad_enabled
from weft.framework.origin import user_frame, user_line
from weft.framework.pending import realize_pending
from weft.framework.primitives.base import Array
from weft.framework.recording import Recording, record
from weft.framework.refusals import FrameworkObject
from weft.framework.replay import MISS, Replay, replay_of
from weft.framework.tensor import Tensor, stored
from weft.framework.tracing import current_trace
from weft.framework.tree import leaves, map_leaves

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
RETRACES_BEFORE_WARNING = 3
KEPT = 64
"""Kinds of arguments whose recordings are kept for each function; those used longest ago are dropped."""
KEPT_OF_A_KIND = 4
"""Recordings kept for arguments of one kind: of training and of evaluation, say."""


Note = Callable[["JitFunction[..., Any]", tuple[Any, ...], Mapping[str, Any]], None]
_note: Note | None = None


@contextmanager
def calls_noted(note: Note) -> Iterator[None]:
    """Inside, ``note(function, args, kwargs)`` comes before every call of a jitted function, in whatever thread, also
    within another that is traced."""
    global _note
    before, _note = _note, note
    try:
        yield
    finally:
        _note = before


class RetraceWarning(UserWarning):
    """A jitted function that is traced again and again."""


class JitFunction(FrameworkObject, Generic[P, R]):
    """A function compiled once for each combination of shapes, dtypes and specialised arguments.

    To a type checker it takes and gives what the function does.
    """

    STORED = "its Python source"

    def __init__(self, function: Callable[P, R]) -> None:
        if not isinstance(function, functools.partial):
            functools.update_wrapper(self, function)
        self._function = function
        called = getattr(function, "func", function)
        self._name = getattr(called, "__name__", type(called).__name__)
        if isinstance(function, functools.partial):  # of a method, or of an object that is called
            of_object = self._name == "__call__" and function.args
            self.__name__ = type(function.args[0]).__name__ if of_object else self._name
            self.__qualname__ = getattr(called, "__qualname__", self.__name__)
        self._signature = self.__signature__ = inspect.signature(function)
        self._recordings: dict[tuple[Any, ...], list[Recording]] = {}
        self._last: dict[str, Any] = {}
        self._doubles, self._lock = False, threading.RLock()
        self._replays: list[Replay] = []
        self._latest: Recording | None = None
        self._assuming = True
        self._slot = f"jit {self._name}"
        self._method: tuple[JitFunction[..., Any], Any] | None = None
        self.traces = 0

    def __set_name__(self, owner: type, name: str) -> None:
        """As an attribute of a class: where an instance keeps what is compiled for it, apart from all attributes."""
        self._slot = f"jit {owner.__module__}.{owner.__qualname__}.{name}"

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(
        self: JitFunction[Concatenate[Any, Q], R], instance: object, owner: Any = None
    ) -> JitFunction[Q, R]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: one compiled function for each instance. A copy of an instance gets one of its own."""
        if instance is None:
            return self
        bound = instance.__dict__.get(self._slot)
        if bound is None or bound._method[0] is not self or bound._method[1] is not instance:
            bound = JitFunction(functools.partial(self._function, instance))
            bound._method = (self, instance)
            instance.__dict__[self._slot] = bound
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> JitFunction[P, R]:
        """The same function, of the copied instance if it is a method; nothing is compiled for it yet."""
        twin = JitFunction(copy.deepcopy(self._function, memo))
        if self._method is not None:
            twin._method = (self._method[0], copy.deepcopy(self._method[1], memo))
        return twin

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the compiled step; trace it first if it is new. Inside another trace it is simply part of that."""
        note = _note
        if note is not None:
            note(self, args, kwargs)
        if current_trace() is not None or is_anomaly_enabled():
            return self._function(*args, **kwargs)
        with self._lock:  # two threads that take a step take one after the other
            for replay in self._replays:
                outcome = replay.attempt(args, kwargs)
                if outcome is not MISS:
                    repeated: R = outcome
                    return repeated
            return self._call(args, kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        """The long way, which knows every case."""
        recording, arguments, values = self._ready(args, kwargs)
        self._prepare(recording, args, kwargs, arguments)
        results = launch(recording.device, recording.graph, [values[name] for name in recording.graph.input_names])
        delivered: R = recording.deliver(results)
        return delivered

    def _prepare(
        self, recording: Recording, args: tuple[Any, ...], kwargs: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> None:
        """Have a replay for the next such call, from the second on that a recording is found for: many have but one."""
        if recording is not self._latest:
            self._latest = recording
            return
        known = next((r for r in self._replays if r.recording is recording and r.is_for(args, kwargs)), None)
        replay = known or replay_of(recording, args, kwargs, arguments)
        if replay is None:
            return
        if known is None:
            self._replays = [replay, *self._replays][:KEPT_OF_A_KIND]
        if known is None or replay.guards_failed:
            replay.guards.arm()
            replay.guards_failed = False

    def trace(self, *args: Any, **kwargs: Any) -> Recording:
        """The recording for such arguments: graph, device, and the tensors that are its state."""
        with self._lock:
            recording, arguments = self._find(args, kwargs)
            known = {path: e.value for path, e in _expressions(recording, arguments) if e.value is not None}
            if have_ignored(recording.labels, known):
                self._ignore()
                return self.trace(*args, **kwargs)
            return recording

    def lower(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph that a call with such arguments runs."""
        return self.trace(*args, **kwargs).graph

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Array]:
        """The value of every input and state of ``lower(*args, **kwargs)`` as a call would pass them now, by name."""
        with self._lock:
            return {name: host(value) for name, value in self._ready(args, kwargs)[2].items()}

    def _ready(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Recording, dict[str, Any], dict[str, Value]]:
        """The recording for a call, its arguments, and the values of all inputs and states."""
        recording, arguments = self._find(args, kwargs)
        values = self._values(recording, arguments)
        if have_ignored(recording.labels, values):
            self._ignore()
            return self._ready(args, kwargs)
        check_labels(recording.labels, values)
        return recording, arguments, values

    def _ignore(self) -> None:
        """There are labels that a loss ignores: what was traced without, and what will be, has to count the others."""
        self._assuming, self._replays, self._latest = False, [], None
        self._recordings.clear()

    def _find(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Recording, dict[str, Any]]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{user_line()}: {self._name}{self._signature}: {error}") from None
        bound.apply_defaults()
        given = dict(bound.arguments)
        self._doubles = self._doubles or any(isinstance(x, Tensor) and x.dtype is float64 for _, x in leaves(given))
        number = float64 if self._doubles else float32
        arguments = map_leaves(given, lambda path, leaf: _as_input(leaf, number))
        seen = {path: _kind(leaf) for path, leaf in leaves(arguments)}
        key = (tuple(seen.items()), grad_enabled(), autocast_mode())
        known = self._recordings.get(key, [])
        recording = next((r for r in known if r.still_fits()), None)
        if recording is None:
            self._warn(seen, known)
            recording = record(self._function, self._name, bound, arguments, self._assuming)
            self.traces += 1
            if not self._doubles and any(tensor.dtype is float64 for _, tensor in recording.states):
                self._doubles = True
                if any(isinstance(x, float) for _, x in leaves(given)):
                    return self._find(args, kwargs)
        self._recordings.pop(key, None)  # it becomes the one used last
        self._recordings[key] = [recording, *(r for r in known if r is not recording)][:KEPT_OF_A_KIND]
        self._last = seen
        while len(self._recordings) > KEPT:
            del self._recordings[next(iter(self._recordings))]
        return recording, arguments

    def _values(self, recording: Recording, arguments: dict[str, Any]) -> dict[str, Value]:
        tensors = {path: leaf for path, leaf in leaves(arguments) if isinstance(leaf, Tensor)}
        inputs = {name: tensors[name] for name in recording.arguments}
        recording.refuse_aliases(inputs)
        given = inputs | dict(recording.states)
        return dict(zip(given, realize_pending(*given.values()), strict=True))

    def _warn(self, seen: dict[str, Any], known: list[Recording]) -> None:
        """After the third retrace say what changed: an argument, or what the recordings of its kind had read."""
        if self.traces != RETRACES_BEFORE_WARNING:
            return
        changed = [path for path in seen if seen[path] != self._last.get(path)]
        what = known[0].change() if known else "gradients or autocast were switched on or off"
        if changed:
            path = changed[0]
            what = f"argument {path!r} changed from {_shown(self._last.get(path))} to {_shown(seen[path])}"
        frame = user_frame()
        warnings.warn_explicit(
            f"{user_line()}: {self._name} is traced for the {self.traces + 1}th time, because "
            f"{what}; every new shape and every new int, bool or string compiles anew (a float argument does not)",
            RetraceWarning,
            frame.f_code.co_filename,
            frame.f_lineno,
            module=frame.f_globals.get("__name__"),
            registry=frame.f_globals.setdefault("__warningregistry__", {}),
        )


def jit(function: Callable[P, R]) -> JitFunction[P, R]:
    """Compile ``function`` at its first call; see the module's first lines for what is traced and what specialises.

    The function must not depend on the value of a tensor: ``.item()``, ``bool()`` and printing one are errors at the
    user's line. Tensors it returns have no history. A gradient first made inside ends with the call: it cannot be read
    outside (return it instead), and the next ``backward()`` starts from none, so gradients do not accumulate between
    jitted calls; a ``.grad`` that is there when the function is traced is state, and does. Tensors from outside are
    those that the trace saw, and so are Python values; what is bound to another is noticed, and traced anew. A module,
    or any other object that can be called, is taken as well.
    """
    if not callable(function):
        raise TraceError(f"{user_line()}: jit takes a function or an object that can be called, not {function!r:.60}")
    if not hasattr(function, "__code__") and not isinstance(function, functools.partial):
        function = functools.partial(type(function).__call__, function)
    return JitFunction(function)


def trace(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of one call of ``function``, jitted or not, with such arguments; nothing is computed."""
    jitted = function if isinstance(function, JitFunction) else jit(function)
    return jitted.lower(*args, **kwargs)


def _as_input(leaf: Any, number: DType) -> Any:
    """Floats, as ``number``, and arrays as tensors; everything else as it is."""
    if isinstance(leaf, float):
        return Tensor(leaf, dtype=number)
    return Tensor(stored(leaf, None)) if isinstance(leaf, np.ndarray | np.generic) else leaf


def _expressions(recording: Recording, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Expr]]:
    """Every input and state by name, as it is, whether computed or not."""
    tensors = {path: leaf for path, leaf in leaves(arguments) if isinstance(leaf, Tensor)}
    for name, tensor in (*((name, tensors[name]) for name in recording.arguments), *recording.states):
        yield name, tensor._expr


def _kind(leaf: Any) -> Any:
    """What of an argument the graph depends on."""
    if isinstance(leaf, Tensor):
        return ("tensor", leaf.dtype, leaf.shape, leaf._expr.device, leaf.requires_grad)
    if leaf is None or isinstance(leaf, bool | int | str | bytes | type):
        return ("value", type(leaf), leaf)
    if type(leaf).__hash__ is None:
        raise TraceError(
            f"{user_line()}: a jitted function cannot take a {type(leaf).__name__}; give tensors, arrays, numbers, "
            "strings or objects that can be hashed"
        )
    return ("object", leaf)


def _shown(kind: Any) -> str:
    if not kind:
        return "nothing"
    return f"{kind[1]}{list(kind[2])}" if kind[0] == "tensor" else repr(kind[-1])
