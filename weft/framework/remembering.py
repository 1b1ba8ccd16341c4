"""Functions of tensors that are remembered: called again on such operands, they are one expression.

Called for the first time on operands of certain types a function runs as it is written. What it made is a graph, and
from then on one compound expression stands for all of it. ``opened`` gives the expressions one by one again, to what
has to look between them: gradients, worked out once for each structure, and those who ask for the history. In a trace,
and where a number is given that may change from call to call, the function runs as it is written.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec

from weft.framework.anomaly import is_anomaly_enabled
from weft.framework.autocast import autocast_mode
from weft.framework.builder import prune
from weft.framework.compound import Step, constant_node
from weft.framework.graph import Graph
from weft.framework.lazy import ACTIVE, CLOCK, COMPOUND, COPY, CUSTOM, LEARNING, Expr, grad_enabled
from weft.framework.operations import Operation, of_type
from weft.framework.origin import here
from weft.framework.realising import collect, in_order
from weft.framework.recent import Recent
from weft.framework.tensor import Tensor

P = ParamSpec("P")


class _Learned(NamedTuple):
    """What a function does with certain operands. whole: the operation; size: how many there are in it."""

    whole: Operation
    size: int
    requires_grad: bool
    keeps_result: bool


_LEARNED: Recent[Any, _Learned | None] = Recent(2048, 2**26, lambda learned: 1000 * (learned.size if learned else 1))
"""By function, types of operands and options; None for what is not to be remembered."""


def remembered(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """``function`` as ``called_again`` calls it."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        return called_again(function, *args, **kwargs)

    return called


def called_again(function: Callable[P, Tensor], *args: P.args, **kwargs: P.kwargs) -> Tensor:
    """``function(*args, **kwargs)``, which looks at nothing but types of tensors, options and, if it is a closure, such
    variables, and gives a tensor that is no view."""
    if ACTIVE.get() is not None or LEARNING.on or is_anomaly_enabled():
        return function(*args, **kwargs)
    of: Any = inspect.unwrap(function)
    operands: dict[Expr, int] = {}
    key: list[Any] = [of.__code__.co_name, id(of.__code__), grad_enabled(), autocast_mode(), *kwargs]
    for value in (*args, *kwargs.values(), *[cell.cell_contents for cell in of.__closure__ or ()]):
        if isinstance(value, Tensor):
            e = value._read()
            key += e.type, e.device, e.requires_grad, operands.setdefault(e, len(operands))
        elif _is_fixed(value):
            key += type(value), repr(value)
        else:
            return function(*args, **kwargs)
    made: list[Tensor] = []
    learned = _LEARNED.get(tuple(key), lambda: _learn(tuple(operands), made, lambda: function(*args, **kwargs)))
    if learned is None:
        return made[0] if made else function(*args, **kwargs)
    CLOCK.now += learned.size
    inputs, device = tuple(operands), None
    for e in inputs:
        device = e.device or device
    made_again = Expr(learned.whole, inputs, None, device, learned.requires_grad, None, None, here())
    made_again.keeps_result = learned.keeps_result
    return Tensor._of(made_again)


_FIXED = frozenset({bool, int, str, type(None)})


def _is_fixed(value: Any) -> bool:
    """Whether an option is the same at each call, or else makes another graph anyway: no number with a fraction."""
    if isinstance(value, tuple):
        return all(map(_is_fixed, value))
    return type(value) in _FIXED or (type(value) is float and value in (0.0, 1.0))


def _learn(operands: tuple[Expr, ...], made: list[Tensor], run: Callable[[], Tensor]) -> _Learned | None:
    """Run a function and keep what it did, unless it did what has to be done anew each time."""
    with LEARNING:
        result = run()
    made.append(result)
    out, number = result._read(), {e: k for k, e in enumerate(operands)}
    behind = in_order([out], lambda e: () if e in number or e.value is not None else e.inputs)
    inside = [e for e in behind if e not in number]
    read = any(out in e.inputs for e in inside)
    if result._seen_as is not None or out in number or read or not all(map(_is_plain, inside)):
        return None
    steps: list[Step] = []
    for e in inside:
        inputs = tuple([number[source] for source in e.inputs])
        steps.append(Step(_constant(e) or e.operation, inputs, e.requires_grad, e.keeps_result))
        number[e] = len(operands) + len(steps) - 1
    nodes, index, known = collect([out], operands)
    for e in known:
        nodes[index[id(e)]] = constant_node(e)
    graph = prune(Graph(tuple(nodes), (("y0", index[id(out)]),)))
    whole = Operation(COMPOUND, (("graph", graph), ("steps", tuple(steps))), out.type)
    return _Learned(whole, len(steps), out.requires_grad, out.keeps_result)


def _is_plain(e: Expr) -> bool:
    """Whether an expression is the same at each call: a number, or a primitive of others that nobody holds on to."""
    return not e.shape if e.value is not None else e.op not in (CUSTOM, COPY, COMPOUND) and not e.hooks and not e.owner


def _constant(e: Expr) -> Operation | None:
    """A number as an operation."""
    return None if e.value is None else of_type("constant", e.type, constant_node(e).attrs)
