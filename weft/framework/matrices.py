"""Linear algebra as ``torch.linalg`` has it: systems, inverses, determinants, factors and norms of matrices.

All of it is operations of the graph, batched and differentiable as often as one likes, on every device and under
``@jit``. What a matrix must be (regular, positive definite) is not checked, since that would take its values: inf and
NaN say so. Eigenvalues and singular values, and what is made of them, are not here: they take as many turns as their
values ask for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsIndex

from weft.framework import factoring
from weft.framework.autocast import casting
from weft.framework.axes import Dims, axis, whole
from weft.framework.creation import eye, zeros
from weft.framework.dtypes import DType
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.function import Function
from weft.framework.linalg import diagonal as _diagonal
from weft.framework.operators import broadcast, operand
from weft.framework.origin import user_line
from weft.framework.statistics import norm as _norm
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "cholesky", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm", "qr",
    "slogdet", "solve", "solve_triangular", "vecdot", "vector_norm",
]


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the magnitude of a determinant."""

    sign: Tensor
    logabsdet: Tensor


class QRResult(NamedTuple):
    """The orthogonal and the triangular factor."""

    Q: Tensor
    R: Tensor


def _matrix(function: str, value: Operand, square: bool = True) -> Tensor:
    """Floats [..., m, n]. Raises ShapeError or DTypeError."""
    x = operand(function, value)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(f"{user_line()}: linalg.{function} takes {kind} [..., n, {'n' if square else 'm'}], not "
                         f"{list(x.shape)}")  # fmt: skip
    if x.dtype.name not in ("float32", "float64"):
        raise DTypeError(f"{user_line()}: linalg.{function} takes float32 or float64, not {x.dtype}; use .float()")
    return x


def _across(x: Tensor) -> Tensor:
    return x.transpose(-1, -2)


def _reduced(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x`` summed over what ``shape`` was broadcast along."""
    extra = x.ndim - len(shape)
    over = [d for d in range(x.ndim) if d < extra or (shape[d - extra] == 1 and x.shape[d] != 1)]
    return (x.sum(over) if over else x).reshape(*shape)


class _Solve(Function):
    """x of a x = b."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        found, order, _ = factoring.lu(a)
        moved = b.gather(-2, order.unsqueeze(-1).expand(b.shape))
        x = factoring.substituted(found, factoring.substituted(found, moved, False, True), True, False)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        of_b = _Solve.apply(_across(a), gradient)
        return -(of_b @ _across(x)), of_b


class _Triangular(Function):
    """x of a x = b, a triangular."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
        ctx.upper, ctx.unit = upper, unit
        x = factoring.substituted(a, b, upper, unit)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        a, x = ctx.saved_tensors
        of_b = _Triangular.apply(_across(a), gradient, not ctx.upper, ctx.unit)
        of_a = -(of_b @ _across(x))
        return (of_a.triu(int(ctx.unit)) if ctx.upper else of_a.tril(-int(ctx.unit))), of_b, None, None


class _Determinant(Function):
    """Sign and logarithm of the magnitude."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        found, _, sign = factoring.lu(a)
        diagonal = _diagonal(found, 0, -2, -1)
        sign = sign * diagonal.sign().prod(-1)
        ctx.mark_non_differentiable(sign)
        ctx.save_for_backward(a)
        return sign, diagonal.abs().log().sum(-1)

    @staticmethod
    def backward(ctx: Any, of_sign: Tensor, gradient: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        return _across(inv(a)) * gradient.unsqueeze(-1).unsqueeze(-1)


class _Cholesky(Function):
    """L of a = L Lᵀ (I. Murray 2016, "Differentiation of the Cholesky decomposition")."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        lower = factoring.cholesky(a)
        ctx.save_for_backward(lower)
        return lower

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (lower,) = ctx.saved_tensors
        inner = (_across(lower) @ gradient).tril()
        inner = inner - 0.5 * inner.triu().tril()
        half = _Triangular.apply(_across(lower), inner, True, False)
        whole_ = _across(_Triangular.apply(_across(lower), _across(half), True, False))
        return 0.5 * (whole_ + _across(whole_))


class _QR(Function):
    """Q [..., m, n] and R [..., n, n] of a [..., m, n], m ≥ n."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        n = a.shape[-1]
        q, r = factoring.qr(a)
        made = q[..., :n], r[..., :n, :]
        made = (made[0] + 0.0, made[1] + 0.0)
        ctx.save_for_backward(*made)
        return made

    @staticmethod
    def backward(ctx: Any, of_q: Tensor, of_r: Tensor) -> Tensor:
        q, r = ctx.saved_tensors
        inner = r @ _across(of_r) - _across(of_q) @ q
        inner = inner.tril() + _across(inner.tril(-1))
        return _across(_Triangular.apply(r, _across(of_q + q @ inner), True, False))


@casting
def solve(A: Operand, B: Operand, *, left: bool = True) -> Tensor:
    """X of A X = B, or of X A = B if not ``left``: A [..., n, n], B [..., n, m] or, of vectors, [..., n].

    Batches broadcast. By LU with pivots. Raises ShapeError or DTypeError; a singular A gives inf and NaN.
    """
    a, b = _matrix("solve", A), operand("solve", B)
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    b = b.unsqueeze(-1) if vector else b
    if not left:
        return _across(solve(_across(a), _across(b)))
    x = _system("solve", a, b, lambda a, b: _Solve.apply(a, b))
    return x.squeeze(-1) if vector else x


def _system(function: str, a: Tensor, b: Tensor, apply: Any) -> Tensor:
    """A system of batches that broadcast. Raises ShapeError or DTypeError."""
    if b.ndim < 2 or b.shape[-2] != a.shape[-1] or a.dtype != b.dtype:
        raise (DTypeError if a.dtype != b.dtype else ShapeError)(
            f"{user_line()}: linalg.{function} takes [..., n, n] and [..., n, m] of one type, not {a.dtype}"
            f"{list(a.shape)} and {b.dtype}{list(b.shape)}"
        )
    batch = broadcast(f"linalg.{function}", [a.shape[:-2], b.shape[:-2]])
    wide_a, wide_b = a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])
    if 0 in wide_b.shape:
        return zeros(*wide_b.shape, dtype=b.dtype)
    found: Tensor = apply(wide_a, wide_b)
    return found


def solve_triangular(
    A: Operand, B: Operand, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """``solve`` of a triangular A, whose other triangle is not looked at (nor, if unitriangular, its diagonal)."""
    a, b = _matrix("solve_triangular", A), operand("solve_triangular", B)
    if not left:
        return _across(solve_triangular(_across(a), _across(b), upper=not upper, unitriangular=unitriangular))
    return _system("solve_triangular", a, b, lambda a, b: _Triangular.apply(a, b, bool(upper), bool(unitriangular)))


@casting
def inv(A: Operand) -> Tensor:
    """The inverse of matrices [..., n, n]; inf and NaN of a singular one. Raises ShapeError or DTypeError."""
    a = _matrix("inv", A)
    return solve(a, eye(a.shape[-1], dtype=a.dtype).expand(a.shape))


def slogdet(A: Operand) -> SlogdetResult:
    """Sign and logarithm of the magnitude of the determinant, [...] each: 0 and -inf of a singular matrix."""
    a = _matrix("slogdet", A)
    if 0 in a.shape:
        return SlogdetResult(zeros(*a.shape[:-2], dtype=a.dtype) + 1.0, zeros(*a.shape[:-2], dtype=a.dtype))
    return SlogdetResult(*_Determinant.apply(a))


def det(A: Operand) -> Tensor:
    """The determinant of matrices [..., n, n]: [...]; its gradient is NaN at a singular one."""
    sign, logarithm = slogdet(_matrix("det", A))
    return sign * logarithm.exp()


@casting
def cholesky(A: Operand, *, upper: bool = False) -> Tensor:
    """L, lower triangular, of A = L Lᵀ, symmetric and positive definite (NaN where it is not); or Lᵀ, if ``upper``."""
    a = _matrix("cholesky", A)
    lower: Tensor = a if 0 in a.shape else _Cholesky.apply(_across(a) if upper else a)
    return _across(lower) if upper else lower


@casting
def qr(A: Operand, mode: str = "reduced") -> QRResult:
    """Q, of orthonormal columns, and R, upper triangular, of A = Q R: [..., m, k] and [..., k, n], k the smaller of m
    and n; of the whole Q [..., m, m] if ``mode`` is "complete", whose gradient there is none of where m > n."""
    a = _matrix("qr", A, False)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "complete"):
        raise OptionError(f"{user_line()}: linalg.qr: mode is 'reduced' or 'complete', not {mode!r}")
    if 0 in a.shape:
        raise ShapeError(f"{user_line()}: linalg.qr takes matrices with elements, not {list(a.shape)}")
    if mode == "complete" and m > n:
        return QRResult(*factoring.qr(a.detach()))
    if m >= n:
        return QRResult(*_QR.apply(a))
    q, r = _QR.apply(a[..., :m])  # the other columns follow from Q
    rest = _across(q) @ a[..., m:]
    from weft.framework.nn.functional.taking import joined

    return QRResult(q, joined([r, rest], a.ndim - 1))


def vector_norm(
    x: Operand, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType | str | None = None
) -> Tensor:
    """(Σ abs(x)^ord)^(1/ord) over axes, all by default; ±inf for the largest or smallest magnitude."""
    return _norm(x, ord, dim, keepdim, dtype)


def matrix_norm(
    A: Operand, ord: float | str = "fro", dim: Sequence[SupportsIndex] = (-2, -1), keepdim: bool = False, *,
    dtype: DType | str | None = None,
) -> Tensor:  # fmt: skip
    """Norms of matrices in two axes: "fro", or the largest (smallest, if negative) sum of magnitudes of a column (±1)
    or a row (±inf). Raises FrameworkError for those of singular values (2, -2, "nuc"), which are not here."""
    x = operand("matrix_norm", A)
    if not isinstance(dim, list | tuple) or len(dim) != 2:
        raise ShapeError(f"{user_line()}: linalg.matrix_norm: dim is two axes, not {dim!r}")
    rows, columns = (axis(d, x.shape) for d in dim)
    if ord == "fro":
        return _norm(x, 2, (rows, columns), keepdim, dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise OptionError(
            f"{user_line()}: linalg.matrix_norm: ord is 'fro', ±1 or ±inf, not {ord!r}; norms of singular values are "
            "not here"
        )
    summed, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _norm(x, 1, summed, True, dtype)
    found = (sums.amax if ord > 0 else sums.amin)(over, keepdim=True)
    return found if keepdim else found.squeeze((rows, columns))


def norm(
    A: Operand, ord: float | str | None = None, dim: Any = None, keepdim: bool = False, *,
    dtype: DType | str | None = None,
) -> Tensor:  # fmt: skip
    """``vector_norm``, or ``matrix_norm`` if an ``ord`` is given of two axes (or of a matrix, without ``dim``)."""
    x = operand("norm", A)
    several = isinstance(dim, list | tuple)
    if ord is None:
        return vector_norm(x, 2, dim, keepdim, dtype=dtype)
    if (several and len(dim) == 2) or (dim is None and x.ndim == 2) or isinstance(ord, str):
        return matrix_norm(x, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_power(A: Operand, n: SupportsIndex) -> Tensor:
    """A · A · … n times, by squaring; the inverse's power for a negative n, the identity for 0."""
    a, times = _matrix("matrix_power", A), whole(n, "the power")
    base, left = (inv(a) if times < 0 else a), abs(times)
    result = eye(a.shape[-1], dtype=a.dtype).expand(a.shape)
    first = True
    while left:
        if left & 1:
            result, first = (base if first else result @ base), False
        left >>= 1
        base = base @ base if left else base
    return result + 0.0 if first else result


def multi_dot(tensors: Sequence[Operand]) -> Tensor:
    """The product of matrices, from left to right; the first and the last may be vectors. Raises ShapeError."""
    given = [operand("multi_dot", x) for x in tensors]
    if len(given) < 2:
        raise ShapeError(f"{user_line()}: linalg.multi_dot takes two matrices or more, not {len(given)}")
    result = given[0]
    for x in given[1:]:
        result = result @ x
    return result


def matmul(input: Operand, other: Operand) -> Tensor:
    """The product of matrices: ``weft.matmul``."""
    return operand("matmul", input) @ operand("matmul", other)


@casting
def vecdot(x: Operand, y: Operand, *, dim: SupportsIndex = -1) -> Tensor:
    """The sums of products along an axis; the two broadcast."""
    product = operand("vecdot", x) * operand("vecdot", y)
    return product.sum(axis(dim, product.shape))


def cross(input: Operand, other: Operand, *, dim: SupportsIndex = -1) -> Tensor:
    """The cross products of vectors of three elements along an axis; the two broadcast. Raises ShapeError."""
    a, b = operand("cross", input), operand("cross", other)
    shape = broadcast("linalg.cross", [a.shape, b.shape])
    along = axis(dim, shape)
    if a.ndim != b.ndim or shape[along] != 3 or 3 not in (a.shape[along], b.shape[along]):
        raise ShapeError(f"{user_line()}: linalg.cross takes vectors of 3, not {list(a.shape)} and {list(b.shape)}")
    a, b = a.expand(shape), b.expand(shape)
    return a.roll(-1, along) * b.roll(-2, along) - a.roll(-2, along) * b.roll(-1, along)


def diagonal(A: Operand, *, offset: SupportsIndex = 0, dim1: SupportsIndex = -2, dim2: SupportsIndex = -1) -> Tensor:
    """The diagonals of matrices: a view."""
    return _diagonal(A, offset, dim1, dim2)
