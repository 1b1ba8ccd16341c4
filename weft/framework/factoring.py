"""Matrices factored in one graph: LU with pivots, Cholesky, QR and triangular systems, each a ``scan`` over columns or
rows in which masks stand for the parts that are done. Batches [..., n, n]; no gradients here (see ``matrices``)."""

from __future__ import annotations

from weft.framework.control import scan
from weft.framework.creation import arange, eye, zeros
from weft.framework.functional import where
from weft.framework.tensor import Tensor


def _places(x: Tensor) -> tuple[Tensor, Tensor]:
    """int32: the row and the column of every element of the last two axes."""
    rows, columns = x.shape[-2:]
    return arange(rows).unsqueeze(1).expand(rows, columns), arange(columns).unsqueeze(0).expand(rows, columns)


def lu(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L (below the diagonal, where it is 1) and U in one matrix, the rows' order [..., n], and its sign [...].

    The pivot of each column is its largest element that is left. A singular matrix leaves zeros on U's diagonal.
    """
    n = a.shape[-1]
    batch = a.shape[:-2]
    row, column = _places(a)
    number = arange(n)

    def turn(carry: tuple[Tensor, Tensor, Tensor], k: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], None]:
        matrix, order, sign = carry
        size = where(number >= k, where(column == k, matrix, 0.0).sum(-1).abs(), -1.0)
        pivot = size.argmax(-1, keepdim=True).to(order.dtype)
        swapped = where(number == k, pivot, where(number == pivot, k, number.expand(order.shape)))
        order = order.gather(-1, swapped)
        matrix = matrix.gather(-2, swapped.unsqueeze(-1).expand(matrix.shape))
        sign = where(pivot.squeeze(-1) == k, sign, -sign)
        upper = where(row == k, matrix, 0.0).sum(-2, keepdim=True)
        divisor = where(column[:1] == k, upper, 0.0).sum(-1, keepdim=True)
        below = where((column == k) & (row > k), matrix, 0.0).sum(-1, keepdim=True)
        factor = where(divisor == 0, below, below / where(divisor == 0, 1.0, divisor))
        matrix = where(column > k, matrix - factor * upper, matrix)
        return (where((column == k) & (row > k), factor, matrix), order, sign), None

    order = number.expand(*batch, n)
    sign = zeros(*batch, dtype=a.dtype) + 1.0
    (found, order, sign), _ = scan(turn, (a, order + 0, sign), arange(n))
    return found, order, sign


def substituted(a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
    """x of a x = b, a triangular: [..., n, n] and [..., n, m]; the other triangle is not looked at."""
    row, column = _places(a)
    place = arange(a.shape[-1]).unsqueeze(1)

    def turn(x: Tensor, k: Tensor) -> tuple[Tensor, None]:
        chosen = where(row == k, a, 0.0).sum(-2, keepdim=True)
        known = where(column[:1] > k, chosen, 0.0) if upper else where(column[:1] < k, chosen, 0.0)
        rest = where(place == k, b, 0.0).sum(-2, keepdim=True) - known @ x
        if not unit:
            rest = rest / where(column[:1] == k, chosen, 0.0).sum(-1, keepdim=True)
        return where(place == k, rest, x), None

    found: Tensor = scan(turn, b * 0.0, arange(a.shape[-1]), reverse=upper)[0]
    return found


def cholesky(a: Tensor) -> Tensor:
    """L, lower triangular, of a = L Lᵀ: of the lower triangle of a. NaN where a is not positive definite."""
    row, column = _places(a)

    def turn(lower: Tensor, k: Tensor) -> tuple[Tensor, None]:
        chosen = where(row == k, lower, 0.0).sum(-2, keepdim=True)
        rest = where(column == k, a, 0.0).sum(-1, keepdim=True) - lower @ chosen.transpose(-1, -2)
        root = where(row[:, :1] == k, rest, 0.0).sum(-2, keepdim=True).sqrt()
        made = where(row[:, :1] == k, root, where(row[:, :1] > k, rest / root, 0.0))
        return where(column == k, made, lower), None

    found: Tensor = scan(turn, a * 0.0, arange(a.shape[-1]))[0]
    return found


def qr(a: Tensor) -> tuple[Tensor, Tensor]:
    """Q [..., m, m], orthogonal, and R [..., m, n], upper triangular, of a = Q R, by Householder's reflections."""
    m, n = a.shape[-2:]
    row, column = _places(a)
    place = arange(m).unsqueeze(1)

    def turn(carry: tuple[Tensor, Tensor], k: Tensor) -> tuple[tuple[Tensor, Tensor], None]:
        q, r = carry
        x = where((column == k) & (row >= k), r, 0.0).sum(-1, keepdim=True)
        head = where(place == k, x, 0.0).sum(-2, keepdim=True)
        below = where(place > k, x * x, 0.0).sum(-2, keepdim=True)
        length = (head * head + below).sqrt()
        turned = where(head > 0, -length, length)
        v = where(place == k, head - turned, where(place > k, x, 0.0))
        square = (v * v).sum(-2, keepdim=True)
        # Nothing is reflected where nothing lies below the diagonal.
        scale = where(below == 0, 0.0, 2.0 / where(below == 0, 1.0, square))
        r = r - scale * (v @ (v.transpose(-1, -2) @ r))
        r = where((column == k) & (row > k), 0.0, r)
        return (q - scale * ((q @ v) @ v.transpose(-1, -2)), r), None

    first = eye(m, dtype=a.dtype).expand(*a.shape[:-2], m, m) + 0.0
    (q, r), _ = scan(turn, (first, a), arange(min(m, n)))
    return q, r
