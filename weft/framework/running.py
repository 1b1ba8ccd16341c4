"""Running sums, products and extrema along an axis. Each function is the tensor's method of that name as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.axes import axis
from weft.framework.dtypes import as_dtype, bool_, int8, int64
from weft.framework.errors import DTypeError
from weft.framework.joining import cat
from weft.framework.keywords import numpy_named
from weft.framework.lazy import apply, results
from weft.framework.operators import operand
from weft.framework.ordering import Ordered
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def _summed_type(function: str, x: Tensor, dtype: Any) -> Tensor:
    """Integers and bools as int64, unless ``dtype`` is given."""
    wanted = as_dtype(dtype) if dtype is not None else x.dtype if x.dtype.is_float else int64
    if wanted is bool_:
        raise DTypeError(f"{user_line()}: {function}() gives numbers, not bool")
    return x.to(wanted)


@numpy_named
def cumsum(input: Operand, dim: SupportsIndex, *, dtype: Any = None) -> Tensor:
    """The sums of the elements up to each along an axis; of integers int64."""
    x = _summed_type("cumsum", operand("cumsum", input), dtype)
    along = axis(dim, x.shape)
    return x._of(apply("cumsum", x._read(), axis=along, reverse=False)) if x.shape else x.clone()


@numpy_named
def cumprod(input: Operand, dim: SupportsIndex, *, dtype: Any = None) -> Tensor:
    """The products of the elements up to each along an axis, by doubling; of integers int64."""
    x = _summed_type("cumprod", operand("cumprod", input), dtype)
    along, far = axis(dim, x.shape), 1
    while x.shape and far < x.shape[along]:
        kept = x.narrow(along, 0, far)
        x = cat([kept, x.narrow(along, far, x.shape[along] - far) * x.narrow(along, 0, x.shape[along] - far)], along)
        far *= 2
    return x.clone() if x is input else x


@numpy_named
def cummax(input: Operand, dim: SupportsIndex) -> Ordered:
    """The largest element up to each along an axis, and the last index that it has there."""
    x = operand("cummax", input)
    if not x.shape:
        return Ordered(x.clone(), x._tensor(0))
    numbers = x.to(int8) if x.dtype is bool_ else x
    values, indices = results("cummax", numbers._read(), axis=axis(dim, x.shape))
    return Ordered(x._of(values).to(x.dtype), x._of(indices))


@numpy_named
def cummin(input: Operand, dim: SupportsIndex) -> Ordered:
    """The smallest element up to each along an axis, and the last index that it has there."""
    x = operand("cummin", input)
    turned = ~x if x.dtype is bool_ else -x if x.dtype.is_float else -1 - x
    values, indices = cummax(turned, dim)
    return Ordered(~values if x.dtype is bool_ else -values if x.dtype.is_float else -1 - values, indices)
