"""Products and parts of matrices: the names that torch has for them, triangles and diagonals.

Each function is the tensor's method of that name as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from weft.framework.autocast import casting
from weft.framework.axes import axis, sizes, whole
from weft.framework.errors import ShapeError
from weft.framework.lazy import apply, constant
from weft.framework.operators import expand, matmul, operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def _ranked(function: str, ranks: Sequence[int], *given: Operand) -> list[Tensor]:
    """The operands as tensors. Raises ShapeError unless each has the number of axes that it must have."""
    tensors = [operand(function, value) for value in given]
    if any(t.ndim != rank for t, rank in zip(tensors, ranks, strict=True)):
        wanted = " and ".join(f"{rank} {'axis' if rank == 1 else 'axes'}" for rank in ranks)
        shown = " and ".join(str(list(t.shape)) for t in tensors)
        raise ShapeError(f"{user_line()}: {function} takes operands of {wanted}, not {shown}")
    return tensors


@casting
def mm(input: Operand, mat2: Operand) -> Tensor:
    """The product of two matrices: [n, k] by [k, m]. Raises ShapeError."""
    return matmul(*_ranked("mm", (2, 2), input, mat2))


@casting
def bmm(input: Operand, mat2: Operand) -> Tensor:
    """The products of two batches of matrices: [b, n, k] by [b, k, m]. Raises ShapeError."""
    a, b = _ranked("bmm", (3, 3), input, mat2)
    if a.shape[0] != b.shape[0]:
        raise ShapeError(f"{user_line()}: bmm: {list(a.shape)} and {list(b.shape)} are batches of two sizes")
    return matmul(a, b)


@casting
def mv(input: Operand, vec: Operand) -> Tensor:
    """A matrix times a vector: [n, k] by [k]. Raises ShapeError."""
    return matmul(*_ranked("mv", (2, 1), input, vec))


def dot(input: Operand, tensor: Operand) -> Tensor:
    """The sum of products of two vectors of one length. Raises ShapeError."""
    a, b = _ranked("dot", (1, 1), input, tensor)
    if a.shape != b.shape:
        raise ShapeError(f"{user_line()}: dot: vectors of {a.shape[0]} and {b.shape[0]} elements")
    return (a * b).sum(dtype=(a * b).dtype)


def outer(input: Operand, vec2: Operand) -> Tensor:
    """Every element of one vector times every element of the other: [n] and [m] give [n, m]. Raises ShapeError."""
    a, b = _ranked("outer", (1, 1), input, vec2)
    return a.unsqueeze(1) * b.unsqueeze(0)


@casting
def addmm(input: Operand, mat1: Operand, mat2: Operand, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · (mat1 @ mat2); with beta 0 ``input`` does not matter, not even its NaN."""
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


@casting
def baddbmm(input: Operand, batch1: Operand, batch2: Operand, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · (batch1 @ batch2), matrix by matrix."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@casting
def addmv(input: Operand, mat: Operand, vec: Operand, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · (mat @ vec)."""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


def _added(function: str, input: Operand, product: Tensor, beta: float, alpha: float) -> Tensor:
    x = operand(function, input)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (x if beta == 1 else x * beta) + scaled


def tril(input: Operand, diagonal: SupportsIndex = 0) -> Tensor:
    """The lower triangles of matrices [..., n, m]: what lies above the ``diagonal``-th diagonal is 0."""
    return _triangle("tril", input, diagonal, "ge")


def triu(input: Operand, diagonal: SupportsIndex = 0) -> Tensor:
    """The upper triangles of matrices [..., n, m]: what lies below the ``diagonal``-th diagonal is 0."""
    return _triangle("triu", input, diagonal, "le")


def _triangle(function: str, input: Operand, diagonal: SupportsIndex, kept: str) -> Tensor:
    x = operand(function, input)
    shift = whole(diagonal, "a diagonal")
    if x.ndim < 2:
        raise ShapeError(f"{user_line()}: {function} takes matrices, not shape {list(x.shape)}")
    rows, columns = (
        x._of(apply("iota", shape=x.shape[-2:], axis=a)) for a in (0, 1)
    )
    shift = max(min(shift, x.shape[-1]), -x.shape[-2])
    inside = expand(apply(kept, (rows + shift)._read(), columns._read()), x.shape)
    zero = expand(constant(False if x.dtype.kind == "bool" else 0, x.dtype), x.shape)
    return x._of(apply("select", inside, x._read(), zero))


def diagonal(
    input: Operand, offset: SupportsIndex = 0, dim1: SupportsIndex = 0, dim2: SupportsIndex = 1
) -> Tensor:
    """The diagonals of the matrices that axes ``dim1`` and ``dim2`` make, as a last axis: a view.

    offset: how far above the main diagonal (below, if negative).
    """
    x = operand("diagonal", input)
    first, second, shift = axis(dim1, x.shape), axis(dim2, x.shape), whole(offset, "an offset")
    if x.ndim < 2 or first == second:
        raise ShapeError(f"{user_line()}: diagonal needs two axes of {list(x.shape)}, not {first} and {second}")
    rest = [d for d in range(x.ndim) if d not in (first, second)]
    rows, columns = x.shape[first], x.shape[second]
    length = max(min(rows + min(shift, 0), columns - max(shift, 0)), 0)
    if not length:
        return x.permute(*rest, first, second)[..., :0, 0]
    start = shift if shift > 0 else -shift * columns
    flat = x.permute(*rest, first, second).reshape(*(x.shape[d] for d in rest), rows * columns)
    return flat[..., start : start + (length - 1) * (columns + 1) + 1 : columns + 1]


def diag(input: Operand, diagonal: SupportsIndex = 0) -> Tensor:
    """Of a vector the matrix with it on the ``diagonal``-th diagonal; of a matrix that diagonal. Raises ShapeError."""
    x = operand("diag", input)
    if x.ndim not in (1, 2):
        raise ShapeError(f"{user_line()}: diag takes a vector or a matrix, not shape {list(x.shape)}")
    return diag_embed(x, diagonal) if x.ndim == 1 else _diagonal(x, diagonal)


_diagonal = diagonal


def diag_embed(input: Operand, offset: SupportsIndex = 0) -> Tensor:
    """Square matrices, n + abs(offset) wide, with the last axis of ``input``, of n, on a diagonal, and 0 elsewhere."""
    x = operand("diag_embed", input)
    shift = whole(offset, "an offset")
    if not x.ndim:
        raise ShapeError(f"{user_line()}: diag_embed takes vectors, not shape []")
    length, before = x.shape[-1], x.shape[:-1]
    extent = sizes((length + abs(shift),) * 2, "matrix")[0]
    if not length:
        return x.new_zeros((*before, extent, extent))
    start = shift if shift > 0 else -shift * extent
    spare = (0,) * len(before)
    high = extent * extent - start - (length - 1) * (extent + 1) - 1
    value = False if x.dtype.kind == "bool" else 0.0 if x.dtype.is_float else 0
    flat = apply(
        "pad", x._read(), low=(*spare, start), high=(*spare, high), interior=(*spare, extent), value=value
    )
    return x._of(apply("reshape", flat, shape=(*before, extent, extent)))


@casting
def trace(input: Operand) -> Tensor:
    """The sum of the main diagonal of a matrix; of integers int64. Raises ShapeError."""
    (x,) = _ranked("trace", (2,), input)
    return _diagonal(x).sum()


def tensordot(input: Operand, other: Operand, dims: Any = 2) -> Tensor:
    """Products summed over axes of both: the last ``dims`` and the first, or the two lists of axes in ``dims``.

    Raises ShapeError.
    """
    a, b = operand("tensordot", input), operand("tensordot", other)
    left, right = _contracted(a, b, dims)
    if [a.shape[d] for d in left] != [b.shape[d] for d in right]:
        raise ShapeError(
            f"{user_line()}: tensordot: axes {left} of {list(a.shape)} and {right} of {list(b.shape)} differ"
        )
    keep_a, keep_b = ([d for d in range(t.ndim) if d not in used] for t, used in ((a, left), (b, right)))
    rows, columns = [a.shape[d] for d in keep_a], [b.shape[d] for d in keep_b]
    inner = math.prod(a.shape[d] for d in left)
    if not keep_a and not keep_b:  # of which autocast narrows no operand, as torch does
        return dot(a.permute(left).reshape(inner), b.permute(right).reshape(inner))
    product = matmul(
        a.permute((*keep_a, *left)).reshape(math.prod(rows), inner),
        b.permute((*right, *keep_b)).reshape(inner, math.prod(columns)),
    )
    return product.reshape((*rows, *columns))


def _contracted(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, list | tuple) and len(dims) == 2:
        left, right = ([axis(d, t.shape) for d in _several(given)] for t, given in zip((a, b), dims, strict=True))
        if len(left) == len(right):
            return left, right
        raise ShapeError(f"{user_line()}: tensordot: {len(left)} axes of one operand and {len(right)} of the other")
    number = whole(dims, "the number of axes")
    if not 0 <= number <= min(a.ndim, b.ndim):
        raise ShapeError(f"{user_line()}: tensordot: {list(a.shape)} and {list(b.shape)} have not {number} axes each")
    return list(range(a.ndim - number, a.ndim)), list(range(number))


def _several(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list | tuple) else (given,)
