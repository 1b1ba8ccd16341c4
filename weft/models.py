"""The models that the command line knows by name: architecture, data, loss, optimiser. Nothing else knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.base.errors import WeftError
from weft.datasets import Split, digits
from weft.framework import nn, optim
from weft.framework.nn import functional
from weft.framework.random import Generator
from weft.framework.tensor import Tensor
from weft.isa.text import unknown

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """How a named model is built and trained.

    ``network``: a new module from a generator. ``loss``: scalar of (module, images, labels). ``targets``: the labels in
    the form that ``loss`` takes. ``predict``: class numbers from the module's output, on the host.
    """

    name: str
    doc: str
    epochs: int
    batch: int
    data: Callable[[], Split]
    network: Callable[[Generator], nn.Module]
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor]
    optimizer: Callable[[nn.Module], optim.Optimizer]
    targets: Callable[[Labels], Labels]
    classes: Callable[[Labels], Labels]
    predict: Callable[[Labels], Labels]


def _mlp(generator: Generator) -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128, generator=generator), nn.ReLU(), nn.Linear(128, 10, generator=generator))


def _cross_entropy(module: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    loss: Tensor = functional.cross_entropy(module(images), labels)
    return loss


def _logistic_with_l2(module: nn.Module, images: Tensor, odd: Tensor) -> Tensor:
    loss = functional.binary_cross_entropy_with_logits(module(images), odd)
    assert isinstance(module, nn.Linear)
    total: Tensor = loss + 0.001 * (module.weight * module.weight).sum()
    return total


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "digits-mlp",
            "which digit: 64-128-10, ReLU, softmax cross-entropy, SGD with momentum",
            20,
            64,
            digits,
            _mlp,
            _cross_entropy,
            lambda module: optim.SGD(module.parameters(), lr=0.1, momentum=0.9),
            lambda labels: labels,
            lambda labels: labels,
            lambda logits: logits.argmax(axis=1),
        ),
        Recipe(
            "digits-logistic",
            "is the digit odd: logistic regression with L2",
            20,
            64,
            digits,
            lambda generator: nn.Linear(64, 1, generator=generator),
            _logistic_with_l2,
            lambda module: optim.SGD(module.parameters(), lr=0.5, momentum=0.9),
            lambda labels: (labels % 2).astype(np.float32)[:, None],
            lambda labels: labels % 2,
            lambda logits: (logits[:, 0] > 0).astype(np.int32),
        ),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe called ``name``. Raises WeftError listing those there are."""
    if name not in RECIPES:
        raise WeftError(unknown("model", name, RECIPES))
    return RECIPES[name]
