"""The first place where two values differ, in the words that a student reads."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

LONGEST = 300
"""Characters of a value that are shown."""


class Words(str):
    """Text shown as it is, without quotation marks."""

    __slots__ = ()


@dataclass(frozen=True)
class Place:
    """Where two values differ (such as ``[2]['x']``, to stand behind the value's name) and what stands there."""

    place: str
    actual: Any
    expected: Any

    def under(self, prefix: str) -> Place:
        """The same, seen from one level up."""
        return Place(prefix + self.place, self.actual, self.expected)


def short(value: Any) -> str:
    """The value on at most a few lines."""
    try:
        text = str(value) if isinstance(value, Words) else repr(value)
    except Exception as problem:  # a student's __repr__ may be broken, and the report must not be
        text = f"<{type(value).__name__} whose repr raises {type(problem).__name__}>"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text)} characters)"


def first_difference(actual: Any, expected: Any, rtol: float | None = None, atol: float = 0.0) -> Place | None:
    """The first place where ``actual`` is not ``expected``; None if they agree. See :func:`weft.lab.expect`."""
    if _is_array(actual) or _is_array(expected):
        return _arrays(actual, expected, rtol, atol)
    if isinstance(expected, str):
        return _texts(actual, expected)
    if isinstance(expected, Mapping):
        return _mappings(actual, expected, rtol, atol)
    if isinstance(expected, Sequence) and not isinstance(expected, bytes | bytearray | range):
        return _sequences(actual, expected, rtol, atol)
    if isinstance(expected, Set):
        return _sets(actual, expected)
    same = _close(actual, expected, rtol, atol) if _is_number(actual, expected) else bool(actual == expected)
    return None if same else Place("", actual, expected)


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and getattr(value, "shape", ()) != ()


def _is_number(*values: Any) -> bool:
    return all(isinstance(value, numbers.Number) or hasattr(value, "dtype") for value in values)


def _close(actual: Any, expected: Any, rtol: float | None, atol: float) -> bool:
    if bool(actual == expected):
        return True
    if isinstance(actual, complex) or isinstance(expected, complex):
        return bool(abs(actual - expected) <= atol + (rtol or 0.0) * abs(expected))
    a, e = float(actual), float(expected)
    if math.isnan(e) or math.isnan(a):
        return math.isnan(e) and math.isnan(a)
    return math.isfinite(a) and math.isfinite(e) and bool(abs(a - e) <= atol + (rtol or 0.0) * abs(e))


def _arrays(actual: Any, expected: Any, rtol: float | None, atol: float) -> Place | None:
    import numpy as np

    if not isinstance(actual, np.ndarray | np.generic | Sequence | numbers.Number):
        return Place("", actual, Words(f"an array of shape {np.shape(expected)}"))
    a, e = np.asarray(actual), np.asarray(expected)
    if a.shape != e.shape:
        return Place(".shape", a.shape, e.shape)
    if a.dtype == object or e.dtype == object or a.dtype.kind in "US":
        wrong = np.asarray(a != e)
    elif rtol is None and atol == 0.0:
        wrong = np.asarray((a != e) & ~((a != a) & (e != e)))
    else:
        wide = np.complex128 if "c" in (a.dtype.kind, e.dtype.kind) else np.float64
        wrong = ~np.isclose(a.astype(wide), e.astype(wide), rtol=rtol or 0.0, atol=atol, equal_nan=True)
    count = int(wrong.sum())
    if not count:
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    more = f" (the first of {count} that differ, of {wrong.size})" if wrong.size > 1 else ""
    return Place(f"[{', '.join(map(str, index))}]{more}", _item(a[index]), _item(e[index]))


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _texts(actual: Any, expected: str) -> Place | None:
    if not isinstance(actual, str) or "\n" not in expected + actual:
        return None if actual == expected else Place("", actual, expected)
    mine, right = actual.splitlines(), expected.splitlines()
    for number, (a, e) in enumerate(zip(mine, right, strict=False), start=1):
        if a != e:
            return Place(f", line {number}", a, e)
    return None if len(mine) == len(right) else Place(", number of lines", len(mine), len(right))


def _mappings(actual: Any, expected: Mapping[Any, Any], rtol: float | None, atol: float) -> Place | None:
    if not isinstance(actual, Mapping):
        return Place("", actual, expected)
    for key, value in expected.items():
        if key not in actual:
            return Place(f"[{key!r}]", Words("nothing: the key is missing"), value)
        if (found := first_difference(actual[key], value, rtol, atol)) is not None:
            return found.under(f"[{key!r}]")
    for key in actual:
        if key not in expected:
            return Place(f"[{key!r}]", actual[key], Words("no such key"))
    return None


def _sequences(actual: Any, expected: Sequence[Any], rtol: float | None, atol: float) -> Place | None:
    if not isinstance(actual, Sequence) or isinstance(actual, str | bytes):
        return Place("", actual, expected)
    for index, (a, e) in enumerate(zip(actual, expected, strict=False)):
        if (found := first_difference(a, e, rtol, atol)) is not None:
            return found.under(f"[{index}]")
    if len(actual) != len(expected):
        return Place(", length", _counted(actual), _counted(expected))
    return None


def _sets(actual: Any, expected: Set[Any]) -> Place | None:
    if not isinstance(actual, Set):
        return Place("", actual, expected)
    if expected - actual:
        return Place(", elements missing", _ordered(actual), Words(f"also {_ordered(expected - actual)}"))
    if actual - expected:
        return Place(", elements too many", Words(f"also {_ordered(actual - expected)}"), _ordered(expected))
    return None


def _counted(values: Sequence[Any]) -> Words:
    return Words(f"{len(values)} elements: {short(values)}")


def _ordered(values: Set[Any]) -> Words:
    return Words(", ".join(sorted(map(repr, values))) or "nothing")
