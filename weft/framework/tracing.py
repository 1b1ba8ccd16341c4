"""The trace in progress: which tensors a jitted function has read and written while its graph is recorded."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weft.framework.builder import plain_attributes
from weft.framework.device import Device, default_device
from weft.framework.errors import TraceError
from weft.framework.guards import TracedReads
from weft.framework.lazy import ACTIVE, TRACES, Expr
from weft.framework.operations import of_type
from weft.framework.origin import here, user_line
from weft.framework.state_names import NAMELESS, Names

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor
    from weft.framework.views import Storage


class GraphTrace:
    """One run of a Python function that records instead of computing.

    function: its name, for messages. arguments: (name, expression) of traced inputs. states: the tensors from outside
    that were read or written, each with the expression that stands for its value before the call. gradients: tensors
    whose ``.grad`` was first set during the trace. labels: (expression, classes, user's line) of arguments and states
    used as class labels. assuming: that none is one that a loss ignores. reads: the Python attributes and variables
    that it took as they were. names: what tensors from outside, and modules, are called in it.
    """

    def __init__(self, function: str, names: Names = NAMELESS, assuming: bool = False) -> None:
        self.function, self.names, self.assuming = function, names, assuming
        self.active, self.thread = True, threading.get_ident()
        self.arguments: list[tuple[str, Expr]] = []
        self.states: list[tuple[Tensor, Expr]] = []
        self.gradients: list[Tensor] = []
        self.labels: list[tuple[Expr, tuple[int, int | None, str, str, bool]]] = []
        self.reads = TracedReads()
        self._before: list[Expr] = []
        self._arguments: dict[int, Storage] = {}

    def argument(self, name: str, like: Expr) -> Expr:
        """A placeholder for an argument with ``like``'s shape, dtype and device."""
        placeholder = self._placeholder(like, name)
        self.arguments.append((name, placeholder))
        return placeholder

    def protect(self, tensor: Tensor) -> None:
        """``tensor`` stands for one that the caller has, so that a change of it would be lost."""
        self._arguments[id(tensor._storage)] = tensor._storage

    def is_argument(self, storage: Storage) -> bool:
        """Whether ``storage`` is that of a protected tensor."""
        return id(storage) in self._arguments

    def capture(self, tensor: Tensor) -> Expr:
        """From here on ``tensor`` stands for a state of the graph."""
        before = tensor._expr
        placeholder = self._placeholder(before, self.names.of_tensor(tensor).name)
        placeholder.requires_grad = before.requires_grad
        placeholder.owner = weakref.ref(tensor) if before.requires_grad else None
        self.states.append((tensor, placeholder))
        self._before.append(before)
        tensor._storage.expr = placeholder
        return placeholder

    def runs_on(self, device: Device) -> bool:
        """Whether what is put on no device will be on ``device``: it is the default, or an operand's so far."""
        known = [e.device for _, e in (*self.states, *self.arguments) if e.device is not None]
        return device in known if known else device is default_device()

    def is_passing(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` was made in this trace, so that it has no value once that is over."""
        own = tensor._storage
        return own.expr.trace is self and not any(state._storage is own for state, _ in self.states)

    def _placeholder(self, like: Expr, name: str) -> Expr:
        made = Expr(of_type("input", like.type), (), None, like.device, trace=self, where=here())
        made.attrs = (("name", name),)  # what gradients of it are called, until ``name_input``
        return made

    def finish(self) -> list[tuple[int, Expr]]:
        """End the trace and put every state's own value back. Returns (state, its new expression) for those written."""
        self.active = False
        written = [(i, t._expr) for i, (t, placeholder) in enumerate(self.states) if t._expr is not placeholder]
        for (tensor, _), before in zip(self.states, self._before, strict=True):
            tensor._storage.expr = before
        return written


def name_input(expression: Expr, name: str, kind: str) -> None:
    """Give a placeholder the attributes of an ``input`` node."""
    expression.attrs = plain_attributes(
        {"name": name, "kind": kind, "shape": expression.shape, "dtype": expression.dtype.name}
    )


def current_trace() -> GraphTrace | None:
    """The trace in progress, if any."""
    trace = ACTIVE.get()
    assert trace is None or isinstance(trace, GraphTrace)
    return trace


@contextmanager
def tracing(function: str, names: Names = NAMELESS, assuming: bool = False) -> Iterator[GraphTrace]:
    """Inside, operations on tensors are recorded in the trace that is yielded; it must be finished inside.

    One thread traces at a time: the others wait, as they do where they need what the trace has captured.
    """
    with TRACES:
        trace = GraphTrace(function, names, assuming)
        token = ACTIVE.set(trace)
        try:
            yield trace
        finally:
            if trace.active:  # it failed: nothing outside keeps what has no value
                trace.finish()
                for tensor in trace.gradients:
                    if tensor.grad is not None and tensor.grad._expr.trace is trace:
                        tensor.grad = None
            ACTIVE.reset(token)


def note_function(function: Callable[..., object]) -> None:
    """If a trace is in progress: ``function``, which weft calls in it, belongs to it with all that it reads."""
    trace = current_trace()
    if trace is not None:
        trace.reads.function(function)


def refuse_value(what: str) -> None:
    """Raise TraceError at the user's line if a trace is in progress: values are not known yet."""
    trace = current_trace()
    if trace is not None:
        raise TraceError(
            f"{user_line()}: {what} needs a value, but {trace.function} is being traced by @jit and tensors have none "
            "yet; return the tensor and look at it outside, or choose between values with where()"
        )
