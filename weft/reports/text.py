"""How a report writes numbers: thousands separated, units said, narrow spaces that do not break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

THIN = "\u202f"
"""A narrow space where no line breaks, between a number and its unit."""


def count(value: float) -> str:
    """A whole number with separators: 41,885."""
    return f"{value:,.0f}"


def percent(value: float, digits: int = 1) -> str:
    """A share as percent: 0.427 → 42.7 %."""
    return f"{100 * value:.{digits}f}{THIN}%"


def size(value: float) -> str:
    """Bytes, in binary multiples from 10 KiB on: 9,216 bytes, 64.0 KiB."""
    if value < 10240:
        return f"{value:,.0f}{THIN}bytes"
    for unit in ("KiB", "MiB"):
        value /= 1024
        if value < 10240:
            return f"{value:,.1f}{THIN}{unit}"
    return f"{value / 1024:,.1f}{THIN}GiB"


def scaled(value: float, unit: str) -> str:
    """A figure with a decimal prefix: 2.1e8, "Hz" → 210 MHz; 4.1e-4, "s" → 410 µs."""
    if value == 0:
        return f"0{THIN}{unit}"
    for power, prefix in ((9, "G"), (6, "M"), (3, "k"), (0, ""), (-3, "m"), (-6, "µ"), (-9, "n")):
        if abs(value) >= 0.9995 * 10**power or power == -9:
            shown = value / 10**power
            digits = max(0, 3 - len(f"{abs(shown):.0f}"))
            return f"{shown:,.{digits}f}{THIN}{prefix}{unit}"
    raise AssertionError("the smallest prefix takes everything")


def decimal(value: float, digits: int = 2) -> str:
    """A number with so many decimals: 1,234.57."""
    return f"{value:,.{digits}f}"


def plain(value: float) -> str:
    """A number with two decimals at most, and none that say nothing: 16, 2.67."""
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


FILTERS: dict[str, Callable[..., Any]] = {
    "count": count, "percent": percent, "size": size, "scaled": scaled, "decimal": decimal,
    "plain": plain,
}  # fmt: skip
"""Filter name in templates → function."""
