"""A table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import ShapeError
from weft.framework.functional import operand
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.functional.embedding import padding_row
from weft.framework.origin import user_line
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor

__all__ = ["Embedding"]


class Embedding(Module):
    """``functional.embedding``: int […] → […, embedding_dim].

    weight [num_embeddings, embedding_dim] starts normal, row ``padding_idx`` zeros; that row is not trained.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = count(num_embeddings, "num_embeddings", 1)
        self.embedding_dim = count(embedding_dim, "embedding_dim", 1)
        rows = self.num_embeddings
        self.padding_idx = None if padding_idx is None else padding_row("Embedding", padding_idx, rows)
        values = default_generator().normal((rows, self.embedding_dim))
        if self.padding_idx is not None:
            values[self.padding_idx] = 0
        self.weight = Parameter(values)
        self._place(device, dtype)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """One with this table [rows, width], trained only if ``freeze`` is False."""
        table = operand("Embedding.from_pretrained", embeddings)
        if table.ndim != 2:
            raise ShapeError(f"{user_line()}: Embedding.from_pretrained takes [rows, width], not {list(table.shape)}")
        made = cls(table.shape[0], table.shape[1], padding_idx)
        made.weight = Parameter(np.asarray(table.detach().numpy()), requires_grad=not freeze)
        return made

    def forward(self, input: Tensor) -> Tensor:
        """The rows with these numbers. Raises FrameworkError for a number of no row."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """As torch shows it."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
