"""Benchmarks: each a function that measures in one run what is to be compared, and gives plain numbers."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import functional, nn, optim
from weft.framework.device import use_device
from weft.framework.jit import jit
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor, tensor

WIDTHS = (784, 512, 512, 10)
BATCH = 64
RATE, MOMENTUM = 0.01, 0.9


def mlp_cpu_vs_torch(threads: int = 1, rounds: int = 12, steps: int = 8) -> dict[str, Any]:
    """A training step of the 784-512-512-10 perceptron, batch 64, SGD with momentum: the CPU target and torch eager.

    Both take turns of `steps` steps, `rounds` times, on the same data with `threads` threads. Gives `weft_ms` and
    `torch_ms` (medians of single steps), their fastest steps `weft_best_ms` and `torch_best_ms`, `ratio` (of the
    medians, weft over torch: below 1 is faster) and both last losses. Without torch, what is torch's is None and
    `reason` says why.
    """
    rng = np.random.default_rng(0)
    images = rng.standard_normal((BATCH, WIDTHS[0])).astype(np.float32)
    labels = rng.integers(0, WIDTHS[-1], BATCH).astype(np.int32)
    result: dict[str, Any] = {"threads": threads, "ratio": None, "reason": None}
    with use_device(CpuDevice(threads=threads)):
        ours = _weft_step(images, labels)
        try:
            theirs, restore = _torch_step(images, labels, threads)
        except ImportError as error:
            result["reason"] = f"torch is not there to compare with ({error}); pip install torch==2.13.0"
            theirs, restore = None, lambda: None
        try:
            times: dict[str, list[float]] = {"weft": [], "torch": []}
            losses: dict[str, float | None] = {"weft": None, "torch": None}
            for _ in range(rounds):
                losses["weft"] = _timed(ours, steps, times["weft"])
                if theirs is not None:
                    losses["torch"] = _timed(theirs, steps, times["torch"])
        finally:
            restore()
    for name, seconds in times.items():
        result[f"{name}_ms"] = 1e3 * statistics.median(seconds) if seconds else None
        result[f"{name}_best_ms"] = 1e3 * min(seconds) if seconds else None
        result[f"{name}_loss"] = losses[name]
    if times["torch"]:
        result["ratio"] = result["weft_ms"] / result["torch_ms"]
    return result


def _timed(step: Callable[[], float], steps: int, into: list[float]) -> float:
    """Run `step` so often, add its seconds to `into` (the first, which finds cold caches, left out); the last loss."""
    loss = step()
    for _ in range(steps):
        start = time.perf_counter()
        loss = step()
        into.append(time.perf_counter() - start)
    return loss


def _weft_step(images: Array, labels: Array) -> Callable[[], float]:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)

    @jit
    def train(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = tensor(images), tensor(labels)
    return lambda: float(train(x, y).item())


def _torch_step(images: Array, labels: Array, threads: int) -> tuple[Callable[[], float], Callable[[], None]]:
    """One eager step, and what puts torch's thread number back. Raises ImportError."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    x, y = torch.from_numpy(images), torch.from_numpy(labels).long()

    def step() -> float:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(model(x), y)  # torch gives backward() no types
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step, lambda: torch.set_num_threads(before)
