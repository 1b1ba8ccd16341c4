"""How the losses of elements or rows become the loss."""

from __future__ import annotations

from weft.framework.errors import OptionError, ShapeError
from weft.framework.operators import operand
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, or what the two flags that torch had before it say, if one of them is given.

    Raises FrameworkError for a flag that is none: a reduction that was meant stands behind them.
    """
    for name, flag in (("size_average", size_average), ("reduce", reduce)):
        if flag is not None and not isinstance(flag, bool):
            raise OptionError(f"{user_line()}: {name} is True, False or None, not {flag!r}; give reduction={flag!r}")
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def weighted(losses: Tensor, weight: Operand | None, reduction: str) -> Tensor:
    """As ``reduced``, each loss multiplied by its weight, and the mean divided by the sum of the weights.

    Raises ShapeError for weights of another shape.
    """
    if weight is None:
        return reduced(losses, reduction)
    w = operand("weight", weight)
    if w.shape != losses.shape:
        told = f"weight has one number for each loss, {list(losses.shape)}, not {list(w.shape)}"
        raise ShapeError(f"{user_line()}: {told}")
    return reduced(losses * w, reduction, 1, w.sum())


def reduced(losses: Tensor, reduction: str, sign: int = 1, over: Tensor | None = None) -> Tensor:
    """``sign`` times the losses, as they are ("none"), summed ("sum") or averaged ("mean").

    over: what the mean divides the sum by, if it is not the number of losses. Raises FrameworkError.
    """
    count = losses.numel()
    scales = {"mean": sign / count if count else float("nan"), "sum": sign, "none": sign}
    if not isinstance(reduction, str) or reduction not in scales:
        raise OptionError(f"{user_line()}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    total = losses if reduction == "none" else losses.sum()
    if reduction == "mean" and over is not None:
        return (total if sign == 1 else -total) / over
    scale = scales[reduction]
    return total if scale == 1 else -total if scale == -1 else total * scale
