"""The body of a loop nest under construction: what it reads, and the operations between."""

from __future__ import annotations

from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Scalar, Store
from weft.compiler.targets.cpu.views import Index, NumberView, View
from weft.framework.primitives.base import Shape


class LoopBody:
    """A loop's loads and scalar operations under construction."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.entries: list[AccessWindow | Scalar] = []
        self.known: dict[AccessWindow | str, int] = {}

    def operand(self, view: View) -> int:
        """The number of a value read from a view of the loop's shape."""
        key = view if isinstance(view, AccessWindow) else repr(view)  # 0.0 and -0.0 are equal, but other numbers
        if key not in self.known:
            assert view.shape == self.shape
            self.known[key] = len(self.entries)
            self.entries.append(_leaf(view))
        return self.known[key]

    def compute(self, op: str, args: tuple[int, ...], dtype: str, operand_dtype: str) -> int:
        """The number of an operation's result."""
        self.entries.append(Scalar(op, args, dtype, operand_dtype))
        return len(self.entries) - 1

    def loop(self, stores: list[Store]) -> LoopNest:
        """The finished loop: loads numbered first, as `LoopNest` wants them."""
        loads = [n for n, e in enumerate(self.entries) if isinstance(e, AccessWindow)]
        rest = [n for n, e in enumerate(self.entries) if isinstance(e, Scalar)]
        slot = {n: place for place, n in enumerate([*loads, *rest])}
        return LoopNest(
            self.shape,
            tuple(e for e in self.entries if isinstance(e, AccessWindow)),
            tuple(e._replace(args=tuple(slot[a] for a in e.args)) for e in self.entries if isinstance(e, Scalar)),
            tuple(Store(slot[s.slot], s.window, s.combine) for s in stores),
        )


def _leaf(view: View) -> AccessWindow | Scalar:
    """How a loop's body reads a view."""
    if isinstance(view, NumberView):
        return Scalar("constant", (), view.dtype, view.dtype, view.value)
    if isinstance(view, Index):
        return Scalar("index", (), view.dtype, view.dtype, (view.strides, view.offset))
    return view
