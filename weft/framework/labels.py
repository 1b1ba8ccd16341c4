"""Class labels checked against the number of classes, wherever their values are known when a loss is computed or run.

A label out of range selects no class: its loss is 0 and it trains nothing, so it must not go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from weft.framework.device import Value, host
from weft.framework.errors import AxisError
from weft.framework.lazy import Expr
from weft.framework.origin import user_line
from weft.framework.tracing import current_trace


class LabelRange(NamedTuple):
    """What an input or state of a graph must hold: labels 0 ≤ label < classes, for the loss written at ``where``.

    ignored: a label that may be there too. assumed: the graph takes it that none is (see ``expect_labels``).
    """

    name: str
    classes: int
    ignored: int | None
    function: str
    where: str
    assumed: bool


_WORDS = {
    "cross_entropy": ("label", "class", "the logits have {0} classes, 0 to {1}"),
    "embedding": ("number", "row", "the table has {0} rows, 0 to {1}"),
    "one_hot": ("label", "class", "there are {0} classes, 0 to {1}"),
}
"""Function → what it calls what it is given, what that must be, and what there is."""


def expect_labels(labels: Expr, classes: int, ignored: int | None = None, function: str = "cross_entropy") -> bool:
    """Check labels whose values are known, now; in a trace, at each call of what is traced.

    Gives whether there may be labels to ignore. A label that is no class, such as torch's -100, is hardly ever there,
    and to count the others costs work at every step: where labels are known it is looked for, and a function that is
    traced takes it that there is none until a call has one (``JitFunction``).

    ignored: a label that need not be a class. Labels that are themselves computed and still pending are not checked.
    Raises AxisError naming the first bad one.
    """
    outside = ignored is not None and not 0 <= ignored < classes
    if labels.value is not None:
        _check(labels.value, classes, ignored, function, user_line())
        return _holds(labels.value, ignored) if outside else ignored is not None
    trace = current_trace()
    if trace is None or labels.trace is not trace or labels.op != "input":
        return ignored is not None
    assumed = outside and trace.assuming
    trace.labels.append((labels, (classes, ignored, function, user_line(), assumed)))
    return ignored is not None and not assumed


def have_ignored(ranges: tuple[LabelRange, ...], values: Mapping[str, Value]) -> bool:
    """Whether one of the values known, by name, has a label to ignore where the graph takes it that there is none."""
    return any(r.assumed and r.name in values and _holds(values[r.name], r.ignored) for r in ranges)


def _holds(value: Value, label: int | None) -> bool:
    return bool((host(value) == label).any())


def check_labels(ranges: tuple[LabelRange, ...], values: Mapping[str, Value]) -> None:
    """Raise AxisError for the first value, by name, that holds a label out of its range."""
    for name, classes, ignored, function, where, _ in ranges:
        _check(values[name], classes, ignored, function, where, f" of {name!r}")


def _check(value: Value, classes: int, ignored: int | None, function: str, where: str, of: str = "") -> None:
    labels = host(value)
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    wrong = ((labels < 0) | (labels >= classes)) & (True if ignored is None else labels != ignored)
    if not wrong.any():
        return
    place = int(wrong.argmax())
    label = int(labels.reshape(-1)[place])
    row = f"row {place}" if labels.ndim < 2 else str([int(i) for i in np.unravel_index(place, labels.shape)])
    called, kind, there = _WORDS[function]
    raise AxisError(
        f"{where}: {function}: {called} {label} in {row}{of} is not a {kind}: "
        f"{there.format(classes, classes - 1)}"
    )
