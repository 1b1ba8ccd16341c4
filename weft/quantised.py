"""Quantised inference of a named model: its session with the model rebuilt on int8 values."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from weft.figures import utilisation
from weft.framework.jit import jit
from weft.framework.quantisation import quantise
from weft.framework.tensor import Tensor
from weft.training import Session

DEFAULT_PERCENTILE = 99.9


@dataclass(frozen=True)
class Calibration:
    """How ranges are chosen: see ``framework.quantisation.quantise``."""

    method: str = "minmax"
    percentile: float = DEFAULT_PERCENTILE

    def __str__(self) -> str:
        return f"percentile {self.percentile:g}" if self.method == "percentile" else self.method


def quantised(session: Session, calibration: Calibration) -> Session:
    """A session, for inference only, with the model quantised on the recipe's training images."""
    images = session.recipe.data().train_images
    model = quantise(session.model, images, calibration.method, calibration.percentile)

    def infer(images: Tensor) -> Tensor:
        logits: Tensor = model(images)
        return logits

    twin = copy.copy(session)
    twin.model, twin.infer = model, jit(infer)
    return twin


def inference_figures(session: Session) -> dict[str, Any]:
    """Test accuracy; on the accelerator also the cycles of a full batch and the utilisation (None
    on an engine that has no time)."""
    result: dict[str, Any] = {"test_accuracy": session.accuracy()}
    engine = getattr(session.device, "engine", None)
    if engine is not None:
        program, image = session.program(inference=True)
        run = engine.run(program, image)
        result["cycles_per_batch"] = run.cycles or None
        result["utilisation"] = utilisation(int(program.meta["useful_macs"]), run.cycles, program.machine.dim)
    return result
