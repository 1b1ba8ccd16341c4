"""Several results, and subgraphs that run many times or not at all: ``result``, ``scan``, ``cond``, ``while_loop``.

A body is a ``Subgraph``: a graph whose inputs are the operands in order and whose outputs are the results. It reads
nothing from outside, so what it uses is an operand. The loops' gradients are loops of the body's gradient, made by
``framework.autodiff``; the one of ``scan`` computes the carried values of every turn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.primitives.base import Array, Attrs, OperandType, Primitive, Shape


def _types(operand: OperandType) -> tuple[tuple[Shape, DType], ...]:
    return ((operand.shape, operand.dtype), *operand.further)


def _result_type(operands: Sequence[OperandType], attrs: Attrs) -> tuple[Shape, DType]:
    types, index = _types(operands[0]), attrs["index"]
    if len(types) == 1:
        raise ShapeError("its operand has one result, which is read as it is")
    if not 0 <= index < len(types):
        raise ShapeError(f"there is no result {index} of {len(types)}")
    return types[index]


def _result(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """Who evaluates a node of several results picks the one that is read: together they are no array."""
    raise AssertionError("result is read by who evaluates its operand")


PRIMITIVES = (
    Primitive(
        "result", "One of the results of a node that has several.", "control", 1,
        lambda operands, attrs: _result_type(operands, attrs)[0],
        lambda operands, attrs: _result_type(operands, attrs)[1],
        _result, (lambda e, s, g: g,), {"index": "which, from 0"},
    ),
)
