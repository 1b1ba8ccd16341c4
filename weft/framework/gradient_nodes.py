"""The history of a tensor to look at: ``grad_fn``, one node for each operation that a gradient flows back through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.backward import is_inner, sources
from weft.framework.lazy import CUSTOM, Expr

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class GradientNode:
    """An operation that a gradient flows back through, or a leaf, which collects it; equal for equal operations."""

    def __init__(self, expression: Expr) -> None:
        self._expression = expression

    def name(self) -> str:
        """``MulBackward0`` for the primitive ``mul``; ``AccumulateGrad`` for a leaf; of a Function with its class."""
        e = self._expression
        if not is_inner(e):
            return "AccumulateGrad"
        if e.op == CUSTOM:
            return f"{dict(e.attrs)['rule'].name}Backward"
        return f"{''.join(part.capitalize() for part in e.op.split('_'))}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[GradientNode | None, int], ...]:
        """The nodes that it hands its gradient on to, for each input; None for an input without a gradient."""
        return tuple((GradientNode(e) if e.requires_grad else None, 0) for e in sources(self._expression))

    @property
    def variable(self) -> Tensor | None:
        """The tensor that an ``AccumulateGrad`` belongs to, while it lives."""
        owner = self._expression.owner
        return None if owner is None else owner()

    @property
    def line(self) -> str:
        """The user's line that it comes from, ``train.py:12``, if it is known."""
        origin = self._expression.origin
        return "" if origin is None else origin.line

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradientNode) and other._expression is self._expression

    def __hash__(self) -> int:
        return id(self._expression)

    def __repr__(self) -> str:
        return f"<{self.name()}{f' at {self.line}' if self.line else ''}>"
