"""Convolution in one or more dimensions: an input, a kernel, an output, each computed from the other two.

With ``groups`` G, the channels of the input being [G·C] and those of the output [G·F],

    output[n, g·F + f, j] = Σ over c and k of input[n, g·C + c, i] · kernel[g·F + f, c, k]

where, along every spatial axis, input_dilation·i + low = stride·j + dilation·k (``sliding``). The kernel is not
flipped: it is what the field calls convolution, and mathematics correlation.

The sum over all indices of input · kernel · output is linear in each of the three, so the derivative of any of them
with respect to another is the sum over what remains: the gradient of a convolution is a convolution with the same
attributes, and ``result`` says which of the three is computed. (cuDNN names the three forward, backward data and
backward filter; torch's conv_transpose is the second, its weight the kernel as it stands here.) No zeros are written
between the elements of a strided output's gradient, and no kernel is flipped or transposed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.framework.errors import ShapeError
from weft.framework.primitives import sliding
from weft.framework.primitives.base import Array, Attrs, Emitter, GradientRule, OperandType, Primitive, Shape, Site
from weft.framework.primitives.contraction import ACCUMULATION, in_operand_type, product_dtype

OPERANDS = {"output": ("input", "kernel"), "input": ("output", "kernel"), "kernel": ("input", "output")}
"""What is computed → what it is computed from, in the order of the node's inputs."""


def _conv_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    size, groups, result = attrs["size"], attrs["groups"], attrs["result"]
    if result not in OPERANDS:
        raise ShapeError(f"result is {', '.join(OPERANDS)}, not {result!r}")
    sliding.check_sliding(attrs)
    names = OPERANDS[result]
    for name, operand in zip(names, operands, strict=True):
        if len(operand.shape) != len(size) + 2:
            raise ShapeError(f"{_shown(name, operand)} needs two axes before those of size {list(size)}")
    for name, operand, axis in ((names[0], operands[0], 1), (names[1], operands[1], 1 if result == "kernel" else 0)):
        if groups < 1 or operand.shape[axis] % groups:
            raise ShapeError(f"{_shown(name, operand)} has {operand.shape[axis]} channels, not {groups} equal groups")
    a, b = (operand.shape for operand in operands)
    if result == "output":
        if a[1] != groups * b[1]:
            raise ShapeError(
                f"{_shown(names[0], operands[0])} has {a[1]} channels, but {_shown(names[1], operands[1])} takes "
                f"{b[1]} in each of {groups} groups"
            )
        return (a[0], b[0], *size)
    if result == "input":
        if a[1] != b[0]:
            raise ShapeError(
                f"{_shown(names[0], operands[0])} has {a[1]} channels, but {_shown(names[1], operands[1])} makes {b[0]}"
            )
        return (a[0], groups * b[1], *size)
    if a[0] != b[0]:
        raise ShapeError(f"{_shown(names[0], operands[0])} and {_shown(names[1], operands[1])} are not equally many")
    return (b[1], a[1] // groups, *size)


def _shown(name: str, operand: OperandType) -> str:
    return f"{name} {list(operand.shape)}"


def _gradient(operand: int) -> GradientRule:
    """The convolution that computes an operand from the cotangent, which takes the result's place, and the other."""

    def rule(e: Emitter, s: Site, g: int) -> int:
        result, wanted = s.attrs["result"], s.inputs[operand]
        role = OPERANDS[result][operand]
        known = {**dict(zip(OPERANDS[result], s.inputs, strict=True)), result: g}
        a, b = (in_operand_type(e, known[name], like=wanted) for name in OPERANDS[role])
        accumulate = ACCUMULATION[e.dtype(wanted).name]
        size = e.shape(wanted)[2:]
        made = e.apply("conv", a, b, **{**s.attrs, "result": role, "size": size, "accumulate": accumulate})
        return in_operand_type(e, made, like=wanted)

    return rule


def _conv(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (a, b), compute = inputs, _COMPUTED[attrs["result"]]
    if a.dtype != np.int8:
        return compute(a, b, attrs)
    # Products of int8 summed in float64 are exact far beyond any depth in use; then wrap as int32 does.
    return compute(a.astype(np.float64), b.astype(np.float64), attrs).astype(np.int64).astype(np.int32)


def _columns(x: Array, attrs: Attrs, size: Shape, window: Shape) -> Array:
    """[G, N·size, C·window]: what each output element sees of an input [N, G·C, …]."""
    groups, rank = attrs["groups"], len(size)
    seen = sliding.windows(x, attrs, size, window)
    split = seen.reshape(x.shape[0], groups, x.shape[1] // groups, *size, *window)
    ordered = np.moveaxis(np.moveaxis(split, 1, 0), 2, 2 + rank)  # [G, N, size, C, window]
    return ordered.reshape(groups, x.shape[0] * math.prod(size), math.prod(ordered.shape[2 + rank :]))


def _rows(y: Array, groups: int) -> Array:
    """[G, N·size, F] of an output [N, G·F, *size]."""
    split = y.reshape(y.shape[0], groups, y.shape[1] // groups, math.prod(y.shape[2:]))
    return np.transpose(split, (1, 0, 3, 2)).reshape(groups, y.shape[0] * split.shape[3], split.shape[2])


def _output(x: Array, kernel: Array, attrs: Attrs) -> Array:
    groups, size = attrs["groups"], attrs["size"]
    flat = kernel.reshape(groups, kernel.shape[0] // groups, math.prod(kernel.shape[1:]))
    made = _columns(x, attrs, size, kernel.shape[2:]) @ np.swapaxes(flat, 1, 2)
    split = made.reshape(groups, x.shape[0], math.prod(size), flat.shape[1])
    return np.transpose(split, (1, 0, 3, 2)).reshape(x.shape[0], kernel.shape[0], *size)


def _input(y: Array, kernel: Array, attrs: Attrs) -> Array:
    groups, extents = attrs["groups"], attrs["size"]
    flat = kernel.reshape(groups, kernel.shape[0] // groups, math.prod(kernel.shape[1:]))
    made = (_rows(y, groups) @ flat).reshape(groups, y.shape[0], *y.shape[2:], *kernel.shape[1:])
    seen = np.moveaxis(np.moveaxis(made, 2 + len(extents), 2), 0, 1)  # [N, G, C, outputs, window]
    return sliding.overlapped(seen, attrs, extents).reshape(y.shape[0], groups * kernel.shape[1], *extents)


def _kernel(x: Array, y: Array, attrs: Attrs) -> Array:
    groups, window = attrs["groups"], attrs["size"]
    made = np.swapaxes(_rows(y, groups), 1, 2) @ _columns(x, attrs, y.shape[2:], window)
    return made.reshape(y.shape[1], x.shape[1] // groups, *window)


_COMPUTED = {"output": _output, "input": _input, "kernel": _kernel}

PRIMITIVES = (
    Primitive(
        "conv", "One of a convolution's input [N, G·C, …], kernel [G·F, C, …], output [N, G·F, …] from the other two.",
        "contraction", 2, _conv_shape, product_dtype, _conv, (_gradient(0), _gradient(1)),
        {
            "result": "what is computed: 'output' of (input, kernel), 'input' of (output, kernel), 'kernel' of "
            "(input, output)",
            **sliding.ATTRIBUTES,
            "groups": "G: so many equal parts of the channels, each convolved by itself",
            "accumulate": "name of the type summed in, which is the result's: that of ``ACCUMULATION``",
        },
    ),
)
