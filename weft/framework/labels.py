"""Class labels checked against the number of classes, wherever their values are known when a loss is computed or run.

A label out of range selects no class: its loss is 0 and it trains nothing, so it must not go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from weft.framework.device import Value, host
from weft.framework.errors import FrameworkError
from weft.framework.lazy import Expr
from weft.framework.origin import user_line
from weft.framework.tracing import current_trace


class LabelRange(NamedTuple):
    """What an input or state of a graph must hold: labels 0 ≤ label < classes, for the loss written at ``where``."""

    name: str
    classes: int
    ignored: int | None
    where: str


def expect_labels(labels: Expr, classes: int, ignored: int | None = None) -> None:
    """Check labels whose values are known, now; in a trace, at each call of what is traced.

    ignored: a label that need not be a class. Labels that are themselves computed and still pending are not checked.
    Raises FrameworkError naming the first bad one.
    """
    if labels.value is not None:
        _check(labels.value, classes, ignored, user_line())
    trace = current_trace()
    if trace is not None and labels.trace is trace and labels.op == "input":
        trace.labels.append((labels, (classes, ignored, user_line())))


def check_labels(ranges: tuple[LabelRange, ...], values: Mapping[str, Value]) -> None:
    """Raise FrameworkError for the first value, by name, that holds a label out of its range."""
    for name, classes, ignored, where in ranges:
        _check(values[name], classes, ignored, where, f" of {name!r}")


def _check(value: Value, classes: int, ignored: int | None, where: str, of: str = "") -> None:
    labels = host(value)
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    wrong = ((labels < 0) | (labels >= classes)) & (True if ignored is None else labels != ignored)
    if not wrong.any():
        return
    place = int(wrong.argmax())
    label = int(labels.reshape(-1)[place])
    row = f"row {place}" if labels.ndim < 2 else str([int(i) for i in np.unravel_index(place, labels.shape)])
    left_out = "; ignore_index=-100 leaves out such rows" if label == -100 else ""
    raise FrameworkError(
        f"{where}: cross_entropy: label {label} in {row}{of} is not a class: the logits have {classes} "
        f"classes, 0 to {classes - 1}{left_out}"
    )
