"""Which tensors wait for their values, and when they get them: asked for, with everything, or after long enough.

Reading a tensor computes what it needs and nothing else; ``optimizer.step()`` and ``realize()`` compute all that
waits. What nobody asks for is computed by itself when it has waited ``PATIENCE``, so that pending work, and the data
that it holds, do not grow in a loop.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from weft.framework.device import Value, default_device
from weft.framework.lazy import ACTIVE, CLOCK, Expr, check_alive
from weft.framework.realising import realize

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

PATIENCE = 1024
"""How long a tensor may wait, on the clock that ``lazy.CLOCK`` describes."""
READING = 64
"""What the reading of a value counts on that clock: 16 readings are all that others wait for."""

LOOKING = 256
"""How far that clock goes until a thread looks again whether something has waited too long."""


class Waiting(threading.local):
    """What a thread has made and not computed: what another thread makes is its own affair until somebody reads it.

    tensors: those that may be pending, by the id of their expression; what is no more is found in passing. next: when
    they are looked at next.
    """

    def __init__(self) -> None:
        self.tensors: OrderedDict[int, weakref.ref[Tensor]] = OrderedDict()
        self.next = 0


WAITING = Waiting()


def wait(tensor: weakref.ref[Tensor], e: Expr) -> None:
    """From here on a tensor is known to be pending, if its expression ``e`` is."""
    if e.value is None and e.trace is None:
        WAITING.tensors[id(e)] = tensor


def relieve(newest: Expr) -> None:
    """Compute what has waited too long.

    If that is ``newest`` (a chain of operations leads to it), so is everything that is pending, since it may share much
    with it: gradients do. Of the others twice as many are looked at as operations were asked for, and each is computed
    by itself, with a graph that does not depend on the moment: in a loop it is compiled once.
    """
    now = CLOCK.now
    if now - newest.born > PATIENCE and _is_overdue(newest) and ACTIVE.get() is None:
        realize_expressions([newest])
    if now >= WAITING.next:
        WAITING.next = now + LOOKING
        if ACTIVE.get() is None:
            _look()


def _look() -> None:
    tensors = WAITING.tensors
    for _ in range(min(2 * LOOKING, len(tensors))):
        if not tensors:  # all were computed with one of them
            return
        key, reference = tensors.popitem(last=False)
        tensor = reference()
        if tensor is None or id(tensor._expr) != key or tensor._expr.value is not None:
            continue
        tensors[key] = reference
        if _is_overdue(tensor._expr):
            realize_pending(tensor)


def realize_pending(*wanted: Tensor) -> list[Value]:
    """The values of ``wanted``: what they need is computed, and what of that a live tensor stands for keeps its own."""
    expressions = [e if (e := t._expr).value is not None else t._settled() for t in wanted]
    missing = [e for e in expressions if e.value is None]
    if missing:
        for e in missing:
            check_alive(e)
        CLOCK.now += READING
        realize(missing, WAITING.tensors)
    return [e.value for e in expressions if e.value is not None]


def realize_all(*wanted: Tensor) -> None:
    """Realise ``wanted``, and every live pending tensor of this thread on the same devices."""
    realize_expressions([t._settled() for t in wanted if t._expr.value is None])


def realize_expressions(wanted: Iterable[Expr]) -> None:
    """The same for expressions."""
    missing = [e for e in wanted if e.value is None]
    if not missing:
        return
    for e in missing:
        check_alive(e)
    tensors, default = WAITING.tensors, default_device()
    devices = {id(e.device or default) for e in missing}
    for key, reference in list(tensors.items()):
        tensor = reference()
        now = None if tensor is None else tensor._expr
        if now is None or id(now) != key or now.value is not None:
            del tensors[key]
        elif now.trace is None and id(now.device or default) in devices:
            missing.append(now)
    realize(missing, tensors)


def realize_since(start: int) -> None:
    """Realise every live pending tensor of this thread made since an expression had a number, and in no trace."""
    alive = [tensor for reference in list(WAITING.tensors.values()) if (tensor := reference()) is not None]
    asked = [t._expr for t in alive if t._expr.made > start]
    realize([e for e in asked if e.value is None and e.trace is None], WAITING.tensors)


def _is_overdue(e: Expr) -> bool:
    """Whether a pending value has waited too long. What a gradient may go through holds its history anyway."""
    return e.value is None and e.trace is None and not e.has_history and CLOCK.now - e.born > PATIENCE
