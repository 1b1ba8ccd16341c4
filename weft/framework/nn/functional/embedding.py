"""Rows of a table by their numbers."""

from __future__ import annotations

from weft.framework.axes import whole
from weft.framework.errors import DTypeError, FrameworkError, ShapeError
from weft.framework.functional import operand, where
from weft.framework.labels import expect_labels
from weft.framework.nn.functional.taking import taken
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["embedding"]


def embedding(input: Operand, weight: Operand, padding_idx: int | None = None) -> Tensor:
    """Row input[…] of weight [rows, width]: int […] → […, width].

    padding_idx: a row that is not trained. Raises DTypeError, ShapeError, and FrameworkError for a number of no row
    (numbers computed by a pending operation are not checked).
    """
    numbers, table = operand("embedding", input), operand("embedding", weight)
    if numbers.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: embedding takes numbers of rows, so integers, not {numbers.dtype}")
    if table.ndim != 2:
        raise ShapeError(f"{user_line()}: embedding: the weight is [rows, width], not {list(table.shape)}")
    expect_labels(numbers._read(), table.shape[0], function="embedding")
    flat = numbers.reshape(-1) if numbers.numel() else numbers.reshape(0)
    rows = taken(table, flat, 0)
    if padding_idx is not None:
        row = padding_row("embedding", padding_idx, table.shape[0])
        rows = where((flat == row).unsqueeze(1), rows.detach(), rows)
    return rows.reshape(*numbers.shape, table.shape[1])


def padding_row(function: str, padding_idx: int, rows: int) -> int:
    """The padding row from 0. Raises FrameworkError for one that is not there."""
    row = whole(padding_idx, "padding_idx")
    if not -rows <= row < rows:
        raise FrameworkError(f"{user_line()}: {function}: padding_idx {row} is no row of {rows}")
    return row % rows
