"""Class labels checked against the number of classes, wherever their values are known when a loss is computed or run.

A label out of range selects no class: its loss is 0 and it trains nothing, so it must not go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from weft.framework.device import Value, host
from weft.framework.errors import FrameworkError
from weft.framework.lazy import Expr
from weft.framework.origin import user_line
from weft.framework.tracing import current_trace


class LabelRange(NamedTuple):
    """What an input or state of a graph must hold: labels 0 ≤ label < classes, for the loss written at ``where``."""

    name: str
    classes: int
    where: str


def expect_labels(labels: Expr, classes: int) -> None:
    """Check labels whose values are known, now; in a trace, at each call of what is traced.

    Labels that are themselves computed and still pending are not checked. Raises FrameworkError naming the first bad
    one.
    """
    if labels.value is not None:
        _check(labels.value, classes, user_line())
    trace = current_trace()
    if trace is not None and labels.trace is trace and labels.op == "input":
        trace.labels.append((labels, classes, user_line()))


def check_labels(ranges: tuple[LabelRange, ...], values: Mapping[str, Value]) -> None:
    """Raise FrameworkError for the first value, by name, that holds a label out of its range."""
    for name, classes, where in ranges:
        _check(values[name], classes, where, f" of {name!r}")


def _check(value: Value, classes: int, where: str, of: str = "") -> None:
    labels = host(value)
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    row = int(((labels < 0) | (labels >= classes)).argmax())
    raise FrameworkError(
        f"{where}: cross_entropy: label {int(labels[row])} in row {row}{of} is not a class: the logits have {classes} "
        f"classes, 0 to {classes - 1}"
    )
