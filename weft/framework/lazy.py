"""Pending work: expressions that remember how they are computed until someone needs their value.

An expression is a node that is not yet in any graph. Realising collects the expressions behind the wanted ones into a
``Graph``, hands it to the device, and stores the values. An expression whose history no gradient can need forgets it
then, so a loop runs in constant memory. Numbers are inputs of that graph and not part of it (see ``constant``), and so
are slices of known values: a loop whose numbers and indices change compiles once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Container, Iterable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weft.framework import anomaly
from weft.framework.builder import infer, plain_attributes
from weft.framework.device import Device, Value, default_device, host, launch, placed
from weft.framework.dtypes import DType
from weft.framework.errors import DeviceError, DTypeError, TraceError
from weft.framework.grad_mode import grad_enabled as grad_enabled
from weft.framework.grad_mode import no_grad as no_grad  # both also for those who import them from here
from weft.framework.graph import Attributes, Graph, Node
from weft.framework.origin import Origin, origin, user_line
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array, Shape, Types

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor
    from weft.framework.versions import Version

LEAF = "leaf"
"""An expression that is just its value."""
ALIAS = "alias"
"""An expression with the value of its input, but not its history: where gradients stop or start."""
CUSTOM = "custom"
"""An expression with the value of its first input; its gradient, by the others, is what its attribute ``rule`` says."""

COPY = "copy"
"""The copy between devices: what it gives is where its attribute ``target`` says."""
FIXED = frozenset({0, 1, -1})
"""The numbers that algebraic rules look for: they stay in the graph, and all others are given to it."""


class Clock:
    """How much was asked for since the start: ``now`` counts operations, and 64 KiB of new data like one."""

    now = 0


CLOCK = Clock()
"""The clock by which ``pending.py`` tells how long an expression has waited."""


class Tracing(Protocol):
    """What an expression knows of the ``@jit`` trace it was made in."""

    active: bool
    function: str


Hook = Callable[["Expr"], "Expr"]
"""Takes a gradient when it is complete, and gives the one to go on with."""


class Expr:
    """One lazily computed value.

    op, inputs, attrs: as in a ``Node``; op may also be LEAF, ALIAS or CUSTOM. shape, dtype: of the value.
    value: the array or handle, once it is known. device: where it was put, or None: it goes wherever it is needed.
    requires_grad: whether a gradient flows through. owner: the tensor whose ``.grad`` collects what arrives here.
    trace: the trace that it exists in, if any. freed: whether a ``backward()`` has ended its history.
    born: when the oldest of the operations that it waits for was asked for, on ``CLOCK``. made: when it was itself.
    hooks: what is done with its gradient on the way, in the order registered, if it has no owner.
    version: which value of a storage it shows, for those that are or were one; see ``versions``. keeps_result: whether
        its gradient needs its value rather than its operands'.
    further: the types of the results behind the first. An expression of several results never has a value: the
        ``result`` expressions that read it do.
    """

    hooks: dict[int, Hook] | None
    version: Version | None

    __slots__ = (
        "__weakref__", "attrs", "born", "device", "dtype", "freed", "further", "hooks", "inputs", "keeps_result",
        "made", "op", "origin", "owner", "requires_grad", "shape", "trace", "value", "version",
    )

    def __init__(
        self,
        op: str,
        inputs: tuple[Expr, ...],
        attrs: Attributes,
        shape: Shape,
        dtype: DType,
        *,
        value: Value | None = None,
        device: Device | None = None,
        requires_grad: bool = False,
        owner: weakref.ref[Tensor] | None = None,
        trace: Tracing | None = None,
        origin: Origin | None = None,
        further: Types = (),
    ) -> None:
        self.op, self.inputs, self.attrs, self.shape, self.dtype = op, inputs, attrs, shape, dtype
        self.value, self.device, self.requires_grad, self.owner = value, device, requires_grad, owner
        self.trace, self.origin, self.freed, self.further = trace, origin, False, further
        self.made, self.hooks, self.version, self.keeps_result = CLOCK.now, None, None, False
        born = CLOCK.now
        for e in inputs:
            if e.value is None and e.born < born:
                born = e.born
        self.born: int = born

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


def leaf(value: Value, dtype: DType, device: Device | None = None) -> Expr:
    """An expression that is ``value``, already of ``dtype``."""
    CLOCK.now += value.nbytes >> 16
    return Expr(LEAF, (), (), value.shape, dtype, value=value, device=device)


def alias(of: Expr, requires_grad: bool = False, owner: weakref.ref[Tensor] | None = None) -> Expr:
    """The value of ``of``, cut off from its history."""
    op, inputs = (ALIAS, (of,)) if of.value is None else (LEAF, ())
    return Expr(
        op, inputs, (), of.shape, of.dtype, value=of.value, device=of.device, requires_grad=requires_grad,
        owner=owner, trace=of.trace, origin=of.origin,
    )


def copied(e: Expr, device: Device) -> Expr:
    """``e`` on ``device``: a copy that a gradient goes back through, made now if the value is known."""
    made = apply(COPY, e, source=e.device, target=device)
    if e.value is not None:
        made.settle(placed(e.value, device))
    return made


ACTIVE: ContextVar[Tracing | None] = ContextVar("trace", default=None)
"""The trace in progress: whatever is computed now belongs to it."""

def constant(value: float, dtype: DType) -> Expr:
    """A scalar. In a trace, and if it is one of ``FIXED``, it is fixed in the graph, else given to it as an input.

    Raises DTypeError at the user's line for a number that the dtype does not hold.
    """
    try:
        with np.errstate(over="ignore"):  # infinity, as everywhere
            return scalar(np.asarray(value, dtype.numpy), dtype)
    except (OverflowError, TypeError, ValueError):
        huge = isinstance(value, int) and abs(value) >> 64
        shown = f"an integer of {int(value).bit_length()} bits" if huge else repr(value)
        held = f" ({np.iinfo(dtype.numpy).min} to {np.iinfo(dtype.numpy).max})" if dtype.kind == "int" else ""
        raise DTypeError(
            f"{user_line()}: {shown} does not fit into {dtype}{held}; give a number that does, or .to() a wider type"
        ) from None


def scalar(value: Array, dtype: DType) -> Expr:
    trace = ACTIVE.get()
    if trace is None and value.item() not in FIXED:
        return leaf(value, dtype)
    attrs = plain_attributes({"value": value.tobytes(), "shape": (), "dtype": dtype.name})
    return Expr("constant", (), attrs, (), dtype, trace=trace)


def apply(op: str, *inputs: Expr, **attrs: Any) -> Expr:
    """Primitive ``op`` on expressions. Raises ShapeError, DTypeError or DeviceError at the user's line."""
    where, named = origin(), plain_attributes(attrs)
    shape, dtype, further = infer(op, inputs, named, where)
    requires_grad = False
    for e in inputs:
        requires_grad = requires_grad or e.requires_grad
    if requires_grad:
        requires_grad = grad_enabled() and (dtype.is_float or any(kind.is_float for _, kind in further))
    CLOCK.now += 1
    made = Expr(
        op, inputs, named, shape, dtype, device=common_device(op, inputs, named), requires_grad=requires_grad,
        trace=common_trace(inputs), origin=where, further=further,
    )
    if op in _SEEN_AT_ONCE and made.trace is None and inputs[0].value is not None:
        made.settle(_seen(made, inputs[0].value))
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


def check_alive(e: Expr) -> None:
    """Raise TraceError if ``e`` is left over from a trace."""
    if e.trace is not None and is_left_over(e):
        at = f"at {e.origin} " if e.origin else ""
        raise TraceError(
            f"{user_line()}: this tensor was made {at}while {e.trace.function} was traced and was not returned from "
            "it; return it from the jitted function to use it outside"
        )


def topological(wanted: Iterable[Expr], sources: Callable[[Expr], Sequence[Expr]]) -> list[Expr]:
    """The expressions behind ``wanted``, each after its ``sources``; without recursion."""
    order: list[Expr] = []
    finished: dict[int, bool] = {}  # of those that were reached
    stack = list(wanted)[::-1]
    while stack:
        e = stack[-1]
        state = finished.get(id(e))
        if state is None:
            finished[id(e)] = False
            for source in reversed(sources(e)):
                if id(source) not in finished:
                    stack.append(source)
        else:
            stack.pop()
            if not state:
                finished[id(e)] = True
                order.append(e)
    return order


def needed(e: Expr) -> tuple[Expr, ...]:
    """What the value of ``e`` is computed from."""
    return () if e.value is not None else e.inputs[:1] if e.op == CUSTOM else folded(e)[0]


def folded(e: Expr, kept: Container[int] = ()) -> tuple[tuple[Expr, ...], Attributes]:
    """Inputs and attributes of ``e`` as a node: a product takes operands that were transposed as they were before.

    kept: ids of transposes to leave, because their gradient is asked for.
    """
    if e.op != "matmul":
        return e.inputs, e.attrs
    inputs, flags = list(e.inputs), dict(e.attrs)
    for k, flag in enumerate(("transpose_a", "transpose_b")):
        x, rank = inputs[k], len(e.shape)
        if x.op == "permute" and id(x) not in kept and x.attrs[0][1] == (*range(rank - 2), rank - 1, rank - 2):
            inputs[k], flags[flag] = x.inputs[0], not flags[flag]
    return tuple(inputs), tuple(flags.items())


def collect(wanted: Sequence[Expr], given: Sequence[Expr] = ()) -> tuple[list[Node], dict[int, int], list[Expr]]:
    """The nodes that compute ``wanted``.

    given: expressions that are inputs already (traced arguments and state), first in the list, in this order.
    Returns the nodes, the node of each expression by its id, and the known values used: input ``v<k>`` is the k-th.
    """
    nodes = [Node("input", (), e.attrs, e.shape, e.dtype, e.origin) for e in given]
    index = {id(e): i for i, e in enumerate(given)}
    known: list[Expr] = []
    for e in topological(wanted, lambda e: () if id(e) in index else needed(e)):
        if id(e) in index:
            continue
        if e.value is not None:
            attrs = {"name": f"v{len(known)}", "kind": "input", "shape": e.shape, "dtype": e.dtype.name}
            nodes.append(Node("input", (), plain_attributes(attrs), e.shape, e.dtype))
            known.append(e)
        elif e.op in (ALIAS, CUSTOM):
            index[id(e)] = index[id(e.inputs[0])]
            continue
        else:
            operands, named = folded(e)
            inputs = tuple(index[id(source)] for source in operands)
            nodes.append(Node(e.op, inputs, named, e.shape, e.dtype, e.origin, e.further))
        index[id(e)] = len(nodes) - 1
    return nodes, index, known


def realize(wanted: Iterable[Expr], is_held: Callable[[Expr], bool] = lambda e: False) -> None:
    """Compute the values of expressions that have none, in one graph for each device.

    is_held: tells of what lies on the way whether somebody can still ask for it: then its value is kept too.
    """
    missing = list({id(e): e for e in wanted if e.value is None}.values())
    behind = topological(missing, needed)
    if any(e.op == COPY and e.value is None for e in behind):
        _realize_copies(behind, is_held)
        behind = topological(missing, needed)
    by_device: dict[Device, list[Expr]] = {}
    for e in missing:
        if e.value is None:
            by_device.setdefault(e.device or default_device(), []).append(e)
    for device, expressions in by_device.items():
        if len(by_device) > 1:
            behind = topological(expressions, needed)
        on_the_way = [e for e in behind if e.value is None and (e.device or default_device()) is device and is_held(e)]
        results = list({id(e): e for e in (*expressions, *on_the_way)}.values())
        nodes, index, known = collect(results)
        outputs = tuple((f"y{k}", index[id(e)]) for k, e in enumerate(results))
        graph = Graph(tuple(nodes), outputs)
        values = launch(device, graph, [e.value for e in known if e.value is not None])
        looking = anomaly.is_anomaly_enabled()
        found = {index[id(e)]: e for e in behind if id(e) in index and e.op not in (ALIAS, CUSTOM)} if looking else {}
        for e, value in zip(results, values, strict=True):
            e.settle(value)
        if looking:
            anomaly.check(graph, {f"v{k}": e.value for k, e in enumerate(known)}, found, values)


def _realize_copies(behind: Sequence[Expr], is_held: Callable[[Expr], bool]) -> None:
    """Compute the pending copies between devices among ``behind``: first those that no other leads to."""
    depth: dict[int, int] = {}
    levels: dict[int, list[Expr]] = {}
    for e in behind:
        crossing = e.op == COPY and e.value is None
        depth[id(e)] = max((depth[id(source)] for source in e.inputs if id(source) in depth), default=0) + crossing
        if crossing:
            levels.setdefault(depth[id(e)], []).append(e)
    for _, copies in sorted(levels.items()):
        realize([e.inputs[0] for e in copies], is_held)
        for e in copies:
            value = e.inputs[0].value
            assert value is not None
            e.settle(placed(value, e.device))
