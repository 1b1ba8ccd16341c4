"""Tables of vectors, looked up by number, one by one or in bags."""

from __future__ import annotations

from typing import Any

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.functional.embedding import padding_row, refuse_options
from weft.framework.origin import user_line
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """weight [num_embeddings, embedding_dim], normal at the start or as given, the row ``padding_idx`` zeros."""

    def _make(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, given: Operand | None, trained: bool
    ) -> None:
        kind = type(self).__name__
        self.num_embeddings = count(num_embeddings, "num_embeddings", 1)
        self.embedding_dim = count(embedding_dim, "embedding_dim", 1)
        rows = self.num_embeddings
        self.padding_idx = None if padding_idx is None else padding_row(kind, padding_idx, rows)
        shape = (rows, self.embedding_dim)
        if given is None:
            values: Any = default_generator().normal(shape)
            if self.padding_idx is not None:
                values[self.padding_idx] = 0
        else:
            table = operand(kind, given)
            if table.shape != shape:
                raise ShapeError(f"{user_line()}: {kind}: _weight is {list(shape)}, not {list(table.shape)}")
            values = table.detach().numpy()
        self.weight = Parameter(values, requires_grad=trained)

    @classmethod
    def _pretrained(cls, embeddings: Any) -> tuple[Tensor, int, int]:
        table = operand(f"{cls.__name__}.from_pretrained", embeddings)
        if table.ndim != 2:
            raise ShapeError(
                f"{user_line()}: {cls.__name__}.from_pretrained takes [rows, width], not {list(table.shape)}"
            )
        return table, *table.shape

    def extra_repr(self) -> str:
        """As torch shows it."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Embedding(_Table):
    """``functional.embedding``: int […] → […, embedding_dim].

    weight [num_embeddings, embedding_dim] starts normal, or as ``_weight``, row ``padding_idx`` zeros; that row is not
    trained. _freeze: nor is any other. The arguments stand in torch's order; FrameworkError for max_norm,
    scale_grad_by_freq and sparse: a table that a look-up changes would change what other readers of it see, and every
    gradient is dense here.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Operand | None = None,
        _freeze: bool = False, device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        refuse_options("Embedding", max_norm, scale_grad_by_freq, sparse)
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, not _freeze)
        self._place(device, dtype)

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """One with this table [rows, width], trained only if ``freeze`` is False."""
        table, rows, width = cls._pretrained(embeddings)
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, table, freeze)

    def forward(self, input: Tensor) -> Tensor:
        """The rows with these numbers. Raises AxisError for a number of no row."""
        return F.embedding(input, self.weight, self.padding_idx)


class EmbeddingBag(_Table):
    """``functional.embedding_bag``: int [bags, numbers], or int [numbers] with offsets [bags] → [bags, embedding_dim].

    mode: "sum", "mean" or "max" of the rows of a bag. Parameters, options and what is refused: as ``Embedding``.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight: Operand | None = None,
        include_last_offset: bool = False, padding_idx: int | None = None, device: str | Device | None = None,
        dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        refuse_options("EmbeddingBag", max_norm, scale_grad_by_freq, sparse)
        self.mode, self.include_last_offset = mode, bool(include_last_offset)
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, True)
        self._place(device, dtype)

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """One with this table [rows, width], trained only if ``freeze`` is False."""
        table, rows, width = cls._pretrained(embeddings)
        made = cls(
            rows, width, max_norm, norm_type, scale_grad_by_freq, mode, sparse, table, include_last_offset, padding_idx
        )
        return made.requires_grad_(not freeze)

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """The bags. Raises as the function does."""
        return F.embedding_bag(
            input, self.weight, offsets, mode=self.mode, per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset, padding_idx=self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """As torch shows it."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}{padding}"
