"""Which tensors wait for their values, and when they get them: asked for, with everything, or after long enough.

Reading a tensor computes what it needs and nothing else; ``optimizer.step()`` and ``realize()`` compute all that
waits. What nobody asks for is computed by itself when it has waited ``PATIENCE``, so that pending work, and the data
that it holds, do not grow in a loop.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

from weft.framework.lazy import ACTIVE, CLOCK, Expr, check_alive, realize

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

PATIENCE = 1024
"""How long a tensor may wait, on the clock that ``lazy.CLOCK`` describes."""
READING = 64
"""What the reading of a value counts on that clock: 16 readings are all that others wait for."""

_WAITING: OrderedDict[int, weakref.ref[Tensor]] = OrderedDict()
"""Tensors that may be pending, by the id of their expression; entries that are no more are found in passing."""


def wait(tensor: Tensor) -> None:
    """From here on ``tensor`` is known to be pending, if it is."""
    e = tensor._expr
    if e.value is None and e.trace is None:
        _WAITING[id(e)] = weakref.ref(tensor)


def relieve(newest: Tensor) -> None:
    """Compute what has waited too long.

    If that is ``newest`` (a chain of operations leads to it), so is everything that is pending, since it may share much
    with it: gradients do. Of the others one or two are looked at, and each is computed by itself, with a graph that
    does not depend on the moment: in a loop it is compiled once.
    """
    if ACTIVE.get() is not None:
        return
    if _is_overdue(newest._expr):
        realize_all(newest)
    for _ in range(min(2, len(_WAITING))):
        key, reference = _WAITING.popitem(last=False)
        tensor = reference()
        if tensor is None or id(tensor._expr) != key or tensor._expr.value is not None:
            continue
        if _is_overdue(tensor._expr):
            realize_pending(tensor)
        else:
            _WAITING[key] = reference


def realize_pending(*wanted: Tensor) -> None:
    """Realise ``wanted``: what they need is computed, and what of that a live tensor stands for keeps its value."""
    missing = [t._expr for t in wanted if t._expr.value is None]
    if not missing:
        return
    for e in missing:
        check_alive(e)
    CLOCK.now += READING
    realize(missing, _is_held)


def realize_all(*wanted: Tensor) -> None:
    """Realise ``wanted``, and every live pending tensor on the same devices."""
    missing = [t for t in wanted if t._expr.value is None]
    if not missing:
        return
    for t in missing:
        check_alive(t._expr)
    devices = {id(t.device) for t in missing}
    alive = [tensor for reference in list(_WAITING.values()) if (tensor := reference()) is not None]
    pending = [t for t in alive if t._expr.value is None and t._expr.trace is None and id(t.device) in devices]
    realize([t._expr for t in (*missing, *pending)], _is_held)


def realize_since(start: int) -> None:
    """Realise every live pending tensor that was asked for since a time of the clock, and is in no trace."""
    alive = [tensor for reference in list(_WAITING.values()) if (tensor := reference()) is not None]
    asked = [t._expr for t in alive if t._expr.made > start]
    realize([e for e in asked if e.value is None and e.trace is None], _is_held)


def _is_held(e: Expr) -> bool:
    reference = _WAITING.get(id(e))
    tensor = None if reference is None else reference()
    return tensor is not None and tensor._expr is e


def _is_overdue(e: Expr) -> bool:
    """Whether a pending value has waited too long. What a gradient may go through holds its history anyway."""
    return e.value is None and e.trace is None and not e.has_history and CLOCK.now - e.born > PATIENCE
