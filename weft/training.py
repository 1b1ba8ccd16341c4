"""Training and inference of a named model on any device, and the figures that come with the accelerator.

Batches are what ``DataLoader`` gives: where the examples do not divide, the last one of a pass is smaller and is
trained too (a second program, compiled once). Cycles, utilisation and stalls of a step are those of a full batch.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from weft.figures import stalls, utilisation
from weft.framework.data import DataLoader, TensorDataset
from weft.framework.device import Device, compiled
from weft.framework.errors import CheckpointError
from weft.framework.functional import minimum
from weft.framework.grad_mode import no_grad
from weft.framework.jit import JitFunction, jit
from weft.framework.like import zeros_like
from weft.framework.nn import Module
from weft.framework.optim import Optimizer
from weft.framework.optim.lr_scheduler import LRScheduler
from weft.framework.origin import part_of
from weft.framework.random import Generator
from weft.framework.tensor import Tensor
from weft.framework.tree import leaves
from weft.isa.program import Program
from weft.methods import TrainingMethod
from weft.models import Recipe
from weft.sim.run import Run

Progress = Callable[[int, int, float], None]
"""Called after every step with steps done, steps in all, the batch's loss."""
After = Callable[[int, int], None]
"""Called after every step with steps done and steps in all, when all state is as that step left it."""


@dataclass
class Session:
    """A model, its optimiser and its compiled step on a device; everything random comes from ``seed``.

    method: what is other than the recipe says. epochs: of the whole training, for schedules; None is the recipe's.
    """

    recipe: Recipe
    device: Device
    seed: int = 0
    method: TrainingMethod = field(default_factory=TrainingMethod)
    epochs: int | None = None
    model: Module = field(init=False)
    optimizer: Optimizer = field(init=False)
    schedule: LRScheduler | None = field(init=False)
    mean: Module | None = field(init=False, default=None)
    """The running mean of the weights, if one is kept."""
    losses: list[float] = field(init=False, default_factory=list)
    """The loss of every batch that has been trained, in order."""

    def __post_init__(self) -> None:
        recipe, method = self.recipe, self.method
        self.epochs = self.epochs or recipe.epochs
        self.model = model = recipe.network(Generator(self.seed)).to(self.device)
        self.optimizer = optimizer = method.optimizer_of(model, recipe.optimizer)
        updates = -(-len(self.loader) // method.accumulate)
        self.schedule = method.schedule_of(optimizer, updates, updates * self.epochs)
        average = None
        if method.ema is not None:
            self.mean, average = copy.deepcopy(model), method.ema
        if method.accumulate > 1:
            self._clear_gradients()
        self._updates = Tensor(0.0)

        def update() -> None:
            optimizer.step()
            if average is None or self.mean is None:
                return
            with no_grad(), part_of("", "mean of weights"):  # which soon forgets the weights that it began with
                kept = minimum((self._updates + 1) / (self._updates + 10), average)
                for mean, weights in zip(self.mean.parameters(), model.parameters(), strict=True):
                    mean.copy_(mean * kept + weights * (1 - kept))
                self._updates.add_(1)

        def step(images: Tensor, labels: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = recipe.loss(model, images, labels)
            loss.backward()
            update()
            return loss

        def gather(images: Tensor, labels: Tensor, share: Tensor) -> Tensor:
            loss = recipe.loss(model, images, labels)
            (loss * share).backward()
            return loss

        def last(images: Tensor, labels: Tensor, share: Tensor) -> Tensor:
            loss = gather(images, labels, share)
            update()
            optimizer.zero_grad(set_to_none=False)
            return loss

        def infer(images: Tensor) -> Tensor:
            logits: Tensor = self.trained(images)
            return logits

        self.step = jit(step)
        self.gather, self.last = jit(gather), jit(last)
        self.infer = jit(infer)

    def _clear_gradients(self) -> None:
        """Gradients that are there, of zeros, are state, and so are summed from call to call."""
        for parameter in self.model.parameters():
            parameter.grad = zeros_like(parameter)

    @property
    def trained(self) -> Module:
        """What the training is for: the mean of the weights if one is kept, else the model."""
        return self.model if self.mean is None else self.mean

    @cached_property
    def loader(self) -> DataLoader:
        """The training data in batches, in an order that ``seed`` draws anew at each pass."""
        split = self.recipe.data()
        dataset = TensorDataset(split.train_images, self.recipe.targets(split.train_labels))
        return DataLoader(dataset, self.recipe.batch, shuffle=True, generator=Generator(self.seed + 1))

    def train(self, epochs: int, progress: Progress | None = None, after: After | None = None) -> list[float]:
        """Train until ``epochs`` passes over the data are done, from wherever the training stands; all losses."""
        total = epochs * len(self.loader)
        while len(self.losses) < total:
            for images, labels in self.loader:
                self.losses.append(self._trained(images, labels))
                if progress is not None:
                    progress(len(self.losses), total, self.losses[-1])
                if after is not None:
                    after(len(self.losses), total)
        return self.losses

    def _trained(self, images: Any, labels: Any) -> float:
        """Train one batch, the next; its loss. With ``accumulate`` the parameters change after the last of so many
        batches, or of the pass, by the mean over all of their examples."""
        batches, many = len(self.loader), self.method.accumulate
        place = len(self.losses) % batches
        if many == 1:
            loss, updated = self.step(images, labels), True
        else:
            first, size = place - place % many, self.recipe.batch
            examples = min(batches * size, len(self.recipe.data().train_labels), (first + many) * size) - first * size
            updated = place % many == many - 1 or place == batches - 1
            loss = (self.last if updated else self.gather)(images, labels, Tensor(len(images) / examples))
        found = float(loss.item())
        if updated and self.schedule is not None:
            self.schedule.step()
        return found

    def _method_state(self) -> dict[str, Any]:
        """What the method adds to the state; nothing where only the recipe is followed."""
        found: dict[str, Any] = {}
        if self.schedule is not None:
            found["schedule"] = self.schedule.state_dict()
        if self.mean is not None:
            found["mean"] = _values(self.mean)
            found["updates"] = self._updates.numpy()
        if self.method.accumulate > 1:
            gradients = {name: parameter.grad for name, parameter in self.model.named_parameters()}
            found["gradients"] = {name: g.numpy() for name, g in gradients.items() if g is not None}
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that a training goes on from: weights, optimiser, loader with its generator, losses so far; and what the
        method has: the schedule, the mean of weights, gradients of an update that is not complete."""
        return {
            **self._method_state(),
            "model": _values(self.model),
            "optimizer": self.optimizer.state_dict(),
            "loader": {name: np.asarray(value) for name, value in self.loader.state_dict().items()},
            "losses": np.array(self.losses, np.float32),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was called. Raises CheckpointError, and changes nothing, for other names, shapes
        or element types: bits are taken as they are, never converted."""
        own, given = (dict(leaves(one)) for one in (self.state_dict(), state))
        for name in own.keys() ^ given.keys():
            raise CheckpointError(f"{name} is {'missing in' if name in own else 'unknown to'} the training's state")
        for name, value in own.items():
            here, there = _described(value), _described(given[name])
            if name == "losses" and there.startswith("float32[") and np.ndim(given[name]) == 1:
                continue
            if here != there:
                raise CheckpointError(f"{name} is {here} here, but {there} in the checkpoint")
        self.loader.load_state_dict(state["loader"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
            self._updates = Tensor(state["updates"])
        for name, parameter in self.model.named_parameters() if "gradients" in state else ():
            parameter.grad = Tensor(state["gradients"][name]).to(self.device)
        self.losses = [float(loss) for loss in state["losses"]]

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

    def call(self, inference: bool = False) -> tuple[JitFunction[..., Tensor], tuple[Tensor, ...]]:
        """The training step (or inference) and the arguments of one call of it: a full batch."""
        images, labels = self.example()
        if inference:
            return self.infer, (images,)
        if self.method.accumulate > 1:
            return self.last, (images, labels, Tensor(1 / self.method.accumulate))
        return self.step, (images, labels)

    def program(self, inference: bool = False) -> tuple[Program, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
        """The accelerator's program of a training step (or of inference) for a full batch, and its DRAM image now."""
        function, arguments = self.call(inference)
        executable: Any = compiled(self.device, function.lower(*arguments))
        return executable.program, executable.image(function.bind(*arguments))


def _values(module: Module) -> dict[str, Any]:
    """The state of a module as it is now, in arrays."""
    return {name: value.numpy() for name, value in module.state_dict().items()}


def _described(value: Any) -> str:
    """The element type and shape of an array, or what kind of plain value it is."""
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


@dataclass(frozen=True)
class TrainingOutcome:
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
        last = self.losses[-(len(self.losses) // self.epochs) :]
        return sum(last) / len(last)


def train(
    session: Session, epochs: int, progress: Progress | None = None, after: After | None = None
) -> TrainingOutcome:
    """Train and test; on the accelerator, also keep one full step for figures."""
    began = time.perf_counter()
    losses = session.train(epochs, progress, after)
    accuracy = session.accuracy()
    seconds = time.perf_counter() - began
    engine = getattr(session.device, "engine", None)
    if engine is None:
        return TrainingOutcome(losses, epochs, accuracy, seconds)
    program, image = session.program()
    return TrainingOutcome(losses, epochs, accuracy, seconds, program, engine.run(program, image))


def describe(session: Session, outcome: TrainingOutcome) -> dict[str, Any]:
    """The outcome as the JSON object of ``weft train``."""
    result: dict[str, Any] = {
        "schema": 1,
        "model": session.recipe.name,
        "device": session.device.name,
        "seed": session.seed,
        "epochs": outcome.epochs,
        "steps": len(outcome.losses),
        **session.method.described(outcome.epochs),
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
