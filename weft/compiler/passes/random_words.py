"""Random bits written out in additions, shifts and exclusive ors, for targets that have no such instruction.

Threefry-2x32-20 (J. Salmon et al., SC 2011): what is written is exact, so the bits are those of ``random_bits``.
"""

from __future__ import annotations

from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.dtypes import uint32
from weft.framework.graph import Graph, Node
from weft.framework.primitives.base import Shape
from weft.framework.primitives.bits import PARITY, ROTATIONS


def random_words(graph: Graph) -> Graph:
    """The graph without ``random_bits``."""
    return prune(rewrite(graph, _written_out)) if "random_bits" in graph.ops else graph


class _Words:
    """Operations on uint32 nodes of one shape."""

    def __init__(self, builder: GraphBuilder, shape: Shape) -> None:
        self.b, self.shape = builder, shape

    def spread(self, scalar: int) -> int:
        return self.b.apply("broadcast_to", scalar, shape=self.shape) if self.shape else scalar

    def number(self, value: int) -> int:
        return self.spread(self.b.constant(value, uint32))

    def word(self, pair: int, which: int) -> int:
        """One of the two words of a uint32[2], everywhere."""
        one = self.b.apply("slice", pair, starts=(which,), stops=(which + 1,), steps=(1,))
        return self.spread(self.b.apply("reshape", one, shape=()))

    def of(self, op: str, *operands: int) -> int:
        return self.b.apply(op, *operands)

    def position(self) -> int:
        """The row-major index of each element, below 2**32."""
        total, step = self.number(0), 1
        for axis in reversed(range(len(self.shape))):
            along = self.b.apply("cast", self.b.apply("iota", shape=self.shape, axis=axis), dtype="uint32")
            total = self.of("add", total, self.of("mul", along, self.number(step)))
            step *= self.shape[axis]
        return total

    def turned(self, x: int, by: int) -> int:
        """The bits of x rotated up."""
        return self.of(
            "or", self.of("shift_left", x, self.number(by)), self.of("shift_right", x, self.number(32 - by))
        )


def _written_out(b: GraphBuilder, node: Node, inputs: tuple[int, ...]) -> int | None:
    if node.op != "random_bits":
        return None
    w, (key, start) = _Words(b, node.shape), inputs
    k0, k1 = w.word(key, 0), w.word(key, 1)
    schedule = (k0, k1, w.of("xor", w.of("xor", k0, k1), w.number(PARITY)))
    first, position = w.word(start, 0), w.position()
    low = w.of("add", first, position)
    carry = b.apply("cast", w.of("lt", low, first), dtype="uint32")  # the counter has 64 bits
    x0, x1 = w.of("add", low, k0), w.of("add", w.of("add", w.word(start, 1), carry), k1)
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 = w.of("add", x0, x1)
            x1 = w.of("xor", w.turned(x1, rotation), x0)
        x0 = w.of("add", x0, schedule[(group + 1) % 3])
        x1 = w.of("add", x1, w.of("add", schedule[(group + 2) % 3], w.number(group + 1)))
    return (x0, x1)[node.attr("word")]
