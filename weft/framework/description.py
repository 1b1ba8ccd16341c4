"""What a tensor is, told and changed: element type, size, place. Each function is the tensor's method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

from weft.framework.dtypes import DType, as_dtype, bfloat16, bool_, float64
from weft.framework.errors import DeviceError
from weft.framework.lazy import alias, apply
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def is_floating_point(input: Operand) -> bool:
    """Whether its elements are floats."""
    return operand("is_floating_point", input).dtype.is_float


def numel(input: Operand) -> int:
    """Number of elements."""
    return math.prod(operand("numel", input).shape)


def dim(input: Operand) -> int:
    """Number of axes."""
    return operand("dim", input).ndim


def element_size(input: Operand) -> int:
    """Bytes that an element takes."""
    return operand("element_size", input).dtype.itemsize


def to_cuda(input: Operand, *device: Any, **options: Any) -> NoReturn:
    """Refused: there is no CUDA device. Raises DeviceError."""
    raise DeviceError(f"{user_line()}: there is no CUDA device; .to(device) moves to one that there is")


def byte_count(input: Operand) -> int:
    """Bytes that all elements take."""
    x = operand("nbytes", input)
    return x.numel() * x.dtype.itemsize


def clone(input: Operand) -> Tensor:
    """A copy with the history of the tensor: what is written to one does not show in the other."""
    x = operand("clone", input)
    e = x._read()
    return x._of(apply("reshape", e, shape=e.shape) if e.requires_grad else alias(e))


def to_bfloat16(input: Operand) -> Tensor:
    """As bfloat16."""
    return operand("bfloat16", input).to(bfloat16)


def to_double(input: Operand) -> Tensor:
    """As float64."""
    return operand("double", input).to(float64)


def to_bool(input: Operand) -> Tensor:
    """As bool: what is not zero is True."""
    return operand("bool", input).to(bool_)


def cpu(input: Operand) -> Tensor:
    """On the device ``cpu``."""
    return operand("cpu", input).to("cpu")


def type_as(input: Operand, other: Operand) -> Tensor:
    """As the element type of ``other``."""
    return operand("type_as", input).to(operand("type_as", other).dtype)


def type(input: Operand, dtype: DType | str | None = None) -> Any:
    """As another element type; without one the name of its own, ``weft.float32``."""
    x = operand("type", input)
    return f"weft.{x.dtype}" if dtype is None else x.to(as_dtype(dtype))


def real_part(input: Operand) -> Tensor:
    """The tensor itself: there are no complex numbers."""
    return operand("real", input)


def contains(input: Operand, element: Any) -> bool:
    """Whether an element equals a number, or the part that a tensor broadcasts to. Realises."""
    return bool((operand("in", input) == element).any())
