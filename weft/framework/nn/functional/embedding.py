"""Rows of a table by their numbers, one by one or gathered in bags."""

from __future__ import annotations

import math

from weft.framework.axes import whole
from weft.framework.device import host
from weft.framework.dtypes import int64
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import maximum, operand, where, zeros
from weft.framework.labels import expect_labels
from weft.framework.lazy import apply
from weft.framework.nn.functional.taking import taken
from weft.framework.origin import user_line
from weft.framework.running import cumsum
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["embedding", "embedding_bag"]

_INSTEAD = {
    "max_norm": "scale the rows of weight after each step of the optimiser",
    "scale_grad_by_freq": "divide weight.grad by how often each number occurs",
    "sparse": "the gradient is dense, which gives the same training",
}
"""Option of torch's that is refused → what does the same here."""


def refuse_options(function: str, max_norm: float | None, scale_grad_by_freq: bool, sparse: bool) -> None:
    """Raise FrameworkError for what a look-up does not do: a table that it changes would change what other readers of
    it see, and every gradient is dense here."""
    asked = {"max_norm": max_norm is not None, "scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse}
    for option in (option for option, wanted in asked.items() if wanted):
        raise OptionError(f"{user_line()}: {function}: {option} is not supported; {_INSTEAD[option]}")


def embedding(
    input: Operand, weight: Operand, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Row input[…] of weight [rows, width]: int […] → […, width].

    padding_idx: a row that is not trained. Raises DTypeError, ShapeError, AxisError for a number of no row (numbers
    computed by a pending operation are not checked), and FrameworkError for max_norm, scale_grad_by_freq and sparse.
    """
    refuse_options("embedding", max_norm, scale_grad_by_freq, sparse)
    return looked_up("embedding", input, weight, padding_idx)


def looked_up(function: str, input: Operand, weight: Operand, padding_idx: int | None) -> Tensor:
    """``embedding``, for a function that messages name."""
    numbers, table = operand(function, input), operand(function, weight)
    if numbers.dtype.kind != "int":
        raise DTypeError(f"{user_line()}: {function} takes numbers of rows, so integers, not {numbers.dtype}")
    if table.ndim != 2:
        raise ShapeError(f"{user_line()}: {function}: the weight is [rows, width], not {list(table.shape)}")
    expect_labels(numbers._read(), table.shape[0], function="embedding")
    flat = numbers.reshape(-1) if numbers.numel() else numbers.reshape(0)
    rows = taken(table, flat, 0)
    if padding_idx is not None:
        row = padding_row(function, padding_idx, table.shape[0])
        rows = where((flat == row).unsqueeze(1), rows.detach(), rows)
    return rows.reshape(*numbers.shape, table.shape[1])


def padding_row(function: str, padding_idx: int, rows: int) -> int:
    """The padding row from 0. Raises FrameworkError for one that is not there."""
    row = whole(padding_idx, "padding_idx")
    if not -rows <= row < rows:
        raise OptionError(f"{user_line()}: {function}: padding_idx {row} is no row of {rows}")
    return row % rows


def embedding_bag(
    input: Operand, weight: Operand, offsets: Operand | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Operand | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The rows of each bag as one, by their sum, mean or largest elements: [bags, width].

    input: int [bags, numbers], or int [numbers] with ``offsets`` int [bags], where each bag begins (and with
    include_last_offset, at the end of them, where the last one ends). A bag without a number gives zeros. padding_idx:
    a row that no bag counts. per_sample_weights: of the shape of ``input``, multiplies the rows; for "sum" alone.
    Raises as ``embedding`` does, and FrameworkError for another mode and offsets that are none.
    """
    refuse_options("embedding_bag", max_norm, scale_grad_by_freq, sparse)
    if mode not in ("sum", "mean", "max"):
        raise OptionError(f"{user_line()}: embedding_bag: mode is 'sum', 'mean' or 'max', not {mode!r}")
    numbers, table = operand("embedding_bag", input), operand("embedding_bag", weight)
    if (numbers.ndim == 2) is not (offsets is None) or numbers.ndim not in (1, 2):
        raise ShapeError(
            f"{user_line()}: embedding_bag takes numbers [bags, n], or numbers [n] with offsets [bags], not "
            f"{list(numbers.shape)} {'without' if offsets is None else 'with'} offsets"
        )
    rows = looked_up("embedding_bag", numbers.reshape(numbers.numel()), table, None)
    if offsets is None:
        bags = numbers.shape[0]
        bag = Tensor._of(apply("iota", shape=numbers.shape, axis=0)).reshape(numbers.numel())
    else:
        bags, bag = _bags(operand("embedding_bag", offsets), numbers.shape[0], include_last_offset)
    if per_sample_weights is not None:
        weights = operand("embedding_bag", per_sample_weights)
        if mode != "sum" or weights.shape != numbers.shape:
            raise OptionError(
                f"{user_line()}: embedding_bag: per_sample_weights are for mode 'sum', one for each number "
                f"{list(numbers.shape)}, not {list(weights.shape)} for {mode!r}"
            )
        rows = rows * weights.reshape(numbers.numel(), 1)
    if padding_idx is not None:  # what it names goes to one more bag, which nobody sees
        row = padding_row("embedding_bag", padding_idx, table.shape[0])
        bag = where(numbers.reshape(numbers.numel()) == row, bags, bag)
    return _gathered(rows, bag, bags, mode)


def _bags(offsets: Tensor, numbers: int, include_last: bool) -> tuple[int, Tensor]:
    """How many bags there are, and the bag of every number."""
    if offsets.ndim != 1 or offsets.dtype.kind != "int" or (include_last and not offsets.shape[0]):
        raise ShapeError(
            f"{user_line()}: embedding_bag: offsets are integers [bags], not {offsets.dtype}{list(offsets.shape)}"
        )
    if offsets._expr.value is not None:
        known = host(offsets._expr.value)
        if known.size and (known[0] != 0 or known.max() > numbers or (known[1:] < known[:-1]).any()):
            raise OptionError(
                f"{user_line()}: embedding_bag: offsets begin with 0 and do not fall, up to the {numbers} numbers: "
                f"{known.tolist()}"[:200]
            )
    begins = offsets[1:-1] if include_last else offsets[1:]
    ones = zeros(*begins.shape, dtype="int32") + 1
    counted = zeros(numbers + 1, dtype="int32").scatter_add(0, begins.to(int64), ones)
    return offsets.shape[0] - bool(include_last), cumsum(counted, 0)[:numbers].to("int32")


def _gathered(rows: Tensor, bag: Tensor, bags: int, mode: str) -> Tensor:
    """The rows of each bag as one; bag ``bags`` is left out."""
    width = rows.shape[1]
    index = bag.unsqueeze(1).expand(bag.shape[0], width)
    counts = zeros(bags + 1).scatter_add(0, bag, zeros(*bag.shape) + 1)[:bags].unsqueeze(1)
    if mode == "max":
        lowest = zeros(bags + 1, width, dtype=rows.dtype) - math.inf
        largest = apply("scatter", lowest._read(), index._read(), rows._read(), axis=0, mode="max")
        return where(counts > 0, Tensor._of(largest)[:bags], 0.0)
    total = zeros(bags + 1, width, dtype=rows.dtype).scatter_add(0, index, rows)[:bags]
    return total if mode == "sum" else total / maximum(counts, 1.0).to(rows.dtype)
