"""What pending expressions have in common: types and operations, each one object for all that are equal.

An operation is a primitive with its attributes on operands of certain types. It is found by what is at hand where it is
asked for, so that nothing is inferred twice, and no attributes are put into plain form twice. As one object it is
hashed and compared by identity: ``realising`` and ``backward`` know a structure that they have seen by the operations
in it. The tables are emptied when they are full; what is then made anew is merely not known again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from weft.framework.builder import infer, plain_attributes
from weft.framework.dtypes import DType
from weft.framework.graph import Attributes
from weft.framework.origin import CodePlace, resolved
from weft.framework.primitives.base import Shape, Types
from weft.framework.size import Size

MOST = 1 << 15
"""Entries of a table before it is emptied."""


class ValueType:
    """What a value is apart from its elements. further: the types of the results behind the first."""

    __slots__ = ("dtype", "further", "shape", "size")

    def __init__(self, shape: Shape, dtype: DType, further: Types = ()) -> None:
        self.shape, self.dtype, self.further, self.size = shape, dtype, further, Size(shape)


class Operation:
    """``op`` with ``attrs`` on operands of certain types, which gives a value of ``type``.

    is_float: whether one of its results is of floats.
    """

    __slots__ = ("attrs", "is_float", "op", "type")

    def __init__(self, op: str, attrs: Attributes, type: ValueType) -> None:
        self.op, self.attrs, self.type = op, attrs, type
        self.is_float = type.dtype.is_float or any(dtype.is_float for _, dtype in type.further)


class Typed(Protocol):
    """An operand, as far as an operation knows it."""

    type: ValueType


_TYPES: dict[tuple[Shape, DType, Types], ValueType] = {}
_OPERATIONS: dict[Any, Operation] = {}
"""By op, the operands' types, and attributes as given; by op, type and attributes where the type is given."""


def value_type(shape: Shape, dtype: DType, further: Types = ()) -> ValueType:
    """The type of this shape and dtype."""
    found = _TYPES.get((shape, dtype, further))
    if found is None:
        if len(_TYPES) >= MOST:
            _TYPES.clear()
        found = _TYPES.setdefault((shape, dtype, further), ValueType(shape, dtype, further))
    return found


def of_type(op: str, type: ValueType, attrs: Attributes = ()) -> Operation:
    """The operation with a result of a known type; ``attrs``: in plain form."""
    key = (op, type, attrs)
    found = _OPERATIONS.get(key)
    return _kept(key, Operation(op, attrs, type)) if found is None else found


def operation(op: str, operands: tuple[Typed, ...], attrs: Mapping[str, Any], place: CodePlace) -> Operation:
    """The operation on such operands. Raises ShapeError or DTypeError naming the place and op."""
    key: Any
    if len(operands) == 1:
        key = op, operands[0].type
    elif len(operands) == 2:
        key = op, operands[0].type, operands[1].type
    else:
        key = op, *[e.type for e in operands]
    if attrs:
        key += _exactly(attrs)
    try:
        found = _OPERATIONS.get(key)
    except TypeError:  # a list among the attributes
        attrs = dict(plain_attributes(attrs))
        key = op, *[e.type for e in operands], *_exactly(attrs)
        found = _OPERATIONS.get(key)
    if found is None:
        named = plain_attributes(attrs)
        shape, dtype, further = infer(op, [e.type for e in operands], named, resolved(place))
        found = _kept(key, Operation(op, named, value_type(shape, dtype, further)))
    return found


def _exactly(attrs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Attributes as a key that tells apart what Python calls equal: 1 and True and 1.0, 0.0 and -0.0."""
    kinds = tuple(map(type, attrs.values()))
    if float in kinds:
        return (*[(name, repr(value)) for name, value in attrs.items()], kinds)
    return (*attrs.items(), kinds)


def _kept(key: Any, made: Operation) -> Operation:
    if len(_OPERATIONS) >= MOST:
        _OPERATIONS.clear()
    return _OPERATIONS.setdefault(key, made)
