"""Given: what a buffer is, running a graph inside one block of memory, and a picture of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ir
import numpy as np
from ir import Array, Graph

ALIGN = 64
"""Every offset is a multiple of this many bytes: a cache line, or a burst of the DRAM."""

IN_PLACE = ("add", "sub", "mul", "div", "exp", "log", "relu", "step", "reshape")
"""Operations whose element i is made from element i of each operand and of nothing else, in row-major order."""


@dataclass(frozen=True)
class Buffer:
    """Memory for ``values`` (indices of nodes, one after the other in time): ``size`` bytes that are occupied while
    the nodes ``first`` to ``last`` run, both included."""

    values: tuple[int, ...]
    size: int
    first: int
    last: int


def computed(graph: Graph) -> list[int]:
    """The nodes whose values live in the arena: all but inputs and constants, which belong to the caller."""
    return [i for i, node in enumerate(graph.nodes) if node.op not in ("input", "constant")]


def separate(graph: Graph, ranges: Mapping[int, tuple[int, int]]) -> list[Buffer]:
    """A buffer of its own for every computed value."""
    return [Buffer((i,), graph.nodes[i].nbytes, *ranges[i]) for i in computed(graph)]


def arena_bytes(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """How much memory a plan needs: where its highest buffer ends."""
    return max((offset + buffer.size for buffer, offset in zip(buffers, offsets, strict=True)), default=0)


PIECES = 4
"""A result is made in so many pieces; each is written before the next one is computed."""


def run_in_arena(
    graph: Graph, buffers: Sequence[Buffer], offsets: Sequence[int], inputs: Mapping[str, Array]
) -> tuple[Array, ...]:
    """The graph's outputs, with every computed value at its buffer's offset in one block of bytes.

    As on a real machine, a result is not written at once: its first quarter is in memory when the second one is
    computed from what the operands are *then*. So a result may only lie on an operand that allows it.
    """
    memory = np.full(arena_bytes(buffers, offsets), 0xA5, np.uint8)
    place = {value: offset for buffer, offset in zip(buffers, offsets, strict=True) for value in buffer.values}
    values: list[Array] = []
    for i, node in enumerate(graph.nodes):
        if node.op == "input":
            values.append(np.array(inputs[dict(node.attrs)["name"]], node.dtype).reshape(node.shape))
        elif node.op == "constant":
            values.append(node.value)
        else:
            values.append(memory[place[i] : place[i] + node.nbytes].view(node.dtype).reshape(node.shape))
            flat = values[i].reshape(-1)
            for piece in np.array_split(np.arange(flat.size), PIECES):
                result = ir.compute(node.op, [values[source] for source in node.inputs], node.attrs)
                flat[piece] = result.reshape(-1)[piece]
    return tuple(values[i].copy() for i in graph.outputs)


def picture(buffers: Sequence[Buffer], offsets: Sequence[int], width: int = 72, height: int = 16) -> str:
    """A plan as text: time from left to right, addresses from bottom to top, a letter a buffer (`.`: unused)."""
    steps = max((buffer.last for buffer in buffers), default=0) + 1
    total = max(arena_bytes(buffers, offsets), 1)
    rows = [["."] * min(width, steps) for _ in range(height)]
    for number, (buffer, offset) in enumerate(zip(buffers, offsets, strict=True)):
        letter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 52]
        low, high = offset * height // total, -(-(offset + buffer.size) * height // total)
        for row in rows[low:high]:
            left, right = (t * len(row) // steps for t in (buffer.first, buffer.last))
            row[left : right + 1] = [letter] * (right + 1 - left)
    lines = [f"{(index + 1) * total // height:8,} {''.join(row)}" for index, row in enumerate(rows)]
    return "\n".join([*reversed(lines), f"{'bytes':>8} {'step 0':{max(len(rows[0]) - 8, 8)}}{steps - 1:>8}"])
