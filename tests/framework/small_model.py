"""A model of a few weights, its training step and a batch for it."""

from __future__ import annotations

import numpy as np

from weft.framework import nn, optim
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor


def make(momentum: float = 0.9) -> tuple[nn.Module, optim.SGD]:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return model, optim.SGD(model.parameters(), lr=0.1, momentum=momentum, weight_decay=0.01)


def train_step(model: nn.Module, optimizer: optim.SGD, x: Tensor, y: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


X, Y = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.array([0, 1, 0, 1, 1, 0])
