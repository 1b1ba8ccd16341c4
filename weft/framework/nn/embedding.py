"""A table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.framework.axes import count
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import FrameworkError, ShapeError
from weft.framework.functional import operand
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.functional.embedding import padding_row
from weft.framework.origin import user_line
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["Embedding"]

_INSTEAD = {
    "max_norm": "scale the rows of weight after each step of the optimiser",
    "scale_grad_by_freq": "divide weight.grad by how often each number occurs",
    "sparse": "the gradient is dense, which gives the same training",
}
"""Option of torch's that is refused → what does the same here."""


class Embedding(Module):
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
        self.num_embeddings = count(num_embeddings, "num_embeddings", 1)
        self.embedding_dim = count(embedding_dim, "embedding_dim", 1)
        rows = self.num_embeddings
        self.padding_idx = None if padding_idx is None else padding_row("Embedding", padding_idx, rows)
        asked = {"max_norm": max_norm is not None, "scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse}
        for option in (option for option, wanted in asked.items() if wanted):
            raise FrameworkError(f"{user_line()}: Embedding: {option} is not supported; {_INSTEAD[option]}")
        self.weight = Parameter(self._values(_weight), requires_grad=not _freeze)
        self._place(device, dtype)

    def _values(self, given: Operand | None) -> Any:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is not None:
            table = operand("Embedding", given)
            if table.shape != shape:
                raise ShapeError(f"{user_line()}: Embedding: _weight is {list(shape)}, not {list(table.shape)}")
            return np.asarray(table.detach().numpy())
        values = default_generator().normal(shape)
        if self.padding_idx is not None:
            values[self.padding_idx] = 0
        return values

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """One with this table [rows, width], trained only if ``freeze`` is False."""
        table = operand("Embedding.from_pretrained", embeddings)
        if table.ndim != 2:
            raise ShapeError(f"{user_line()}: Embedding.from_pretrained takes [rows, width], not {list(table.shape)}")
        return cls(table.shape[0], table.shape[1], padding_idx, _weight=table, _freeze=freeze)

    def forward(self, input: Tensor) -> Tensor:
        """The rows with these numbers. Raises FrameworkError for a number of no row."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """As torch shows it."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
