"""What the declaration of a primitive holds, and the shape and dtype rules that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from weft.framework.dtypes import DType, bool_
from weft.framework.errors import DTypeError, ShapeError

Shape = tuple[int, ...]
Attrs = Mapping[str, Any]
Array = npt.NDArray[Any]
Types = tuple[tuple[Shape, DType], ...]
"""Shape and dtype of several results."""
Group = Literal["source", "elementwise", "reduction", "movement", "contraction", "order", "index", "control"]


class OperandType(Protocol):
    """What a rule may know of an input: nothing but its shape and dtype."""

    @property
    def shape(self) -> Shape: ...

    @property
    def dtype(self) -> DType: ...

    @property
    def further(self) -> Types:
        """The types of the results behind the first."""
        ...


class Emitter(Protocol):
    """What a gradient rule writes into; ``framework.graph.GraphBuilder`` is the one that stands."""

    def apply(self, op: str, *inputs: int, **attrs: Any) -> int:
        """Append primitive ``op`` and return the index of its node."""
        ...

    def full(self, value: float, like: int) -> int:
        """A constant with the shape and dtype of node ``like``."""
        ...

    def zeros(self, shape: Shape, dtype: DType) -> int:
        """Zeros of a shape and dtype."""
        ...

    def results(self, op: str, *inputs: int, **attrs: Any) -> tuple[int, ...]:
        """Append primitive ``op`` and return the index of the node of each of its results."""
        ...

    def shape(self, node: int) -> Shape:
        """The shape of a node."""
        ...

    def dtype(self, node: int) -> DType:
        """The dtype of a node."""
        ...

    def further(self, node: int) -> Types:
        """The types of a node's results behind the first."""
        ...


@dataclass(frozen=True)
class Site:
    """Where a gradient is taken: the node's input indices, its own index, and its attributes."""

    inputs: tuple[int, ...]
    output: int
    attrs: Attrs


ShapeRule = Callable[[Sequence[OperandType], Attrs], Shape]
DTypeRule = Callable[[Sequence[OperandType], Attrs], DType]
GradientRule = Callable[[Emitter, Site, int], int]
WholeGradientRule = Callable[[Emitter, Site, Sequence[int | None]], Sequence[int | None]]
TypesRule = Callable[[Sequence[OperandType], Attrs], Types]
Reference = Callable[[Sequence[Array], Attrs, "np.dtype[Any]"], Array]
References = Callable[[Sequence[Array], Attrs, "np.dtype[Any]"], tuple[Array, ...]]


@dataclass(frozen=True)
class Primitive:
    """One operation of the graph.

    name, doc: how it is called, and its contract in one sentence.
    group: what kind of loop it is.
    arity: the number of inputs; None for one or more.
    shape, dtype: the rules; they raise ShapeError or DTypeError for operands that do not fit. Of several results they
        give the type of the first.
    reference: the meaning, in NumPy. Receives the input arrays (floats already widened to the ``real`` dtype, float32
        or float64) and the attributes; the caller rounds a float result to the node's dtype. Of several results it
        gives a tuple.
    gradients: per input, a rule that appends the vector-Jacobian product for a cotangent ``g`` (of the output's shape
        and dtype) and returns its index; None where no gradient flows.
    attributes: name and meaning of every attribute; all of them must be given.
    further: the rule for the types of the results behind the first; None for a primitive with one result. Others read
        each of several results through a ``result`` node.
    gradient: in place of ``gradients`` for a primitive of several results or of any number of inputs: takes a
        cotangent for each result and gives one for each input, None standing for zero.
    """

    name: str
    doc: str
    group: Group
    arity: int | None
    shape: ShapeRule
    dtype: DTypeRule
    reference: Reference | References
    gradients: tuple[GradientRule | None, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    further: TypesRule | None = None
    gradient: WholeGradientRule | None = None

    def results(self, inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> tuple[Array, ...]:
        """What ``reference`` gives, as a tuple whether it is one result or several."""
        given = self.reference(inputs, attrs, real)
        return given if isinstance(given, tuple) else (np.asarray(given),)

    def result(self, inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
        """What ``reference`` gives for a primitive of one result."""
        (given,) = self.results(inputs, attrs, real)
        return given


def shapes_text(operands: Sequence[OperandType]) -> str:
    """The operands' shapes for a message: ``[2, 3] and [4]``."""
    return " and ".join(str(list(o.shape)) for o in operands)


def same_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    """Elementwise: all inputs have one shape (broadcasting is a node of its own)."""
    if any(o.shape != operands[0].shape for o in operands):
        raise ShapeError(f"shapes {shapes_text(operands)} differ; insert broadcast_to")
    return operands[0].shape


def same_dtype(kinds: str) -> DTypeRule:
    """All inputs have one dtype of the named ``kinds`` ("float int"), and the result has it too."""
    allowed = kinds.split()

    def rule(operands: Sequence[OperandType], attrs: Attrs) -> DType:
        first = operands[0].dtype
        if any(o.dtype != first for o in operands):
            raise DTypeError(f"dtypes {', '.join(o.dtype.name for o in operands)} differ; insert cast")
        if first.kind not in allowed:
            raise DTypeError(f"takes {' or '.join(allowed)} values, not {first}")
        return first

    return rule


def to_bool(kinds: str) -> DTypeRule:
    """All inputs have one dtype of the named kinds; the result is bool."""
    check = same_dtype(kinds)

    def rule(operands: Sequence[OperandType], attrs: Attrs) -> DType:
        check(operands, attrs)
        return bool_

    return rule


def checked_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """``axes`` if they are distinct, ascending and within ``rank``. Raises ShapeError."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < rank for axis in axes):
        raise ShapeError(f"axes {list(axes)} must be distinct, ascending and within 0..{rank - 1}")
    return tuple(axes)
