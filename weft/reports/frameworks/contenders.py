"""The frameworks that are measured: where each one's rows are written, and how to get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weft.base.distribution import NAME


@dataclass(frozen=True)
class Contender:
    """A framework in one of its modes.

    Attributes:
        module: where its rows are written; importing it imports the framework. table: their name in it.
        package: what it is installed by. remedy: the command that installs it.
    """

    name: str
    module: str
    table: str
    package: str
    remedy: str


_HERE = "weft.reports.frameworks"

CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("weft", f"{_HERE}.with_weft", "STEPS", NAME, f"pip install {NAME}"),
        Contender("torch", f"{_HERE}.with_torch", "EAGER", "torch", "pip install torch==2.13.0"),
        Contender("torch.compile", f"{_HERE}.with_torch", "COMPILED", "torch", "pip install torch==2.13.0"),
        Contender("jax", f"{_HERE}.with_jax", "STEPS", "jax", "pip install jax"),
        Contender("onnxruntime", f"{_HERE}.with_onnx", "STEPS", "onnxruntime", "pip install onnxruntime onnx"),
    )
}
"""All of them by name, weft first."""
