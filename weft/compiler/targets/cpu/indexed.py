"""Steps whose places are values: gather, scatter, parts that begin at a value, and sums up to each element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft.compiler.targets.cpu.loops import AccessWindow
from weft.compiler.targets.cpu.views import NumberView, View
from weft.framework.graph import Node
from weft.framework.primitives.base import Shape

INDEXED = frozenset({"gather", "scatter", "dynamic_slice", "dynamic_update", "cumsum"})
"""Primitives that become such a step."""


class IndexedStep(NamedTuple):
    """out = what primitive `op` means for `operands`; those that say where are the last, but for a scatter's.

    Attributes:
        axis: along which indices count, or sums go; None where every axis has a start.
        mode: what a scatter does; "reverse" for sums from the last element on.
        fill: the number that everything is which a scatter begins with; None where its first operand says it.
    """

    op: str
    operands: tuple[AccessWindow, ...]
    out: AccessWindow
    axis: int | None = None
    mode: str = ""
    fill: float | None = None

    @property
    def windows(self) -> tuple[AccessWindow, ...]:
        """All of memory that it touches."""
        return (*self.operands, self.out)

    def with_windows(self, windows: Sequence[AccessWindow]) -> IndexedStep:
        """The same on other memory."""
        return self._replace(operands=tuple(windows[:-1]), out=windows[-1])

    @property
    def space(self) -> Shape:
        """The elements that it goes through, once for each."""
        moved = {"scatter": -1, "dynamic_update": -2}  # updates; the part
        return self.operands[moved[self.op]].shape if self.op in moved else self.out.shape


class IndexedLowering:
    """The part of the lowering that deals with them; what it needs of the whole is declared here."""

    views: dict[int, View]
    steps: list[Any]
    _stored: Callable[[View], AccessWindow]
    _target: Callable[[int], AccessWindow]

    def _indexed(self, i: int, node: Node) -> View:
        given = [self.views[source] for source in node.inputs]
        attrs, fill, begun = node.attributes, None, given[0]
        if node.op in ("scatter", "dynamic_update") and isinstance(begun, NumberView):
            fill, given = begun.value, given[1:]  # nothing has to be read
        target = self._target(i)
        operands = tuple(self._stored(view) for view in given)
        mode = "reverse" if attrs.get("reverse") else attrs.get("mode", "")
        self.steps.append(IndexedStep(node.op, operands, target, attrs.get("axis"), mode, fill))
        return target
