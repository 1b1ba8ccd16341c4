"""The table of primitives: everything a graph can compute, each declared once in the file of its kind.

``base`` says what a declaration holds; ``_KINDS`` is the order of reading (``sliding`` has what convolutions and
windows share). Adding a primitive is one ``Primitive(...)`` in one of these files, and its tests.
"""

from __future__ import annotations

from weft.framework.errors import GraphError
from weft.framework.primitives import (
    bits,
    contraction,
    control,
    convolution,
    elementwise,
    functions,
    indexing,
    movement,
    ordering,
    quantisation,
    reduction,
    sources,
    windows,
)
from weft.framework.primitives.base import Emitter, Primitive, Site

_KINDS = (
    sources,
    elementwise,
    functions,
    bits,
    reduction,
    ordering,
    movement,
    indexing,
    contraction,
    convolution,
    windows,
    quantisation,
    control,
)

PRIMITIVES: dict[str, Primitive] = {primitive.name: primitive for kind in _KINDS for primitive in kind.PRIMITIVES}
"""Every primitive by name."""


def primitive(name: str) -> Primitive:
    """The primitive called ``name``. Raises GraphError that lists the known ones."""
    if name not in PRIMITIVES:
        raise GraphError(f"unknown primitive {name!r}; known: {', '.join(PRIMITIVES)}")
    return PRIMITIVES[name]


__all__ = ["PRIMITIVES", "Emitter", "Primitive", "Site", "primitive"]
