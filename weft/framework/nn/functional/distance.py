"""Distances and similarities of vectors along an axis, and the losses made of them."""

from __future__ import annotations

from weft.framework.autocast import casting
from weft.framework.axes import real
from weft.framework.errors import OptionError
from weft.framework.functional import maximum, minimum, operand, where
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.nn.functional.reduction import reduced, reduction_of
from weft.framework.origin import part_of, user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "margin_ranking_loss", "normalize", "pairwise_distance",
    "triplet_margin_loss",
]


def _norm(function: str, x: Tensor, p: float, dim: int) -> Tensor:
    """The p-norm along ``dim``, which stays as an axis of 1; the derivative at zeros is 0. p: 1, 2 or infinity."""
    if p == 1:
        return abs(x).sum(dim, keepdim=True)
    if p == float("inf"):
        return abs(x).amax(dim, keepdim=True)
    if p != 2:
        raise OptionError(f"{user_line()}: {function}: p is 1, 2 or infinity, not {p}")
    squares = (x * x).sum(dim, keepdim=True)
    return where(squares > 0, where(squares > 0, squares, 1.0).sqrt(), squares)


def normalize(input: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖, eps), the p-norm being along ``dim``. Raises FrameworkError for a p that is not 1, 2 or infinity."""
    p, eps = real(p, "p"), real(eps, "eps")
    return rounded_once(lambda x: x / maximum(_norm("normalize", x, p, dim), eps))(operand("normalize", input))


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along ``dim``; the two broadcast."""
    eps = real(eps, "eps")

    def similarity(a: Tensor, b: Tensor) -> Tensor:
        lengths = [maximum(_norm("cosine_similarity", x, 2.0, dim), eps) for x in (a, b)]
        return ((a / lengths[0]) * (b / lengths[1])).sum(dim)

    return rounded_once(similarity)(operand("cosine_similarity", x1), operand("cosine_similarity", x2))


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x1 - x2 + eps‖ along the last axis, in the p-norm."""
    p, eps = real(p, "p"), real(eps, "eps")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        norm = _norm("pairwise_distance", a - b + eps, p, -1)
        return norm if keepdim else norm.squeeze(-1)

    return rounded_once(distance)(operand("pairwise_distance", x1), operand("pairwise_distance", x2))


@casting
def cosine_embedding_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos where the target is 1, and max(cos - margin, 0) where it is -1, of vectors along the last axis."""
    reduction = reduction_of(size_average, reduce, reduction)
    a, b, y = (operand("cosine_embedding_loss", x) for x in (input1, input2, target))

    def losses(a: Tensor, b: Tensor, y: Tensor) -> Tensor:
        products, squares = (a * b).sum(-1), [(x * x).sum(-1) + 1e-12 for x in (a, b)]
        similarity = products / (squares[0] * squares[1]).sqrt()
        apart = where(y == -1, maximum(similarity - real(margin, "margin"), 0.0), 0.0)
        return reduced(where(y == 1, 1 - similarity, 0.0) + apart, reduction)

    with part_of("", "cosine loss"):
        return rounded_once(losses)(a, b, y)


@casting
def margin_ranking_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(-y·(x1 - x2) + margin, 0): y is 1 if x1 is to rank higher, -1 if x2."""
    reduction = reduction_of(size_average, reduce, reduction)
    a, b, y = (operand("margin_ranking_loss", x) for x in (input1, input2, target))
    with part_of("", "ranking loss"):
        return rounded_once(
            lambda a, b, y: reduced(maximum(-y * (a - b) + real(margin, "margin"), 0.0), reduction)
        )(a, b, y)


@casting
def triplet_margin_loss(
    anchor: Operand, positive: Operand, negative: Operand, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0) with ``pairwise_distance``.

    swap: d(positive, negative) where it is smaller than d(anchor, negative) (Balntas and others 2016).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    a, y, n = (operand("triplet_margin_loss", x) for x in (anchor, positive, negative))

    def losses(a: Tensor, y: Tensor, n: Tensor) -> Tensor:
        near, far = pairwise_distance(a, y, p, eps), pairwise_distance(a, n, p, eps)
        far = minimum(far, pairwise_distance(y, n, p, eps)) if swap else far
        return reduced(maximum(near - far + real(margin, "margin"), 0.0), reduction)

    with part_of("", "triplet loss"):
        return rounded_once(losses)(a, y, n)
