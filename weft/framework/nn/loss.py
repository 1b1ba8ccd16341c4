"""Losses as modules: each is its function in ``functional``, with the function's options as attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.functional import operand
from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.nn.functional.reduction import reduction_of
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss", "GaussianNLLLoss",
    "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss", "NLLLoss",
    "PairwiseDistance", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss",
]


class _Loss(Module):
    """A function of tensors with options, which are the attributes named in ``_options``."""

    _function: Callable[..., Tensor]
    _options: tuple[str, ...] = ("reduction",)

    def _compute(self, *tensors: Any) -> Tensor:
        return type(self)._function(*tensors, **{name: getattr(self, name) for name in self._options})

    def _keep(self, name: str, value: Operand | None) -> None:
        """A weight as a buffer, which moves with the module."""
        self.register_buffer(name, None if value is None else operand(type(self).__name__, value).detach())


class _PairLoss(_Loss):
    """A loss of what a model gives and what it should give, of one shape."""

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Operand) -> Tensor:
        """The function with this module's options."""
        return self._compute(input, target)


class MSELoss(_PairLoss):
    """``functional.mse_loss``."""

    _function = staticmethod(F.mse_loss)


class L1Loss(_PairLoss):
    """``functional.l1_loss``."""

    _function = staticmethod(F.l1_loss)


class SoftMarginLoss(_PairLoss):
    """``functional.soft_margin_loss``."""

    _function = staticmethod(F.soft_margin_loss)


class SmoothL1Loss(_PairLoss):
    """``functional.smooth_l1_loss``."""

    _function, _options = staticmethod(F.smooth_l1_loss), ("reduction", "beta")

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.beta = beta


class HuberLoss(_PairLoss):
    """``functional.huber_loss``."""

    _function, _options = staticmethod(F.huber_loss), ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta


class KLDivLoss(_PairLoss):
    """``functional.kl_div``."""

    _function, _options = staticmethod(F.kl_div), ("reduction", "log_target")

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
        log_target: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_target = bool(log_target)


class HingeEmbeddingLoss(_PairLoss):
    """``functional.hinge_embedding_loss``."""

    _function, _options = staticmethod(F.hinge_embedding_loss), ("margin", "reduction")

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class PoissonNLLLoss(_PairLoss):
    """``functional.poisson_nll_loss``."""

    _function, _options = staticmethod(F.poisson_nll_loss), ("log_input", "full", "eps", "reduction")

    def __init__(
        self, log_input: bool = True, full: bool = False, size_average: bool | None = None, eps: float = 1e-8,
        reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = bool(log_input), bool(full), eps


class BCELoss(_PairLoss):
    """``functional.binary_cross_entropy``."""

    _function, _options = staticmethod(F.binary_cross_entropy), ("weight", "reduction")
    weight: Tensor | None

    def __init__(
        self, weight: Operand | None = None, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self._keep("weight", weight)


class BCEWithLogitsLoss(_PairLoss):
    """``functional.binary_cross_entropy_with_logits``."""

    _function = staticmethod(F.binary_cross_entropy_with_logits)
    _options = ("weight", "reduction", "pos_weight")
    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Operand | None = None, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean", pos_weight: Operand | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self._keep("weight", weight)
        self._keep("pos_weight", pos_weight)


class NLLLoss(_PairLoss):
    """``functional.nll_loss``."""

    _function, _options = staticmethod(F.nll_loss), ("weight", "ignore_index", "reduction")
    weight: Tensor | None

    def __init__(
        self, weight: Operand | None = None, size_average: bool | None = None, ignore_index: int = -100,
        reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self._keep("weight", weight)


class CrossEntropyLoss(_PairLoss):
    """``functional.cross_entropy``."""

    _function, _options = staticmethod(F.cross_entropy), ("weight", "ignore_index", "reduction", "label_smoothing")
    weight: Tensor | None

    def __init__(
        self, weight: Operand | None = None, size_average: bool | None = None, ignore_index: int = -100,
        reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self._keep("weight", weight)


class GaussianNLLLoss(_Loss):
    """``functional.gaussian_nll_loss``."""

    _function, _options = staticmethod(F.gaussian_nll_loss), ("full", "eps", "reduction")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__()
        self.full, self.eps, self.reduction = bool(full), eps, reduction

    def forward(self, input: Tensor, target: Operand, var: Operand) -> Tensor:
        """The function with this module's options."""
        return self._compute(input, target, var)


class _OfThree(_Loss):
    """A loss of two tensors and a target."""

    _options = ("margin", "reduction")

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__()
        self.margin, self.reduction = margin, reduction_of(size_average, reduce, reduction)

    def forward(self, input1: Tensor, input2: Tensor, target: Operand) -> Tensor:
        """The function with this module's options."""
        return self._compute(input1, input2, target)


class CosineEmbeddingLoss(_OfThree):
    """``functional.cosine_embedding_loss``."""

    _function = staticmethod(F.cosine_embedding_loss)


class MarginRankingLoss(_OfThree):
    """``functional.margin_ranking_loss``."""

    _function = staticmethod(F.margin_ranking_loss)


class TripletMarginLoss(_Loss):
    """``functional.triplet_margin_loss``."""

    _function, _options = staticmethod(F.triplet_margin_loss), ("margin", "p", "eps", "swap", "reduction")

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ) -> None:  # fmt: skip
        super().__init__()
        self.margin, self.p, self.eps, self.swap = margin, p, eps, bool(swap)
        self.reduction = reduction_of(size_average, reduce, reduction)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The function with this module's options."""
        return self._compute(anchor, positive, negative)


class CosineSimilarity(_Loss):
    """``functional.cosine_similarity``."""

    _function, _options = staticmethod(F.cosine_similarity), ("dim", "eps")

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The function with this module's options."""
        return self._compute(x1, x2)


class PairwiseDistance(_Loss):
    """``functional.pairwise_distance``."""

    _function, _options = staticmethod(F.pairwise_distance), ("p", "eps", "keepdim")

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.p, self.eps, self.keepdim = p, eps, bool(keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The function with this module's options."""
        return self._compute(x1, x2)
