"""Finding what made a NaN: ``detect_anomaly()`` names the operation, forward or in a gradient, and the user's line.

It looks at what is computed while it is on. A graph that gives a NaN is computed once more with NumPy, node by node,
and the first node that made it out of numbers is the one that is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np

from weft.framework.device import host
from weft.framework.errors import GradientError
from weft.framework.origin import user_line
from weft.framework.reference import evaluate

if TYPE_CHECKING:
    from weft.framework.graph import Graph, Node
    from weft.framework.lazy import Expr

_ON: ContextVar[bool] = ContextVar("anomaly", default=False)
_RULES: WeakKeyDictionary[Expr, Expr] = WeakKeyDictionary()
"""What a gradient appended → the operation that it is the gradient of, for what was made while this was on."""


class AnomalyError(GradientError):
    """A NaN, and what made it."""


def is_anomaly_enabled() -> bool:
    """Whether NaNs are looked for."""
    return _ON.get()


class set_detect_anomaly:
    """Look for NaNs from here on, or not (mode False); with ``with`` until the end of the block.

    check_nan: False looks for none. While it is on, jitted functions run without being compiled, ``backward()``
    computes at once, and whatever gives a NaN raises AnomalyError, a GradientError, that names the operation.
    """

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self._before, self._start = _ON.get(), 0
        _ON.set(bool(mode) and bool(check_nan))

    def __enter__(self) -> Self:
        from weft.framework.lazy import COUNT

        self._start = COUNT()
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None and _ON.get():
                from weft.framework.pending import realize_since

                realize_since(self._start)  # what was asked for inside is looked at inside
        finally:
            _ON.set(self._before)


class detect_anomaly(set_detect_anomaly):
    """Look for NaNs inside the ``with`` block, as ``set_detect_anomaly`` does: ``with detect_anomaly(): train()``."""

    def __init__(self, check_nan: bool = True) -> None:
        self._wanted = bool(check_nan)
        self._before = _ON.get()

    def __enter__(self) -> Self:
        self._before = _ON.get()
        _ON.set(self._wanted)
        return super().__enter__()


def note_gradient(made: Expr, of: Expr) -> None:
    """``made`` belongs to the gradient of ``of``."""
    _RULES[made] = of


def check(graph: Graph, values: Mapping[str, Any], expressions: Mapping[int, Expr], results: Sequence[Any]) -> None:
    """Raise AnomalyError if one of the ``results`` of a graph has a NaN that the graph made or was given.

    values: its inputs by name. expressions: what its nodes stand for, by their number.
    """
    if not any(_has_nan(host(result)) for result in results):
        return
    computed = evaluate(graph, {name: host(value) for name, value in values.items()})
    bad = [value.dtype.kind not in "biu" and _has_nan(value) for value in computed]
    waiting = [i for _, i in graph.outputs if bad[i]]
    behind: set[int] = set()
    while waiting:
        i = waiting.pop()
        if i not in behind:
            behind.add(i)
            waiting += [k for k in graph.nodes[i].inputs if bad[k]]
    given: set[int] = set()
    for i in sorted(behind):
        node, reached = graph.nodes[i], [k for k in graph.nodes[i].inputs if bad[k]]
        if node.op == "input" or (node.op in _MOVES and given.issuperset(reached)):
            given.add(i)
        elif given.issuperset(reached):
            raise AnomalyError(_found(node, expressions.get(i), bool(reached)))


_MOVES = frozenset({"broadcast_to", "reshape", "permute", "slice", "cast"})
"""What merely shows a NaN that was given."""


def _has_nan(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind not in "biu" and bool(np.isnan(array.astype(np.float64)).any())


def _found(node: Node, e: Expr | None, given: bool) -> str:
    of = None if e is None else _RULES.get(e)
    line = f"at {node.origin.line}" if node.origin is not None and node.origin.line else "at an unknown line"
    what = f"{node.op}, {node.dtype}{list(node.shape)}"
    if of is not None:
        back = f" at {of.origin.line}" if of.origin is not None else ""
        what = f"{what}, in the gradient of {of.op}, {of.dtype}{list(of.shape)},{back}"
    else:
        what = f"{what}, {line}"
    cause = "which was given a NaN" if given else "which made it of numbers"
    return f"{user_line()}: a NaN comes from {what}, {cause}"
