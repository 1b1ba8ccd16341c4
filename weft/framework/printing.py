"""How tensors are printed: numbers as wide as the widest, floats with as many digits as ``set_printoptions`` says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weft.framework.axes import count
from weft.framework.errors import OptionError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array


@dataclass(frozen=True)
class PrintOptions:
    """precision: digits behind the point. threshold: elements from which on the middle is left out, edgeitems at each
    end of an axis staying. linewidth: characters of a line. sci_mode: powers of ten; None where numbers ask for it."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(), "short": PrintOptions(2, 1000, 2), "full": PrintOptions(threshold=math.inf),
}  # fmt: skip
_CHOSEN: list[PrintOptions] = [PrintOptions()]


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Change how tensors are printed; what is None stays (``sci_mode``: becomes automatic), see ``PrintOptions``.

    profile: "default", "short" or "full" to begin from. Raises FrameworkError.
    """
    if profile is not None and profile not in _PROFILES:
        raise OptionError(f"{user_line()}: profile is {', '.join(map(repr, _PROFILES))}, not {profile!r}")
    options = _CHOSEN[0] if profile is None else _PROFILES[profile]
    given = {"precision": precision, "edgeitems": edgeitems, "linewidth": linewidth}
    changed: dict[str, Any] = {name: count(n, name) for name, n in given.items() if n is not None}
    if threshold is not None:
        changed["threshold"] = threshold if threshold == math.inf else count(threshold, "threshold")
    _CHOSEN[0] = replace(options, **changed, sci_mode=sci_mode)


def printed(name: str, values: Array, further: Sequence[str]) -> str:
    """``name(…)`` around the elements in brackets and what is said further, on a new line if the last is full."""
    prefix, more = f"{name}(", [*further]
    if not values.size and values.ndim != 1:
        more.insert(0, f"size={values.shape}")
    text = prefix + (_elements(values, prefix) if values.size else "[]")
    for part in more:
        room = _CHOSEN[0].linewidth - len(text) + text.rfind("\n") + 1
        text += f", {part}" if len(part) + 2 <= room else f",\n{' ' * len(prefix)}{part}"
    return text + ")"


def _elements(values: Array, prefix: str) -> str:
    """The elements in brackets, behind a prefix of the first line."""
    options = _CHOSEN[0]
    shown = _at_the_edges(values, options.edgeitems) if values.size > options.threshold else values
    write = _writer(shown.ravel(), options)
    plain = values.dtype.kind in "biu"
    wide = [len(write(x)) for x in shown.ravel() if plain or (x != 0 and np.isfinite(x))]
    width = max(wide, default=0) if values.ndim else 0
    text: Callable[[Any], str] = lambda x: write(x).rjust(width)  # noqa: E731
    return np.array2string(
        values, separator=", ", prefix=prefix, max_line_width=options.linewidth, edgeitems=options.edgeitems,
        threshold=int(min(options.threshold, 2**62)), formatter={"all": text},
    )  # fmt: skip


def _at_the_edges(values: Array, items: int) -> Array:
    """What is printed of a tensor whose middle is left out."""
    for d in range(values.ndim):
        if values.shape[d] > 2 * items:
            ends = [*range(items), *range(values.shape[d] - items, values.shape[d])]
            values = np.take(values, ends, d)
    return values


def _writer(values: Array, options: PrintOptions) -> Callable[[Any], str]:
    """What makes text of a number among ``values``."""
    if values.dtype.kind in "biu":
        return str
    wide = values.astype(np.float64)
    finite = np.abs(wide[np.isfinite(wide) & (wide != 0)])
    whole = bool((finite == np.ceil(finite)).all())
    digits = options.precision
    scientific = bool(finite.size) and bool(
        finite.max() / finite.min() > 1000 or finite.max() > 1e8 or finite.min() < 1e-4
    )
    if options.sci_mode is not None and finite.size:
        scientific = options.sci_mode

    def write(x: Any) -> str:
        number = float(x)
        if scientific:
            return f"{number:.{digits}e}"
        if whole:
            return f"{number:.0f}." if math.isfinite(number) else f"{number:.0f}"
        return f"{number:.{digits}f}"

    return write
