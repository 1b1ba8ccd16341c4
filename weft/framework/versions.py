"""Versions of a value that is changed in place, so that a gradient which needs the one before is refused.

No value is ever overwritten: what an expression stands for stays. But a program that changes a tensor which was saved
for ``backward()`` is most likely wrong, and torch refuses it; so is it here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec

from weft.framework.errors import GradientError
from weft.framework.origin import user_line

if TYPE_CHECKING:
    from weft.framework.graph import Node
    from weft.framework.lazy import Expr
    from weft.framework.tensor import Tensor

P = ParamSpec("P")


class Version:
    """What a storage held for a time, shared by all expressions that show it.

    changed: where it was written to, so that the storage holds another value since; or None. since: a number of an
    expression, when that operation in place began: what it computes itself needs the old value, and may have it.
    """

    __slots__ = ("changed", "since")

    def __init__(self) -> None:
        self.changed: str | None = None
        self.since = 0


def version_of(e: Expr) -> Version:
    """The version that ``e`` shows."""
    if e.version is None:
        e.version = Version()
    return e.version


def overwritten(e: Expr, where: str, since: int) -> None:
    """``e``, what a storage held, is no longer what it holds."""
    version = version_of(e)
    if version.changed is None:
        version.changed, version.since = where, since


def changed_among(expressions: Sequence[Expr]) -> dict[int, Version]:
    """Those that were overwritten, by their place."""
    return {i: e.version for i, e in enumerate(expressions) if e.version is not None and e.version.changed is not None}


KEEPS_OPERANDS = frozenset({"abs", "div", "rem"})
"""Operations of which torch keeps the operands where the gradient here is made of the result: the first one counts."""
KEEPS_RESULT = frozenset({"sigmoid", "tanh"})
"""Operations of which it keeps the result where the gradient here is made of the operands."""


class Readers:
    """Which node's gradient each node that is appended belongs to: a ``Visit`` around another one."""

    def __init__(self, nodes: Sequence[Node], visit: Callable[[int, dict[int, int]], bool] | None) -> None:
        self._nodes, self._visit = nodes, visit
        self._starts: list[tuple[int, int]] = []

    def __call__(self, i: int, found: dict[int, int]) -> bool:
        self._starts.append((len(self._nodes), i))
        return self._visit is not None and self._visit(i, found)

    def check(self, order: Sequence[Expr], changed: Mapping[int, Version]) -> None:
        """Raise GradientError if a gradient reads what was overwritten after the operation that it belongs to."""
        for appended, i in self.appended():
            reader = order[i]
            for read in self._nodes[appended].inputs:
                k = self._kept(i, read, reader)
                if k in changed and reader.made <= changed[k].since:
                    raise GradientError(_refusal(self._nodes[i].op, reader, order[k], changed[k]))

    def appended(self) -> Iterator[tuple[int, int]]:
        """Each node that was appended, and the one whose gradient it belongs to."""
        ends = [start for start, _ in self._starts[1:]] + [len(self._nodes)]
        for (start, i), end in zip(self._starts, ends, strict=True):
            yield from ((k, i) for k in range(start, end))

    def _kept(self, i: int, read: int, reader: Expr) -> int:
        """What torch keeps where the gradient of node ``i`` reads ``read``."""
        op, operands = self._nodes[i].op, self._nodes[i].inputs  # of a compound's value what it ends with
        if read == i and op in KEEPS_OPERANDS:
            return operands[0]
        return i if read in operands and (reader.keeps_result or op in KEEPS_RESULT) else read


def _refusal(op: str, reader: Expr, needed: Expr, version: Version) -> str:
    at = f" (at {reader.origin.line})" if reader.origin is not None else ""
    return (
        f"{user_line()}: the gradient of {op}{at} needs a value, {needed.dtype}{list(needed.shape)}, that was "
        f"changed in place since, at {version.changed}; change a .clone() of it, or write x = ... anew"
    )


def check_saved(tensor: Tensor, version: Version, by: str) -> None:
    """Raise GradientError if a tensor that a Function has saved was changed since."""
    if version.changed is not None:
        raise GradientError(
            f"{user_line()}: {by} saved a tensor, {tensor.dtype}{list(tensor.shape)}, that was changed in place since, "
            f"at {version.changed}; change a .clone() of it, or save one"
        )


def keeps_result(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """``function``, one operation, of which torch keeps the result: its operands may be changed afterwards."""

    @functools.wraps(function)
    def marked(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        made = function(*args, **kwargs)
        made._read().keeps_result = True
        return made

    return marked
