"""Scales as passes read them: what value stands behind a broadcast scale, and along which axis it varies."""

from __future__ import annotations

from dataclasses import dataclass

from weft.framework.builder import GraphBuilder
from weft.framework.primitives.base import Shape


@dataclass(frozen=True)
class Scale:
    """Node ``root``, which has one element (``axis`` None) or one for each index of ``axis`` of the reader's shape."""

    root: int
    axis: int | None


def scale_of(builder: GraphBuilder, index: int) -> Scale | None:
    """The scale behind a chain of broadcasts and reshapes, or None if it varies along several axes."""
    chain = []
    while builder[index].op in ("broadcast_to", "reshape"):
        chain.append(builder[index])
        index = builder[index].inputs[0]
    shape = builder.shape(index)
    wide = [axis for axis, extent in enumerate(shape) if extent != 1]
    if len(wide) != 1:
        return None if wide else Scale(index, None)
    axis, extent = wide[0], shape[wide[0]]
    for node in reversed(chain):
        if node.op == "broadcast_to":
            axis += len(node.shape) - len(shape)
        else:
            axis = next(a for a, n in enumerate(node.shape) if n != 1)
        shape = node.shape
        if shape[axis] != extent or (node.op == "reshape" and node.size != extent):
            return None
    return Scale(index, axis)


def times(builder: GraphBuilder, one: int, other: int) -> int:
    """The product of a scale of one element and another scale, in the other's shape."""
    if builder.shape(one) != builder.shape(other):
        one = builder.apply("reshape", one, shape=()) if builder.shape(one) else one
        one = builder.apply("broadcast_to", one, shape=builder.shape(other))
    return builder.apply("mul", one, other)


def spread(builder: GraphBuilder, scale: Scale, shape: Shape) -> int:
    """A scale of one element, or of one for each index of the last axis, repeated to ``shape``."""
    root = scale.root
    if scale.axis is not None and len(builder.shape(root)) != 1:
        root = builder.apply("reshape", root, shape=(shape[-1],))
    elif scale.axis is None and builder.shape(root) and builder.shape(root) != shape:
        root = builder.apply("reshape", root, shape=())
    return root if builder.shape(root) == shape else builder.apply("broadcast_to", root, shape=shape)
