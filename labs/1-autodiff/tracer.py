"""Tensors that record what is to be computed, and compute it when somebody looks.

    x = tensor([1.0, 2.0])
    y = (x * 3).exp()        # nothing is computed: y knows "exp of (mul of x and 3)"
    y.numpy()                # now it is
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ir
import numpy as np
import numpy.typing as npt


class Tensor:
    """A value that may not have been computed yet.

    op, inputs, attrs: how to compute it, as in an ``ir.Node``, except that inputs are the tensors themselves. A tensor
    that came from outside has op "leaf" and no inputs.
    shape, dtype: of the value; they are known without computing it.
    value: the array, or None as long as nobody needed it.
    """

    __slots__ = ("attrs", "dtype", "inputs", "op", "shape", "value")
    __array_ufunc__ = None  # array + tensor is Tensor.__radd__, not NumPy's loop over the elements

    def __init__(
        self,
        op: str,
        inputs: tuple[Tensor, ...],
        attrs: ir.Attributes,
        shape: ir.Shape,
        dtype: str,
        value: ir.Array | None = None,
    ) -> None:
        self.op, self.inputs, self.attrs = op, inputs, attrs
        self.shape, self.dtype, self.value = shape, dtype, value

    def __add__(self, other: Operand) -> Tensor:
        return record("add", self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return record("add", other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return record("sub", self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return record("sub", other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return record("mul", self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return record("mul", other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return record("div", self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return record("div", other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return record("matmul", self, other)

    def __neg__(self) -> Tensor:
        return record("mul", self, -1.0)

    def exp(self) -> Tensor:
        return record("exp", self)

    def log(self) -> Tensor:
        return record("log", self)

    def relu(self) -> Tensor:
        return record("relu", self)

    def step(self) -> Tensor:
        """1 where this is positive, else 0."""
        return record("step", self)

    def transpose(self) -> Tensor:
        return record("transpose", self)

    def sum(self, axes: tuple[int, ...] | None = None) -> Tensor:
        """The sum over some axes (rising), which disappear; over all axes if none are given."""
        return record("sum", self, axes=tuple(range(len(self.shape))) if axes is None else axes)

    def broadcast(self, shape: ir.Shape) -> Tensor:
        """Stretched to ``shape`` by NumPy's rules."""
        return record("broadcast", self, shape=shape)

    def reshape(self, shape: ir.Shape) -> Tensor:
        return record("reshape", self, shape=shape)

    def numpy(self) -> ir.Array:
        """The value; this is where somebody looks."""
        realise(self)
        assert self.value is not None, "realise() left this tensor without a value"
        return self.value

    def __repr__(self) -> str:
        state = "not computed" if self.value is None else np.array2string(self.value, threshold=8)
        return f"Tensor({self.op}, {self.dtype}{list(self.shape)}, {state})"


Operand = Tensor | npt.ArrayLike

ELEMENTWISE_BINARY = ("add", "sub", "mul", "div")


def tensor(value: npt.ArrayLike, dtype: str = "float64") -> Tensor:
    """A tensor with a value from outside."""
    array = np.asarray(value, dtype)
    return Tensor("leaf", (), (), array.shape, dtype, array)


def record(op: str, *operands: Operand, **attrs: Any) -> Tensor:
    """The tensor that ``op`` of the operands will be. Nothing is computed: its ``value`` is None.

    operands: tensors, or numbers and arrays. These become leaves of the dtype that the tensors among the operands have
    (one operand at least is a tensor).
    The operands of add, sub, mul and div are stretched to a common shape by NumPy's rules (``np.broadcast_shapes``):
    where an operand has another shape than the common one, a "broadcast" of it is recorded and takes its place. The IR
    itself wants equal shapes.
    attrs: the attributes; in the tensor they are (name, value) pairs sorted by name.
    inputs and attrs are tuples. Shape and dtype are what ``ir.infer`` says, and its GraphError is let through.
    """
    # hole: record
    dtype = next(operand.dtype for operand in operands if isinstance(operand, Tensor))
    inputs = [operand if isinstance(operand, Tensor) else tensor(operand, dtype) for operand in operands]
    if op in ELEMENTWISE_BINARY:
        common = np.broadcast_shapes(*(x.shape for x in inputs))
        inputs = [x if x.shape == common else x.broadcast(common) for x in inputs]
    shape, dtype = ir.infer(op, inputs, attrs)
    return Tensor(op, tuple(inputs), tuple(sorted(attrs.items())), shape, dtype)
    # end hole


def operands_of(x: Tensor) -> Sequence[Tensor]:
    """What a tensor was recorded from."""
    return x.inputs


def topological_order(
    roots: Sequence[Tensor], operands: Callable[[Tensor], Sequence[Tensor]] = operands_of
) -> list[Tensor]:
    """The roots and everything they depend on: each tensor once, and after all its operands.

    operands: what a tensor depends on directly, which need not be its inputs; it is asked at most once for each tensor.
    The graph may be deeper than Python's stack, so there is no recursion; and the work grows with the number of nodes
    and edges: not with the number of paths, and not with the square of the number of nodes.
    """
    # hole: topological-order
    order: list[Tensor] = []
    entered: set[Tensor] = set()
    stack = [(root, False) for root in roots]
    while stack:
        x, leaving = stack.pop()
        if leaving:
            order.append(x)
        elif x not in entered:
            entered.add(x)
            stack.append((x, True))
            stack += [(operand, False) for operand in operands(x)]
    return order
    # end hole


def realise(*tensors: Tensor) -> None:
    """Give each of ``tensors`` its value, computing only what is needed and still unknown, and each tensor once.

    What is computed on the way keeps its value too. Tensors that have a value are taken as they are: what they were
    recorded from is not looked at again. One operation is ``ir.compute(op, operand values, attrs)``.
    """
    # hole: realise
    for x in topological_order(tensors, lambda x: x.inputs if x.value is None else ()):
        if x.value is None:
            x.value = ir.compute(x.op, [operand.value for operand in x.inputs if operand.value is not None], x.attrs)
    # end hole


def to_graph(*outputs: Tensor, **names: Tensor) -> ir.Graph:
    """The recorded work as a flat ``ir.Graph``, the form that lab 2 makes smaller.

    names: tensors that become inputs of the graph under these names; every other leaf becomes a constant.
    """
    builder, index = ir.Builder(), {}
    named = {x: name for name, x in names.items()}
    for x in topological_order(outputs, lambda x: () if x in named else x.inputs):
        if x in named:
            index[x] = builder.input(named[x], x.shape, x.dtype)
        elif x.op == "leaf":
            index[x] = builder.constant(x.numpy(), x.dtype)
        else:
            index[x] = builder.apply(x.op, *(index[operand] for operand in x.inputs), **dict(x.attrs))
    return builder.build(*(index[x] for x in outputs))
