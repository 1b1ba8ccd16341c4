"""The rows of the table: what is measured of each framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchmarkRow:
    """A row of the table: steps of a model, by name.

    Attributes:
        doc: what one step is.
        steps: how many are timed in a turn.
    """

    name: str
    doc: str
    steps: int


ROWS: Mapping[str, BenchmarkRow] = {
    row.name: row
    for row in (
        BenchmarkRow("mlp", "784-512-512-10, batch 64, training step with momentum", 20),
        BenchmarkRow("lenet", "LeNet-5, 28², batch 64, training step", 10),
        BenchmarkRow("transformer", "transformer block d 128, 4 heads, 64 tokens, batch 8, ff 512, training step", 10),
        BenchmarkRow("resnet18", "ResNet-18, 224², batch 1, inference", 3),
        BenchmarkRow("resnet20", "ResNet-20, 32², batch 32, training step with momentum", 3),
        BenchmarkRow("toy", "4-4-2, batch 8, training step, not jitted", 100),
        BenchmarkRow("toy-jit", "4-4-2, batch 8, training step, jitted", 200),
    )
}
"""The rows whose steps are timed."""

ALL_ROWS: Mapping[str, str] = {
    **{row.name: row.doc for row in ROWS.values()},
    "first": "the perceptron's first step: traced, compiled and run, with empty caches and with full ones",
    "start": "a process that imports, or prints the help page",
    "peak": "the most memory that a training step of ResNet-20 holds",
    "memory": "growth over 10,000 un-jitted toy steps, and over 1,000 whose losses are kept",
}
"""Every row and what it is."""
