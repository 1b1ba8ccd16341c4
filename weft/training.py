"""Training and inference of a named model on any device, and the figures that come with the accelerator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.data import DataLoader, TensorDataset
from framework.device import Device, compiled
from framework.jit import JitFunction, jit
from framework.nn import Module
from framework.optim import Optimizer
from framework.random import Generator
from framework.tensor import Tensor
from isa.program import Program
from sim.run import Run
from weft.figures import stalls, utilisation
from weft.models import Recipe

Progress = Callable[[int, int, float], None]
"""Called after every step with steps done, steps in all, the batch's loss."""


@dataclass
class Session:
    """A model, its optimiser and its compiled step on a device; everything random comes from ``seed``."""

    recipe: Recipe
    device: Device
    seed: int = 0
    model: Module = field(init=False)
    optimizer: Optimizer = field(init=False)
    step: JitFunction = field(init=False)
    infer: JitFunction = field(init=False)

    def __post_init__(self) -> None:
        recipe = self.recipe
        self.model = recipe.network(Generator(self.seed)).to(self.device)
        self.optimizer = recipe.optimizer(self.model)
        model, optimizer = self.model, self.optimizer

        def step(images: Tensor, labels: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = recipe.loss(model, images, labels)
            loss.backward()
            optimizer.step()
            return loss

        def infer(images: Tensor) -> Tensor:
            logits: Tensor = model(images)
            return logits

        self.step, self.infer = jit(step), jit(infer)

    def train(self, epochs: int, progress: Progress | None = None, *, whole: bool = False) -> list[float]:
        """Train; the loss of every batch in order. ``seed`` draws the batches; the ragged last one is trained too,
        unless only ``whole`` ones are."""
        split = self.recipe.data()
        dataset = TensorDataset(split.train_images, self.recipe.targets(split.train_labels))
        order = Generator(self.seed + 1)
        loader = DataLoader(dataset, self.recipe.batch, shuffle=True, drop_last=whole, generator=order)
        total, losses = epochs * len(loader), []
        for _ in range(epochs):
            for images, labels in loader:
                losses.append(float(self.step(images, labels).item()))
                if progress is not None:
                    progress(len(losses), total, losses[-1])
        return losses

    def accuracy(self) -> float:
        """Share of the test images that are classified right."""
        split, batch, right = self.recipe.data(), self.recipe.batch, 0
        count = len(split.test_images)
        for at in range(0, count, batch):
            rows = np.arange(at, at + batch).clip(max=count - 1)  # the last image fills up the last batch
            logits = self.infer(Tensor(split.test_images[rows])).numpy()[: count - at]
            right += int((self.recipe.predict(logits) == self.recipe.classes(split.test_labels[at : at + batch])).sum())
        return right / count

    def example(self) -> tuple[Tensor, Tensor]:
        """A full batch of training data, for compiling and measuring."""
        split, batch = self.recipe.data(), self.recipe.batch
        return Tensor(split.train_images[:batch]), Tensor(self.recipe.targets(split.train_labels[:batch]))

    def program(self, inference: bool = False) -> tuple[Program, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
        """The accelerator's program of a training step (or of inference) for a full batch, and its DRAM image now."""
        images, labels = self.example()
        function, arguments = (self.infer, (images,)) if inference else (self.step, (images, labels))
        executable: Any = compiled(self.device, function.lower(*arguments))
        return executable.program, executable.image(function.bind(*arguments))


@dataclass(frozen=True)
class Outcome:
    """What a training gave. ``step`` and ``run`` are the last full batch's program and run, on the accelerator only."""

    losses: list[float]
    epochs: int
    accuracy: float
    seconds: float
    step: Program | None = None
    run: Run | None = None

    @property
    def final_loss(self) -> float:
        """Mean loss over the batches of the last epoch."""
        return float(np.mean(self.losses[-(len(self.losses) // self.epochs) :]))


def train(session: Session, epochs: int, progress: Progress | None = None) -> Outcome:
    """Train and test; on the accelerator, also keep one full step for figures."""
    began = time.perf_counter()
    losses = session.train(epochs, progress)
    accuracy = session.accuracy()
    seconds = time.perf_counter() - began
    engine = getattr(session.device, "engine", None)
    if engine is None:
        return Outcome(losses, epochs, accuracy, seconds)
    program, image = session.program()
    return Outcome(losses, epochs, accuracy, seconds, program, engine.run(program, image))


def describe(session: Session, outcome: Outcome) -> dict[str, Any]:
    """The outcome as the JSON object of ``weft train``."""
    result: dict[str, Any] = {
        "schema": 1,
        "model": session.recipe.name,
        "device": session.device.name,
        "seed": session.seed,
        "epochs": outcome.epochs,
        "steps": len(outcome.losses),
        "test_accuracy": outcome.accuracy,
        "final_loss": outcome.final_loss,
        "seconds": outcome.seconds,
    }
    if outcome.run is not None and outcome.step is not None:
        run, program = outcome.run, outcome.step
        result |= {
            "machine": program.machine.name,
            "engine": run.engine,
            "cycles_per_step": run.cycles or None,
            "utilisation": utilisation(int(program.meta["useful_macs"]), run.cycles, program.machine.dim),
            "stalls": stalls(run),
            "simulated_cycles_per_second": run.cycles / run.wall_seconds if run.cycles and run.wall_seconds else None,
        }
    return result
