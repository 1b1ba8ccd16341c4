"""Convolutions of one and two dimensions and the transposed ones, as torch has them: one primitive each.

Input [N, channels, …], or without N; weight [out channels, channels/groups, …], of transposed convolutions
[channels, out channels/groups, …]. Floats and integers give their own type, but int8 is summed and returned as int32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex

from weft.framework.autocast import casting
from weft.framework.axes import count, whole
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import operand
from weft.framework.lazy import apply
from weft.framework.operators import cast
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.primitives.contraction import ACCUMULATION
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]

EachAxis = SupportsIndex | Sequence[SupportsIndex]
"""One number for every spatial axis, or one for each."""


@casting
def conv1d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: EachAxis = 1,
    padding: EachAxis | str = 0,
    dilation: EachAxis = 1,
    groups: int = 1,
) -> Tensor:
    """[N, channels, length] → [N, out channels, (length + 2·padding - dilation·(kernel - 1) - 1)//stride + 1].

    bias: [out channels]. padding: zeros on both sides, "valid" for none, or "same" for a result as long as the input
    (stride 1 alone). groups: so many equal parts of the channels, each convolved by itself.
    Raises ShapeError, DTypeError or FrameworkError.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@casting
def conv2d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: EachAxis = 1,
    padding: EachAxis | str = 0,
    dilation: EachAxis = 1,
    groups: int = 1,
) -> Tensor:
    """[N, channels, height, width] → [N, out channels, …], each of the two axes as ``conv1d`` has its one."""
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@casting
def conv_transpose1d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: EachAxis = 1,
    padding: EachAxis = 0,
    output_padding: EachAxis = 0,
    groups: int = 1,
    dilation: EachAxis = 1,
) -> Tensor:
    """The gradient of ``conv1d`` for its input: [N, channels, length] → [N, out channels, (length - 1)·stride -
    2·padding + dilation·(kernel - 1) + output_padding + 1].

    output_padding: more elements at the end, fewer than stride or dilation. Raises as ``conv1d`` does.
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, dilation, groups)


@casting
def conv_transpose2d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: EachAxis = 1,
    padding: EachAxis = 0,
    output_padding: EachAxis = 0,
    groups: int = 1,
    dilation: EachAxis = 1,
) -> Tensor:
    """The gradient of ``conv2d`` for its input, each of the two axes as ``conv_transpose1d`` has its one."""
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, dilation, groups)


def each_axis(function: str, what: str, given: EachAxis, axes: int, least: int) -> Shape:
    """One number for each spatial axis, none below ``least``. Raises ShapeError or DTypeError."""
    listed = tuple(given) if isinstance(given, Sequence) else (given,)
    if len(listed) not in (1, axes):
        raise ShapeError(f"{user_line()}: {function}: {what} is one number or {axes}, not {list(listed)}")
    numbers = tuple(whole(n, f"{function}: {what}") for n in listed) * (axes // len(listed))
    if any(n < least for n in numbers):
        raise ShapeError(f"{user_line()}: {function}: {what} is at least {least}, not {list(numbers)}")
    return numbers


def batched(function: str, input: Operand, axes: int) -> tuple[Tensor, bool]:
    """[N, channels, …] of ``input``, which may be without N, and whether it was. Raises ShapeError."""
    x, named = operand(function, input), {1: "length", 2: "height, width"}[axes]
    if x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{user_line()}: {function} takes [N, channels, {named}] or the same without N, not {list(x.shape)}"
        )
    return (x.unsqueeze(0), True) if x.ndim == axes + 1 else (x, False)


def _conv(
    name: str,
    axes: int,
    input: Operand,
    weight: Operand,
    bias: Operand | None,
    stride: EachAxis,
    padding: EachAxis | str,
    dilation: EachAxis,
    groups: int,
) -> Tensor:
    x, w, single = _operands(name, axes, input, weight)
    groups = count(groups, f"{name}: groups", 1)
    steps, gaps = each_axis(name, "stride", stride, axes, 1), each_axis(name, "dilation", dilation, axes, 1)
    reach = [gap * (k - 1) + 1 for gap, k in zip(gaps, w.shape[2:], strict=True)]
    low, high = _padding(name, axes, padding, steps, reach)
    if x.shape[1] != groups * w.shape[1]:
        raise ShapeError(
            f"{user_line()}: {name}: the weight {list(w.shape)} takes {w.shape[1]} channels in each of {groups} "
            f"groups, but the input {list(x.shape)} has {x.shape[1]}"
        )
    if w.shape[0] % groups:
        raise ShapeError(f"{user_line()}: {name}: {w.shape[0]} output channels are not {groups} equal groups")
    padded = [a + n + b for a, n, b in zip(low, x.shape[2:], high, strict=True)]
    if any(k > n for k, n in zip(reach, padded, strict=True)):
        raise ShapeError(f"{user_line()}: {name}: the kernel reaches over {reach}, but the padded input has {padded}")
    size = tuple((n - k) // step + 1 for n, k, step in zip(padded, reach, steps, strict=True))
    return _made(name, "output", x, w, bias, w.shape[0], single,
                 size=size, stride=steps, low=low, dilation=gaps, groups=groups)  # fmt: skip


def _transposed(
    name: str,
    axes: int,
    input: Operand,
    weight: Operand,
    bias: Operand | None,
    stride: EachAxis,
    padding: EachAxis,
    output_padding: EachAxis,
    dilation: EachAxis,
    groups: int,
) -> Tensor:
    x, w, single = _operands(name, axes, input, weight)
    groups = count(groups, f"{name}: groups", 1)
    steps, gaps = each_axis(name, "stride", stride, axes, 1), each_axis(name, "dilation", dilation, axes, 1)
    low, more = each_axis(name, "padding", padding, axes, 0), each_axis(name, "output_padding", output_padding, axes, 0)
    if x.shape[1] != w.shape[0]:
        raise ShapeError(
            f"{user_line()}: {name}: the weight {list(w.shape)} takes {w.shape[0]} channels, but the input "
            f"{list(x.shape)} has {x.shape[1]}"
        )
    if w.shape[0] % groups:
        raise ShapeError(f"{user_line()}: {name}: {w.shape[0]} input channels are not {groups} equal groups")
    if any(n >= max(step, gap) for n, step, gap in zip(more, steps, gaps, strict=True)):
        raise ShapeError(f"{user_line()}: {name}: output_padding {list(more)} must be less than stride or dilation")
    parts = zip(x.shape[2:], steps, low, gaps, w.shape[2:], more, strict=True)
    size = tuple((n - 1) * step - 2 * pad + gap * (k - 1) + extra + 1 for n, step, pad, gap, k, extra in parts)
    if any(n < 1 for n in size):
        raise ShapeError(f"{user_line()}: {name}: so much padding leaves nothing: the result would have {list(size)}")
    return _made(name, "input", x, w, bias, groups * w.shape[1], single,
                 size=size, stride=steps, low=low, dilation=gaps, groups=groups)  # fmt: skip


def _operands(name: str, axes: int, input: Operand, weight: Operand) -> tuple[Tensor, Tensor, bool]:
    x, single = batched(name, input, axes)
    w = operand(name, weight)
    if w.ndim != axes + 2 or 0 in w.shape:
        raise ShapeError(
            f"{user_line()}: {name}: the weight has {axes + 2} axes, none without elements, not {list(w.shape)}"
        )
    if x.dtype != w.dtype or x.dtype.name not in ACCUMULATION:
        raise DTypeError(
            f"{user_line()}: {name}: input and weight are of one type, {', '.join(ACCUMULATION)}, not {x.dtype} and "
            f"{w.dtype}; use .to() on one of them"
        )
    return x, w, single


def _padding(
    name: str, axes: int, padding: EachAxis | str, steps: Shape, reach: Sequence[int]
) -> tuple[Shape, Shape]:
    """Zeros in front and behind. Raises ShapeError, DTypeError or FrameworkError."""
    if not isinstance(padding, str):
        both = each_axis(name, "padding", padding, axes, 0)
        return both, both
    if padding not in ("valid", "same"):
        raise OptionError(f"{user_line()}: {name}: padding is a number, 'valid' or 'same', not {padding!r}")
    if padding == "same" and any(step != 1 for step in steps):
        raise OptionError(f"{user_line()}: {name}: padding='same' goes with stride 1, not {list(steps)}")
    total = [k - 1 if padding == "same" else 0 for k in reach]
    return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)


def _made(
    name: str, result: str, x: Tensor, w: Tensor, bias: Operand | None, channels: int, single: bool, **sliding: object
) -> Tensor:
    """The convolution with its bias, in the operands' type if they are floats."""
    accumulate, ones = ACCUMULATION[x.dtype.name], (1,) * (x.ndim - 2)
    made = apply("conv", x._read(), w._read(), result=result, input_dilation=ones, accumulate=accumulate, **sliding)
    y = Tensor._of(cast(made, x.dtype) if x.dtype.is_float else made)
    if bias is not None:
        b = operand(name, bias)
        if b.shape != (channels,):
            raise ShapeError(f"{user_line()}: {name}: the bias has shape [{channels}], not {list(b.shape)}")
        y = y + b.reshape(channels, *ones)
    return y.squeeze(0) if single else y
