"""Pending work: expressions that remember how they are computed until someone needs their value.

An expression is a node that is not yet in any graph; ``realising.py`` makes graphs of them. An expression whose history
no gradient can need forgets it when it gets its value, so a loop runs in constant memory. Numbers are inputs of a graph
and not part of it (see ``constant``), and so are slices of known values: a loop whose numbers and indices change
compiles once. All that is done for one expression is done here once for each; what is the same for all equal ones is
their ``Operation``.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weft.framework.builder import plain_attributes
from weft.framework.device import Device, Value, host, placed
from weft.framework.dtypes import DType
from weft.framework.errors import DeviceError, DTypeError, TraceError
from weft.framework.grad_mode import grad_enabled as grad_enabled
from weft.framework.grad_mode import no_grad as no_grad  # both also for those who import them from here
from weft.framework.graph import Attributes
from weft.framework.operations import Operation, of_type, operation, value_type
from weft.framework.origin import CodePlace, Origin, here, resolved, user_line
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array, Types

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor
    from weft.framework.versions import Version

LEAF = "leaf"
"""An expression that is just its value."""
ALIAS = "alias"
"""An expression with the value of its input, but not its history: where gradients stop or start."""
CUSTOM = "custom"
"""An expression with the value of its first input; its gradient, by the others, is what its attribute ``rule`` says."""
COMPOUND = "compound"
"""Several expressions as one: its attribute ``graph`` on its inputs. Several results are read by ``result``; one is its
value. What a gradient goes through has their ``steps``, too (``remembering.opened``)."""

COPY = "copy"
"""The copy between devices: what it gives is where its attribute ``target`` says."""
FIXED = frozenset({0, 1, -1})
"""The numbers that algebraic rules look for: they stay in the graph, and all others are given to it."""


class Clock:
    """How much was asked for since the start: ``now`` counts operations, and 64 KiB of new data like one."""

    now = 0


CLOCK = Clock()
"""The clock by which ``pending.py`` tells how long an expression has waited."""
COUNT: Callable[[], int] = itertools.count(1).__next__
"""Numbers expressions in the order in which they are made, in whatever thread: operands have smaller ones."""
LOCK = threading.RLock()
"""Held by whoever walks over expressions or stores values in them; never while a device computes or a hook runs."""
TRACES = threading.RLock()
"""Held by the thread that traces, since tensors from outside stand for something else in a trace, and by whoever gives
a tensor another expression. Who needs both locks takes this one first."""


class Learning(threading.local):
    """``on`` while expressions are made that are kept for other operands: the values of these are not to be seen then,
    neither at once nor by another name."""

    on = False

    def __enter__(self) -> None:
        self.on = True

    def __exit__(self, *error: object) -> None:
        self.on = False


LEARNING = Learning()


class Tracing(Protocol):
    """What an expression knows of the ``@jit`` trace it was made in."""

    active: bool
    function: str
    thread: int


Hook = Callable[["Expr"], "Expr"]
"""Takes a gradient when it is complete, and gives the one to go on with."""


class Expr:
    """One lazily computed value.

    operation, inputs, attrs: as in a ``Node``; op may also be LEAF, ALIAS, CUSTOM or COMPOUND, and attrs other than the
        operation's. type, shape, dtype: of the value.
    value: the array or handle, once it is known. device: where it was put, or None: it goes wherever it is needed.
    requires_grad: whether a gradient flows through. owner: the tensor whose ``.grad`` collects what arrives here.
    trace: the trace that it exists in, if any. freed: whether a ``backward()`` has ended its history.
    made: its number among all expressions. born: when the oldest of the operations that it waits for was asked for, on
        ``CLOCK``. hooks: what is done with its gradient on the way, in the order registered, if it has no owner.
    where: its origin, or the place that is resolved to one when somebody asks.
    version: which value of a storage it shows, for those that are or were one; see ``versions``. keeps_result: whether
        its gradient needs its value rather than its operands'.
    """

    hooks: dict[int, Hook] | None
    version: Version | None

    __slots__ = (
        "__weakref__", "attrs", "born", "device", "dtype", "freed", "hooks", "inputs", "keeps_result", "made", "op",
        "operation", "owner", "requires_grad", "shape", "trace", "type", "value", "version", "where",
    )

    def __init__(
        self,
        operation: Operation,
        inputs: tuple[Expr, ...],
        value: Value | None = None,
        device: Device | None = None,
        requires_grad: bool = False,
        owner: weakref.ref[Tensor] | None = None,
        trace: Tracing | None = None,
        where: Origin | CodePlace | None = None,
    ) -> None:
        self.operation, self.inputs, self.op, self.attrs = operation, inputs, operation.op, operation.attrs
        self.type = kind = operation.type
        self.shape, self.dtype = kind.shape, kind.dtype
        self.value, self.device, self.requires_grad, self.owner = value, device, requires_grad, owner
        self.trace, self.where, self.freed, self.keeps_result = trace, where, False, False
        self.hooks, self.version = None, None
        self.made: float = COUNT()
        born = CLOCK.now
        for e in inputs:
            if e.value is None and e.born < born:
                born = e.born
        self.born: int = born

    @property
    def origin(self) -> Origin | None:
        """Where it comes from."""
        where = self.where
        return where if where is None or isinstance(where, Origin) else resolved(where)

    @property
    def further(self) -> Types:
        """The types of the results behind the first. An expression of several results never has a value: the ``result``
        expressions that read it do."""
        return self.type.further

    @property
    def has_history(self) -> bool:
        """Whether a gradient may go through to what it was computed from."""
        return self.requires_grad and self.owner is None and not self.freed

    def settle(self, value: Value) -> None:
        """Store the value, and forget the history unless a gradient may still need it."""
        self.value = value
        if not self.has_history:
            self.op, self.inputs, self.attrs = LEAF, (), ()

    def free(self) -> None:
        """End the history: no gradient goes through again."""
        self.freed = True
        if self.value is not None:
            self.settle(self.value)


for _lock in (TRACES, LOCK):  # no child starts with a lock that a thread of its parent held
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def leaf(value: Value, dtype: DType, device: Device | None = None) -> Expr:
    """An expression that is ``value``, already of ``dtype``."""
    CLOCK.now += value.nbytes >> 16
    return Expr(of_type(LEAF, value_type(value.shape, dtype)), (), value, device)


def alias(of: Expr, requires_grad: bool = False, owner: weakref.ref[Tensor] | None = None) -> Expr:
    """The value of ``of``, cut off from its history."""
    value = None if LEARNING.on else of.value
    op, inputs = (ALIAS, (of,)) if value is None else (LEAF, ())
    return Expr(of_type(op, of.type), inputs, value, of.device, requires_grad, owner, of.trace, of.where)


def copied(e: Expr, device: Device) -> Expr:
    """``e`` on ``device``: a copy that a gradient goes back through, made now if the value is known."""
    made = apply(COPY, e, source=e.device, target=device)
    value = e.value
    if value is not None:
        made.settle(placed(value, device))
    return made


ACTIVE: ContextVar[Tracing | None] = ContextVar("trace", default=None)
"""The trace in progress: whatever is computed now belongs to it."""


def constant(value: float, dtype: DType) -> Expr:
    """A scalar. In a trace, and if it is one of ``FIXED``, it is fixed in the graph, else given to it as an input.

    Raises DTypeError at the user's line for a number that the dtype does not hold.
    """
    try:
        is_other_zero = type(value) is float and not value and math.copysign(1, value) < 0
        return scalar(_array_of.__wrapped__(value, dtype) if is_other_zero else _array_of(value, dtype), dtype)
    except (OverflowError, TypeError, ValueError):
        huge = isinstance(value, int) and abs(value) >> 64
        shown = f"an integer of {int(value).bit_length()} bits" if huge else repr(value)
        held = f" ({np.iinfo(dtype.numpy).min} to {np.iinfo(dtype.numpy).max})" if dtype.kind == "int" else ""
        raise DTypeError(
            f"{user_line()}: {shown} does not fit into {dtype}{held}; give a number that does, or .to() a wider type"
        ) from None


@lru_cache(maxsize=1024)
def _array_of(value: float, dtype: DType) -> Array:
    """One array for all numbers that Python calls equal (but -0.0): nobody writes to a value."""
    with np.errstate(over="ignore"):  # infinity, as everywhere
        return np.asarray(value, dtype.numpy)


def scalar(value: Array, dtype: DType) -> Expr:
    trace = ACTIVE.get()
    if trace is None and value.item() not in FIXED:
        return leaf(value, dtype)
    kind = value_type((), dtype)
    attrs = plain_attributes({"value": value.tobytes(), "shape": (), "dtype": dtype.name})
    return Expr(of_type("constant", kind, attrs), (), trace=trace)


def apply(op: str, *inputs: Expr, **attrs: Any) -> Expr:
    """Primitive ``op`` on expressions. Raises ShapeError, DTypeError or DeviceError at the user's line."""
    return applied(op, inputs, attrs, here())


def applied(op: str, inputs: tuple[Expr, ...], attrs: Mapping[str, Any], where: CodePlace) -> Expr:
    """The same at a place that is known."""
    of = operation(op, inputs, attrs, where)
    requires_grad, device, trace = False, None, ACTIVE.get()
    for e in inputs:
        if e.requires_grad:
            requires_grad = True
        if e.trace is not None:
            check_alive(e)
        if e.device is not device and e.device is not None:
            device = e.device if device is None else common_device(op, inputs)
    if op == COPY:
        device = attrs["target"]
    if requires_grad:
        requires_grad = of.is_float and grad_enabled()
    CLOCK.now += 1
    made = Expr(of, inputs, None, device, requires_grad, None, trace, where)
    if op in _SEEN_AT_ONCE and trace is None and (value := inputs[0].value) is not None and not LEARNING.on:
        made.settle(_seen(made, value))
    return made


def results(op: str, *inputs: Expr, **attrs: Any) -> tuple[Expr, ...]:
    """All results of ``op``. Raises as ``apply`` does."""
    made = apply(op, *inputs, **attrs)
    if not made.further:
        return (made,)
    return tuple(apply("result", made, index=k) for k in range(1 + len(made.further)))


_SEEN_AT_ONCE = frozenset({"slice", "reshape"})
"""Moves of a known value that need no device, so that a loop over its rows or batches compiles one graph."""


def _seen(e: Expr, value: Value) -> Array:
    """The part of a known value that ``e`` is, without a copy where its elements lie in a row."""
    seen = PRIMITIVES[e.op].result([host(value)], dict(e.attrs), np.dtype(np.float32))
    return np.ascontiguousarray(seen).reshape(e.shape)  # NumPy makes one axis of none


def common_device(op: str, inputs: Sequence[Expr], attrs: Attributes = ()) -> Device | None:
    """Where ``op`` is done. Raises DeviceError for operands on different devices."""
    if op == COPY:
        target: Device | None = dict(attrs)["target"]
        return target
    device: Device | None = None
    for one in inputs:
        if one.device is not None and one.device is not device:
            if device is not None:
                given = [e for e in inputs if e.device is not None]
                named = ", ".join(f"{e.dtype}{list(e.shape)} on {e.device.name}" for e in given if e.device)
                raise DeviceError(
                    f"{user_line()}: {op}: operands on different devices: {named}; move one with .to(device)"
                )
            device = one.device
    return device


def common_trace(inputs: Sequence[Expr]) -> Tracing | None:
    for e in inputs:
        if e.trace is not None:
            check_alive(e)
    return ACTIVE.get()


def is_left_over(e: Expr) -> bool:
    """Whether ``e`` was made in a trace that is finished, so that it has no value."""
    return e.trace is not None and not e.trace.active


def is_elsewhere(e: Expr) -> bool:
    """Whether ``e`` stands for a tensor in the trace of another thread, or did when that was asked for."""
    return e.trace is not None and e.trace.thread != threading.get_ident()


def check_alive(e: Expr) -> None:
    """Raise TraceError if ``e`` is left over from a trace."""
    if e.trace is not None and is_left_over(e):
        at = f"at {e.origin} " if e.origin else ""
        raise TraceError(
            f"{user_line()}: this tensor was made {at}while {e.trace.function} was traced and was not returned from "
            "it; return it from the jitted function to use it outside"
        )
