"""How the losses of elements or rows become the loss."""

from __future__ import annotations

from weft.framework.errors import FrameworkError
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor


def reduced(losses: Tensor, reduction: str, sign: int = 1, over: Tensor | None = None) -> Tensor:
    """``sign`` times the losses, as they are ("none"), summed ("sum") or averaged ("mean").

    over: what the mean divides the sum by, if it is not the number of losses. Raises FrameworkError.
    """
    count = losses.numel()
    scales = {"mean": sign / count if count else float("nan"), "sum": sign, "none": sign}
    if not isinstance(reduction, str) or reduction not in scales:
        raise FrameworkError(f"{user_line()}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    total = losses if reduction == "none" else losses.sum()
    if reduction == "mean" and over is not None:
        return (total if sign == 1 else -total) / over
    scale = scales[reduction]
    return total if scale == 1 else -total if scale == -1 else total * scale
