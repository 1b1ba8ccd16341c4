"""The colours of a report: one for each operator, event cause and DRAM stream, told apart with any colour vision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

OPERATORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#e0cf3a")
"""Okabe and Ito's palette, for the operators with most active cycles; the yellow is darkened for a white page."""
OTHER = "#8b949e"
"""Every further operator, and instructions of none."""
CAUSES = {
    "busy": "#0072b2",
    "semaphore": "#e69f00",
    "port": "#d55e00",
    "hazard": "#cc79a7",
    "outstanding": "#e0cf3a",
    "fetch": "#56b4e9",
    "load_full": "#009e73",
    "matrix_full": "#66c2a5",
    "vector_full": "#00694d",
    "store_full": "#b3e2cd",
    "drain": "#8b949e",
    "idle": "#d4d9de",
}
"""Event cause → colour. Work is blue, nothing to do is grey, waiting is everything else."""
STREAMS = {"read": "#0072b2", "write": "#e69f00", "fetch": "#56b4e9"}
"""What moves over the DRAM bus → colour."""
LIVE = "#009e73"
"""Live bytes of a memory."""


def cause(name: str) -> str:
    """The colour of an event cause; one that is new here is drawn like other operators."""
    return CAUSES.get(name, OTHER)


def operators(described: Iterable[Mapping[str, Any]]) -> list[str]:
    """One colour an operator, in the order given: the most active have their own, the rest share ``OTHER``."""
    active = [int(entry["active"]) for entry in described]
    colors = [OTHER] * len(active)
    order = sorted(range(len(active)), key=lambda index: (-active[index], index))
    for color, index in zip(OPERATORS, order, strict=False):
        colors[index] = color
    return colors


def ink_on(color: str) -> str:
    """Black or white, whichever reads better on ``color`` (``#rrggbb``), by relative luminance."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "#ffffff"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
